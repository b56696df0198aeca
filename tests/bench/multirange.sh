#!/bin/bash
# multirange.sh [IMAGE] - multirange.py with what two starts of the image's zstd:chunked
# ask for: its profile known, and its table only.
#
#   NETS="5:1000 50:100" ROUNDS=5 multirange.sh python
set -uo pipefail
image=${1:-python}
. "$(dirname "$0")/lib.sh"
trap 'stop registry' EXIT
for mode in zc-known zc; do
    MODES=$mode RUNS=1 IMAGES=$image NETS=50:100 PARTS=cold OUT=$R/multirange.jsonl "$BENCH/bench.sh" >/dev/null
    cp "$D/log/requests.log" "$R/$mode.log" || die "$mode: no requests"
done
reg_start
export NETSIM
"$BENCH/multirange.py" "$REG" "$image, profile known" "$R/zc-known.log" "$D/run/$image-zc-zstdchunked.profile" "$image-zc:zstdchunked"
"$BENCH/multirange.py" "$REG" "$image, table only" "$R/zc.log"
