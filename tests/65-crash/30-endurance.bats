#!/usr/bin/env bats
# layerfs dies every two seconds while everything reads: no error, no wrong byte.
# What is right is made of the OCI layout, without layerfs.
#
# CRASH_SECONDS and CRASH_IMAGE make it longer (make check-crash).

load ../lib/common
load ../lib/containerd
load ../lib/faults
load ../lib/service

: "${CRASH_IMAGE:=nginx}" "${CRASH_SECONDS:=60}"
ROUND=60 # seconds; each has a store of its own, so that there is something to fetch

# The image's files and their sums, once a file.
setup_file() {
	[ -f "$LAYERFS_TEST_DATA/oci/$CRASH_IMAGE/index.json" ] || return 0
	"$top_srcdir/tests/lib/layouttree.py" \
		"$LAYERFS_TEST_DATA/oci/$CRASH_IMAGE" "$BATS_FILE_TMPDIR/truth" \
		>"$BATS_FILE_TMPDIR/sums"
}

setup() {
	setup_test
	SNAPSHOTTER=layerfs
	requires root fuse containerd ctr ctr-remote runc docker-registry jq \
		"image:$CRASH_IMAGE" "ref:$CRASH_IMAGE-zc:zstdchunked"
	TRUTH=$BATS_FILE_TMPDIR/truth SUMS=$BATS_FILE_TMPDIR/sums
	shuf -n 40 --random-source=<(yes) "$SUMS" >"$T/few"
	mkdir "$T/mnt"
}
teardown() { teardown_containerd; }

# --- what reads, each until $T/enough is there; a line a pass in $T/ended ------

note() { echo "$1 $2" >>"$T/ended"; }

by_tar() {
	until [ -e "$T/enough" ]; do
		rm -rf "$T/out" && mkdir "$T/out"
		if tar -C "$T/mnt" -cf - . | tar -C "$T/out" -xf - &&
			(cd "$T/out" && sha256sum --quiet -c "$SUMS"); then
			note tar ok
		else
			note tar failed
		fi
	done
}

at_random() {
	if "$top_srcdir/tests/lib/randomreads.py" "$T/mnt" "$TRUTH" "$T/enough" "$1"; then
		note random ok
	else
		note random failed
	fi
}

by_containers() {
	local n=0 said
	until [ -e "$T/enough" ]; do
		n=$((n + 1))
		if said=$(RUN_OPTIONS="--mount type=bind,src=$T/few,dst=/few,options=rbind:ro" \
			run_container "$REF" "c$1-$n" /bin/sh -c \
			'cd / && sha256sum --quiet -c /few && echo right' 2>&1) &&
			[ "$said" = right ]; then
			note container ok
		else
			note container "failed: $said"
		fi
	done
}

# Everything at once while KILLER runs every two seconds, for SECONDS.
under_fire() {
	local killer=$1 until=$((SECONDS + $2)) pids=()
	rm -f "$T/enough"
	by_tar >>"$T/log/tar" 2>&1 3>&- & pids+=($!)
	at_random "$RANDOM" >>"$T/log/random" 2>&1 3>&- & pids+=($!)
	by_containers 1 >>"$T/log/containers" 2>&1 3>&- & pids+=($!)
	while [ $SECONDS -lt $until ]; do
		sleep 2
		$killer
		kills=$((kills + 1))
		drop_caches
	done
	touch "$T/enough"
	wait "${pids[@]}"
}

# A store, a mount and a containerd of a round's own.
open_round() {
	start_meter "$REGISTRY" -d 5
	REF=$METERED/$CRASH_IMAGE-zc:zstdchunked
	start_service
	start_containerd
	layerfs mount "$REF" "$T/mnt"
	lazy_pull "$REF"
}

close_round() {
	layerfs unmount "$T/mnt"
	stop containerd
	stop systemd
	stop meter
	rm -rf "$ROOT" "$T/ctd" "$T/out"
}

# for_rounds KILLER SECONDS: fails where anything was not right.
for_rounds() {
	local left=$2 kills=0
	start_registry
	for (( ; left > 0; left -= ROUND)); do
		open_round
		under_fire "$1" $((left < ROUND ? left : ROUND))
		close_round
	done
	sort "$T/ended" | uniq -c | tee "$T/tally"
	! grep -v ' ok$' "$T/ended" || return 1
	for what in tar random container; do grep -q "^$what ok" "$T/ended"; done
	echo "# $kills kills: $(sed 's/ ok$//' "$T/tally" | tr -s ' \n' ' '); $(awk '/ reads$/ { n += $1 } END { print n }' "$T/log/random") random reads" >&3
}

@test "the worker is killed every two seconds: no error, no wrong byte" {
	kill_one() { kill -KILL "$(worker_pid)"; }
	for_rounds kill_one "$CRASH_SECONDS"
}

@test "the supervisor is killed every two seconds, or reloaded: the same" {
	kill_one() {
		local n
		n=$(times_ready)
		if [ $((kills % 2)) = 0 ]; then
			kill -KILL "$(pid_of layerfsd)"
		else
			kill -HUP "$(pid_of layerfsd)"
		fi
		wait_for 20 said_ready $((n + 1))
	}
	for_rounds kill_one $((CRASH_SECONDS / 3))
}
