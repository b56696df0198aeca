#!/usr/bin/env bats
# A daemon that has too few descriptors or too little memory for what is wanted of it:
# that fails with a clear word, what is mounted is read, and smaller things go on.

load ../lib/common
load ../lib/faults
load ../lib/images

setup_file() { own_images box deep; }
setup() {
	setup_test
	requires root fuse jq prlimit
	start_own_registry
	mkdir "$T/mnt" "$T/other"
	ROOT=$T/root RUN=$T/run
	REF=$REGISTRY/box-zc:1
}

# start_limited PRLIMIT-OPTION: as start_daemon, within a limit.
start_limited() {
	rm -f "$RUN/control.sock"
	start layerfsd prlimit "$1" "$(program layerfsd)" --root "$ROOT" --run "$RUN"
	wait_socket "$RUN/control.sock"
	# One that does not get all of its threads ends, and the next one may.
	wait_for 60 answers
}

# $T/right: the image's sums; $T/size: KiB that a worker has when it has begun.
right_sums() {
	start_daemon
	awk '/^VmPeak/ { print $2 }' "/proc/$(worker_pid)/status" >"$T/size"
	layerfs mount "$REF" "$T/mnt"
	(cd "$T/mnt" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$T/right"
	layerfs unmount "$T/mnt"
	stop layerfsd
	rm -rf "$ROOT"
}
is_right() { (cd "$T/mnt" && sha256sum --quiet -c "$T/right"); }
opens_nothing() { [ -z "$(find "$ROOT/tmp" -mindepth 1)" ]; }

@test "too few descriptors: that is what is said, and what is mounted is read" {
	right_sums
	start_limited --nofile=64:64
	layerfs mount "$REF" "$T/mnt"
	worker_pid >"$T/before"
	# 128 layers at once
	fails_with 'Too many open files' layerfs mount "$REGISTRY/deep:gzip" "$T/other"
	is_right
	layerfs ls | grep -F "$REF"
	wait_for 10 opens_nothing
	# Smaller things go on.
	layerfs mount --layer 0 "$REGISTRY/box:gzip" "$T/other"
	[ -n "$(ls "$T/other")" ]
	[ "$(worker_pid)" = "$(cat "$T/before")" ]
}

# no_more_descriptors PID [SPARE]: no more than SPARE, from now on.
no_more_descriptors() {
	local n=0
	while [ -e "/proc/$1/fd/$n" ]; do n=$((n + 1)); done
	limit_descriptors "$1" $((n + ${2-0}))
}
some_more() { limit_descriptors "$1" 1024; }
# One that was open for a moment may have been counted.
has_none() {
	no_more_descriptors "$1"
	! layerfs ls
}

@test "the worker's descriptors run out: that is said, and all is well when there are some" {
	right_sums
	start_daemon
	layerfs mount "$REF" "$T/mnt"
	is_right
	worker_pid >"$T/before"
	wait_for 10 has_none "$(worker_pid)"
	fails_with 'Too many open files' layerfs ls
	fails_with 'Too many open files' layerfs mount "$REGISTRY/box:gzip" "$T/other"
	drop_caches
	is_right
	some_more "$(worker_pid)"
	layerfs ls | grep -F "$REF"
	layerfs mount "$REGISTRY/box:gzip" "$T/other"
	[ -n "$(ls "$T/other")" ]
	[ "$(worker_pid)" = "$(cat "$T/before")" ]
}

@test "the supervisor's descriptors run out: the same" {
	right_sums
	start_daemon
	layerfs mount "$REF" "$T/mnt"
	layerfs pull "$REGISTRY/box:gzip"
	worker_pid >"$T/before"
	for spare in 0 1 2 3; do
		no_more_descriptors "$(pid_of layerfsd)" $spare
		layerfs mount "$REGISTRY/box:gzip" "$T/other" >"$T/said" 2>&1 ||
			grep 'Too many open files' "$T/said"
		some_more "$(pid_of layerfsd)"
		! is_mounted "$T/other" || layerfs unmount "$T/other"
		layerfs mount "$REGISTRY/box:gzip" "$T/other"
		layerfs unmount "$T/other"
	done
	is_right
	[ "$(worker_pid)" = "$(cat "$T/before")" ]
}

@test "too little memory: some reads may fail, none is wrong, nobody dies" {
	! is_instrumented || skip "requires a daemon without sanitizers: they take all addresses"
	right_sums
	# No two starts take the same.
	start_limited --as=$((($(cat "$T/size") + 4096) << 10))
	worker_pid >"$T/before"
	layerfs mount "$REF" "$T/mnt" || true
	layerfs mount "$REGISTRY/deep:gzip" "$T/other" || true
	! is_mounted "$T/mnt" || is_right || (cd "$T/mnt" && sha256sum -c "$T/right" 2>&1 |
		grep -v ': OK$' | (! grep -vE 'Input/output error|FAILED open or read|could not be read'))
	layerfs ls
	[ "$(worker_pid)" = "$(cat "$T/before")" ]
}
