#!/usr/bin/env bats
# No registry answers: what reads of a mounted image do is what its mount
# declares, and who looks sees who waits for whom.  With no network at all, what
# is here mounts, with its age and what it lacks.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() { setup_faults; }

teardown() { teardown_faults; }

# away: nobody listens any more.  back: he does.
away() { stop fake || true; }
back() { start_fake; }

of_mount() { layerfs --json ls | jq -r ".mounts[] | select(.target == \"$1\") | $2"; }
waits() { [ "$(of_mount "$1" .waiting)" -gt 0 ]; }

# reader FILE: in the background, its bytes in $T/read, its status in $T/status.
reader() {
	(
		status=0
		cat "$1" >"$T/read" 2>"$T/read.err" || status=$?
		echo $status >"$T/status"
	) 3>&- &
}
has_ended() { [ -s "$T/status" ]; }

@test "a policy that is none is a wrong command line" {
	split_status=0
	layerfs mount --unreachable=wait "$FAKE/app:good" "$T/mnt" >"$T/out" 2>&1 ||
		split_status=$?
	[ "$split_status" = 2 ]
	grep -- '--unreachable: "wait" is neither fail, forever nor wait:TIME' "$T/out"
}

@test "fail: a read of what is not here is EIO at once, later right" {
	layerfs mount --unreachable=fail "$FAKE/app:good" "$T/mnt"
	[ "$(of_mount "$T/mnt" .unreachable)" = fail ]
	away
	reader "$T/mnt/etc/one"
	wait_for 10 has_ended
	[ "$(cat "$T/status")" = 1 ]
	grep 'Input/output error' "$T/read.err"
	back
	wait_for 10 is_good "$T/mnt"
}

@test "forever: a reader waits through a worker's death until the registry is back" {
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	reader "$T/mnt/etc/one"
	wait_for 10 waits "$T/mnt"
	sleep 3 # longer than the configuration's patience
	[ ! -s "$T/status" ]
	kill_worker
	[ "$(of_mount "$T/mnt" .unreachable)" = forever ]
	wait_for 10 waits "$T/mnt"
	[ ! -s "$T/status" ]
	back
	wait_for 30 has_ended
	[ "$(cat "$T/status")" = 0 ]
	is_good "$T/mnt"
}

# ---- the mount goes while somebody waits

# Neither the image nor a byte of it is kept for anybody.
nothing_is_kept() {
	nothing_mounted
	wait_for 60 is_let_go
	layerfs rm "$FAKE/app:good"
	wait_for 60 eval '[ -z "$(ls "$ROOT/layers")" ]'
}

# killed_reader: waits for a file, and is killed.
killed_reader() {
	cat "$T/mnt/etc/one" >/dev/null 3>&- &
	wait_for 10 waits "$T/mnt"
	kill -KILL $!
	wait $! || true
}

@test "forever: a read that nobody waits for any more ends with its mount" {
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	killed_reader
	layerfs unmount "$T/mnt"
	nothing_is_kept
}

@test "forever: the same by FUSE" {
	stop layerfsd
	start_impatient_daemon '[mount]' 'kernel = "off"'
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	killed_reader
	layerfs unmount "$T/mnt"
	nothing_is_kept
}

# limited_reader KERNEL: who reads on after the mount went.
limited_reader() {
	stop layerfsd
	start_impatient_daemon '[mount]' "kernel = \"$1\""
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	reader "$T/mnt/etc/one"
	wait_for 10 waits "$T/mnt"
	layerfs unmount --lazy "$T/mnt"
	wait_for 30 has_ended
	[ "$(cat "$T/status")" = 1 ]
	grep 'Input/output error' "$T/read.err"
	nothing_is_kept
}

@test "forever: who reads on after the mount went waits no longer than others" {
	limited_reader auto
}
@test "forever: who reads on after the mount went does so by FUSE, too" {
	limited_reader off
}

@test "forever: a copy in another mount namespace keeps nothing for ever" {
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	unshare -m --propagation private cat "$T/mnt/etc/one" >/dev/null 2>"$T/read.err" 3>&- &
	wait_for 10 waits "$T/mnt"
	layerfs unmount "$T/mnt"
	wait $! || true
	grep 'Input/output error' "$T/read.err"
	nothing_is_kept
}

@test "wait: each mount of an image has its own patience" {
	layerfs mount --unreachable=wait:1h "$FAKE/app:good" "$T/mnt"
	layerfs mount "$FAKE/app:good" "$T/good"
	[ "$(of_mount "$T/mnt" .unreachable)" = wait:1h ]
	[ "$(of_mount "$T/good" .unreachable)" = wait:1500ms ]
	away
	reader "$T/mnt/etc/one"
	wait_for 10 waits "$T/mnt"
	run cat "$T/good/etc/one"
	[[ $output == *"Input/output error"* ]]
	[ ! -s "$T/status" ]
	back
	wait_for 30 has_ended
	[ "$(cat "$T/status")" = 0 ]
	layerfs unmount "$T/mnt" "$T/good"
	nothing_mounted
}

@test "a writable mount has its patience, too" {
	layerfs mount --rw --unreachable=fail "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
	echo new >"$T/mnt/new"
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "who waits, for whom, since when and why is told" {
	layerfs mount --unreachable=forever "$FAKE/app:good" "$T/mnt"
	away
	reader "$T/mnt/etc/one"
	says_why() { [ "$(of_mount "$T/mnt" '.waiting > 0 and .why != null')" = true ]; }
	wait_for 10 says_why
	[ "$(of_mount "$T/mnt" .host)" = "$FAKE" ]
	[ "$(of_mount "$T/mnt" '.waiting_since <= now')" = true ]
	[[ $(of_mount "$T/mnt" .why) == *refused* ]]
	layerfs ls | grep -E "^$T/mnt: [0-9]+ reads? waits? for $FAKE since [0-9]+ s \(forever\): .*refused"
	curl -sf --unix-socket "$RUN/metrics.sock" http://localhost/metrics \
		>"$T/metrics"
	grep -E '^layerfs_mount_oldest_wait_seconds\{.*\} [0-9.]*[1-9]' "$T/metrics"
	back
	wait_for 30 has_ended
	[ "$(cat "$T/status")" = 0 ]
}

# ---- no network

# restarted: the daemon, without a registry.
restarted() {
	stop layerfsd || true
	away
	start_impatient_daemon
}

@test "what is all here mounts with no network, and is what it was then" {
	layerfs pull "$FAKE/app:good"
	restarted
	layerfs mount "$FAKE/app:good" "$T/mnt" 2>"$T/err"
	is_good "$T/mnt"
	grep -E "$FAKE/app:good is what it meant (just now|[0-9]+ [a-z]+ ago): .*refused" "$T/err"
	[ "$(grep -c 'not here' "$T/err")" = 0 ]
	[ "$(of_mount "$T/mnt" .stale)" = true ]
	layerfs ls | grep -E "^$T/mnt: as known (just now|[0-9]+ [a-z]+ ago); no registry answered"
	layerfs explain "$FAKE/app:good" | grep -E '^As of: +(just now|[0-9]+ [a-z]+ ago)'
}

@test "what is partly here mounts with no network, and says what is missing" {
	layerfs pull --lazy "$FAKE/app:good"
	restarted
	layerfs --json mount "$FAKE/app:good" "$T/mnt" >"$T/out" 2>"$T/err"
	grep -E "[0-9.]+ [KM]?i?B of $FAKE/app:good are not here, in [0-9]+ of [0-9]+ layers" "$T/err"
	[ "$(jq '.stale and .missing_bytes > 0 and .missing_bytes ==
		([.missing_layers[].missing_bytes] | add)' "$T/out")" = true ]
	ls -lR "$T/mnt" >/dev/null
	layerfs --json explain "$FAKE/app:good" >"$T/explained"
	[ "$(jq '[.layer_list[].missing_bytes] | add' "$T/explained")" = \
		"$(jq .missing_bytes "$T/out")" ]
	layerfs explain "$FAKE/app:good" | grep MISSING
}

@test "with a network nothing is said of age, and a digest has none" {
	layerfs mount "$FAKE/app:good" "$T/mnt" 2>"$T/err"
	[ ! -s "$T/err" ]
	[ "$(of_mount "$T/mnt" .stale)" = null ]
	[ "$(of_mount "$T/mnt" '.resolved <= now')" = true ]
	image=$(of_mount "$T/mnt" .image)
	layerfs mount "$FAKE/app@$image" "$T/good"
	[ "$(of_mount "$T/good" .resolved)" = null ]
	layerfs unmount "$T/good"
	away
	layerfs mount "$FAKE/app@$image" "$T/good" 2>"$T/err"
	[ ! -s "$T/err" ]
}

@test "a registry that swallows the question does not hold up what is known" {
	layerfs pull "$FAKE/app:good"
	faults '{"path":"manifests","do":"late","by":60,"times":99}'
	SECONDS=0
	layerfs mount "$FAKE/app:good" "$T/mnt" 2>"$T/err"
	[ "$SECONDS" -lt 60 ]
	grep "is what it meant" "$T/err"
	is_good "$T/mnt"
}

@test "a name that cannot be resolved is said, and is tried again" {
	refused "nowhere.invalid/app:good" "nowhere.invalid"
	layerfs mount "$FAKE/app:good" "$T/mnt"
}
