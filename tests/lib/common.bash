# What behaviour tests share; `load ../lib/common` at the top of a .bats file.
#
# Each test owns a folder ($T), ports and processes; whatever it started or
# mounted is gone when it ends, also when it fails.  A file that needs setup()
# or teardown() of its own calls setup_test and teardown_test from them.
#
# Processes are ended by the pid that start() wrote down, never by name.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120

top_srcdir=${top_srcdir:-$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)}
top_builddir=${top_builddir:-$top_srcdir/build}
LAYERFS_TEST_DATA=${LAYERFS_TEST_DATA:-/var/tmp/layerfs-test-data}

setup() { setup_test; }
teardown() { teardown_test; }

setup_test() {
	T=$BATS_TEST_TMPDIR # short: a socket's path has 107 bytes
	STARTED=() DAEMON_ENV=()
	# trixie.bash's, of tests with a runtime
	[ "${RELEASE-}" != trixie ] || ! declare -F share_folder >/dev/null || share_folder
	mkdir -p "$T/log" "$T/pid"
	# Nothing of the user's own configuration decides a test.
	export HOME=$T/home XDG_RUNTIME_DIR=$T/xdg XDG_CONFIG_HOME=$T/home/.config
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	unset DOCKER_CONFIG REGISTRY_AUTH_FILE http_proxy https_proxy all_proxy \
		HTTP_PROXY HTTPS_PROXY ALL_PROXY
}

teardown_test() {
	local i
	# A daemon's own mounts may have reads under way: it ends them.
	unmount_under "$T" '/m\(/\|$\)'
	for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
		stop "${STARTED[i]}" || true
	done
	unmount_under "$T"
	# bats shows this only where the test failed
	[ -n "${BATS_TEST_COMPLETED-}" ] || show_logs
	! sanitizers_complain || { show_logs 1000; return 1; }
	# Whatever is still mounted must not be walked into by bats' clean-up.
	[ -z "$(mounts_under "$T")" ]
}

# What a sanitizer found in a daemon is nobody's exit status.
sanitizers_complain() {
	grep -qsE 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' \
		"$T"/log/*
}

show_logs() { # [LINES]
	local f
	for f in "$T"/log/*; do
		[ ! -s "$f" ] || { echo "--- ${f##*/}"; tail -n "${1:-40}" "$f"; }
	done
}

# requires WORD...: skips the test, and says why, where one is not to be had.
#   root           the superuser
#   fuse           /dev/fuse can be opened
#   user-fuse      everybody may open /dev/fuse, as fusermount3 needs it
#   image:NAME     the test image NAME (a layout and its registry's variants)
#   ref:REPO:TAG   this reference in the test registry's storage
#   kernel:X.Y     at least this kernel
#   erofs          the kernel's, which may be a module that nobody has used yet
#   COMMAND        a command in $PATH
requires() {
	local word
	for word; do
		case $word in
		root) [ "$(id -u)" = 0 ] || skip "requires root" ;;
		fuse)
			(: <>/dev/fuse) 2>/dev/null || skip "requires /dev/fuse" ;;
		user-fuse)
			[[ $(stat -c %a /dev/fuse 2>/dev/null) == *6 ]] ||
				skip "requires /dev/fuse open to users" ;;
		image:*)
			[ -f "$LAYERFS_TEST_DATA/oci/${word#image:}/index.json" ] ||
				skip "requires the test image ${word#image:} (tests/bench/mkimages.sh)" ;;
		ref:*)
			has_reference "${word#ref:}" ||
				skip "requires ${word#ref:} in the test registry (tests/bench/variants.sh)" ;;
		erofs)
			grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null ||
				skip "requires EROFS in the kernel" ;;
		kernel:*)
			has_kernel "${word#kernel:}" ||
				skip "requires Linux ${word#kernel:}, this is $(uname -r)" ;;
		*) command -v "$word" >/dev/null || skip "requires $word" ;;
		esac
	done
}

has_kernel() { printf '%s\n' "$1" "$(uname -r)" | sort -CV; }

has_reference() {
	[ -f "$LAYERFS_TEST_DATA/registry/docker/registry/v2/repositories/${1%:*}/_manifests/tags/${1##*:}/current/link" ]
}

# --- processes ---------------------------------------------------------------

# start NAME COMMAND...: in the background, its output in $T/log/NAME.
start() {
	local name=$1
	shift
	# bats waits for whoever holds its descriptor 3
	setsid "$@" </dev/null >>"$T/log/$name" 2>&1 3>&- &
	echo $! >"$T/pid/$name"
	STARTED+=("$name")
}

pid_of() { cat "$T/pid/$1"; }
is_running() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

# hold_still PID...: SIGSTOP.  It reaches one thread of a process, and the others when that
# one runs: till then they go on.
hold_still() {
	local pid
	kill -STOP "$@"
	for pid; do wait_for 60 is_still "$pid"; done
}
is_still() { [ -z "$(grep -h ^State: "/proc/$1"/task/*/status | grep -v 'T (stopped)')" ]; }

# start_hole PORT: a host that answers no SYN: its backlog is full.
start_hole() {
	start hole python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=0)
full = [socket.socket() for _ in range(3)]
for c in full:
    c.setblocking(False)
    c.connect_ex(s.getsockname())
print("full", flush=True)
time.sleep(999)' "$1"
	wait_for 10 grep full "$T/log/hole"
}

# stop NAME [SIGNAL]: ends what start() started and gives its exit status.
stop() {
	local pid status=0 i
	[ -f "$T/pid/$1" ] || return 0
	pid=$(pid_of "$1")
	rm -f "$T/pid/$1"
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	for ((i = 0; i < 1200; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$pid" 2>/dev/null; then
		echo "# $1 ($pid) did not end within a minute: killed" >&2
		kill -KILL "$pid"
	fi
	wait "$pid" 2>/dev/null || status=$?
	return $status
}

# wait_for SECONDS COMMAND...: until it succeeds.  They would do on an idle machine;
# as a test says that something comes, not how soon, a busy one is given a minute.
wait_for() {
	local deadline=$((SECONDS + ($1 == 0 || $1 > 60 ? $1 : 60)))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
wait_port() { wait_for 20 is_listening "$1"; }
wait_socket() { wait_for 20 test -S "$1"; }

# A TCP port of loopback that nobody listens on now; none of those that the kernel
# gives to whoever connects, as it may before somebody listens there.  Whoever else asks
# for one meanwhile, also in another clone, gets another: they take turns, and each turn
# has a port of its own until all have been given.
free_port() {
	python3 -c '
import socket, time
turn = socket.socket(socket.AF_UNIX)
while True:
    try:
        turn.bind("\0layerfs tests: a free port")
        break
    except OSError:
        time.sleep(0.002)
while True:
    port = 10000 + time.monotonic_ns() // 10 ** 7 % 22768
    time.sleep(0.01)
    try:
        socket.socket().bind(("127.0.0.1", port))
        print(port)
        break
    except OSError:
        pass'
}

# let_others_in PATH: every user reaches it, and may speak to it if it is a socket.
let_others_in() {
	local folder
	chmod a+rw "$1"
	folder=$(dirname "$1")
	while [ "$folder" != / ] && [ "$folder" != /tmp ]; do
		chmod a+x "$folder"
		folder=$(dirname "$folder")
	done
}

# --- mounts ------------------------------------------------------------------

# Mount points below a folder, deepest first.
mounts_under() {
	awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo |
		sort -r | while read -r m; do printf '%b\n' "$m"; done
}

# unmount_under FOLDER [BUT]
unmount_under() {
	local m
	# of a test that has none that would be everything
	mounts_under "${1:?}" | grep -v "${2:-^$}" | while read -r m; do
		umount "$m" 2>/dev/null || fusermount3 -u "$m" 2>/dev/null ||
			umount -l "$m" 2>/dev/null || fusermount3 -uz "$m" || true
	done
}

# Nothing is shown below RUN/m but podman's layer store and EROFS's data, and for a
# moment what a worker that has just begun tries EROFS with.
nothing_shown() {
	[ -z "$(find "$RUN/m" -mindepth 1 -maxdepth 1 ! -name '[0def]' ! -name .e)" ] &&
		! mounts_under "$RUN/m" | grep -vEx "$RUN/m/([0def]|\.e/.*)"
}

# No image is open: what the kernel reads ahead, and a container that starts elsewhere and
# copies all mounts, keep one for a moment after its mount.
is_let_go() { ! grep -qE '/(images|layers)/[0-9a-f]+/index' "/proc/$(find_worker)/maps"; }

is_mounted() { mountpoint -q "$1"; }

# Two trees agree in everything a program can see: types, modes, owners, sizes,
# times, devices, links, extended attributes, contents.
same_tree() {
	"$top_srcdir/tests/bench/treedump.py" -c "$1" >"$T/tree.1" &&
		"$top_srcdir/tests/bench/treedump.py" -c "$2" >"$T/tree.2" &&
		diff -u "$T/tree.1" "$T/tree.2" >"$T/tree.diff" ||
		{ head -n 40 "$T/tree.diff"; return 1; }
}

# --- registry ----------------------------------------------------------------

# start_registry [STORAGE]: docker-registry on a folder; its host and port in
# $REGISTRY.  Without a folder: the test images, read-only.
start_registry() {
	local read_only=false
	[ $# -gt 0 ] || read_only=true
	serve_storage registry "${1:-$LAYERFS_TEST_DATA/registry}" $read_only
}

# serve_storage NAME STORAGE READ_ONLY
serve_storage() {
	local port
	port=$(free_port)
	REGISTRY=127.0.0.1:$port
	cat >"$T/$1.yml" <<-YML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage:
		  filesystem: {rootdirectory: $2}
		  delete: {enabled: true}
		  maintenance: {readonly: {enabled: $3}}
		http: {addr: "$REGISTRY", secret: test}
	YML
	start "$1" docker-registry serve "$T/$1.yml"
	wait_port "$port"
}

# start_meter [HOST:PORT] [NETSIM OPTION...]: a forwarder in front of the
# registry that counts; go through $METERED.  -d MS adds one-way latency, -b MBIT
# limits the bandwidth.
start_meter() {
	local target=${1:-$REGISTRY} port
	[ $# -eq 0 ] || shift
	port=$(free_port)
	METERED=127.0.0.1:$port
	start meter "$top_builddir/tests/bench/netsim" -l "$METERED" -t "$target" \
		-s "$T/meter.json" -L "$T/log/requests" "$@"
	wait_port "$port"
	meter_reset
}

meter_reset() {
	kill -USR2 "$(pid_of meter)"
	wait_for 5 meter_is_zero
}
meter_is_zero() { [ "$(meter connections)" = 0 ]; }

# meter FIELD: bytes_down, bytes_up, requests, connections since the reset.
meter() {
	rm -f "$T/meter.json"
	kill -USR1 "$(pid_of meter)"
	wait_for 5 test -s "$T/meter.json"
	jq ".$1" "$T/meter.json"
}
meter_bytes() { meter bytes_down; }
meter_requests() { meter requests; }

# Ranges of blobs that were asked for since the reset: several may come with one request.
blob_ranges() {
	meter_requests >/dev/null # writes the log out
	awk '/^# reset/ { n = 0; next } / \/v2\/.*\/blobs\// { n += 1 + gsub(",", ",") } END { print n + 0 }' \
		"$T/log/requests"
}

# What came so far, what of it is in the store, and what is still on the way.
came() {
	meter_bytes
	if [ -S "${RUN:-$T/run}/control.sock" ]; then
		layerfs --json stat |
			jq '.store.present_bytes, .fetching.chunks + .fetching.requests'
	else
		echo 0
	fi
}

# Until what was asked for has come and is there: nothing is on the way, and nothing
# more comes for 3 s.  A slow disk may hold up for longer what has come.
settle() {
	local i before now quiet=0
	now=$(came)
	for ((i = 0; i < 180 && quiet < 3; i++)); do
		before=$now
		sleep 1
		now=$(came)
		if [ "$now" = "$before" ] && [ "${now##*$'\n'}" = 0 ]; then
			quiet=$((quiet + 1))
		else
			quiet=0
		fi
	done
	[ $quiet = 3 ] || {
		echo "bytes down, bytes in the store, still on the way: $now"
		return 1
	}
}

# start_bad_registry [HOST:PORT]: a registry in front of $REGISTRY that misbehaves
# as rules() told it; go through $BAD.  Its requests are in $T/log/bad-requests.
start_bad_registry() {
	local port
	port=$(free_port)
	BAD=127.0.0.1:$port
	[ -f "$T/rules" ] || rules
	start bad-registry "$top_srcdir/tests/lib/badregistry.py" "$port" \
		"${1:-$REGISTRY}" "$T/rules" "$T/log/bad-requests"
	wait_port "$port"
}

# rules [LINE...]: from now on it does this (badregistry.py says what it can);
# without a line it behaves.
rules() { printf '%s\n' "$@" >"$T/rules.new" && mv "$T/rules.new" "$T/rules"; }

# --- layerfs -----------------------------------------------------------------

# The program of that name in the build folder.
program() {
	local p
	for p in "$top_builddir/$1" "$top_builddir"/src/*/"$1"; do
		[ ! -x "$p" ] || { echo "$p"; return; }
	done
	echo "no program $1 in $top_builddir" >&2
	return 1
}

# start_daemon [OPTION...]: a layerfsd of the test's own, which serves; speak to it
# with `layerfs`.  $ROOT and $RUN are its folders; its environment has the
# VARIABLE=VALUE of DAEMON_ENV, too.
start_daemon() {
	local daemon
	daemon=$(program layerfsd) || return
	ROOT=$T/root RUN=$T/run
	rm -f "$RUN/control.sock" # an earlier daemon's
	start layerfsd env "${DAEMON_ENV[@]}" "$daemon" --root "$ROOT" --run "$RUN" "$@"
	wait_daemon
}

# wait_daemon [COMMAND...]: its socket is there before its first worker serves, without
# which a daemon ends if the next one does not come up either.
wait_daemon() {
	wait_socket "$RUN/control.sock"
	answers "$@"
}

# answers [COMMAND...]: a worker does, to `layerfs` or another user's command.  (`layerfs
# version` is content without a daemon.)
answers() { [[ $("${@:-layerfs}" version) == *Protocol:* ]]; }

# make_preload NAME: of tests/lib/NAME.c what LD_PRELOAD takes, $PRELOAD/NAME.so, in a
# folder that the worker's user may read; drop_preload when the file's tests are over.
make_preload() {
	command -v cc >/dev/null || return 0
	export PRELOAD
	PRELOAD=$(mktemp -d)
	chmod 755 "$PRELOAD"
	cc -shared -fPIC -O1 -o "$PRELOAD/$1.so" "$top_srcdir/tests/lib/$1.c" -ldl
}
drop_preload() { [ -z "${PRELOAD-}" ] || rm -rf "$PRELOAD"; }

# limit_descriptors PID N: as the user whose process it is; root may lack
# CAP_SYS_RESOURCE.
limit_descriptors() {
	setpriv --reuid "$(awk '/^Uid:/ { print $2 }' "/proc/$1/status")" \
		--regid "$(awk '/^Gid:/ { print $2 }' "/proc/$1/status")" \
		--clear-groups prlimit --pid "$1" --nofile="$2:"
}

# The worker's, as soon as there is one; not a process that mounts something for it.
worker_pid() { wait_for 10 find_worker && find_worker; }
find_worker() { pgrep -P "$(pid_of layerfsd)" -f -- --worker-fd; }

# A command that hangs fails its test, not the whole run.
layerfs() {
	timeout -k 5 120 "$(program layerfs)" --run "${RUN:-$T/run}" "$@"
}

# not COMMAND...: it fails.  Bash takes no offence at `! COMMAND` that succeeds, and the
# test goes on.
not() {
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

# fails_with TEXT COMMAND...: it fails, by itself, and says TEXT.
fails_with() {
	local text=$1 status=0 output
	shift
	output=$("$@" 2>&1) || status=$?
	echo "$output"
	[ $status -gt 0 ] && [ $status -lt 124 ] && [[ $output == *"$text"* ]]
}
