#!/usr/bin/env bats
# As with a kernel before 6.9, which does not send again what a dead worker had
# read (oldkernel.c): reads that waited go on all the same.

load ../lib/common
load ../lib/faults

setup_file() {
	hostile_images good
	make_preload oldkernel
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
}
teardown() { teardown_faults; }

# start_old KERNEL: as layerfs.toml has it.
start_old() {
	printf '%s\n' '[read]' 'patience_ms = 60000' '[mount]' "kernel = \"$1\"" \
		>"$T/layerfs.toml"
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/oldkernel.so")
	start_daemon --config "$T/layerfs.toml"
}

# A read waits for the network when KILLER strikes.
read_survives() {
	start_old "$1"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	faults '{"path":"app/blobs","ranged":true,"do":"stall","after":1000,"times":9}'
	tar -C "$T/mnt" -cf "$T/all.tar" . 3>&- &
	tar=$!
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	$2
	sleep 1.1
	faults
	$2
	timeout 100 tail --pid=$tar -f /dev/null
	wait $tar
	mkdir "$T/out"
	tar -C "$T/out" -xf "$T/all.tar"
	is_good "$T/out"
	layerfs unmount "$T/mnt"
	nothing_mounted
}

reload() {
	OLD=$(worker_pid)
	kill -HUP "$(pid_of layerfsd)"
	wait_for 20 is_new_worker
}

@test "the worker is killed while a read waits (FUSE)" { read_survives off kill_worker; }
@test "the worker is killed while a read waits (EROFS)" { read_survives auto kill_worker; }
@test "the worker is killed while a read waits (loop devices)" { read_survives loop kill_worker; }
@test "a reload while a read waits (FUSE)" { read_survives off reload; }
@test "a reload while a read waits (EROFS)" { read_survives auto reload; }
@test "a reload while a read waits (loop devices)" { read_survives loop reload; }

@test "the worker is killed again and again under readers" {
	start_old off
	layerfs mount "$FAKE/app:good" "$T/mnt"
	(
		until [ -e "$T/enough" ]; do
			drop_caches
			is_good "$T/mnt" && echo right || echo wrong
		done
	) >"$T/read" 2>&1 3>&- &
	reader=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1.1
		kill -KILL "$(worker_pid)"
	done
	touch "$T/enough"
	timeout 100 tail --pid=$reader -f /dev/null
	wait $reader
	sort "$T/read" | uniq -c
	grep -q right "$T/read"
	not grep -v right "$T/read"
}
