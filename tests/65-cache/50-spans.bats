#!/usr/bin/env bats
# A plain layer was read whole once; from then on its parts are read by range, as if
# it had been built for that.

load ../lib/common

QUOTA=$((40 << 20))

counter() { layerfs --json stat | jq ".counters.$1"; }
present_of() { layerfs --json stat "$1" | jq .present; }
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
blob_bytes() { layerfs --json stat "$1" | jq '[.layer_list[].blob_size] | add'; }
layer_dirs() { layerfs --json stat "$1" | jq -r '.layer_list[].layer' | cut -d: -f2 | sed "s|^|$ROOT/layers/|"; }

setup() {
	setup_test
	requires root fuse docker-registry jq ref:python:gzip
	start_registry
	start_meter
	mkdir "$T/mnt"
	REF=$METERED/python:gzip
}

# start_bounded BYTES: nothing is fetched ahead of its reader.
start_bounded() {
	printf '[cache]\nquota_bytes = %s\nmin_free_percent = 0\n[fetch]\nguess_percent = 0\n[profile]\nrecord_ms = 0\n' \
		"$1" >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
}

# All of it, without a bound: what is right.
read_whole() {
	start_bounded 0
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/right"
	layerfs unmount "$T/mnt"
	stop layerfsd
}

is_below_quota() { [ "$(layerfs --json stat | jq .cache.used_bytes)" -le "$QUOTA" ]; }

@test "what was evicted of a plain layer is read again by range" {
	read_whole
	# The same store, with less room than it holds.
	start_bounded "$QUOTA"
	wait_for 30 is_below_quota
	meter_reset
	layerfs mount "$REF" "$T/mnt"
	(cd "$T/mnt" && find usr/lib/python3.11 -type f -name '*.py' | sort | head -n 40 |
		xargs -d '\n' sha256sum) | sed 's|  |  ./|' >"$T/some"
	[ -s "$T/some" ]
	not grep -vFxf "$T/right" "$T/some"
	bytes=$(meter_bytes)
	whole=$(blob_bytes "$REF")
	echo "$bytes of $whole bytes read again"
	[ "$bytes" -gt 0 ]
	[ "$bytes" -lt $((whole / 4)) ]
	[ "$(counter read_errors)" = 0 ]
}

@test "a plain working set of several quotas is read right to the end" {
	read_whole
	start_bounded "$QUOTA"
	wait_for 30 is_below_quota
	before=$(counter cache_evicted_bytes)
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/again"
	diff "$T/right" "$T/again"
	[ "$(counter read_errors)" = 0 ]
	wait_for 30 is_below_quota
	[ $(($(counter cache_evicted_bytes) - before)) -gt $((3 * QUOTA)) ]
}

@test "the restart points take less than two percent of the layer" {
	start_daemon
	layerfs mount "$REF" "$T/mnt"
	points=0
	for dir in $(layer_dirs "$REF"); do
		[ ! -e "$dir/points" ] || points=$((points + $(stat -c %s "$dir/points")))
	done
	whole=$(blob_bytes "$REF")
	echo "$points bytes for $whole"
	[ "$points" -gt 0 ]
	[ "$points" -lt $((whole * 2 / 100)) ]
}

@test "a layer whose restart points are damaged is made again" {
	read_whole
	start_daemon
	dir=$(layer_dirs "$REF" | while read -r d; do [ ! -e "$d/points" ] || echo "$d"; done | head -n 1)
	stop layerfsd
	printf x | dd of="$dir/points" bs=1 seek=5000 conv=notrunc status=none
	start_daemon
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/again"
	diff "$T/right" "$T/again"
	layerfs --json verify | jq -e '.wrong == 0'
}

@test "a flipped byte of a plain layer is found, dropped and fetched again by range" {
	read_whole
	start_daemon
	python3 - "$ROOT/data" <<-'PY'
		import os, sys
		f = os.open(sys.argv[1], os.O_RDWR)
		start = os.lseek(f, 0, os.SEEK_DATA)
		at = (start + os.lseek(f, start, os.SEEK_HOLE)) // 2
		old = os.pread(f, 1, at)
		os.pwrite(f, bytes([old[0] ^ 0x10]), at)
	PY
	fails_with " 1 wrong" layerfs verify
	layerfs verify --repair | grep '(dropped)'
	meter_reset
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/again"
	diff "$T/right" "$T/again"
	[ "$(meter_bytes)" -lt $((8 << 20)) ]
}
