#!/bin/bash
# bench.sh - layerfs beside containerd's full pull and overlayfs, in one run.
#
#   RUNS=3 IMAGES="python odd" NETS="5:1000 50:100" PARTS="cold io" bench.sh
#
# cold: from "nothing on the node" (empty store, daemon just started, page cache
# dropped) to READY.  Every mode ends in the same `runc run` with the same
# config.json on a writable root, so what is compared is how that root came to
# be:
#   overlayfs   ctr images pull, then ctr images mount --rw (gzip layers)
#   zc          layerfs mount --rw of podman's zstd:chunked
#   zcs         ... of stargz' zstd:chunked
#   esgz-opt    ... of eStargz that knows the workload
#   esgz        ... of eStargz that does not
#   gzip, zstd  ... of plain layers: the first pull ever
#   zc-known, zcs-known, esgz-known  ... of images whose profile is known: a run
#               that does not count records and exports it, everything is wiped,
#               and it is imported into the empty store
# and what a node does, all of it by containerd, with a container of its own:
#   ctd-overlayfs            ctr images pull, then ctr run (gzip layers)
#   ctd-zc, -zcs, -esgz-opt  ctr-remote images rpull with layerfs, then ctr run
# Modes take turns within a round, so that a noisy minute hits all of them.
#
# io: iobench.sh on the whole tree, all of it local: overlayfs on the disk's
# file system, layerfs by FUSE, overlayfs on that.
#
# JSON lines go to $OUT and $IO_OUT, the tables (report.py) to stdout.
set -uo pipefail
IMAGES=${IMAGES:-"python nginx odd openjdk"}
. "$(dirname "$0")/lib.sh"
MODES=${MODES:-"overlayfs zc-known zcs-known esgz-known zc zcs esgz-opt esgz gzip zstd ctd-overlayfs ctd-zc ctd-esgz-opt"}
NETS=${NETS:-"5:1000 50:100"} RUNS=${RUNS:-3} PARTS=${PARTS:-"cold io"}
OUT=${OUT:-$D/bench.jsonl} IO_OUT=${IO_OUT:-$D/bench-io.jsonl}
BUILD=${top_builddir:-$BENCH/../../build}
LFS_ROOT=$D/run/layerfs LFS_RUN=$R/layerfs MNT=$R/root BUNDLE=$R/bundle

# --- layerfs -------------------------------------------------------------------
LFS() { "$BUILD/layerfs" --run "$LFS_RUN" "$@"; }
lfs_start() {
    spawn layerfsd "$BUILD/layerfsd" --root "$LFS_ROOT" --run "$LFS_RUN"
    wait_sock "$LFS_RUN/control.sock"
    pgrep -P "$(pid_of layerfsd)" | head -1 >"$R/worker.pid"
}
lfs_wipe() {
    stop layerfsd; unmount_under "$LFS_RUN"
    rm -rf "$LFS_ROOT" "$LFS_RUN" "$R/worker.pid"
}

# --- the workload: one config.json for everybody ---------------------------------
image_command() { # IMAGE -> its Cmd, as JSON
    local b=$D/oci/$1 m
    blob() { cat "$b/blobs/sha256/${1#sha256:}"; }
    m=$(jq -r '.manifests[0].digest' "$b/index.json")
    blob "$(blob "$m" | jq -r .config.digest)" | jq -c .config.Cmd
}
make_bundle() { # IMAGE: containerd's usual capabilities, no namespace of its network
    rm -rf "$BUNDLE"; mkdir -p "$BUNDLE"
    runc spec --bundle "$BUNDLE"
    jq --argjson args "$(image_command "$1")" --arg root "$MNT" '
        ["CHOWN","DAC_OVERRIDE","FSETID","FOWNER","MKNOD","NET_RAW","SETGID","SETUID","SETFCAP",
         "SETPCAP","NET_BIND_SERVICE","SYS_CHROOT","KILL","AUDIT_WRITE"] as $c
        | .process.terminal = false | .process.args = $args | del(.process.rlimits)
        | .process.capabilities = (["bounding","effective","permitted"]
            | map({(.): ($c | map("CAP_" + .))}) | add)
        | .root = {path: $root, readonly: false}' "$BUNDLE/config.json" >"$BUNDLE/new"
    mv "$BUNDLE/new" "$BUNDLE/config.json"
}
run_workload() { step run READY runc --root "$R/runc" run -b "$BUNDLE" "bench$1"; }

# --- one cold start --------------------------------------------------------------
clean() { unmount_under "$MNT/"; umount "$MNT" 2>/dev/null; ctd_wipe; lfs_wipe; mkdir -p "$MNT"; }
cold_overlayfs() { # IMAGE NET RUN
    clean; cold; ctd_start; quiet; net_reset
    step pull "@@" ctr -a "$CTD_SOCK" i pull --plain-http "$NET/$1:gzip"
    net_stats >"$R/net-pull.json"
    step create "@@" ctr -a "$CTD_SOCK" i mount --rw "$NET/$1:gzip" "$MNT"
    run_workload "$3"
    DISK=$CTD_ROOT record "$1" overlayfs "$2" "$3" containerd
}
cold_layerfs() { # IMAGE MODE NET RUN REFERENCE
    clean; lfs_start
    [ -z "${PROFILE-}" ] || LFS profile import -q "$REG/$5" "$PROFILE"
    cold; quiet; net_reset
    step pull "@@" "$BUILD/layerfs" --run "$LFS_RUN" mount --rw "$NET/$5" "$MNT"
    net_stats >"$R/net-pull.json"
    step create "@@" true
    run_workload "$4"
    DISK=$LFS_ROOT record "$1" "$2" "$3" "$4" layerfsd worker
}
# The registry itself is asked, so that no connection over the link is open.
cold_known() { # as cold_layerfs
    local profile="$D/run/${5//[:\/]/-}.profile"
    [ -n "${RECORDED["$5"]-}" ] || record_profile "$1" "$5" "$profile"
    RECORDED["$5"]=1
    PROFILE=$profile cold_layerfs "$@"
}
declare -A RECORDED
record_profile() { # IMAGE REFERENCE FILE
    clean; lfs_start
    LFS mount --rw "$REG/$2" "$MNT" >/dev/null && run_workload record
    unmount_under "$MNT/"; LFS unmount "$MNT" >/dev/null
    for _ in $(seq 100); do LFS profile export "$REG/$2" "$3" 2>/dev/null && return; sleep 0.1; done
    die "no profile of $2"
}
cold_containerd() { # IMAGE MODE NET RUN REFERENCE
    local snapshotter=layerfs daemons=(containerd layerfsd worker) pull=(ctr-remote -a "$CTD_SOCK" i rpull)
    clean
    if [ "$2" = ctd-overlayfs ]; then
        snapshotter=overlayfs daemons=(containerd) pull=(ctr -a "$CTD_SOCK" i pull)
    else
        lfs_start
    fi
    cold; ctd_start; quiet; net_reset
    step pull "@@" "${pull[@]}" --plain-http --snapshotter $snapshotter "$NET/$5"
    net_stats >"$R/net-pull.json"
    step create "@@" true
    step run READY ctr -a "$CTD_SOCK" run --rm --snapshotter $snapshotter --runc-root "$R/runc" "$NET/$5" "bench$4"
    DISK="$CTD_ROOT $LFS_ROOT" record "$1" "$2" "$3" "$4" "${daemons[@]}"
}
reference() { # IMAGE MODE
    local mode=${2#ctd-}
    case ${mode%-known} in
    overlayfs) echo "$1:gzip" ;;
    zc) echo "$1-zc:zstdchunked" ;;
    zcs) echo "$1:zc-stargz" ;;
    zstd) echo "$1-zstd:zstd" ;;
    esgz | esgz-opt | gzip) echo "$1:${mode%-known}" ;;
    *) die "mode $2" ;;
    esac
}
has_variant() { [ -f "$S/registry/docker/registry/v2/repositories/${1%:*}/_manifests/tags/${1#*:}/current/link" ]; }
bench_cold() {
    local n r i m ref
    for n in $NETS; do
        stop netsim; net_start "${n%:*}" "${n#*:}"
        for r in $(seq "$RUNS"); do for i in $IMAGES; do make_bundle "$i"; for m in $MODES; do
            ref=$(reference "$i" "$m")
            has_variant "$ref" || continue
            case $m in
            overlayfs) cold_overlayfs "$i" "$n" "$r" ;;
            *-known) cold_known "$i" "$m" "$n" "$r" "$ref" ;;
            ctd-*) cold_containerd "$i" "$m" "$n" "$r" "$ref" ;;
            *) cold_layerfs "$i" "$m" "$n" "$r" "$ref" ;;
            esac
        done; done; done
    done
}

# --- steady state -----------------------------------------------------------------
bench_io() {
    local i
    stop netsim; net_start 0 0
    local -x OUT=$IO_OUT RUNS=$RUNS
    for i in ${IO_IMAGES:-python odd}; do
        clean; ctd_start
        CTR i pull --plain-http "$NET/$i:gzip" >/dev/null &&
            CTR i mount --rw "$NET/$i:gzip" "$MNT" >/dev/null && "$BENCH/iobench.sh" "$i/overlay" "$MNT"
        clean; lfs_start
        LFS pull "$NET/$(reference "$i" zc)" >/dev/null &&
            LFS mount "$NET/$(reference "$i" zc)" "$MNT" >/dev/null && "$BENCH/iobench.sh" "$i/fuse" "$MNT"
        LFS unmount "$MNT" && LFS mount --rw "$NET/$(reference "$i" zc)" "$MNT" >/dev/null &&
            "$BENCH/iobench.sh" "$i/overlay-on-fuse" "$MNT"
    done
    clean
}

trap 'clean; stop netsim; stop registry' EXIT
: >"$OUT"; : >"$IO_OUT"
reg_start
[[ " $PARTS " != *" cold "* ]] || bench_cold
[[ " $PARTS " != *" io "* ]] || bench_io
python3 "$BENCH/report.py" "$OUT" "$IO_OUT"
