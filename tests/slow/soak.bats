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

# Descriptors and threads of the worker and the supervisor, KiB of the supervisor.
measure() {
	local name line=$SECONDS p
	for name in worker layerfsd; do
		p=$(pid_of $name)
		line+=" $(find "/proc/$p/fd" -mindepth 1 2>/dev/null | wc -l)"
		line+=" $(awk '/^Threads/ { print $2 }' "/proc/$p/status")"
	done
	echo "$line $(awk '/^VmRSS/ { print $2 }' "/proc/$p/status")"
}

# KiB of the worker: what its heap has in use in small pieces, and all that is resident,
# of what it has in large ones, too.
measure_memory() {
	curl -s --max-time 60 --unix-socket "$RUN/metrics.sock" http://localhost/metrics |
		awk '/^layerfs_heap_bytes.*small/ { h = $2 } /^process_resident_memory_bytes/ { r = $2 }
			END { if (h) printf "%d %d\n", h / 1024, r / 1024 }'
}

# The least, mean or most of a column in a third (0, 1, 2) of a file.
in_third() { # FILE COLUMN WHICH THIRD
	awk -v c="$2" -v which="$3" -v third="$4" '{ v[NR] = $c } END {
		for (i = int(NR * third / 3) + 1; i <= int(NR * (third + 1) / 3); i++) {
			if (!n++ || v[i] < is["least"]) is["least"] = v[i]
			if (v[i] > is["most"]) is["most"] = v[i]
			is["mean"] += v[i]
		}
		is["mean"] /= n
		printf "%d", is[which] }' "$1"
}
in_thirds() { echo "$(in_third "$@" 0), $(in_third "$@" 1), $(in_third "$@" 2)"; }
is_flat() { # FILE COLUMN WHICH SLACK
	[ "$(in_third "$1" "$2" "$3" 2)" -le $(($(in_third "$1" "$2" "$3" 1) + $4)) ] ||
		{ echo "$1, column $2, $3: $(in_thirds "$1" "$2" "$3")"; return 1; }
}
cache_holds() {
	local used
	used=$(layerfs --json stat | jq .cache.used_bytes)
	[ "$used" -le "$1" ] || { echo "$used bytes"; return 1; }
}

@test "images come and go for long: every byte right, memory and descriptors flat" {
	local i which pids=() until=$((SECONDS + SOAK_SECONDS)) every=$((SOAK_SECONDS / 60 + 1))
	by_mounts 1 3>&- & pids+=($!)
	by_mounts 2 --rw 3>&- & pids+=($!)
	by_sums >>"$T/log/sums" 2>&1 3>&- & pids+=($!)
	by_commands 3>&- & pids+=($!)
	while [ $SECONDS -lt $until ]; do
		for ((i = 0; i < every; i++)); do
			sleep 1
			measure_memory >>"$T/memory"
		done
		measure >>"$T/measures"
		# A writer may be one round ahead of who makes room.
		cache_holds $((QUOTA + (32 << 20)))
	done
	touch "$T/enough"
	wait "${pids[@]}"

	sort "$T/ended" | uniq -c >"$T/tally"
	cat "$T/tally" "$T/measures"
	for which in least mean most; do
		echo "# $which: heap $(in_thirds "$T/memory" 1 $which), resident $(in_thirds "$T/memory" 2 $which) KiB" >&3
	done
	! grep -v ' ok$' "$T/ended" || return 1
	for what in mount sums commands; do grep -q "^$what ok" "$T/ended"; done
	# Also those of what the kernel reads ahead, which no program sees.
	[ "$(layerfs --json stat | jq .counters.read_errors)" = 0 ] ||
		{ grep 'cannot be read' "$T/log/layerfsd"; return 1; }
	[ "$(layerfs --json stat | jq .counters.cache_evictions)" -gt 3 ]
	[ "$(worker_pid)" = "$(pid_of worker)" ] # the same that was measured
	wait_for 30 cache_holds $QUOTA
	# What work under way takes comes and goes; what is left between is what grows.
	is_flat "$T/memory" 1 least 512
	is_flat "$T/memory" 2 least 2048
	[ "$(awk '$2 > 128 * 1024' "$T/memory" | wc -l)" = 0 ]
	is_flat "$T/measures" 2 most 8
	is_flat "$T/measures" 3 most 2
	is_flat "$T/measures" 4 most 4
	is_flat "$T/measures" 5 most 1
	is_flat "$T/measures" 6 most 1024
	echo "# $(tr -s ' \n' ' ' <"$T/tally"); descriptors $(in_thirds "$T/measures" 2 most); evicted $(layerfs --json stat | jq .counters.cache_evicted_bytes) bytes" >&3
}
