#!/bin/bash
# bench-peers.sh - from "nothing on the node" to a ready workload, per peer.
#
#   MODES="overlayfs stargz podman" NETS="5:1000 10:100" RUNS=3 bench-peers.sh [IMAGE ...]
#
# NETS are ONE_WAY_MS:MBIT pairs (0:0 is the bare loopback).  One JSON object
# per cold start is appended to $OUT (default $D/results.jsonl).  Each run
# begins with an empty store, restarted daemons and a dropped page cache.
#
#   overlayfs    containerd, overlayfs snapshotter, gzip layers, full pull
#   overlayzstd  the same with zstd layers
#   stargz       containerd, stargz snapshotter, eStargz layers with the workload recorded
#   stargz-nopf  the same, prefetch and background fetch off
#   stargz-raw   the same as stargz, layers converted without recording
#   stargz-zc    zstd:chunked layers made by ctr-remote
#   stargz-zci   zstd:chunked layers made by skopeo (containers/image)
#   stargz-plain plain gzip layers given to the stargz snapshotter
#   podman       podman, overlay driver, gzip layers, full pull (runc, no network)
set -uo pipefail
. "$(dirname "$0")/lib.sh"
MODES=${MODES:-"overlayfs stargz"} NETS=${NETS:-"5:1000"} RUNS=${RUNS:-3}
OUT=${OUT:-$D/results.jsonl}
[ $# -gt 0 ] && IMAGES=$*

run_containerd() { # IMAGE MODE NET RUN SNAPSHOTTER REF PULLCMD...
    local i=$1 m=$2 n=$3 r=$4 sn=$5 ref=$6; shift 6
    local id=b$r; ctd_wipe; sgz_wipe; cold
    local daemons=(containerd)
    if [ "$sn" = stargz ]; then sgz_start; daemons+=(stargz); fi
    ctd_start; quiet; net_reset
    step pull "@@" "$@" "$ref"
    step create "@@" ctr -a "$CTD_SOCK" c create --snapshotter "$sn" "$ref" $id
    step run READY ctr -a "$CTD_SOCK" t start $id
    DISK="$CTD_ROOT $SGZ_ROOT" record "$i" "$m" "$n" "$r" "${daemons[@]}"
    CTR t rm -f $id >/dev/null 2>&1; CTR c rm $id >/dev/null 2>&1
}
run_podman() { # IMAGE MODE NET RUN REF
    local i=$1 m=$2 n=$3 r=$4 ref=$5
    local P=(podman --root "$D/run/podman/root" --runroot "$R/podman" --storage-driver overlay --runtime runc --cgroup-manager cgroupfs --events-backend none)
    ctd_wipe; sgz_wipe
    "${P[@]}" rm -af >/dev/null 2>&1; unmount_under "$D/run/podman"; rm -rf "$D/run/podman" "$R/podman"; mkdir -p "$D/run/podman"
    cold; quiet; net_reset
    step pull "@@" unshare -m sh -c 'mkdir -p /var/lib/containers/cache && mount -t tmpfs t /var/lib/containers/cache && exec "$@"' sh "${P[@]}" pull -q --tls-verify=false "$ref"
    step create "@@" "${P[@]}" create --name b$r --network none --log-driver none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 "$ref"
    step run READY "${P[@]}" start -a b$r
    DISK=$D/run/podman record "$i" "$m" "$n" "$r"
    "${P[@]}" rm -f b$r >/dev/null 2>&1
}

trap 'ctd_wipe; sgz_wipe; stop netsim; stop registry' EXIT
[ -n "$(pid_of registry)" ] && kill -0 "$(pid_of registry)" 2>/dev/null || reg_start
for n in $NETS; do
    stop netsim; net_start "${n%:*}" "${n#*:}"
    for r in $(seq "$RUNS"); do for i in $IMAGES; do for m in $MODES; do
        case $m in
        overlayfs)   run_containerd $i $m $n $r overlayfs $NET/$i:gzip ctr -a $CTD_SOCK i pull --plain-http ;;
        overlayzstd) run_containerd $i $m $n $r overlayfs $NET/$i-zstd:zstd ctr -a $CTD_SOCK i pull --plain-http ;;
        stargz)      run_containerd $i $m $n $r stargz $NET/$i:esgz-opt ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        stargz-nopf) SGZ_EXTRA=$'noprefetch = true\nno_background_fetch = true' run_containerd $i $m $n $r stargz $NET/$i:esgz-opt ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        stargz-raw)  run_containerd $i $m $n $r stargz $NET/$i:esgz ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        stargz-zc)   run_containerd $i $m $n $r stargz $NET/$i:zc-stargz ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        stargz-zci)  run_containerd $i $m $n $r stargz $NET/$i-zc:zstdchunked ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        stargz-plain) run_containerd $i $m $n $r stargz $NET/$i:gzip ctr-remote -a $CTD_SOCK i rpull --plain-http ;;
        podman)      run_podman $i $m $n $r $NET/$i:gzip ;;
        *) die "mode $m" ;;
        esac
    done; done; done
done
