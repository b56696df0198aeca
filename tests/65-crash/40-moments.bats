#!/usr/bin/env bats
# The worker dies between any two things that somebody could see: a write to the
# store or state.db, a word to the kernel, to the supervisor, to a client.  Every
# scenario runs once to learn which there are (crashat.c), then once for the
# first, the middle and the last of each kind.
#
# CRASH_POINTS: how many at most, spread over all.

load ../lib/common
load ../lib/faults

: "${CRASH_POINTS:=24}"

setup_file() {
	hostile_images good
	make_preload crashat
}
teardown_file() { drop_preload; }

setup() {
	setup_preload
	printf '%s\n' '[read]' 'patience_ms = 60000' >"$T/layerfs.toml"
	export CRASH_DIR=$PRELOAD/dir
}
teardown() {
	teardown_faults
	rm -rf "$PRELOAD/dir"
}

# open_life N: a daemon with nothing, whose worker dies at its N-th call after arm.
open_life() {
	rm -rf "$CRASH_DIR" "$T/root"
	mkdir "$CRASH_DIR"
	chmod 777 "$CRASH_DIR"
	echo "$1" >"$CRASH_DIR/at"
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/crashat.so")
	start_daemon --config "$T/layerfs.toml"
}
close_life() {
	stop layerfsd
	rm -f "$RUN/control.sock"
	[ -z "$(mounts_under "$T")" ]
}
arm() { touch "$CRASH_DIR/armed"; }
disarm() { touch "$CRASH_DIR/over"; }
died() { [ -e "$CRASH_DIR/died" ]; }

# The numbers of the calls to die at, from a trace.
points() {
	sed 's/[0-9a-f]\{8,\}/*/g; s/ \([a-z0-9]*\) \(.*\)[0-9]\+/ \1 \2*/' "$CRASH_DIR/trace" |
		awk '{ n = $1; $1 = ""; all[$0] = all[$0] " " n }
			END { for (k in all) { m = split(all[k], a, " "); print a[1]; print a[int((m + 1) / 2)]; print a[m] } }' |
		sort -nu | awk -v max="$CRASH_POINTS" '{ a[NR] = $1 }
			END { step = NR > max ? NR / max : 1; for (i = 1; i <= NR; i += step) print a[int(i)] }'
}

# live PREPARE SCENARIO CHECK.  A line each: of a list with && bash takes offence at the
# last alone.
live() {
	$1
	arm
	$2
	disarm
	$3
}

# at_each_moment PREPARE SCENARIO CHECK
at_each_moment() {
	local at n=0
	open_life 0
	live "$@"
	close_life
	points >"$T/points"
	for at in $(cat "$T/points"); do
		open_life "$at"
		echo "dies at: $at"
		live "$@"
		! died || n=$((n + 1))
		close_life
	done
	[ $n -gt 0 ]
	echo "# $(wc -l <"$CRASH_DIR/trace") calls, died at $n of $(wc -l <"$T/points")" >&3
}

nothing() { :; }
mount_it() { layerfs mount "$FAKE/app:good" "$T/mnt"; }

# All or nothing, and said.
try_mount() {
	local status=0
	layerfs mount "$@" "$FAKE/app:good" "$T/mnt" >"$T/said" 2>&1 || status=$?
	cat "$T/said"
	[ $status = 0 ] || { [ $status = 1 ] && grep -q "$FAKE/app:good" "$T/said"; }
}
try_writable() { try_mount --rw; }

mounts_or_will() {
	if ! is_mounted "$T/mnt"; then
		wait_for 40 nothing_mounted
		mount_it
	fi
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	wait_for 40 nothing_mounted
}

@test "while it mounts" { at_each_moment nothing try_mount mounts_or_will; }
@test "while it mounts for writing" { at_each_moment nothing try_writable mounts_or_will; }

read_it() {
	rm -rf "$T/out" && mkdir "$T/out"
	tar -C "$T/mnt" -cf - . | tar -C "$T/out" -xf -
	is_good "$T/out"
}
is_good_again() {
	drop_caches
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	wait_for 40 nothing_mounted
}

@test "while it fetches what is read" { at_each_moment mount_it read_it is_good_again; }

unmount_it() { layerfs unmount "$T/mnt" || ! is_mounted "$T/mnt" || layerfs unmount "$T/mnt"; }
is_gone() { wait_for 40 nothing_mounted; }

@test "while it unmounts" { at_each_moment mount_it unmount_it is_gone; }

start_again() {
	OLD=$(worker_pid)
	kill -KILL "$OLD" 2>/dev/null || true
	wait_for 20 is_new_worker
}
@test "while it starts again" { at_each_moment mount_it start_again is_good_again; }
