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
	setup_preload
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
	answers_in_time() { [[ $(timeout 20 "$(program layerfs)" --run "$RUN" version) == *Protocol:* ]]; }
	touch "$SYNC_DIR/slow"
	layerfs mount "$FAKE/app:duplicate" "$T/good" 3>&- &
	client=$!
	is_confirming() { is_mounted "$T/good" && [ -e "$SYNC_DIR/waits" ]; }
	wait_for 20 is_confirming
	# By hand, meanwhile: it is missed when it is noted.
	umount -l "$T/good"
	# The table of mounts is looked at a few times a second.
	for _ in {1..20}; do
		answers_in_time
		sleep 0.05
	done
	rm "$SYNC_DIR/slow"
	wait $client
	wait_for 20 eval '[ "$(mount_count)" = 1 ]'
	layerfs unmount "$T/mnt"
	nothing_mounted
	stop layerfsd
}

# tell_unmounted TARGET: as `layerfs unmount` does once nothing is mounted there.
tell_unmounted() {
	python3 - "$RUN/control.sock" "$1" <<-'PY'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(json.dumps({"op": "unmount", "target": sys.argv[2]}).encode() + b"\n")
		print(s.makefile().readline())
	PY
}

@test "an unmount that the daemon saw before it was told is told when it is over" {
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/slowsync.so" SYNC_TARGET=" $T/good ")
	start_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs mount "$FAKE/app:duplicate" "$T/good"
	touch "$SYNC_DIR/slow"
	umount "$T/mnt"
	is_missed() { [ -e "$SYNC_DIR/waits" ] && grep "is not mounted on $T/mnt" "$T/log/layerfsd"; }
	wait_for 20 is_missed
	tell_unmounted "$T/mnt" >"$T/told" 3>&- &
	client=$!
	sleep 1
	[ ! -s "$T/told" ]
	rm "$SYNC_DIR/slow"
	wait $client
	grep ENOENT "$T/told"
	[ "$(layerfs --json explain "$FAKE/app:good" | jq -c .holders)" = '{}' ]
	layerfs unmount "$T/good"
	nothing_mounted
}
