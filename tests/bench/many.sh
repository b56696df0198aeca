#!/bin/bash
# many.sh [N] - what grows with the number of mounts, and many starts at once.
#
#   mounts   N images (1000), mounted one after the other: what the last mounts
#            took beside the first, and what supervisor and worker take then
#   starts   200 times `mount --rw` and a program in it, all at once, of images
#            that are here; then 50 at once of images that are not
#   memory   every test image mounted, walked and read by name
#   entries  one layer of 1,000,000 entries: made, mounted, walked
#
# PARTS="mounts starts memory entries" says which; KERNEL=off mounts by FUSE.  The
# images are those of mkimages.sh and variants.sh ($IMAGES), but for mounts and
# entries, which make small ones.  Everything lies in $BENCH_RUN.
set -uo pipefail
IMAGES=${IMAGES:-"debian python node postgres nginx gcc openjdk odd"}
. "$(dirname "$0")/lib.sh"
PARTS=${PARTS:-"mounts starts memory entries"} N=${1:-1000}
BUILD=${top_builddir:-$BENCH/../../build}
T=$R/many LFS="$BUILD/layerfs --run $R/many/run"

start() { # an empty daemon
    mkdir -p "$T/mnt"
    printf '[mount]\nkernel = "%s"\n' "${KERNEL:-auto}" >"$T/toml"
    spawn many "$BUILD/layerfsd" --root "$T/root" --run "$T/run" --config "$T/toml"
    wait_sock "$T/run/control.sock"
}
mounts_below() { awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo; }
unmount_below() { mounts_below "$1" | sort -r | while read -r m; do umount -l "$m"; done; }
finish() { unmount_below "$T/mnt"; stop many; unmount_below "$T"; rm -rf "$T"; }
costs() { "$BENCH/many.py" costs "$(pid_of many)" "$(pgrep -P "$(pid_of many)" -f -- --worker-fd)"; }
peak() { awk '/VmHWM/ { printf "worker: %.1f MiB resident at most\n", $2 / 1024 }' "/proc/$(pgrep -P "$(pid_of many)" -f -- --worker-fd)/status"; }
seconds() { # WHAT COMMAND...
    local what=$1 began=$EPOCHREALTIME; shift
    "$@" >"$T/output" 2>&1 || { cat "$T/output" >&2; die "$what: $*"; }
    echo "$what: $(echo "$EPOCHREALTIME - $began" | bc) s"
}

part_mounts() {
    "$BENCH/many.py" images "$T/images" "$N"
    start; costs
    "$BENCH/many.py" mounts "$LFS" "$T/images" "$N" "$T/mnt" || die "mounts"
    costs
}
part_starts() {
    local refs=() i
    for i in $IMAGES; do refs+=("$REG/$i-zc:zstdchunked"); done
    reg_start; start
    echo "cold:"
    "$BENCH/many.py" starts "$LFS" 50 "$T/mnt" "${refs[@]}" || die "cold starts"
    costs
    unmount_below "$T/mnt"; rm -rf "${T:?}/mnt"; mkdir "$T/mnt"
    echo "what is here:"
    "$BENCH/many.py" starts "$LFS" 200 "$T/mnt" "${refs[@]}" || die "starts"
    costs; stop registry
}
part_memory() {
    local i
    reg_start; start; costs
    for i in $IMAGES; do
        mkdir "$T/mnt/$i"
        $LFS mount "$REG/$i-zc:zstdchunked" "$T/mnt/$i" >/dev/null || die "mount $i"
    done
    echo "mounted:"; costs
    find "$T/mnt" -printf '%s %m %T@ %l\n' | wc -l
    echo "walked:"; costs; peak; stop registry
}
part_entries() {
    "$BENCH/many.py" tree "$T/layout" 1000000
    start; mkdir "$T/mnt/x"; costs
    # shellcheck disable=SC2086
    seconds "made and mounted" $LFS mount "oci:$T/layout" "$T/mnt/x"; costs; peak
    seconds "walked" find "$T/mnt/x" -printf '%s %m %T@\n'
    seconds "walked again" find "$T/mnt/x" -printf '%s %m %T@\n'
    [ "$(wc -l <"$T/output")" -ge 1000000 ] || die "entries are missing"
    costs; ls -l "$T"/root/layers/*/index "$T"/root/layers/*/map
}

trap finish EXIT
for p in $PARTS; do
    mkdir -p "$T"; echo "== $p"
    "part_$p"; finish
done
