#!/usr/bin/env bats
# Nobody reads the daemon's log, or nobody does any more: that stops and ends nobody.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_faults_without_daemon
	mkfifo "$T/pipe"
	exec 8<>"$T/pipe"
	start layerfsd sh -c 'exec "$@" 2>"$0" 8>&-' "$T/pipe" \
		"$(program layerfsd)" --root "$T/root" --run "$T/run" --log-level debug
	ROOT=$T/root RUN=$T/run
	wait_daemon
}
teardown() {
	exec 8<&-
	teardown_faults
}

all_is_well() {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
	kill_worker
	drop_caches
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "the log is a pipe that nobody reads: all goes on" {
	# Till it is full.
	dd if=/dev/zero of="$T/pipe" bs=4096 oflag=nonblock status=none || true
	all_is_well
}

@test "the log is a pipe whose reader is gone: all goes on" {
	exec 8<&-
	all_is_well
}
