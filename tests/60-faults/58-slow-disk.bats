#!/usr/bin/env bats
# A disk that takes its time holds up who waits for it, and nobody else.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good duplicate
	make_preload slowsync
}
teardown_file() { drop_preload; }

setup() {
	setup_test
	requires root fuse python3 curl jq cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
	mkdir "$T/mnt" "$T/good"
	FAKE=
	start_fake
	export SYNC_DIR=$PRELOAD/dir
	mkdir "$SYNC_DIR"
	chmod 777 "$SYNC_DIR"
}
teardown() {
	rm -rf "$SYNC_DIR"
	teardown_faults
}

@test "a mount that waits to be noted holds up nobody who asks" {
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/slowsync.so" SYNC_TARGET=" $T/good ")
	start_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs pull "$FAKE/app:duplicate"
	touch "$SYNC_DIR/slow"
	layerfs mount "$FAKE/app:duplicate" "$T/good" 3>&- &
	client=$!
	is_confirming() { is_mounted "$T/good" && [ -e "$SYNC_DIR/waits" ]; }
	wait_for 20 is_confirming
	# By hand, meanwhile: it is missed when it is noted.
	umount -l "$T/good"
	# The table of mounts is looked at a few times a second.
	for _ in {1..20}; do
		timeout 20 "$(program layerfs)" --run "$RUN" version
		sleep 0.05
	done
	rm "$SYNC_DIR/slow"
	wait $client
	wait_for 20 eval '[ "$(mount_count)" = 1 ]'
	layerfs unmount "$T/mnt"
	nothing_mounted
	stop layerfsd
}
