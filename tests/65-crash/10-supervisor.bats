#!/usr/bin/env bats
# The supervisor dies with its worker.  What systemd kept of it goes on: mounts,
# open files, reads that wait.

load ../lib/common
load ../lib/faults
load ../lib/service

setup_file() { hostile_images good duplicate; }

setup() {
	setup_faults_without_daemon
	printf '%s\n' '[read]' 'patience_ms = 60000' >"$T/layerfs.toml"
}
teardown() {
	teardown_faults
	[ ! -d "${U-}" ] || { unmount_under "$U" && rm -rf "$U"; }
}

service() { start_service "$@" --config "$T/layerfs.toml"; }

# What was written over mounts; what nobody wants is put aside, and deleted in time.
uppers_are() { [ "$(ls -A "$ROOT/upper" | wc -l)" = "$1" ]; }

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
	uppers_are 0
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

@test "where nobody keeps them, mounts of a daemon that died are made again" {
	service --no-store
	mkdir "$T/layer" "$T/strict" "$T/by-hand"
	layerfs pull "$FAKE/app:good"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs mount "$FAKE/app:good" "$T/by-hand"
	layerfs mount --layer 0 "$FAKE/app:duplicate" "$T/layer"
	layerfs mount --options nosuid,nodev --unreachable wait:3s "$FAKE/app:good" "$T/strict"
	wait_for 10 umount "$T/by-hand"
	stop fake || true # nobody is asked
	kill_supervisor
	is_mounted "$T/mnt"
	is_good "$T/mnt"
	is_mounted "$T/layer"
	is_good "$T/strict"
	not is_mounted "$T/by-hand"
	findmnt -no OPTIONS "$T/strict" | grep nosuid | grep nodev | grep -w ro
	not eval 'findmnt -no OPTIONS "$T/mnt" | grep nosuid'
	[ "$(findmnt -n "$T/mnt" | wc -l)" = 1 ]
	[ "$(layerfs --json ls | jq -c '[.mounts[] | .target] | sort')" = \
		"$(jq -nc --arg t "$T" '[$t + "/layer", $t + "/mnt", $t + "/strict"]')" ]
	[ "$(layerfs --json ls | jq -r '.mounts[] | select(.target | endswith("strict")) | .unreachable')" = wait:3s ]
	kill_supervisor
	is_good "$T/mnt"
	for t in mnt layer strict; do layerfs unmount "$T/$t"; done
	nothing_mounted
}

@test "where nobody keeps them, a writable mount is made again with what was written" {
	service --no-store
	mkdir "$T/over" "$T/by-hand" "$T/other"
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	layerfs mount --rw -o nosuid "$FAKE/app:duplicate" "$T/over"
	# another on top of it, of which nothing may come below
	layerfs mount --rw "$FAKE/app:good" "$T/over"
	layerfs mount --rw "$FAKE/app:good" "$T/by-hand"
	mount --bind "$T/mnt" "$T/other" # nobody's but this test's
	echo mine >"$T/mnt/new"
	echo changed >>"$T/mnt/big"
	rm "$T/mnt/etc/one"
	echo above >"$T/over/above"
	exec 7<>"$T/mnt/open"
	wait_for 10 umount "$T/by-hand"
	for _ in 1 2; do
		kill_supervisor
		grep -E "warn: [0-9]+ mounts died with an earlier daemon" "$T/log/systemd"
		[ "$(cat "$T/mnt/new")" = mine ]
		[ "$(tail -c 8 "$T/mnt/big")" = changed ]
		[ ! -e "$T/mnt/etc/one" ]
		[ "$(cat "$T/over/above")" = above ]
		[ "$(mount_count)" = 3 ]
		[ "$(findmnt -n "$T/mnt" | wc -l)" = 1 ]
		not is_mounted "$T/by-hand"
		not is_mounted "$T/other"
		wait_for 10 uppers_are 3
	done
	echo late >&7
	[ "$(cat "$T/mnt/open")" = late ]
	exec 7>&-
	echo more >>"$T/mnt/new"
	layerfs unmount "$T/over"
	[ ! -e "$T/over/above" ]
	findmnt -no OPTIONS "$T/over" | grep -w rw | grep nosuid
	layerfs unmount "$T/over"
	layerfs unmount "$T/mnt"
	nothing_mounted
	uppers_are 0
}

@test "where nobody keeps them, a writable mount is made again with what was written elsewhere" {
	service --no-store
	mkdir "$T/a b"
	layerfs mount --rw --upper "$T/a b" "$FAKE/app:good" "$T/mnt"
	echo mine >"$T/mnt/new"
	exec 7<>"$T/mnt/open"
	for _ in 1 2; do
		kill_supervisor
		[ "$(cat "$T/mnt/new")" = mine ]
		[ "$(cat "$T/a b/new")" = mine ]
		is_good "$T/mnt"
		[ "$(mount_count)" = 1 ]
	done
	echo late >&7
	[ "$(cat "$T/mnt/open")" = late ]
	exec 7>&-
	echo more >>"$T/mnt/new"
	layerfs unmount "$T/mnt"
	nothing_mounted
	[ "$(cat "$T/a b/new")" = $'mine\nmore' ]
	uppers_are 0
	layerfs mount --rw --upper "$T/a b" "$FAKE/app:good" "$T/mnt"
	[ "$(cat "$T/mnt/new")" = $'mine\nmore' ]
}

# while_dead COMMAND...: between the end of a supervisor and the next one.
while_dead() {
	local old n
	old=$(worker_pid) n=$(times_ready)
	hold_still "$(pid_of systemd)"
	kill -KILL "$(pid_of layerfsd)"
	wait_for 5 not kill -0 "$old"
	"$@"
	kill -CONT "$(pid_of systemd)"
	wait_for 20 said_ready $((n + 1))
}

@test "a folder elsewhere that is not the same any more is not written to, and that is said" {
	service --no-store
	mkdir "$T/changes" "$T/mine"
	replace() {
		mv "$T/changes" "$T/away"
		mkdir "$T/changes"
	}
	link() {
		mv "$T/changes" "$T/away"
		ln -s mine "$T/changes"
	}
	give_away() { chown nobody "$T/changes"; }
	replace_work() {
		mv "$T/changes.work" "$T/away"
		ln -s mine "$T/changes.work"
	}
	local what n=0
	for what in replace link give_away replace_work; do
		layerfs mount --rw --upper "$T/changes" "$FAKE/app:duplicate" "$T/good"
		echo $what >"$T/good/new"
		while_dead $what
		n=$((n + 1))
		[ "$(grep -cF "on $T/good: not restored: " "$T/log/systemd")" = $n ]
		not is_mounted "$T/good"
		nothing_mounted
		[ -z "$(ls -A "$T/mine")" ]
		wait_for 10 uppers_are 0
		[ "$(cat "$T"/changes/new "$T"/away/new 2>/dev/null)" = $what ]
		rm -rf "$T/changes" "$T/changes.work" "$T/away"
		mkdir "$T/changes"
	done
}

@test "what was written over a mount that nobody wants again goes with it" {
	service --no-store
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	# Its image is not here any more.
	hold_still "$(pid_of systemd)"
	OLD=$(worker_pid)
	kill -KILL "$(pid_of layerfsd)"
	wait_for 5 not kill -0 "$OLD"
	stop fake || true
	rm -r "$ROOT/layers" "$ROOT/images" "$ROOT/manifests"
	kill -CONT "$(pid_of systemd)"
	wait_for 20 said_ready 2
	grep -F "on $T/mnt: not restored: " "$T/log/systemd"
	not is_mounted "$T/mnt"
	nothing_mounted
	wait_for 10 uppers_are 0
}

@test "a mount is not made again where its folder is not any more" {
	service --no-store
	mkdir -p "$T/way/deep" "$T/elsewhere/deep"
	layerfs mount "$FAKE/app:good" "$T/way/deep"
	OLD=$(worker_pid)
	hold_still "$(pid_of systemd)"
	kill -KILL "$(pid_of layerfsd)"
	wait_for 5 not kill -0 "$OLD"
	mv "$T/way" "$T/away"
	ln -s elsewhere "$T/way"
	kill -CONT "$(pid_of systemd)"
	wait_for 20 said_ready 2
	not is_mounted "$T/elsewhere/deep"
	not is_mounted "$T/away/deep"
	nothing_mounted
}

@test "reads that hold the end of a mount up that nobody holds hold no start up" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	faults '{"path":"app/blobs","ranged":true,"do":"stall","after":1000,"times":99}'
	cat "$T/mnt/big" >/dev/null 3>&- &
	reader=$!
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	kill -KILL $reader
	wait $reader || true
	lose_note() {
		umount -l "$T/mnt"
		rm "$RUN"/held/erofs:*
	}
	while_dead lose_note
	nothing_mounted
}

@test "a row of a mount that makes no sense ends no start" {
	service --no-store
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	break_row() {
		python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("UPDATE mount SET id = ?", ("no hex",))
c.commit()' "$ROOT/state.db"
	}
	while_dead break_row
	grep -F "that is no mount's id" "$T/log/systemd"
	nothing_mounted
}

@test "a row of a mount of a layer that no image has ends no start" {
	service --no-store
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	break_row() {
		python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("UPDATE mount SET options = replace(options, ?, ?)",
	("\"layer\":-1,", "\"layer\":99999999,"))
c.commit()' "$ROOT/state.db"
	}
	while_dead break_row
	grep -F "layer 99999999 of" "$T/log/systemd"
	nothing_mounted
}

@test "what somebody mounted over a mount that died stays" {
	service --no-store
	layerfs mount "$FAKE/app:good" "$T/mnt"
	while_dead mount -t tmpfs mine "$T/mnt"
	grep -F "left behind: $T/mnt: something else is mounted over it" "$T/log/systemd"
	findmnt -n -t tmpfs "$T/mnt"
	wait_for 10 umount "$T/mnt"
	wait_for 10 umount "$T/mnt"
}

@test "a user's own daemon is killed: the next one mounts the same again" {
	requires user-fuse fusermount3 setpriv
	set_up_user mnt by-hand
	user_daemon
	user_layerfs mount "$FAKE/app:good" "$U/mnt"
	user_layerfs mount "$FAKE/app:good" "$U/by-hand"
	stop layerfsd KILL || true
	as_user fusermount3 -u "$U/by-hand"
	not as_user ls "$U/mnt" # dead
	user_daemon
	as_user sh -c "cd '$U/mnt' && sha256sum --quiet -c ../sums"
	[ "$(grep -c " $U/mnt " /proc/mounts)" = 1 ]
	not grep " $U/by-hand " /proc/mounts
	[ "$(user_layerfs --json ls | jq -r '.mounts[].target')" = "$U/mnt" ]
	user_layerfs unmount "$U/mnt"
	not grep " $U/mnt " /proc/mounts
	stop layerfsd
}

@test "systemd is told nothing that it would not take" {
	service
	layerfs mount "$FAKE/app:good" "$T/mnt"
	kill_worker
	kill_supervisor
	layerfs unmount "$T/mnt"
	not grep -E '^(store|not of)' "$T/log/systemd"
}
