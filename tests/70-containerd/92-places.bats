#!/usr/bin/env bats
# Where layerfsd may keep its folders, and what it says where it may not.

load ../lib/common
load ../lib/containerd
load ../lib/faults

setup() {
	setup_test
	requires root fuse containerd ctr
	requires_layerfs
}
teardown() { teardown_containerd; }

prepare() { ctd snapshot --snapshotter layerfs prepare "$@"; }

@test "a folder on overlayfs is refused, and why" {
	mkdir -p "$T/l" "$T/u" "$T/w" "$T/root"
	mount -t overlay -o "lowerdir=$T/l,upperdir=$T/u,workdir=$T/w" none "$T/root"
	start_daemon
	wait_for 10 grep "$T/root: containers cannot write there" "$T/log/layerfsd"
	start_containerd
	fails_with "overlayfs takes no upper folders" prepare c
	[ -z "$(ls "$ROOT/snapshots")" ]
}

@test "a folder on tmpfs will do" {
	mkdir "$T/root"
	mount -t tmpfs none "$T/root"
	start_daemon
	not grep "cannot write" "$T/log/layerfsd"
	start_containerd
	prepare a
	ctd snapshot --snapshotter layerfs commit base a
	prepare b base >"$T/mount.sh"
	[ "$(ls "$ROOT/snapshots" | wc -l)" = 2 ]
}

@test "the sockets' folder may have a long name" {
	requires protoc-c
	long=$T/$(printf 'x%.0s' {1..100})
	start layerfsd "$(program layerfsd)" --root "$T/root" --run "$long"
	wait_socket "$long/snapshotter.sock"
	layerfs --run "$long" version
	mkdir "$T/mnt"
	cd "$long" && "$top_srcdir/tests/lib/snapshotcases.py" snapshotter.sock "$T/mnt" \
		"" basic a-chain-of-128
}

# fill FOLDER: to the last byte and the last file.
fill() {
	cat /dev/zero >"$1/filling" 2>/dev/null || true
	local n=0
	while mkdir "$1/$n" 2>/dev/null; do n=$((n + 1)); done
}

@test "a full disk is told, and snapshots can be removed on it" {
	mkdir "$T/root" "$T/mnt"
	mount -t tmpfs -o size=64m,nr_inodes=200 none "$T/root"
	start_daemon
	start_containerd
	for n in {1..8}; do prepare "kept-$n"; done
	fill "$ROOT/snapshots/$(ls "$ROOT/snapshots" | head -n 1)/fs"
	fails_with "No space left" prepare more
	ctd snapshot --snapshotter layerfs info kept-1
	for n in {1..8}; do ctd snapshot --snapshotter layerfs rm "kept-$n"; done
	collect
	wait_for 20 eval '[ -z "$(ls "$ROOT/snapshots")" ]'
	prepare more
	ctd snapshot --snapshotter layerfs rm more
	kill_worker
	collect
	wait_for 20 eval '[ -z "$(own_snapshots)" ]'
}
