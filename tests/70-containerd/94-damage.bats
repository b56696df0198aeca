#!/usr/bin/env bats
# Images that are odd, and images that were damaged on disk: containers see the
# right bytes or a clear error, and what is missing is fetched again.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/faults

setup_file() {
	own_images box
	local T=$BATS_FILE_TMPDIR STARTED=()
	[ -d "$T/storage" ] || return 0
	start_registry "$T/storage"
	images mix box:twice box-zc:1/0 box-zc:1/1 box-zc:1/0 box-zc:1/1
	stop registry || true
}

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry skopeo jq
	start_own_registry
	start_snapshotter
	start_containerd
}
teardown() { teardown_containerd; }

read_all='cat /data/changed && cat /data/noise* /more/noise* | sha256sum'

run_and_read() { run_container "$1" "$2" /bin/sh -c "$read_all"; }

@test "an image may have a layer twice" {
	lazy_pull "$REGISTRY/box-zc:1"
	lazy_pull "$REGISTRY/box:twice"
	[ "$(snapshot_count)" = 4 ]
	run_and_read "$REGISTRY/box-zc:1" one >"$T/one"
	run_and_read "$REGISTRY/box:twice" two >"$T/two"
	diff "$T/one" "$T/two"
	ctd image rm --sync "$REGISTRY/box-zc:1"
	run_and_read "$REGISTRY/box:twice" again >"$T/again"
	diff "$T/one" "$T/again"
	ctd image rm --sync "$REGISTRY/box:twice"
	[ "$SNAPSHOTTER" != layerfs ] ||
		wait_for 120 eval '[ "$(layerfs --json images | jq ".images | length")" = 0 ]'
}

# layerfsd, that is down meanwhile, finds the files of that name damaged.
damage() {
	stop layerfsd
	for f in "$ROOT"/layers/*/"$1"; do
		printf 'damaged' | dd of="$f" conv=notrunc bs=1024 "seek=$2" status=none
	done
	start_again
}

start_again() {
	start_daemon
	wait_for 20 ctd snapshot --snapshotter "$SNAPSHOTTER" ls
}

damaged_layers_are_made_again() {
	requires_layerfs
	lazy_pull "$REGISTRY/box-zc:1"
	run_and_read "$REGISTRY/box-zc:1" before >"$T/before"
	damage "$@"
	grep 'to be made again' "$T/log/layerfsd"
	stop own-registry || true
	fails_with 127.0.0.1 run_and_read "$REGISTRY/box-zc:1" away
	restart_registry
	wait_for 20 run_container "$REGISTRY/box-zc:1" back true
	run_and_read "$REGISTRY/box-zc:1" after >"$T/after"
	diff "$T/before" "$T/after"
}

# On the port that it had.
restart_registry() {
	start own-registry docker-registry serve "$T/own-registry.yml"
	wait_port "${REGISTRY##*:}"
}

@test "layers whose trees were damaged are made again" {
	damaged_layers_are_made_again index 1
}

@test "layers whose maps were damaged are made again" {
	damaged_layers_are_made_again map 0
}

# Its lower folders are one a layer, as the image was not whole when it started.
@test "a container on layers that were made again outlives the worker" {
	requires_layerfs
	lazy_pull "$REGISTRY/box-zc:1"
	damage index 1
	RUN_OPTIONS="--log-uri file://$T/long" \
		start_container "$REGISTRY/box-zc:1" long /bin/sh -c "
		while sleep 0.1; do
			$read_all || echo bad
		done"
	run_and_read "$REGISTRY/box-zc:1" merged
	for _ in {1..5}; do
		kill_worker
		drop_caches
		sleep 0.5
	done
	run_and_read "$REGISTRY/box-zc:1" merged >"$T/merged"
	[ "$(sort -u "$T/long" | wc -l)" = 2 ]
	[ "$(sort -u "$T/long" "$T/merged" | wc -l)" = 2 ]
	end_container long
}

@test "documents that are gone from the disk are no harm" {
	requires_layerfs
	lazy_pull "$REGISTRY/box-zc:1"
	run_and_read "$REGISTRY/box-zc:1" before >"$T/before"
	stop layerfsd
	rm "$ROOT"/manifests/*
	start_again
	run_and_read "$REGISTRY/box-zc:1" after >"$T/after"
	diff "$T/before" "$T/after"
	lazy_pull "$REGISTRY/box-zc:1"
}

# Its files are what people would miss.
@test "a state.db that is lost takes no container's files along" {
	requires_layerfs
	lazy_pull "$REGISTRY/box-zc:1"
	start_container "$REGISTRY/box-zc:1" long /bin/sh -c '
		echo mine >/mine; sleep 1000'
	wait_for 10 eval 'grep -q mine "$ROOT"/snapshots/*/fs/mine'
	number=$(ls "$ROOT/snapshots")
	printf 'damaged' | dd of="$ROOT/state.db" conv=notrunc status=none
	rm "$ROOT"/state.db-*
	kill_worker
	grep 'state.db is damaged' "$T/log/layerfsd"
	mkdir "$T/mnt"
	"$top_srcdir/tests/lib/snapshotcases.py" "$RUN/snapshotter.sock" "$T/mnt" \
		"" a-chain-of-128
	grep mine "$ROOT/snapshots/$number/fs/mine"
	end_container long || true
}
