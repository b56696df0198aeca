#!/bin/bash
# variants.sh - push images ($IMAGES) to the data folder's registry in every format.
#
#   NAME:gzip               as built
#   NAME-zstd:zstd          skopeo --dest-compress-format zstd
#   NAME-zc:zstdchunked     skopeo --dest-compress-format zstd:chunked
#   NAME:esgz               ctr-remote image convert --estargz           ($STARGZ)
#   NAME:esgz-opt           ctr-remote image optimize: the workload is recorded,
#                           with a prefetch landmark                     ($OPTIMIZE)
#   NAME:zc-stargz          ctr-remote image convert --zstdchunked       ($STARGZ)
#
# Which producer worked, and how long it took, goes to $D/variants.tsv, what the
# registry then holds to $D/manifests/.  What is there already stays.  Fails when
# a variant that its tools could make is missing at the end.
#
# skopeo would find the gzip blobs in its blob-info cache and push those again
# instead of recompressing, so each push gets an empty cache (a tmpfs in a
# private mount namespace) and its own repository first.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
STARGZ=${STARGZ-"python nginx odd"}
OPTIMIZE=${OPTIMIZE-$STARGZ}
LEVEL=${ESGZ_LEVEL:-6}
mkdir -p "$D/manifests"

note() { printf '%s\t%s\t%s\t%s\n' "$@" | tee -a "$D/variants.tsv" >&2; }
try() { # IMAGE VARIANT CMD...
    local i=$1 v=$2 t0=$EPOCHREALTIME; shift 2
    if "$@" >"$D/log/variant-$i-$v.log" 2>&1; then
        note "$i" "$v" ok "$(awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
    else
        note "$i" "$v" FAIL "$(tail -1 "$D/log/variant-$i-$v.log" | tr '\t' ' ')"
    fi
}
have() { [ -f "$S/registry/docker/registry/v2/repositories/$1/_manifests/tags/$2/current/link" ]; }
in_list() { [[ " $2 " == *" $1 "* ]]; }

push() { # IMAGE REPOSITORY TAG SKOPEO-ARGS...: without another format's blobs
    local i=$1 r=$2 t=$3; shift 3
    have "$r" "$t" && return
    try "$i" "$t" unshare -m sh -c 'mkdir -p /var/lib/containers/cache && mount -t tmpfs t /var/lib/containers/cache && exec "$@"' sh \
        skopeo copy -q --insecure-policy --dest-tls-verify=false "$@" "oci:$D/oci/$i:latest" "docker://$REG/$r:$t"
}
# Two images that share a layer cannot convert it at the same time: containerd then
# says "locked ...: unavailable" to one of them, which comes again.
convert() { # IMAGE TAG CTR-REMOTE-ARGS...: made in containerd, then pushed
    local i=$1 t=$2 n; shift 2
    command -v ctr-remote >/dev/null || return
    for n in 1 2 3 4; do
        have "$i" "$t" && return
        [ "$n" = 1 ] || sleep 10
        try "$i" "$t-pull" ctr -a "$CTD_SOCK" i pull --plain-http "$REG/$i:gzip"
        try "$i" "$t" ctr-remote -a "$CTD_SOCK" i "$@" "$REG/$i:gzip" "$REG/$i:$t"
        try "$i" "$t-push" ctr -a "$CTD_SOCK" i push --plain-http "$REG/$i:$t"
        grep -q unavailable "$D/log/variant-$i-$t.log" || return
    done
}
variants() {
    local i=$1
    push "$i" "$i" gzip
    push "$i" "$i-zstd" zstd --format oci --dest-compress-format zstd
    push "$i" "$i-zc" zstdchunked --format oci --dest-compress-format zstd:chunked
    if in_list "$i" "$STARGZ"; then
        convert "$i" esgz convert --estargz --oci --estargz-compression-level "$LEVEL"
        convert "$i" zc-stargz convert --zstdchunked --oci
    fi
    if in_list "$i" "$OPTIMIZE"; then
        convert "$i" esgz-opt optimize --oci --estargz-compression-level "$LEVEL" --period "${PERIOD:-6}"
    fi
}
wanted() { # REPOSITORY TAG lines
    local i
    for i in $IMAGES; do
        echo "$i gzip"; echo "$i-zstd zstd"; echo "$i-zc zstdchunked"
        if in_list "$i" "$STARGZ"; then
            ! command -v ctr-remote >/dev/null || { echo "$i esgz"; echo "$i zc-stargz"; }
        fi
        ! in_list "$i" "$OPTIMIZE" || ! command -v ctr-remote >/dev/null || echo "$i esgz-opt"
    done
}
missing() { wanted | while read -r r t; do have "$r" "$t" || echo "$r:$t"; done; }

command -v ctr-remote >/dev/null || say "no ctr-remote (stargz-snapshotter): eStargz and its zstd:chunked are left out"
if [ -n "$(missing)" ]; then
    reg_start
    trap 'ctd_wipe; stop registry' EXIT
    ctd_wipe; ctd_start
    export -f variants push convert have try note in_list say die
    export D R S REG CTD_SOCK STARGZ OPTIMIZE LEVEL
    # shellcheck disable=SC2086
    printf '%s\n' $IMAGES | xargs -P 2 -I{} bash -c 'variants {}'
    # shellcheck disable=SC2086
    python3 "$BENCH/footers.py" "$REG" $IMAGES >"$D/manifests/summary.txt" 2>&1
    [ "$S" = "$D" ] || { rm -rf "$D/registry"; cp -a "$S/registry" "$D/registry"; }
    say "registry: $(du -sh "$D/registry" | cut -f1)"
fi
left=$(missing)
[ -z "$left" ] || die "missing: $(echo $left)"
