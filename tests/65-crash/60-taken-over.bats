#!/usr/bin/env bats
# Somebody has taken the worker over: the supervisor goes on.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }
setup() {
	setup_faults_without_daemon
	mkdir "$T/deaf"
	start_daemon
}
teardown() {
	# It ends what waits for it.
	stop takenover KILL || true
	teardown_faults
}

@test "a descriptor that cannot be closed does not come into the supervisor" {
	start takenover "$top_srcdir/tests/lib/takenover.py" \
		"$top_srcdir/src/supervisor/message.h" "$(worker_pid)" "$T/deaf"
	wait_for 20 grep -qx sent "$T/log/takenover"
	wait_for 20 grep -q 'the supervisor takes no such descriptor' "$T/log/layerfsd"
	[ -z "$(find "/proc/$(pid_of layerfsd)/fd" -lname "$T/deaf/*")" ]
	kill -KILL "$(worker_pid)" || true
	wait_for 20 layerfs ls
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
	kill_worker
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	stop layerfsd
}
