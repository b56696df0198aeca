#!/usr/bin/env bats
# The daemon's memory cgroup has too little memory: the kernel kills the worker, and
# nothing is lost.  What of the store is in the page cache is counted there, too, and
# is no reason to kill anybody.

load ../lib/common
load ../lib/cgroup
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_test
	requires root fuse python3 curl jq
	open_cgroup
	mkdir "$T/mnt"
	FAKE=
}
teardown() {
	teardown_faults
	close_cgroup
}

# start_limited_daemon MIB
start_limited_daemon() {
	ROOT=$T/root RUN=$T/run
	printf '%s\n' '[read]' 'patience_ms = 600000' >"$T/layerfs.toml"
	limit_cgroup "$1"
	start_in_cgroup layerfsd "$(program layerfsd)" --root "$ROOT" --run "$RUN" \
		--config "$T/layerfs.toml"
	wait_daemon
}

@test "out of memory: the worker is killed, every byte arrives, and the log says why" {
	start_fake
	start_limited_daemon 256
	supervisor=$(pid_of layerfsd)
	[ "$(cat "/proc/$(worker_pid)/oom_score_adj")" -gt "$(cat "/proc/$supervisor/oom_score_adj")" ]
	layerfs mount "$FAKE/app:good" "$T/mnt"
	bytes_arrive_though run_out_of_memory
	[ "$(cgroup_kills)" -ge 1 ]
	kill -0 "$supervisor"
	grep -F 'for want of memory' "$T/log/layerfsd"
	grep -F 'the worker ended (out of memory)' "$T/log/layerfsd"
	drop_caches
	is_good "$T/mnt"
	# Another end is not taken for one like that; but the hog's may have come in this
	# worker's life.
	kill_worker
	kill_worker
	grep -F 'the worker ended (signal 9)' "$T/log/layerfsd"
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "a limit of 64 MiB is enough for an image of more than that" {
	requires docker-registry image:python ref:python-zc:zstdchunked
	! is_instrumented || skip "requires a daemon without sanitizers: they take more"
	start_registry
	start_limited_daemon 64
	worker_pid >"$T/before"
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	tar -C "$T/mnt" -cf - . | sha256sum >"$T/first"
	[ "$(layerfs --json ls | jq '.mounts[0].present')" -gt $((64 << 20)) ]
	drop_caches
	tar -C "$T/mnt" -cf - . | sha256sum | cmp - "$T/first"
	[ "$(layerfs --json verify | jq .wrong)" = 0 ]
	[ "$(cgroup_kills)" = 0 ]
	[ "$(worker_pid)" = "$(cat "$T/before")" ]
}
