#!/usr/bin/env bats
# A node that is never still: images come and go on a cache that holds a third of
# them, everything that is read is compared with the OCI layout, and the daemon
# grows by nothing.
#
# SOAK_SECONDS and SOAK_IMAGES make it longer (make check-soak: an hour).

load ../lib/common

: "${SOAK_SECONDS:=120}" "${SOAK_IMAGES:=nginx python node}"
QUOTA=$((150 << 20))

setup() {
	local i
	setup_test
	requires root fuse docker-registry jq
	for i in $SOAK_IMAGES; do requires "image:$i" "ref:$i-zc:zstdchunked"; done
	for i in $SOAK_IMAGES; do
		mkdir -p "$T/truth"
		"$top_srcdir/tests/lib/layouttree.py" "$LAYERFS_TEST_DATA/oci/$i" \
			"$T/truth/$i" >"$T/truth/$i.sums"
	done
	start_registry
	start_meter "$REGISTRY" -d 2
	printf '[cache]\nquota_bytes = %s\nmin_free_percent = 0\n' $QUOTA >"$T/soak.toml"
	start_daemon --config "$T/soak.toml"
	worker_pid >"$T/pid/worker"
	touch "$T/ended"
}

teardown() {
	touch "$T/enough" # where it failed, whoever makes work still does
	teardown_test
}

any_image() { shuf -n 1 -e $SOAK_IMAGES; }
reference() { echo "$METERED/$1-zc:zstdchunked"; }
is_over() { [ -e "$T/enough" ]; }
note() { echo "$1 $2" >>"$T/ended"; }

# --- who makes work, each until $T/enough is there; a line a pass in $T/ended ---

# Mounts an image, reads it at random for some seconds, unmounts it.
by_mounts() { # NUMBER OPTION...
	local number=$1 image at=$T/mnt.$1 said
	shift
	mkdir "$at"
	until is_over; do
		image=$(any_image)
		if said=$(mount_and_read "$number" "$image" "$at" "$@" 2>&1); then
			note mount ok
		else
			note mount "failed: $image: $said"
		fi
		rm -f "$T/stop.$number"
	done
}
mount_and_read() {
	local number=$1 image=$2 at=$3
	shift 3
	layerfs mount "$@" "$(reference "$image")" "$at" >/dev/null || return
	(sleep $((RANDOM % 8 + 1)); touch "$T/stop.$number") &
	"$top_srcdir/tests/lib/randomreads.py" "$at" "$T/truth/$image" "$T/stop.$number" \
		"$RANDOM" >>"$T/log/random.$number" || { wait; return 1; }
	wait
	layerfs unmount "$at"
}

# Reads an image whole.
by_sums() {
	local image at=$T/mnt.sums
	mkdir "$at"
	until is_over; do
		image=$(any_image)
		if layerfs mount "$(reference "$image")" "$at" >/dev/null &&
			(cd "$at" && sha256sum --quiet -c "$T/truth/$image.sums") &&
			layerfs unmount "$at"; then
			note sums ok
		else
			note sums "failed: $image"
		fi
	done
}

# What an operator does meanwhile; no pins, which may be more than the quota.
by_commands() {
	local image
	until is_over; do
		image=$(reference "$(any_image)")
		layerfs pull -q "$image" && layerfs explain "$image" &&
			layerfs verify --repair "$image" && layerfs --json stat &&
			layerfs prune --all && note commands ok ||
			note commands "failed: $image"
		sleep 1
	done >>"$T/log/commands" 2>&1
}

# --- what the daemon takes --------------------------------------------------------

# SECONDS, then KiB, descriptors, threads of the worker and the supervisor; and of the
# worker's KiB those that are no file's.
measure() {
	local name line=$SECONDS p
	for name in worker layerfsd; do
		p=$(pid_of $name)
		line+=" $(awk '/^VmRSS/ { r = $2 } /^Threads/ { t = $2 } END { printf "%d", r }' "/proc/$p/status")"
		line+=" $(find "/proc/$p/fd" -mindepth 1 2>/dev/null | wc -l)"
		line+=" $(awk '/^Threads/ { print $2 }' "/proc/$p/status")"
	done
	echo "$line $(awk '/^RssAnon/ { print $2 }' "/proc/$(pid_of worker)/status")"
}

# The most of a column in a third (0, 1, 2) of the measures.
most() {
	awk -v c="$1" -v third="$2" '{ v[NR] = $c } END {
		for (i = int(NR * third / 3) + 1; i <= int(NR * (third + 1) / 3); i++)
			if (v[i] > m) m = v[i]
		print m }' "$T/measures"
}
is_flat() { # COLUMN SLACK
	[ "$(most "$1" 2)" -le $(($(most "$1" 1) + $2)) ] ||
		{ echo "column $1: $(most "$1" 0), $(most "$1" 1), $(most "$1" 2)"; return 1; }
}
cache_holds() {
	local used
	used=$(layerfs --json stat | jq .cache.used_bytes)
	[ "$used" -le "$1" ] || { echo "$used bytes"; return 1; }
}

@test "images come and go for long: every byte right, memory and descriptors flat" {
	local pids=() until=$((SECONDS + SOAK_SECONDS)) every=$((SOAK_SECONDS / 60 + 1))
	by_mounts 1 3>&- & pids+=($!)
	by_mounts 2 --rw 3>&- & pids+=($!)
	by_sums >>"$T/log/sums" 2>&1 3>&- & pids+=($!)
	by_commands 3>&- & pids+=($!)
	while [ $SECONDS -lt $until ]; do
		sleep $every
		measure >>"$T/measures"
		# A writer may be one round ahead of who makes room.
		cache_holds $((QUOTA + (32 << 20)))
	done
	touch "$T/enough"
	wait "${pids[@]}"

	sort "$T/ended" | uniq -c >"$T/tally"
	cat "$T/tally" "$T/measures"
	! grep -v ' ok$' "$T/ended" || return 1
	for what in mount sums commands; do grep -q "^$what ok" "$T/ended"; done
	# Also those of what the kernel reads ahead, which no program sees.
	[ "$(layerfs --json stat | jq .counters.read_errors)" = 0 ] ||
		{ grep 'cannot be read' "$T/log/layerfsd"; return 1; }
	[ "$(layerfs --json stat | jq .counters.cache_evictions)" -gt 3 ]
	[ "$(worker_pid)" = "$(pid_of worker)" ] # the same that was measured
	wait_for 30 cache_holds $QUOTA
	is_flat 2 8192 # KiB
	is_flat 3 8
	is_flat 4 2
	is_flat 5 1024
	is_flat 6 4
	is_flat 7 1
	echo "# $(tr -s ' \n' ' ' <"$T/tally"); worker: $(most 2 1) and $(most 2 2) KiB, $(most 3 1) and $(most 3 2) descriptors; evicted $(layerfs --json stat | jq .counters.cache_evicted_bytes) bytes" >&3
}
