#!/usr/bin/env bats
# Images that lie and a registry that misbehaves, asked for by a runtime: the
# worker lives, and what is good still comes.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/faults

setup_file() { hostile_images; }

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote python3 curl jq
	requires_layerfs
	FAKE=
	start_fake
	# Longer than a busy machine is slow.
	STALL_MS=60000 PATIENCE_MS=60000 start_impatient_daemon '[snapshotter]' 'prepare_timeout_ms = 60000'
	start_containerd
}
teardown() { teardown_containerd; }

# The good image's files, as a container would see them.  Also where it is waited for, and
# so bash takes no offence at a line that fails.
good_is_good() {
	lazy_pull "$FAKE/img:good" && mount_image "$FAKE/img:good" "$T/good" &&
		is_good "$T/good" && wait_for 10 umount "$T/good"
}

@test "hostile images" {
	worker=$(worker_pid)
	for name in $(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' \
		"$IMAGES/index.json"); do
		lazy_pull "$FAKE/img:$name" || true
	done
	[ "$(worker_pid)" = "$worker" ]
	good_is_good
}

# stopped_within SECONDS: by SIGTERM, and by itself.  Far below what a stall takes.
stopped_within() {
	local begun=$SECONDS
	stop layerfsd
	[ $((SECONDS - begun)) -le "$1" ]
	not grep -E 'killed|signal 9' "$T/log/layerfsd"
}

@test "layerfsd ends while a registry stalls" {
	faults '{"path": "blobs", "ranged": true, "do": "stall", "after": 0, "times": 100}'
	lazy_pull "$FAKE/img:good" 3>&- &
	puller=$!
	wait_for 10 grep -q stall "$T/log/requests"
	stopped_within 45
	faults
	start_daemon --config "$T/layerfs.toml"
	wait $puller || true
	wait_for 30 good_is_good
}

@test "a registry that stalls does not hold up other calls" {
	faults '{"path": "blobs", "ranged": true, "do": "stall", "after": 0, "times": 100}'
	lazy_pull "$FAKE/img:good" 3>&- &
	puller=$!
	wait_for 10 grep -q stall "$T/log/requests"
	for n in {1..20}; do
		timeout 45 ctr -a "$CONTAINERD" snapshot --snapshotter layerfs prepare "s$n"
	done
	faults
	wait $puller || true
	good_is_good
}
