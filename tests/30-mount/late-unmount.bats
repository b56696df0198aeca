#!/usr/bin/env bats
# The process that unmounts comes late, on a busy machine: what was mounted in its place
# meanwhile stays.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good
	make_preload slowumount
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
	export SLOW_UMOUNT=$T/slow
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/slowumount.so")
	start_daemon
}
teardown() { teardown_faults; }

shown() { find "$RUN/m" -mindepth 1 -maxdepth 1 -name '????*'; }

@test "who unmounts late does not unmount what was mounted there meanwhile" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	point=$(shown)
	touch "$SLOW_UMOUNT"
	layerfs unmount "$T/mnt"
	[ ! -e "$SLOW_UMOUNT" ]
	layerfs mount "$FAKE/app:good" "$T/mnt"
	[ "$(shown)" = "$point" ]
	is_mounted "$point"
	sleep 3 # it has unmounted
	is_mounted "$point"
	is_good "$T/mnt"
	# What lies on it later shows it, too.
	layerfs mount --rw "$FAKE/app:good" "$T/good"
	is_good "$T/good"
	layerfs unmount "$T/good"
	layerfs unmount "$T/mnt"
	nothing_mounted
}
