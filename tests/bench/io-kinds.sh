#!/bin/bash
# io-kinds.sh [IMAGE] - steady-state I/O by each way that layerfs mounts, beside
# overlayfs on ext4, in one run (iorounds.py).  Ratios; below 1 is faster.
#
#   ovl            overlayfs on the image's layers, unpacked on the local disk
#   erofs, fuse    the image's mount; with +: overlayfs on it
#   loop           the same by loop devices
#
# The image comes from its OCI layout and is fetched whole before.  RT=1 runs all
# of it under SCHED_FIFO, which on a machine with other work takes that out of
# the figures (not out of the disk's).
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${top_builddir:-$top/build} data=${LAYERFS_TEST_DATA:-/var/tmp/layerfs-test-data}
image=${1:-python} rounds=${RUNS:-3}
T=$(mktemp -d "$data/io.XXXXXX") && chmod 755 "$T" || exit
declare -A pid
targets=()

finish() {
	awk -v d="$T/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo |
		sort -r | while read -r m; do umount -l "$m"; done
	for p in "${pid[@]}"; do kill "$p"; done
	wait
	rm -rf "$T"
}
trap finish EXIT

overlay() { # NAME LOWER
	mkdir "$T/$1" "$T/$1.upper" "$T/$1.work"
	mount -t overlay "io-$1" "$T/$1" -o \
		"lowerdir=$2,upperdir=$T/$1.upper,workdir=$T/$1.work"
	targets+=("$1=$T/$1")
}

kind() { # NAME KERNEL
	local d=$T/$1.d n=0
	mkdir "$d" "$T/$1"
	printf '[mount]\nkernel = "%s"\n' "$2" >"$d/toml"
	"$build/layerfsd" --root "$d/root" --run "$d/run" --config "$d/toml" \
		>"$d/log" 2>&1 &
	pid[$1]=$!
	until [ -S "$d/run/control.sock" ] || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done
	"$build/layerfs" --run "$d/run" mount "oci:$data/oci/$image" "$T/$1" >/dev/null || exit
	cp -a "$T/$1/." "$T/all" && rm -r "$T/all" # what is fetched stays
	targets+=("$1=$T/$1")
	overlay "$1+" "$T/$1"
	[ "${RT-}" != 1 ] || chrt -a -f -p 5 "$!"
	[ "${RT-}" != 1 ] || chrt -a -f -p 5 "$(pgrep -P $! -f -- --worker-fd)"
}

lower=
for l in app pkg; do [ ! -d "$data/roots/$image-$l" ] || lower+=$data/roots/$image-$l:; done
overlay ovl "$lower$data/roots/base"
kind erofs auto
kind fuse off
kind loop loop
run=()
[ "${RT-}" != 1 ] || run=(chrt -f 5)
"${run[@]}" python3 "$(dirname "$0")/iorounds.py" "$rounds" "${targets[@]}"
