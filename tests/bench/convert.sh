#!/bin/bash
# convert.sh - layerfs convert beside skopeo copy, from a registry into the same one.
#
#   RUNS=3 IMAGES="debian python" LEVELS="3 9" tests/bench/convert.sh
#
# Each image is pushed once as gzip; then, in each round and by turns
#   skopeo      skopeo copy --dest-compress-format zstd:chunked
#   layerfs     layerfs convert
#   layerfs-N   the same with --level N, for each of $LEVELS
# make zstd:chunked of it, each into a repository that is new, so that nothing is
# there already.  skopeo has an empty blob-info cache each time (variants.sh says
# why).  A result that is not zstd:chunked in every layer that can be is an error.
#
# Counted are seconds by the clock, the program's own CPU seconds (the registry's are
# for both the same work), most MiB resident, and the bytes of all layers, tables
# included.  Of several rounds the least counts.  Whether the trees are right is the
# business of tests/80-convert.
#
# JSON lines go to $OUT, the table to stdout.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
RUNS=${RUNS:-1} LEVELS=${LEVELS:-} OUT=${OUT:-$D/convert.jsonl}
BUILD=${top_builddir:-$BENCH/../../build}
S=$S/convert
CHUNKED='"io.containers.zstd-chunked.manifest-checksum"'

skopeo_copy() { # SKOPEO-ARGS...: with a blob-info cache of its own, empty
    unshare -m sh -c 'mkdir -p /var/lib/containers/cache && mount -t tmpfs t /var/lib/containers/cache && exec "$@"' sh \
        skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "$@"
}
clean_up() { stop registry; rm -rf "$S"; }

manifest() { # REPOSITORY
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REG/v2/$1/manifests/latest"
}
make_it() { # HOW IMAGE REPOSITORY
    local from=$REG/$2:latest to=$REG/$3:latest
    case $1 in
    skopeo)
        export -f skopeo_copy
        step convert - bash -c 'skopeo_copy "$@"' sh --format oci --dest-compress-format zstd:chunked \
            "docker://$from" "docker://$to" ;;
    layerfs) step convert - "$BUILD/layerfs" convert -q --plain-http "$from" "$to" ;;
    layerfs-*) step convert - "$BUILD/layerfs" convert -q --plain-http --level "${1#layerfs-}" "$from" "$to" ;;
    esac
}
step() { # NAME MARK CMD...: lib.sh's, without a network to count in
    local n=$1 m=$2; shift 2
    python3 "$BENCH/ready.py" "$R/$n.json" --mark "$m" -- "$@"
}
measure() { # HOW IMAGE ROUND: one line to $OUT
    local how=$1 i=$2 to=$1-$3/$2
    quiet
    make_it "$how" "$i" "$to"
    [ "$(jq .rc "$R/convert.json")" = 0 ] || die "$how $i: $(jq -r .output "$R/convert.json")"
    manifest "$to" >"$R/manifest.json" || die "$how $i: no manifest"
    jq -ce --slurpfile m "$R/manifest.json" --arg how "$how" --arg i "$i" --argjson r "$3" --argjson noise "$NOISE" '
        $m[0].layers as $l
        | if any($l[]; .mediaType | endswith("+zstd") | not) then error("not all layers are zstd")
          elif all($l[]; .annotations['"$CHUNKED"'] == null) then error("no layer has a table") else . end
        | {how: $how, image: $i, run: $r, s: .t_exit, cpu_s: .cpu, rss_kb: .maxrss_kb,
           bytes: ($l | map(.size) | add), noise_pct: $noise}' "$R/convert.json" | tee -a "$OUT" >&2 ||
        die "$how $i: it is not zstd:chunked"
}
# Least of the rounds; x is skopeo's over it.
table() {
    python3 - "$OUT" "$R/sources.json" <<'PY'
import collections, json, sys
rows, source = collections.defaultdict(list), json.load(open(sys.argv[2]))
for line in open(sys.argv[1]):
    o = json.loads(line)
    rows[o["image"], o["how"]].append(o)
least = lambda key, what: min(o[what] for o in rows[key])
print("| image | gzip, MB | how | s | x | CPU s | x | MiB | MB | of skopeo's |\n|" + "---|" * 10)
for image, how in sorted(rows, key=lambda k: (source[k[0]], k[1] != "skopeo", k[1])):
    one, base = (image, how), (image, "skopeo")
    s, cpu, size = (least(one, what) for what in ("s", "cpu_s", "bytes"))
    print(f"| {image} | {source[image] / 1e6:.1f} | {how} | {s:.2f} | {least(base, 's') / s:.1f} | {cpu:.2f} | {least(base, 'cpu_s') / cpu:.1f}"
          f" | {max(o['rss_kb'] for o in rows[one]) / 1024:.0f} | {size / 1e6:.2f} | {size / least(base, 'bytes'):.4f} |")
PY
}

rm -rf "$S"; mkdir -p "$S/registry"
: >"$OUT"
reg_start
trap clean_up EXIT
echo '{}' >"$R/sources.json"
for i in $IMAGES; do
    skopeo_copy --format oci "oci:$D/oci/$i:latest" "docker://$REG/$i:latest" || die "push $i"
    jq -c --arg i "$i" --argjson n "$(manifest "$i" | jq '.layers | map(.size) | add')" '.[$i] = $n' \
        "$R/sources.json" >"$R/sources.new" && mv "$R/sources.new" "$R/sources.json"
done
say "two rounds may not be compared where noise_pct (what else kept the processors busy) differs much"
for ((r = 1; r <= RUNS; r++)); do
    for i in $IMAGES; do
        for how in skopeo layerfs ${LEVELS:+$(printf 'layerfs-%s ' $LEVELS)}; do measure "$how" "$i" "$r"; done
    done
done
table
