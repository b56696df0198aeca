#!/usr/bin/env bats
# The power goes at any moment: of the store's file system there is what had come to the
# disk.  In the next boot no byte is wrong, and every image is right again.
#
# POWER_FS=xfs chooses the file system.  Real machines that lose their power are in
# tests/vm/30-power.bats.

load ../lib/common
load ../lib/faults

: "${POWER_FS:=ext4}"

setup_file() {
	hostile_images good duplicate
	make_preload anotherboot
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
	requires "mkfs.$POWER_FS"
	export BOOT_ID=$PRELOAD/boot
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/anotherboot.so" BOOT_ID="$BOOT_ID")
	truncate -s 600M "$T/disk"
	"mkfs.$POWER_FS" -q "$T/disk"
	mkdir "$T/root"
}
teardown() { teardown_faults; }

boot() { # NUMBER
	echo "00000000-0000-0000-0000-00000000000$1" >"$BOOT_ID"
	chmod 644 "$BOOT_ID"
	mount -o loop "$T/disk" "$T/root"
	rm -rf "$T/root/lost+found"
	start_daemon
}

# As the kernel has it for such tests (EXT4_IOC_SHUTDOWN, xfs' is the same): nothing more
# comes to the disk, no journal either.
cut_power() {
	python3 -c 'import fcntl, os, struct, sys
SHUTDOWN, NO_LOG_FLUSH = 0x8004587d, 2
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))' \
		"$T/root"
	stop layerfsd KILL || true
	unmount_under "$T" "^$T/root$"
	# Not lazily: one that somebody has open yet would be the next boot's, too.
	wait_for 20 umount "$T/root"
}

# Whatever it says: the power goes meanwhile.
come_and_go() {
	while :; do
		layerfs mount "$FAKE/app:good" "$T/mnt" || break
		cat "$T"/mnt/* || break
		layerfs unmount "$T/mnt" || break
		layerfs rm "$FAKE/app:good" || break
		layerfs pull "$FAKE/app:duplicate" || break
	done >/dev/null 2>&1
}

is_whole() { # TAG
	layerfs mount "$FAKE/app:$1" "$T/good"
	is_good "$T/good"
	layerfs unmount "$T/good"
}

# What counts as there is there, and is right.
store_is_right() {
	[ "$(layerfs --json verify | jq .wrong)" = 0 ] &&
		not grep -F 'count as durable' "$T/log/layerfsd"
}

@test "power cuts at any moment: no wrong byte in the next boot, and every image is right" {
	local n user
	boot 0
	for n in 1 2 3 4 5 6 7 8; do
		come_and_go 3>&- &
		user=$!
		sleep "$((RANDOM % 8)).$((RANDOM % 10))" # the store is synced every 5 s
		cut_power
		wait $user || true
		boot $n
		store_is_right
		is_whole good
		store_is_right
	done
	stop layerfsd
	wait_for 10 umount "$T/root"
}

# What is there counts in the next boot; as far as it was begun, of the last time.
is_synced() {
	[ -z "$(find "$T/root/layers" -name fresh)" ] &&
		cmp -s "$T/root/present" "$T/root/durable"
}

@test "what was synced before the power went is there without a registry" {
	boot 0
	layerfs pull "$FAKE/app:good"
	wait_for 20 is_synced
	layerfs pull "$FAKE/app:duplicate"
	wait_for 20 is_synced
	cut_power
	stop fake || true
	boot 1
	store_is_right
	is_whole good
	stop layerfsd
	wait_for 10 umount "$T/root"
}
