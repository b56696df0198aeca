#!/usr/bin/env bats
# What was written over a mount takes its time to be removed: an end does not wait for all
# of it, and the next start goes on.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good
	make_preload slowremove
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/slowremove.so" SLOW_REMOVE="$T/slow")
}
teardown() {
	rm -f "$T/slow"
	teardown_faults
}

is_swept() { [ -z "$(ls -A "$ROOT/upper")" ]; }

@test "an end does not wait for all that was written to be removed" {
	start_daemon
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	echo mine >"$T/mnt/slow"
	touch "$T/slow"
	stop layerfsd
	[ -z "$(mounts_under "$T")" ]
	not is_swept
	start_daemon
	not is_swept
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	[ ! -e "$T/mnt/slow" ]
	layerfs unmount "$T/mnt"
	rm "$T/slow"
	wait_for 10 is_swept
	stop layerfsd
}

@test "an end removes what was written where it can" {
	start_daemon
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	echo mine >"$T/mnt/slow"
	stop layerfsd
	is_swept
}
