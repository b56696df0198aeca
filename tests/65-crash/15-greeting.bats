#!/usr/bin/env bats
# Who connects while no worker serves: a runtime is greeted at once, before it
# gives up, and served when there is one; a command waits.

load ../lib/common
load ../lib/cgroup
load ../lib/faults
load ../lib/grpc
load ../lib/service

setup() {
	setup_test
	requires root fuse
	requires_peers
}
teardown() {
	mend_store
	[ ! -d "${FREEZER-}" ] || thaw
	teardown_test
	close_freezer
}

# Workers die at their start until it is mended.
break_store() { chmod 0 "$ROOT/data"; }
mend_store() { [ ! -e "${ROOT-}/data" ] || chmod 600 "$ROOT/data"; }
in_vain() { [ "$(grep -c 'open data: Permission denied' "$T/log/systemd")" -gt "${SEEN:-0}" ]; }
# A worker has died so, of those from now on.
no_worker_starts() {
	SEEN=$(grep -c 'open data: Permission denied' "$T/log/systemd") || true
	wait_for 20 in_vain
}

# start_runtime NAME: one that connects now.
start_runtime() { start "$1" "$top_srcdir/tests/lib/waiting.py" "$RUN/snapshotter.sock"; }
# In the queue of the socket.
somebody_waits() { ss -xlH src "$RUN/snapshotter.sock" | awk '$3 > 0 { found = 1 } END { exit !found }'; }
is_greeted() { wait_for 20 grep -qx greeted "$T/log/$1"; }
waits() { wait_for 20 grep -qx called "$T/log/$1"; not grep -vx -e greeted -e called "$T/log/$1"; }
is_served() { wait_for 30 grep -qx NOT_FOUND "$T/log/$1"; }

@test "the worker is dead: a runtime is greeted, and served by the next" {
	start_service
	break_store
	kill -KILL "$(worker_pid)"
	no_worker_starts
	start_runtime early
	is_greeted early
	waits early
	mend_store
	is_served early
	start_runtime late
	is_served late
}

@test "the worker was killed and takes its time to end: a runtime is greeted" {
	requires ss
	start_service
	open_freezer "$(worker_pid)"
	freeze
	# It may be slow, and is not hurried.
	start_runtime early
	wait_for 20 somebody_waits
	not grep -qx greeted "$T/log/early"
	kill -KILL "$(worker_pid)"
	is_greeted early
	waits early
	start_runtime late
	is_greeted late
	waits late
	thaw
	is_served early
	is_served late
}

has_been_killed() { [ $((0x$(awk '/^SigPnd/ { print $2 }' "/proc/$1/status") & 0x100)) != 0 ]; }
# Each time that it is looked at.
sleeps() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(awk '/^State/ { print $2 }' "/proc/$1/status")" = S ] || return 1
	done
}

@test "a worker that was killed and does not end is waited for asleep" {
	start_service
	OLD=$(worker_pid)
	open_freezer "$OLD"
	freeze
	kill -HUP "$(pid_of layerfsd)" # it is given five seconds
	wait_for 30 has_been_killed "$OLD"
	wait_for 10 sleeps "$(pid_of layerfsd)"
	thaw
	wait_for 20 said_ready 2
	layerfs ls
}

@test "the supervisor is dead: the next one greets, and its worker serves" {
	start_service
	break_store
	kill -KILL "$(pid_of layerfsd)"
	start_runtime early
	is_greeted early
	waits early
	no_worker_starts
	mend_store
	is_served early
}

@test "who was greeted is served, though the supervisor dies once more" {
	start_service
	break_store
	kill -KILL "$(worker_pid)"
	no_worker_starts
	start_runtime early
	is_greeted early
	kill -KILL "$(pid_of layerfsd)"
	no_worker_starts
	waits early
	mend_store
	is_served early
	not grep -E '^(store|not of)' "$T/log/systemd"
}

@test "a reload whose worker takes its time: a runtime is greeted, and served" {
	start_service
	break_store
	kill -HUP "$(pid_of layerfsd)"
	no_worker_starts
	start_runtime early
	is_greeted early
	waits early
	mend_store
	is_served early
}

@test "who was greeted and left is forgotten" {
	start_service
	break_store
	kill -KILL "$(worker_pid)"
	no_worker_starts
	for n in 1 2 3; do
		start_runtime "early$n"
		is_greeted "early$n"
		stop "early$n" KILL || true
	done
	wait_for 20 eval '[ -z "$(stored)" ]'
	mend_store
	start_runtime late
	is_served late
	stop late || true
	wait_for 10 eval '[ -z "$(stored)" ]'
}

@test "a command that is started while no worker serves waits for one" {
	start_service
	break_store
	kill -KILL "$(pid_of layerfsd)"
	layerfs version >"$T/version" 3>&- &
	command=$!
	no_worker_starts
	kill -0 $command
	mend_store
	wait $command
	grep -q . "$T/version"
}
