#!/bin/bash
# bench.sh - layerfs beside containerd's full pull and overlayfs, in one run.
#
#   RUNS=3 IMAGES="python odd" NETS="5:1000 50:100" PARTS="cold io fleet" bench.sh
#
# cold: from "nothing on the node" (empty store, daemon just started, page cache
# dropped) to READY.  Every mode ends in the same `runc run` with the same
# config.json on a writable root, so what is compared is how that root came to
# be:
#   overlayfs, overlayfs-zstd  ctr images pull, then ctr images mount --rw (gzip, zstd)
#   podman      podman pull, create and mount (gzip)
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
# io: io-kinds.sh: what is local read in each way that layerfs mounts, beside
# overlayfs on the disk's file system.
#
# fleet: two nodes, one after the other, on a registry where nobody has published
# anything; both end in the same `runc run`:
#   fleet-a     an empty node that reads the plain gzip layers whole; after its
#               start it publishes an index and a profile
#   fleet-b     another empty node, which starts by those
#
# JSON lines go to $OUT (of the fleet: $FLEET_OUT), the tables to stdout.
set -uo pipefail
IMAGES=${IMAGES:-"python nginx odd openjdk"}
. "$(dirname "$0")/lib.sh"
MODES=${MODES:-"overlayfs overlayfs-zstd podman zc-known zcs-known esgz-known zc zcs esgz-opt esgz gzip zstd ctd-overlayfs ctd-zc ctd-esgz-opt"}
NETS=${NETS:-"5:1000 50:100"} RUNS=${RUNS:-3} PARTS=${PARTS:-"cold io"}
OUT=${OUT:-$D/bench.jsonl} FLEET_OUT=${FLEET_OUT:-$D/fleet.jsonl}
BUILD=${top_builddir:-$BENCH/../../build}
LFS_ROOT=$D/run/layerfs LFS_RUN=$R/layerfs MNT=$R/root BUNDLE=$R/bundle

# --- layerfs -------------------------------------------------------------------
LFS() { "$BUILD/layerfs" --run "$LFS_RUN" "$@"; }
lfs_start() {
    spawn layerfsd "$BUILD/layerfsd" --root "$LFS_ROOT" --run "$LFS_RUN"
    wait_sock "$LFS_RUN/control.sock"
    for _ in $(seq 200); do pgrep -o -P "$(pid_of layerfsd)" >"$R/worker.pid" && break; sleep 0.05; done
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
runc_run() { echo "exec runc --root $R/runc run -b $BUNDLE bench$1"; }
# Lines of a script, as one step: nothing happens in between that is not counted.
start() {
    rm -f "$R/pull.json" "$R/create.json"
    printf '%s\n' "set -e" "$@" >"$R/start.sh"
    step run READY sh "$R/start.sh"
}

# --- one cold start --------------------------------------------------------------
clean() { unmount_under "$MNT/"; umount "$MNT" 2>/dev/null; ctd_wipe; lfs_wipe; podman_wipe; mkdir -p "$MNT"; }
cold_overlayfs() { # IMAGE MODE NET RUN REFERENCE
    clean; cold; ctd_start; quiet; net_reset
    start "ctr -a $CTD_SOCK i pull --plain-http $NET/$5 >/dev/null" "echo @pulled" \
        "ctr -a $CTD_SOCK i mount --rw $NET/$5 $MNT >/dev/null" "echo @created" "$(runc_run "$4")"
    DISK=$CTD_ROOT record "$1" "$2" "$3" "$4" containerd
}
# Its cache of where blobs lie is a tmpfs of its own, so that it is empty.  What podman
# itself takes is its clients' time: it has no daemon.
PODMAN_ROOT=$D/run/podman
PODMAN="podman --root $PODMAN_ROOT --runroot $R/podman --storage-driver overlay --runtime runc
    --cgroup-manager cgroupfs --events-backend none"
PODMAN=${PODMAN//$'\n'/}
podman_wipe() { unmount_under "$PODMAN_ROOT"; rm -rf "$PODMAN_ROOT" "$R/podman"; }
cold_podman() { # as cold_overlayfs
    clean; cold; quiet; net_reset
    start "unshare -m sh -c 'mkdir -p /var/lib/containers/cache &&
        mount -t tmpfs t /var/lib/containers/cache && exec $PODMAN pull -q --tls-verify=false $NET/$5' >/dev/null" "echo @pulled" \
        "$PODMAN create --name bench --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 $NET/$5 >/dev/null
        mount --bind \$($PODMAN mount bench) $MNT" "echo @created" "$(runc_run "$4")"
    DISK=$PODMAN_ROOT record "$1" "$2" "$3" "$4"
}
cold_layerfs() { # IMAGE MODE NET RUN REFERENCE
    clean; lfs_start
    [ -z "${PROFILE-}" ] || LFS profile import -q "$REG/$5" "$PROFILE"
    cold; quiet; net_reset
    start "$BUILD/layerfs --run $LFS_RUN mount --rw $NET/$5 $MNT >/dev/null" "echo @pulled" "$(runc_run "$4")"
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
    start "$BUILD/layerfs --run $LFS_RUN mount --rw $REG/$2 $MNT >/dev/null" "$(runc_run record)"
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
    start "${pull[*]} --plain-http --snapshotter $snapshotter $NET/$5 >/dev/null" "echo @pulled" \
        "exec ctr -a $CTD_SOCK run --rm --snapshotter $snapshotter --runc-root $R/runc $NET/$5 bench$4"
    DISK="$CTD_ROOT $LFS_ROOT" record "$1" "$2" "$3" "$4" "${daemons[@]}"
}
reference() { # IMAGE MODE
    local mode=${2#ctd-}
    case ${mode%-known} in
    overlayfs | podman) echo "$1:gzip" ;;
    zc) echo "$1-zc:zstdchunked" ;;
    zcs) echo "$1:zc-stargz" ;;
    zstd | overlayfs-zstd) echo "$1-zstd:zstd" ;;
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
            overlayfs*) cold_overlayfs "$i" "$m" "$n" "$r" "$ref" ;;
            podman) cold_podman "$i" "$m" "$n" "$r" "$ref" ;;
            *-known) cold_known "$i" "$m" "$n" "$r" "$ref" ;;
            ctd-*) cold_containerd "$i" "$m" "$n" "$r" "$ref" ;;
            *) cold_layerfs "$i" "$m" "$n" "$r" "$ref" ;;
            esac
        done; done; done
    done
}

# --- a fleet ---------------------------------------------------------------------
FLEET=$S/fleet
# The image's repository as it was pushed, its blobs without a copy: what nodes write
# are files of their own.
fleet_reset() { # IMAGE
    local from=$S/registry/docker/registry/v2 to=$FLEET/registry/docker/registry/v2
    rm -rf "$FLEET"; mkdir -p "$to/repositories"
    cp -al "$from/blobs" "$to/"; cp -a "$from/repositories/$1" "$to/repositories/"
}
# Once the container has ended the profile is saved, soon.
fleet_publish() { # REFERENCE
    unmount_under "$MNT/"; LFS unmount "$MNT" >/dev/null
    LFS index -q "$NET/$1" >/dev/null || return
    for _ in $(seq 100); do LFS profile push -q "$NET/$1" >/dev/null 2>&1 && return; sleep 0.1; done
    return 1
}
fleet_is_lazy() { # REFERENCE
    LFS --json explain "$NET/$1" | jq -e '.layer_list | any(.lazy) and all(.lie == null)' >/dev/null
}
bench_fleet() {
    local OUT=$FLEET_OUT n r i ref
    : >"$OUT"
    for n in $NETS; do
        stop netsim; net_start "${n%:*}" "${n#*:}"
        for r in $(seq "$RUNS"); do for i in $IMAGES; do
            ref=$(reference "$i" gzip)
            has_variant "$ref" || continue
            make_bundle "$i"; fleet_reset "$i"
            cold_layerfs "$i" fleet-a "$n" "$r" "$ref"
            fleet_publish "$ref" || die "$ref: nothing was published"
            cold_layerfs "$i" fleet-b "$n" "$r" "$ref"
            fleet_is_lazy "$ref" || die "$ref: the second node did not start by the index"
        done; done
    done
}

trap 'clean; stop netsim; stop registry; rm -rf "$FLEET"' EXIT
if [[ " $PARTS " == *" cold "* ]]; then
    : >"$OUT"
    reg_start
    bench_cold
    python3 "$BENCH/report.py" "$OUT"
    clean
fi
if [[ " $PARTS " == *" fleet "* ]]; then
    stop registry; reg_restore; fleet_reset "${IMAGES%% *}"
    S=$FLEET reg_start
    bench_fleet
    python3 "$BENCH/report.py" "$FLEET_OUT"
    clean; stop registry
fi
if [[ " $PARTS " == *" io "* ]]; then
    for i in ${IO_IMAGES:-python odd}; do
        printf '\n### %s, all of it local\n\n' "$i"
        "$BENCH/io-kinds.sh" "$i"
    done
fi
