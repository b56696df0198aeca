#!/usr/bin/env bats
# Many clients at once: every call ends as it may, nothing is confused and nothing
# left (tests/lib/stress.py).  SECONDS_EACH and CLIENTS make it longer.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/faults

setup_file() { own_images box; }

setup() {
	setup_test
	requires root fuse protoc-c docker-registry skopeo
	requires_layerfs
	start_own_registry
	mkdir "$T/mnt"
	start_daemon
}
teardown() { teardown_containerd; }

stress() {
	timeout -k 5 600 "$top_srcdir/tests/lib/stress.py" "$RUN/snapshotter.sock" \
		"$T/mnt" "${SECONDS_EACH:-20}" "${CLIENTS:-32}" "$REGISTRY/box-zc:1"
}

# Nobody has anything any more: no folder, no mount but the daemon's own, no
# image.
nothing_left() {
	[ -z "$(own_snapshots)" ] &&
		[ -z "$(ls "$ROOT/snapshots")" ] &&
		nothing_shown &&
		[ "$(layerfs --json images | jq '.images | length')" = 0 ]
}

@test "clients that get in each other's way" {
	stress >&3
	wait_for 60 nothing_left
}

# One that has served; those that die within a second of their start are started later
# and later, and nobody would be served in the end.
kill_each_second() {
	while sleep 1.1; do kill_worker || true; done
}

@test "and the worker is killed every second" {
	kill_each_second 3>&- &
	killer=$!
	stress >&3 || failed=1
	kill $killer
	wait_for 60 nothing_left
	[ -z "${failed-}" ]
}
