# A daemon before hostile images (hostile.py) and a registry that misbehaves
# (fakeregistry.py).  load it after common; call hostile_images from setup_file.
# shellcheck shell=bash disable=SC2034,SC2154

# hostile_images [NAME...]: the layout in $IMAGES, once a file; none: all.
hostile_images() {
	export IMAGES=$BATS_FILE_TMPDIR/images
	command -v python3 >/dev/null || return 0
	"$top_srcdir/tests/lib/hostile.py" "$IMAGES" "$@"
}

# start_fake [OPTION...]: serves $IMAGES; its host and port in $FAKE.
# shellcheck disable=SC2120 # the tests give arguments
start_fake() {
	local port=${FAKE##*:}
	[ -n "$port" ] || port=$(free_port)
	FAKE=127.0.0.1:$port
	start fake "$top_srcdir/tests/lib/fakeregistry.py" "$@" "$port" \
		"$IMAGES" "$T/log/requests"
	wait_port "$port"
}

# faults FAULT...: JSON objects, see fakeregistry.py; none: it behaves.
faults() {
	local IFS=,
	curl -sf -X PUT --data "[$*]" "http://$FAKE/_faults"
}

# start_impatient_daemon [LINE...]: gives up after little more than a second;
# LINES go to its configuration.
# shellcheck disable=SC2120 # the tests give arguments
start_impatient_daemon() {
	printf '%s\n' "$@" '[registry]' \
		"connect_timeout_ms = ${CONNECT_MS:-1000}" \
		"stall_timeout_ms = ${STALL_MS:-1000}" "hosts_dirs = [${HOSTS_DIRS-}]" \
		'[read]' "patience_ms = ${PATIENCE_MS:-1500}" \
		>"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
}

setup_faults_without_daemon() {
	setup_test
	requires root fuse python3 curl jq
	mkdir "$T/mnt" "$T/good"
	FAKE=
	start_fake
}

# For a daemon that is to load $PRELOAD/NAME.so (make_preload).
setup_preload() {
	setup_faults_without_daemon
	requires cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
}

setup_faults() {
	setup_faults_without_daemon
	start_impatient_daemon
}

teardown_faults() {
	local reports
	teardown_test
	reports=$(sanitizer_reports)
	echo "$reports"
	[ -z "$reports" ]
}

# What the sanitizers, where the daemon was built with them, have to say.
sanitizer_reports() {
	grep -hE -A 12 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed' \
		"$T"/log/layerfsd* || true
}

# A new worker answers.
kill_worker() {
	OLD=$(worker_pid)
	kill -KILL "$OLD"
	wait_for 20 is_new_worker
}
is_new_worker() {
	local pid
	pid=$(find_worker) && [ "$pid" != "$OLD" ] && answers
}

# start_deaf [OPTION...]: deaf.py on $T/deaf; teardown stops it with KILL before all else:
# its end is the end of all that wait for it.
start_deaf() {
	mkdir "$T/deaf"
	start deaf "$top_srcdir/tests/lib/deaf.py" "$T/deaf" "$@"
	wait_for 20 grep -qx mounted "$T/log/deaf"
}
become_deaf() {
	kill -USR1 "$(pid_of deaf)"
	wait_for 20 grep -qx deaf "$T/log/deaf"
}
hear_again() {
	kill -USR2 "$(pid_of deaf)"
	wait_for 20 grep -qx hears "$T/log/deaf"
}

# eio FILE: a read fails so, within its patience.
eio() {
	local status=0 output
	output=$(timeout 60 cat "$1" 2>&1 >/dev/null) || status=$?
	echo "$output"
	[ $status = 1 ] && [[ $output == *"Input/output error"* ]]
}

drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }

# The most memory a worker has had, in MiB.
worker_peak_mib() {
	awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$(worker_pid)/status"
}

is_instrumented() {
	nm -D "$(program layerfsd)" 2>/dev/null | grep -qE '__(a|t)san_init'
}

mount_count() { layerfs --json ls | jq '.mounts | length'; }

# Everything is as if the command had never been.
nothing_mounted() {
	! is_mounted "$T/mnt" && [ "$(mount_count)" = 0 ] &&
		nothing_shown
}

# bytes_arrive_though COMMAND...: it happens while reads of "good" at $T/mnt are
# under way; all of them end, and rightly.
bytes_arrive_though() {
	local tar
	faults '{"path":"app/blobs","ranged":true,"do":"stall","after":1000,"times":3}'
	tar -C "$T/mnt" -cf "$T/all.tar" . 3>&- &
	tar=$!
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	"$@"
	wait $tar
	mkdir "$T/out"
	tar -C "$T/out" -xf "$T/all.tar"
	is_good "$T/out"
}

# refused REFERENCE TEXT...: its mount fails by itself with status 1, says each
# TEXT on one line, and leaves nothing.
refused() {
	local reference=$1 text status=0 output
	shift
	output=$(layerfs mount "$reference" "$T/mnt" 2>&1) || status=$?
	echo "$output"
	[ $status = 1 ] || { echo "status $status"; return 1; }
	for text in "$reference" "$@"; do
		[[ $(grep "$reference" <<<"$output") == *"$text"* ]] ||
			{ echo "nothing of: $text"; return 1; }
	done
	nothing_mounted
}

# set_up_user FOLDER...: $U, with the programs and these folders of another user's, to
# whom the test's own is closed.  as_user COMMAND..., user_layerfs and user_daemon are
# that user's.
set_up_user() {
	U=$(mktemp -d)
	chmod 755 "$U"
	cp "$(program layerfsd)" "$(program layerfs)" "$IMAGES/sums" "$U"
	install -d -o nobody "${@/#/$U/}" "$U/home"
	RUN=$U/home/run
}
as_user() { HOME=$U/home setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
user_layerfs() { as_user timeout 60 "$U/layerfs" --run "$RUN" "$@"; }
user_daemon() {
	rm -f "$RUN/control.sock" # an earlier daemon's
	start layerfsd setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME="$U/home" "$U/layerfsd" --root "$U/home/root" --run "$RUN"
	wait_daemon user_layerfs
}

is_good() { (cd "$1" && sha256sum --quiet -c "$IMAGES/sums"); }

# Another image of the same daemon, fetched before.
keep_good() { layerfs pull "$FAKE/kept:good" >/dev/null; }
still_good() {
	layerfs mount "$FAKE/kept:good" "$T/good" && is_good "$T/good" &&
		layerfs unmount "$T/good"
}
