#!/usr/bin/env bats
# A machine starts again: after a shutdown without any registry, and after power cuts at
# any moment, of which the disk has what was flushed.  RELEASE chooses the machine's,
# CUTS how often.
load ../lib/common

setup_file() {
	[ "$(id -u)" = 0 ] && command -v qemu-system-x86_64 >/dev/null || return 0
	export DISK=$BATS_FILE_TMPDIR/disk
	machine -d "$DISK" tests/vm/inside/power install
}

setup() {
	setup_test
	requires root qemu-system-x86_64 image:debian image:nginx
}

machine() { "$top_srcdir/tests/vm/machine" -r "${RELEASE:-bookworm}" "$@"; }

@test "after a shutdown everything that was fetched mounts and reads without a registry" {
	machine -d "$DISK" tests/vm/inside/power keep
	machine -d "$DISK" tests/vm/inside/power offline
}

@test "power cuts while the store fills: no wrong byte, and every image is right again" {
	local i
	for ((i = 1; i <= ${CUTS:-20}; i++)); do
		echo "cut $i"
		machine -d "$DISK" -l 600 -k cut tests/vm/inside/power round $i
	done
	machine -d "$DISK" tests/vm/inside/power check
}
