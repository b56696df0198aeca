#!/usr/bin/env bats
# MemoryMax= of the service on the unified cgroup hierarchy: enough is enough, and where
# it is not the kernel kills the worker, which systemd takes for no end of the service.
load ../../lib/common
load ../../lib/cgroup
load ../../lib/faults
load service

setup_file() { install_service; }
teardown_file() { rm -rf "$DROPIN"; systemctl daemon-reload; remove_service; }
DROPIN=/run/systemd/system/layerfsd.service.d

setup() {
	setup_test
	grep -qw memory /sys/fs/cgroup/cgroup.controllers ||
		skip "requires cgroups' version 2 with memory"
	setup_service python
}
teardown() { teardown_service; }

# start_limited MIB
start_limited() {
	mkdir -p "$DROPIN"
	printf '%s\n' '[Service]' "MemoryMax=$1M" >"$DROPIN/memory.conf"
	systemctl daemon-reload
	systemctl restart layerfsd.service
	say_who
	CGROUP=/sys/fs/cgroup/system.slice/layerfsd.service
	[ "$(cat "$CGROUP/memory.max")" = $(($1 << 20)) ]
	answers
}

@test "MemoryMax=64M is enough for an image of more than that" {
	start_limited 64
	OLD=$(worker_pid)
	mount_it
	is_right
	drop_caches
	is_right
	[ "$(layerfs --json ls | jq '.mounts[0].present')" -gt $((64 << 20)) ]
	[ "$(cgroup_kills)" = 0 ]
	[ "$(worker_pid)" = "$OLD" ]
	layerfs unmount "$T/mnt"
}

@test "out of memory: the worker is killed, every byte arrives, the service goes on" {
	start_limited 256
	supervisor=$(property MainPID)
	mount_it
	right_though run_out_of_memory
	[ "$(cgroup_kills)" -ge 1 ]
	[ "$(property MainPID)" = "$supervisor" ]
	[ "$(property ActiveState)" = active ]
	said 'for want of memory'
	said 'the worker ended (out of memory)'
	kill_worker
	kill_worker
	said 'the worker ended (signal 9)'
	layerfs unmount "$T/mnt"
}
