# Cgroups of the test's own.  load it after common.
# shellcheck shell=bash disable=SC2034,SC2154

# open_cgroup: $CGROUP; skips the test where none can be made.
open_cgroup() {
	local top=/sys/fs/cgroup
	CGROUP_LIMIT=memory.max
	if grep -q ':memory:' /proc/self/cgroup; then # version 1
		top+=/memory
		CGROUP_LIMIT=memory.limit_in_bytes
	fi
	CGROUP=$top/layerfs-test-$$
	mkdir "$CGROUP" 2>/dev/null && [ -w "$CGROUP/$CGROUP_LIMIT" ] ||
		{ close_cgroup; skip "requires a memory cgroup that can be made"; }
}

# Once what ran in it has ended.
close_cgroup() { [ ! -d "${CGROUP-}" ] || wait_for 10 rmdir "$CGROUP"; }

limit_cgroup() { echo "$(($1 << 20))" >"$CGROUP/$CGROUP_LIMIT"; } # MIB

# start_in_cgroup NAME COMMAND...: as start.
start_in_cgroup() {
	local name=$1
	shift
	start "$name" sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CGROUP" "$@"
}

# Whom the kernel killed there for want of memory.
cgroup_kills() { cat "$CGROUP"/memory.oom_control "$CGROUP"/memory.events 2>/dev/null | sed -n 's/^oom_kill //p'; }

# After faults.  The kernel kills the worker rather than who takes the memory; that one perhaps after
# it, when the next worker wants some.
run_out_of_memory() {
	OLD=$(worker_pid)
	echo 1000 >"/proc/$OLD/oom_score_adj"
	start_in_cgroup hog "$top_srcdir/tests/lib/hog.py" "$CGROUP"
	wait "$(pid_of hog)" || true
	wait_for 20 is_new_worker
}

# open_freezer PID: from now on it can be frozen.  Version 1 alone keeps one that was
# killed from ending.
open_freezer() {
	FREEZER=/sys/fs/cgroup/freezer/layerfs-test-$$
	mkdir "$FREEZER" 2>/dev/null || skip "requires a freezer of cgroups' version 1"
	echo "$1" >"$FREEZER/cgroup.procs"
}
freeze() {
	echo FROZEN >"$FREEZER/freezer.state"
	wait_for 10 grep -qx FROZEN "$FREEZER/freezer.state"
}
thaw() { echo THAWED >"$FREEZER/freezer.state"; }
close_freezer() { [ ! -d "${FREEZER-}" ] || { thaw && wait_for 10 rmdir "$FREEZER"; }; }
