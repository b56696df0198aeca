#!/usr/bin/env bats
# The machine's clock is set back between two lives of the worker: the mount on top
# stays the one on top.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good duplicate
	make_preload clockback
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
}
teardown() { teardown_faults; }

mounted_on() { layerfs --json ls | jq -r '[.mounts[].reference] | join(" ")'; }

@test "the clock is set back: the mount on top is still the last" {
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/clockback.so" CLOCK_BACK="$PRELOAD/back")
	start_daemon
	layerfs mount "$FAKE/app:duplicate" "$T/mnt"
	touch "$PRELOAD/back"
	kill_worker
	layerfs mount "$FAKE/app:good" "$T/mnt"
	[ "$(layerfs --json ls | jq '[.mounts[].since] | max - min > 80000')" = true ]
	kill_worker
	[ "$(mounted_on)" = "$FAKE/app:duplicate $FAKE/app:good" ]
	layerfs unmount "$T/mnt"
	[ "$(mounted_on)" = "$FAKE/app:duplicate" ]
	findmnt -no SOURCE "$T/mnt" | grep app:duplicate
	layerfs unmount "$T/mnt"
	nothing_mounted
}
