#!/usr/bin/env bats
# The supervisor dies with its worker.  What systemd kept of it goes on: mounts,
# open files, reads that wait.

load ../lib/common
load ../lib/faults
load ../lib/service

setup_file() { hostile_images good duplicate; }

setup() {
	setup_test
	requires root fuse python3 curl jq
	mkdir "$T/mnt" "$T/good"
	FAKE=
	start_fake
	printf '%s\n' '[read]' 'patience_ms = 20000' >"$T/layerfs.toml"
}
teardown() { teardown_faults; }

service() { start_service "$@" --config "$T/layerfs.toml"; }

@test "the supervisor is killed: mounts and open files go on" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	exec 7<"$T/mnt/big"
	inode=$(stat -c '%d %i' "$T/mnt/big")
	kill_supervisor
	grep "goes on with" "$T/log/systemd"
	drop_caches
	is_good "$T/mnt"
	(cat <&7) | cmp - "$T/mnt/big"
	exec 7<&-
	[ "$(stat -c '%d %i' "$T/mnt/big")" = "$inode" ]
	[ "$(layerfs --json ls | jq -r '.mounts[0].target')" = "$T/mnt" ]
	layerfs unmount "$T/mnt"
	nothing_mounted
	wait_for 5 eval '[ -z "$(stored)" ]'
}

@test "the supervisor is killed while files are read: every byte arrives" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	bytes_arrive_though kill_supervisor
}

@test "the supervisor is killed again and again" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	for _ in 1 2 3 4 5; do
		kill_supervisor
		drop_caches
		is_good "$T/mnt"
	done
	kill_worker
	is_good "$T/mnt"
	layerfs mount "$FAKE/app:duplicate" "$T/good"
	kill_supervisor
	[ "$(mount_count)" = 2 ]
	layerfs unmount "$T/mnt"
	layerfs unmount "$T/good"
	nothing_mounted
}

@test "a writable mount outlives the supervisor with what was written" {
	service
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	echo mine >"$T/mnt/new"
	kill_supervisor
	[ "$(cat "$T/mnt/new")" = mine ]
	echo more >>"$T/mnt/new"
	rm "$T/mnt/new"
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	nothing_mounted
	[ -z "$(ls -A "$ROOT/upper")" ]
}

@test "the supervisor is killed at any moment of many mounts: nothing is left" {
	service
	layerfs pull "$FAKE/app:good"
	for delay in 0 0.005 0.01 0.015 0.02 0.03; do
		layerfs mount "$FAKE/app:good" "$T/mnt" 3>&- &
		client=$!
		sleep $delay
		kill_supervisor
		wait $client || true
		! is_mounted "$T/mnt" || { is_good "$T/mnt" && layerfs unmount "$T/mnt"; }
		wait_for 5 nothing_mounted
	done
	wait_for 5 eval '[ -z "$(stored)" ]'
}

@test "an end in order leaves nothing, neither mounted nor with systemd" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	[ -n "$(stored)" ]
	stop systemd
	grep '^said: STOPPING=1' "$T/log/systemd"
	[ -z "$(stored)" ]
	grep 'FDSTOREREMOVE=1 FDNAME=fuse-0' "$T/log/systemd"
	[ -z "$(mounts_under "$T")" ]
	[ -z "$(ls -A "$RUN/held")" ]
}

@test "where nobody keeps them, mounts of a daemon that died are gone, and said" {
	service --no-store
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs mount --rw "$FAKE/app:duplicate" "$T/good"
	kill_supervisor
	grep -E "warn: [0-9]+ mounts died with an earlier daemon and are gone" "$T/log/systemd"
	! is_mounted "$T/good"
	nothing_mounted
	[ -z "$(ls -A "$ROOT/upper")" ]
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
}

@test "systemd is told nothing that it would not take" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	kill_worker
	kill_supervisor
	layerfs unmount "$T/mnt"
	! grep -E '^(store|not of)' "$T/log/systemd"
}
