# shellcheck shell=bash
# What the bench scripts share: where things lie, processes, registry, network,
# containerd.  Source it.
#
# $D (disk) holds what is built and is kept; $R what a run needs; $S the
# registry's storage while it is measured: with BENCH_TMPFS=1 on tmpfs, so that
# dropping the page cache does not slow the "remote" side down.  Processes are
# ended by the pid that spawn() wrote down, only.
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
D=${LAYERFS_TEST_DATA:-/var/tmp/layerfs-test-data}
R=${BENCH_RUN:-/run/layerfs-bench}
if [ -n "${BENCH_TMPFS-}" ]; then S=${BENCH_SHM:-/dev/shm/layerfs-bench}; else S=$D; fi
REG=127.0.0.1:${BENCH_PORT:-5000}            # the registry itself
NET=127.0.0.1:$((${BENCH_PORT:-5000} + 1))   # the same registry behind netsim
CTD_SOCK=$R/containerd.sock
SGZ_SOCK=$R/stargz.sock
SGZ_ROOT=$D/run/stargz
CTD_ROOT=$D/run/containerd
ALL_IMAGES="debian python node postgres nginx gcc openjdk odd"
IMAGES=${IMAGES:-$ALL_IMAGES}
# What was built with another version is built again.  Raise it when an image's
# contents or a variant's making change.
IMAGES_VERSION=1
NETSIM=${NETSIM:-${top_builddir:-$BENCH/../../build}/tests/bench/netsim}
mkdir -p "$R" "$S" "$D/run" "$D/log"

say() { echo "[$(date +%T)] $*" >&2; }
die() { say "error: $*"; exit 1; }

# $D has one containerd root, which each run wipes: one of these scripts at a time.
# Those that it starts itself are let in.
data_lock() {
    [ -z "${BENCH_LOCKED-}" ] || return 0
    exec 9>"$D/lock"
    flock -n 9 || die "another of these scripts works in $D"
    export BENCH_LOCKED=1
}
data_lock

# Throws away what another version of these scripts built; a folder that they
# did not make is left alone.
data_check_version() {
    [ "$(cat "$D/version" 2>/dev/null)" = $IMAGES_VERSION ] && return
    [ -f "$D/version" ] || [ ! -e "$D/oci" ] || die "$D was not made by these scripts"
    rm -rf "$D/oci" "$D/layers" "$D/roots" "$D/registry" "$D/variants.tsv"
    echo $IMAGES_VERSION >"$D/version"
}

# spawn NAME CMD...: run in the background, pid in $R/NAME.pid, log in $D/log.
spawn() {
    local n=$1; shift
    setsid "$@" </dev/null >>"$D/log/$n.log" 2>&1 9>&- &
    echo $! >"$R/$n.pid"
}
pid_of() { cat "$R/$1.pid" 2>/dev/null; }
# stop NAME [SIGNAL]: end what spawn started and wait for it.
stop() {
    local p; p=$(pid_of "$1") || return 0
    [ -n "$p" ] || return 0
    kill -"${2:-TERM}" "$p" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$p" 2>/dev/null || break; sleep 0.05; done
    kill -0 "$p" 2>/dev/null && kill -KILL "$p"
    wait "$p" 2>/dev/null || true
    rm -f "$R/$1.pid"
}
wait_port() { for _ in $(seq 200); do (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null && return; sleep 0.05; done; die "nobody listens on $1"; }
wait_sock() { for _ in $(seq 400); do [ -S "$1" ] && return; sleep 0.05; done; die "no socket $1"; }

# --- registry ----------------------------------------------------------------
reg_restore() { # the storage that variants.sh filled, also onto tmpfs
    mkdir -p "$S"; [ -d "$S/registry" ] || [ ! -d "$D/registry" ] || cp -a "$D/registry" "$S/"
}
reg_start() {   # plain HTTP
    reg_restore; mkdir -p "$S/registry"
    cat >"$R/registry.yml" <<YML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $S/registry}, delete: {enabled: true}}
http: {addr: $REG, secret: bench}
YML
    spawn registry nice -n -10 docker-registry serve "$R/registry.yml"
    wait_port "$REG"
}
# --- network -----------------------------------------------------------------
net_start() {   # ONE_WAY_MS MBIT
    local b=(); [ "$2" = 0 ] || b=(-b "$2")
    rm -f "$R/net.json"
    spawn netsim nice -n -10 "$NETSIM" -l "$NET" -t "$REG" -d "$1" "${b[@]}" -s "$R/net.json" -L "$D/log/requests.log"
    wait_port "$NET"
}
net_reset() { kill -USR2 "$(pid_of netsim)"; sleep 0.02; }
net_stats() { rm -f "$R/net.json"; kill -USR1 "$(pid_of netsim)"; for _ in $(seq 100); do [ -s "$R/net.json" ] && break; sleep 0.01; done; cat "$R/net.json"; }

# --- containerd and the stargz snapshotter ------------------------------------
ctd_config() {
    local off="" p
    for p in grpc.v1.cri snapshotter.v1.{btrfs,aufs,zfs,devmapper,native} tracing.processor.v1.otlp internal.v1.tracing; do
        off+=", \"io.containerd.$p\""
    done
    cat >"$R/containerd.toml" <<TOML
version = 2
root = "$CTD_ROOT"
state = "$R/containerd"
oom_score = 0
disabled_plugins = [${off#, }]
[grpc]
  address = "$CTD_SOCK"
[proxy_plugins.stargz]
  type = "snapshot"
  address = "$SGZ_SOCK"
[proxy_plugins.layerfs]
  type = "snapshot"
  address = "$R/layerfs/snapshotter.sock"
TOML
}
ctd_start() {
    ctd_config; rm -f "$CTD_SOCK"
    spawn containerd containerd -c "$R/containerd.toml" -l warn
    wait_sock "$CTD_SOCK"
    for _ in $(seq 100); do CTR version >/dev/null 2>&1 && return; sleep 0.05; done
    die "containerd does not answer"
}
sgz_config() {
    cat >"$R/stargz.toml" <<TOML
no_prometheus = true
metadata_store = "${SGZ_METADATA:-memory}"
${SGZ_EXTRA:-}
[[resolver.host."$NET".mirrors]]
host = "$NET"
insecure = true
[[resolver.host."$REG".mirrors]]
host = "$REG"
insecure = true
TOML
}
sgz_start() {
    sgz_config; rm -f "$SGZ_SOCK"; mkdir -p "$SGZ_ROOT"
    spawn stargz containerd-stargz-grpc -address "$SGZ_SOCK" -config "$R/stargz.toml" -root "$SGZ_ROOT" -log-level warn
    wait_sock "$SGZ_SOCK"
}
CTR() { ctr -a "$CTD_SOCK" "$@"; }
CTRR() { ctr-remote -a "$CTD_SOCK" "$@"; }

unmount_under() { # every mount below a directory, deepest first
    awk -v d="$1" '$5 ~ "^" d {print $5}' /proc/self/mountinfo | sort -r | while read -r m; do umount "$m" 2>/dev/null || umount -l "$m"; done
}
ctd_wipe() { stop containerd; unmount_under "$R/containerd"; unmount_under "$CTD_ROOT"; rm -rf "$CTD_ROOT" "$R/containerd"; }
sgz_wipe() { stop stargz INT; unmount_under "$SGZ_ROOT"; rm -rf "$SGZ_ROOT"; }

# --- node state ----------------------------------------------------------------
# Drop the page cache, then read the peers' own programs back: a node that
# starts containers has those in memory.
cold() {
    sync; echo 3 >/proc/sys/vm/drop_caches
    cat /usr/bin/{containerd,containerd-shim-runc-v2,runc,ctr,ctr-remote,crun,podman,conmon,unpigz,python3} \
        /usr/sbin/runc "$NETSIM" /lib/*-linux-gnu/libc.so.6 >/dev/null 2>&1 || true
}

# Wait until the CPUs are nearly idle (QUIET seconds at most); leaves the last
# busy percentage in $NOISE.
cpu_busy() { # percentage busy over 0.4 s
    local a b; a=$(awk '/^cpu /{print $5+$6, $2+$3+$4+$5+$6+$7+$8+$9}' /proc/stat); sleep 0.4
    b=$(awk '/^cpu /{print $5+$6, $2+$3+$4+$5+$6+$7+$8+$9}' /proc/stat)
    echo "$a $b" | awk '{t=$4-$2; printf "%d", (t > 0 ? 100 * (1 - ($3 - $1) / t) : 0)}'
}
quiet() {
    local end=$((SECONDS + ${QUIET:-25}))
    while NOISE=$(cpu_busy); [ "$NOISE" -gt 12 ] && [ $SECONDS -lt $end ]; do sleep 0.3; done
}

# --- one cold start --------------------------------------------------------------
cpu_rss() { # PID -> "cpu_seconds peak_rss_kb" (children reaped included)
    local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || { echo "0 0"; return; }
    s=${s##*) }; set -- $s "$1"
    local hwm; hwm=$(awk '/VmHWM/{print $2}' "/proc/${!#}/status")
    awk -v t=$((${12} + ${13} + ${14} + ${15})) -v r="${hwm:-0}" 'BEGIN { printf "%.2f %d\n", t / 100, r }'
}
step() { # NAME MARK CMD...: run a step, result in $R/NAME.json
    local n=$1 m=$2; shift 2
    python3 "$BENCH/ready.py" "$R/$n.json" --mark "$m" --net "$(pid_of netsim)" "$R/net.json" -- "$@"
}
# A start is one step "run" with the marks "pulled" and "created", or three steps:
# pull, create, run.  Between steps, what a lazy daemon reads ahead is not counted.
record() { # IMAGE MODE NET RUN DAEMONS...: one line to $OUT; $DISK: its folders
    local i=$1 m=$2 n=$3 r=$4 d=() p cpu rss; shift 4
    for p in "$@"; do read -r cpu rss <<<"$(cpu_rss "$(pid_of "$p")")"; d+=("$p" "$cpu" "$rss"); done
    local disk
    # shellcheck disable=SC2086
    disk=$(du -skx $DISK 2>/dev/null | awk '{s+=$1} END {print s+0}')
    net_stats >"$R/net-end.json"
    python3 - "$i" "$m" "$n" "$r" "$R" "$disk" "$NOISE" "${d[@]}" >>"$OUT" <<'PY'
import json, os, sys
i, m, n, r, R, disk, noise, *d = sys.argv[1:]
L = lambda s: json.load(open(f"{R}/{s}.json"))
run, end = L("run"), L("net-end")
steps = [(s, L(s)) for s in ("pull", "create") if os.path.exists(f"{R}/{s}.json")] + [("run", run)]
lat, bw = n.split(":")
o = dict(image=i, mode=m, oneway_ms=float(lat), mbit=float(bw), run=int(r), ok=run["t_ready"] is not None and not any(x["rc"] for _, x in steps))
marks = run["marks"]
if "pulled" in marks:
    o["pull_s"], o["create_s"] = marks["pulled"], marks.get("created", marks["pulled"]) - marks["pulled"]
    before = o["pull_s"] + o["create_s"]
else:
    for s, x in steps[:-1]:
        o[s + "_s"] = x["t_exit"]
    before = 0
o["exit_s"] = run["t_exit"] - before
if run["t_ready"] is not None:
    o["ready_s"] = run["t_ready"] - before
if o["ok"]:
    o["total_s"] = o.get("pull_s", 0) + o.get("create_s", 0) + o["ready_s"]
if "net" in run:
    o["ready_bytes"], o["ready_reqs"], o["conns"] = run["net"]["bytes_down"], run["net"]["requests"], run["net"]["connections"]
o["end_bytes"] = end["bytes_down"]
o["client_cpu_s"] = sum(x["cpu"] for _, x in steps)
for k in range(0, len(d), 3):
    o[d[k] + "_cpu_s"], o[d[k] + "_rss_kb"] = float(d[k + 1]), int(d[k + 2])
o["disk_kb"], o["noise_pct"] = int(disk), int(noise)
for s, x in steps:
    if x.get("output"):
        o[s + "_output"] = x["output"][-400:]
print(json.dumps(o))
PY
    tail -1 "$OUT" | jq -r '[.image,.mode,(.oneway_ms|tostring)+":"+(.mbit|tostring),.ok,.pull_s,.create_s,.ready_s,.total_s,.ready_bytes,.ready_reqs]|map(tostring[0:9])|join(" ")' >&2
}
