#!/usr/bin/env bats
# Debian 13's soci indexes an image and pushes the index; layerfs reads the image by
# it.  Needs Debian 13's root (make check-trixie).

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/soci

# What is shown of the image where nothing lies beside it.
setup_file() {
	local BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/first
	[ -d "$TRIXIE" ] && [ "$(id -u)" = 0 ] || return 0
	own_images box
	RELEASE= setup_test
	mkdir "$T/mnt"
	start_own_registry
	start_daemon
	layerfs mount "$REGISTRY/box:gzip" "$T/mnt"
	[ "$(formats box:gzip)" = '["tar+gzip"]' ]
	tree "$T/mnt" >"$BATS_FILE_TMPDIR/tree"
	teardown_test
}

tree() { "$top_srcdir/tests/bench/treedump.py" -c "$1"; }
formats() { layerfs --json explain "$REGISTRY/$1" | jq -c '.layer_list | map(.format) | unique'; }

setup() { RELEASE=trixie setup_test; }
teardown() { teardown_containerd; }

@test "an image is read lazily by the index that soci made" {
	requires root fuse docker-registry jq curl
	[ -d "$TRIXIE" ] || skip "requires $TRIXIE (make check-trixie)"
	start_own_registry
	start_soci
	soci_create box:gzip --span-size 1048576 --min-layer-size 0
	start_meter
	mkdir "$T/mnt"
	printf '[index]\nwait_ms = 30000\n' >"$T/toml"
	start_daemon --config "$T/toml"
	REGISTRY=$METERED
	layerfs mount "$REGISTRY/box:gzip" "$T/mnt"
	[ "$(formats box:gzip)" = '["soci"]' ]
	cat "$T/mnt/etc/passwd" >/dev/null
	fetched box:gzip | tee "$T/fetched"
	is_lazy box:gzip
	tree "$T/mnt" | diff "$BATS_FILE_TMPDIR/tree" -
}
