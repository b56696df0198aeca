#!/usr/bin/env bats
# The snapshots API, call by call (tests/lib/snapshotcases.py): layerfs answers and
# shows what containerd's own overlayfs does.

load ../lib/common
load ../lib/containerd

setup() {
	setup_test
	requires root fuse containerd ctr protoc-c
	mkdir "$T/mnt"
}
teardown() { teardown_containerd; }

api() {
	"$top_srcdir/tests/lib/snapshotcases.py" "$1" "$T/mnt" "${@:2}"
}

# Without a lease containerd collects what no image refers to.
api_of_containerd() {
	start_containerd
	LEASE=$(ctd -n test leases create) CTR="${INSIDE[*]} ctr -a $CONTAINERD -n test" \
		api "$CONTAINERD" "$1"
}

@test "what the cases ask holds for containerd's overlayfs" {
	api_of_containerd overlayfs
}

@test "it holds for layerfs' own socket" {
	requires_layerfs
	start_daemon
	api "$RUN/snapshotter.sock"
}

@test "it holds for layerfs through containerd" {
	requires_layerfs
	start_daemon
	api_of_containerd layerfs
}
