#!/bin/bash
# io-peers.sh [IMAGE ...] - iobench.sh on each peer's mounted rootfs.
#
#   IMAGE/overlay      containerd overlayfs snapshot on the local disk
#   IMAGE/stargz       stargz snapshotter (overlayfs over FUSE layers), fetched whole
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || set -- python odd
M=$D/run/iomnt; mkdir -p "$M"
trap 'umount "$M" 2>/dev/null; ctd_wipe; sgz_wipe; stop netsim; stop registry' EXIT
reg_start; net_start 0 0
export OUT=${OUT:-$D/io.jsonl}
snap() { # SNAPSHOTTER REF: mount a container's rootfs at $M
    CTR c create --snapshotter "$1" "$2" io >/dev/null && CTR snapshot --snapshotter "$1" mounts "$M" io | sh
    mountpoint -q "$M"
}
for i in "$@"; do for sn in ${PEERS:-overlay stargz}; do
    ctd_wipe; sgz_wipe; sgz_start; ctd_start
    if [ $sn = stargz ]; then CTRR i rpull --plain-http $NET/$i:esgz-opt >/dev/null && snap stargz $NET/$i:esgz-opt
    else CTR i pull --plain-http $NET/$i:gzip >/dev/null && snap overlayfs $NET/$i:gzip; fi || continue
    mount | grep " $M " | cut -c1-160 >&2
    "$BENCH/iobench.sh" "$i/$sn" "$M"
    python3 "$BENCH/treedump.py" -c "$M" >"$D/log/tree-$i-$sn.txt" 2>"$D/log/tree-$i-$sn.err"
    say "stargz: $(awk '/VmHWM|VmRSS/{printf "%s %s kB  ", $1, $2}' "/proc/$(pid_of stargz)/status")"
    umount "$M"
done; done
