#!/usr/bin/env bats
# A profile that a container's start made, and one on a node that never saw it.

load ../lib/common
load ../lib/containerd

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry jq ref:python-zc:zstdchunked
	requires_layerfs
	start_registry
	start_meter
	IMAGE=$METERED/python-zc:zstdchunked
}
teardown() { teardown_containerd; }

start_node() {
	start_snapshotter
	start_containerd
}

# One that has never seen anything.
fresh_node() {
	stop containerd || true
	stop layerfsd || true
	unmount_under "$T/run"
	unmount_under "$T/ctd"
	rm -rf "$T/root" "$T/run" "$T/ctd"
	start_node
}

runs() {
	lazy_pull "$IMAGE"
	run_container "$IMAGE" python >"$T/log/python" 2>&1
	grep READY "$T/log/python"
}

counter() { layerfs stat --json | jq ".counters.$1"; }

@test "what a container's start read makes the next node's start few ranges" {
	start_node
	runs
	unknown=$(blob_ranges)
	waited=$(counter read_misses)
	has_profile() { layerfs profile export "$IMAGE" "$T/profile"; }
	wait_for 10 has_profile
	layerfs profile show "$IMAGE" | grep -q usr/bin/python3

	fresh_node
	layerfs profile import "$IMAGE" "$T/profile"
	meter_reset
	runs
	known=$(blob_ranges)
	echo "ranges $known instead of $unknown, waits $(counter read_misses) instead of $waited"
	[ $((known * 10)) -lt $((unknown * 8)) ]
	[ $(($(counter read_misses) * 2)) -lt "$waited" ]
}
