#!/usr/bin/env bats
# A start waits for file systems that do not answer: who connects meanwhile does not.

load ../lib/common
load ../lib/faults
load ../lib/grpc
load ../lib/service

setup_file() {
	hostile_images good
	make_preload clockstop
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
	requires_peers
}
teardown() {
	rm -f "$T/stop"
	stop deaf KILL || true
	teardown_faults
}

@test "old targets where nobody answers hold no greeting up" {
	start_deaf
	LD_PRELOAD=$PRELOAD/clockstop.so CLOCK_STOP=$T/stop start_service --no-store
	layerfs mount "$FAKE/app:good" "$T/deaf/mnt"
	become_deaf
	touch "$T/stop" # the start has all the time that it likes
	kill -KILL "$(pid_of layerfsd)"
	start early "$top_srcdir/tests/lib/waiting.py" "$RUN/snapshotter.sock"
	wait_for 20 grep -qx greeted "$T/log/early"
	not grep -F "left behind: $T/deaf/mnt: " "$T/log/systemd"
	rm "$T/stop"
	wait_for 30 grep -qx NOT_FOUND "$T/log/early"
	grep -F "left behind: $T/deaf/mnt: " "$T/log/systemd"
	stop systemd
}
