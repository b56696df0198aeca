#!/bin/bash
# iobench.sh LABEL ROOTFS [BIGFILE] - steady-state I/O on a mounted rootfs.
#
# Appends JSON to $OUT (default $D/io.jsonl): metadata walk (find, lstat of
# everything) cold and warm, whole-tree read (tar | cat) cold and warm, 4 KiB
# random reads of BIGFILE (relative to ROOTFS; default: the largest file) by
# one and by four threads, and opens per second of small files.  "cold" is a
# dropped page and dentry cache with the layer data already on the local disk.
# To reach that state the whole tree is read once first (not reported).
set -uo pipefail
. "$(dirname "$0")/lib.sh"
LABEL=$1 ROOT=$2 OUT=${OUT:-$D/io.jsonl} RUNS=${RUNS:-3} FIO_S=${FIO_S:-4}
BIG=${3:-$(cd "$ROOT" && find . -xdev -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2-)}
t() { local a=$EPOCHREALTIME; "$@" >/dev/null 2>&1; awk -v a="$a" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f\n", b - a }'; }
drop() { sync; echo 3 >/proc/sys/vm/drop_caches; cat /usr/bin/{find,tar,cat,fio,python3} /lib/*-linux-gnu/libc.so.6 >/dev/null 2>&1; }
walk() { find "$ROOT" -xdev -printf '%s %m %U %T@\n'; }
whole() { (cd "$ROOT" && tar cf - --one-file-system --warning=none . | cat); }
emit() { jq -cn --arg l "$LABEL" --arg t "$1" --argjson v "$2" --argjson n "${NOISE:-0}" '{label:$l,test:$t,value:$v,noise_pct:$n}' | tee -a "$OUT" >&2; }
# fio advises POSIX_FADV_RANDOM for random reads, so there is no readahead.
cold4k() { fio --name=r --filename="$ROOT/$BIG" --readonly --rw=randread --bs=4k --ioengine=psync --number_ios=3000 \
    --output-format=json --invalidate=0 --fallocate=none 2>/dev/null; }
rnd() { fio --name=r --filename="$ROOT/$BIG" --readonly --rw=randread --bs=4k --ioengine=psync --numjobs="$1" --thread \
    --time_based --runtime="$FIO_S" --group_reporting --output-format=json --invalidate=0 --fallocate=none 2>/dev/null; }
iops() { jq '.jobs[0].read | {iops: (.iops|floor), p50_us: (.clat_ns.percentile["50.000000"]/1000), p99_us: (.clat_ns.percentile["99.000000"]/1000)}'; }
whole >/dev/null 2>&1
emit entries "$(walk | wc -l)"
emit bytes "$(find "$ROOT" -xdev -type f -printf '%s\n' | awk '{s+=$1} END {printf "%d", s}')"
for _ in $(seq "$RUNS"); do
    quiet; drop; emit find_cold_s "$(t walk)"; emit find_warm_s "$(t walk)"
    quiet; drop; emit tar_cold_s "$(t whole)"; emit tar_warm_s "$(t whole)"
done
quiet; drop; emit rand4k_cold "$(cold4k | iops)"
cat "$ROOT/$BIG" >/dev/null
quiet; emit rand4k_warm "$(rnd 1 | iops)"; emit rand4k_warm_t4 "$(rnd 4 | iops)"
quiet; emit open_read_close_per_s "$(python3 - "$ROOT" <<'PY'
import os, sys, time
files = []
for d, _, fs in os.walk(sys.argv[1]):
    for f in fs:
        p = os.path.join(d, f)
        if os.path.isfile(p) and not os.path.islink(p) and os.path.getsize(p) < 65536:
            files.append(p)
    if len(files) > 3000:
        break
for r in range(2):
    t = time.monotonic()
    for p in files:
        fd = os.open(p, os.O_RDONLY); os.read(fd, 65536); os.close(fd)
    t = time.monotonic() - t
print(int(len(files) / t))
PY
)"
