#!/usr/bin/env bats
# A start is recorded; what is known of it makes the next one a stream of few
# requests, on this node or another.  Requests are counted at the registry.

load ../lib/common

import_numpy() {
	chroot "$1" python3 -c 'import numpy; print(numpy.arange(5).sum())'
}

# run_once DIR: mounts, imports numpy, unmounts.  A run ends when nobody has its mount.
run_once() {
	layerfs mount "$IMAGE" "$1" &&
		[ "$(import_numpy "$1")" = 10 ] &&
		layerfs unmount "$1" &&
		wait_for 20 is_let_go
}

has_profile() { layerfs profile show "$IMAGE"; }

# A node that has never seen anything.
fresh_node() {
	stop layerfsd || true
	unmount_under "$T/run"
	rm -rf "$T/root" "$T/run"
	start_daemon --config "$T/layerfs.toml"
}

setup() {
	setup_test
	requires root fuse docker-registry jq ref:python-zc:zstdchunked
	start_registry
	start_meter
	# A run ends with its mount, however long this machine takes for it; or later, where
	# it is kept for longer.
	printf '[profile]\nrecord_ms = 3600000\nquiet_ms = 20000\n' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	mkdir "$T/mnt"
	IMAGE=$METERED/python-zc:zstdchunked
}

@test "a run is recorded when it ends, and shown" {
	fails_with "no profile" layerfs profile show "$IMAGE"
	run_once "$T/mnt"
	wait_for 10 has_profile
	layerfs profile show "$IMAGE" >"$T/shown"
	grep -q 'usr/bin/python3' "$T/shown"
	layerfs profile show --json "$IMAGE" >"$T/json"
	jq -e '.profile.runs == 1 and .profile.files > 50 and
		(.entries | length) >= .profile.files and
		(.entries | map(.runs == 1 and .missed == 0) | all)' "$T/json"
	# numpy is read after the interpreter.
	jq -e '[.entries[] as $e | .files[$e.file].path] |
		(map(contains("numpy")) | index(true)) >
		(map(startswith("usr/bin/python3")) | index(true))' "$T/json"
	layerfs stat "$IMAGE" | grep -q '^Profile: .* files, .*, 1 runs$'
	layerfs inspect --json "$IMAGE" | jq -e '.profile.runs == 1'
	[ "$(stat -c %s "$T"/root/profiles/*)" -lt 65536 ]
}

@test "a profile from another node makes few requests, and reads none" {
	run_once "$T/mnt"
	wait_for 10 has_profile
	settle
	unknown=$(blob_ranges)
	unknown_bytes=$(meter_bytes)
	layerfs profile export "$IMAGE" "$T/profile"

	fresh_node
	layerfs profile import "$IMAGE" - <"$T/profile"
	meter_reset
	layerfs mount "$IMAGE" "$T/mnt"
	settle # what it names has arrived
	known=$(blob_ranges)
	known_bytes=$(meter_bytes)
	echo "ranges $known instead of $unknown, bytes $known_bytes of $unknown_bytes"
	[ $((known * 2)) -lt "$unknown" ]
	[ "$known_bytes" -lt "$unknown_bytes" ]

	meter_reset
	[ "$(import_numpy "$T/mnt")" = 10 ]
	[ "$(blob_ranges)" = 0 ]
	misses=$(layerfs stat --json | jq .counters.read_misses)
	echo "reads that waited: $misses"
	[ "$misses" = 0 ]
}

@test "what a second run reads counts, whatever was prefetched" {
	run_once "$T/mnt"
	wait_for 10 has_profile
	layerfs mount "$IMAGE" "$T/mnt"
	chroot "$T/mnt" true
	layerfs unmount "$T/mnt"
	second_is_in() { layerfs profile show --json "$IMAGE" | jq -e '.profile.runs == 2'; }
	wait_for 10 second_is_in
	layerfs profile show --json "$IMAGE" >"$T/json"
	of() { jq -c "[.entries[] as \$e | select(.files[\$e.file].path | test(\"$1\")) | [\$e.runs, \$e.missed]] | unique" "$T/json"; }
	[ "$(of 'bin/true$')" = '[[1,0]]' ]
	[ "$(of '/libc.so.6$' | jq 'any(. == [2,0])')" = true ]
	[ "$(of 'numpy/__pycache__/__init__')" = '[[1,1]]' ]
}

@test "a profile of another image is refused, and so is nonsense" {
	requires ref:odd-zc:zstdchunked
	run_once "$T/mnt"
	wait_for 10 has_profile
	layerfs profile export "$IMAGE" "$T/profile"
	fails_with "is of image" layerfs profile import \
		"$METERED/odd-zc:zstdchunked" "$T/profile"
	echo nonsense >"$T/nonsense"
	fails_with "$T/nonsense: too short" layerfs profile import "$IMAGE" "$T/nonsense"
	printf x | dd of="$T/profile" bs=1 seek=500 conv=notrunc status=none
	fails_with "damaged" layerfs profile import "$IMAGE" "$T/profile"
	has_profile
}

@test "a damaged file is dropped, and the next run makes another" {
	run_once "$T/mnt"
	wait_for 10 has_profile
	printf x | dd of="$(echo "$T"/root/profiles/*)" bs=1 seek=500 conv=notrunc status=none
	run_once "$T/mnt"
	again() { layerfs profile show --json "$IMAGE" | jq -e '.profile.runs == 1'; }
	wait_for 10 again
	grep -q 'damaged profile; removed' "$T/log/layerfsd"
}

@test "a start counts though an earlier mount lives on in somebody's namespace" {
	stop layerfsd
	sed -i 's/^quiet_ms = .*/quiet_ms = 2000/' "$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	layerfs mount "$IMAGE" "$T/mnt"
	cat "$T/mnt/etc/os-release" >/dev/null
	wait_for 20 has_profile
	start keeper unshare -m --propagation private sh -c "touch '$T/kept'; exec sleep 1000"
	wait_for 20 test -e "$T/kept"
	layerfs unmount "$T/mnt"
	sleep 1 # who let go of it would have
	not is_let_go
	layerfs mount "$IMAGE" "$T/mnt"
	chroot "$T/mnt" true
	is_in() { layerfs profile show "$IMAGE" | grep 'bin/true'; }
	wait_for 20 is_in
	layerfs unmount "$T/mnt"
	stop keeper || true
	wait_for 20 is_let_go
}

@test "record forgets, and records what is mounted from then on" {
	run_once "$T/mnt"
	wait_for 10 has_profile
	layerfs mount "$IMAGE" "$T/mnt"
	layerfs profile record "$IMAGE"
	fails_with "no profile" layerfs profile show "$IMAGE"
	cat "$T/mnt/etc/os-release" >/dev/null
	layerfs unmount "$T/mnt"
	wait_for 10 has_profile
	layerfs profile show --json "$IMAGE" |
		jq -e '[.files[].path] | all(. == "usr/lib/os-release" or . == "etc/os-release")'
}

@test "rm forgets; the profile outlives its image" {
	run_once "$T/mnt"
	wait_for 10 has_profile
	layerfs rm "$IMAGE"
	has_profile
	[ "$(layerfs profile rm "$IMAGE")" = removed ]
	fails_with "no profile" layerfs profile show "$IMAGE"
	[ "$(layerfs profile rm "$IMAGE")" = "there was none" ]
}

@test "a worker that dies while it records loses that run and nothing else" {
	layerfs mount "$IMAGE" "$T/mnt"
	chroot "$T/mnt" true
	kill -KILL "$(worker_pid)"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	layerfs unmount "$T/mnt"
	wait_for 20 is_let_go
	fails_with "no profile" layerfs profile show "$IMAGE"
	run_once "$T/mnt"
	wait_for 10 has_profile
}

@test "a daemon that is stopped while it records keeps what there is" {
	layerfs mount "$IMAGE" "$T/mnt"
	chroot "$T/mnt" true
	stop layerfsd || true
	unmount_under "$T"
	start_daemon --config "$T/layerfs.toml"
	has_profile
	layerfs profile show "$IMAGE" | grep -q 'bin/true'
}

@test "wrong words are told" {
	fails_with "is not show" layerfs profile paint "$IMAGE"
	fails_with "takes REF and FILE" layerfs profile export "$IMAGE"
	fails_with "takes REF" layerfs profile show "$IMAGE" "$T/file"
}
