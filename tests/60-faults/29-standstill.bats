#!/usr/bin/env bats
# The machine stands still while somebody waits (a VM that is moved, a frozen control
# group), for longer than every patience: a registry that could not be heard is none that
# does not answer.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good
	add_index
}

# add_index: the tag "many", an index that leads to what "good" is.
add_index() {
	local text digest file=$IMAGES/index.json
	text=$(jq -c '{schemaVersion, mediaType: "application/vnd.oci.image.index.v1+json",
		manifests: [.manifests[0] | {mediaType, digest, size,
			platform: {os: "linux", architecture: "amd64"}}]}' "$file")
	digest=$(printf %s "$text" | sha256sum | cut -d' ' -f1)
	printf %s "$text" >"$IMAGES/blobs/sha256/$digest"
	jq --arg d "sha256:$digest" '.manifests += [{digest: $d,
		annotations: {"org.opencontainers.image.ref.name": "many"}}]' "$file" >"$file.new"
	mv "$file.new" "$file"
}

setup() { setup_faults_without_daemon; }

start_patient_daemon() {
	CONNECT_MS=15000 STALL_MS=15000 PATIENCE_MS=15000 HOSTS_DIRS="'$T/certs.d'" \
		start_impatient_daemon
}

teardown() {
	stop stumbler || true
	go_on fake layerfsd
	kill -CONT "$(find_worker)" || true
	teardown_faults
}

go_on() {
	local name
	for name; do kill -CONT "$(pid_of "$name")" || true; done
}

# stands_still COMMAND...: the daemon; the command happens meanwhile.
stands_still() {
	local worker
	worker=$(worker_pid)
	hold_still "$(pid_of layerfsd)" "$worker"
	"$@"
	sleep 18
	kill -CONT "$(pid_of layerfsd)" "$worker"
}

# reader FILE: in the background; `reads` waits for all of them.
reader() {
	sha256sum "$T/mnt/$1" >"$T/sum.${1//\//.}" 3>&- &
	READERS+=("$!")
}
reads() {
	local pid
	for pid in "${READERS[@]}"; do wait "$pid"; done
	is_good "$T/mnt"
}
# waiting N: so many reads do.
waiting() {
	[ "$(layerfs --json ls | jq "[.mounts[].waiting] | add >= $1")" = true ]
}

errors() {
	layerfs --json stat | jq -c \
		'.counters | [.read_errors, .fetch_failed, .http_errors, .http_retries]'
}
# errors_are WHAT: what errors() said before.
errors_are() {
	local now
	now=$(errors)
	echo "errors: $1, then $now"
	[ "$now" = "$1" ]
}

@test "what the registry answered meanwhile is read" {
	start_patient_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	hold_still "$(pid_of fake)"
	reader etc/one
	wait_for 60 waiting 1
	stands_still go_on fake
	reads
	errors_are "[0,0,0,0]"
}

# answers_later POLICY
answers_later() {
	start_patient_daemon
	layerfs mount --unreachable="$1" "$FAKE/app:good" "$T/mnt"
	hold_still "$(pid_of fake)"
	reader etc/one
	wait_for 60 waiting 1
	stands_still true
	sleep 1
	go_on fake
	reads
	errors_are "[0,0,0,0]"
}

@test "what the registry answers after it is read" { answers_later wait:15s; }
@test "a request is no stall for it" { answers_later forever; }

become_good() {
	stop hole KILL || true
	start_fake
}

@test "a connection that was made meanwhile is no timeout" {
	start_patient_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	stop fake || true
	start_hole "${FAKE##*:}"
	reader etc/one
	wait_for 60 waiting 1
	sleep 0.5
	before=$(errors)
	stands_still become_good
	reads
	errors_are "$before"
}

start_mirror() {
	start mirror "$top_srcdir/tests/lib/fakeregistry.py" "$1" "$IMAGES" \
		"$T/log/mirror-requests"
	wait_port "$1"
}
begin_again() {
	stop mirror KILL || true
	start_mirror "$1"
}

# The server, which would be asked instead, answers nobody.
@test "a host whose connections broke meanwhile is asked again" {
	port=$(free_port)
	start_mirror "$port"
	mkdir -p "$T/certs.d/example.com"
	printf 'server = "http://%s"\n[host."http://127.0.0.1:%s"]\n' "$FAKE" "$port" \
		>"$T/certs.d/example.com/hosts.toml"
	let_others_in "$T/certs.d/example.com/hosts.toml"
	start_patient_daemon
	layerfs mount example.com/app:good "$T/mnt"
	hold_still "$(pid_of fake)" "$(pid_of mirror)"
	reader etc/one
	reader old/four
	wait_for 60 waiting 2
	before=$(errors)
	stands_still begin_again "$port"
	reads
	errors_are "$before"
}

# Its index is on the way when the machine stops, and the manifest is asked for after.
@test "a tag is not taken for what it was" {
	start_patient_daemon
	layerfs mount "$FAKE/app:many" "$T/mnt"
	layerfs unmount "$T/mnt"
	hold_still "$(pid_of fake)"
	layerfs --json mount "$FAKE/app:many" "$T/mnt" >"$T/mounted" 3>&- &
	READERS+=("$!")
	sleep 1
	stands_still go_on fake
	reads
	[ "$(jq .stale "$T/mounted")" != true ]
}

# What a machine does that is merely busy, or is paused again and again.
@test "standing still most of the time has an end, too" {
	local status=0
	start_impatient_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	hold_still "$(pid_of fake)"
	start stumbler bash -c 'while kill -STOP "$1"; do
		sleep 0.9
		kill -CONT "$1"
		sleep 0.1
	done' - "$(worker_pid)"
	SECONDS=0
	timeout 300 cat "$T/mnt/etc/one" >/dev/null 2>"$T/err" || status=$?
	echo "after $SECONDS s: status $status, $(cat "$T/err")"
	[ "$status" = 1 ]
	grep 'Input/output error' "$T/err"
}
