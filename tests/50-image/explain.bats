#!/usr/bin/env bats
# explain: of each layer lazy or why not, before and after it was opened here.
# What holds an image, and what goes with it.

load ../lib/common
load ../lib/faults

setup() {
	setup_test
	requires root fuse docker-registry jq curl ref:debian-zc:zstdchunked ref:debian:gzip
	start_registry
	start_meter
	start_daemon
	mkdir "$T/mnt"
	LAZY=$METERED/debian-zc:zstdchunked
	PLAIN=$METERED/debian:gzip
}

layers() { layerfs --json explain "$1" | jq -c ".layer_list | map($2) | unique"; }

@test "an image that was never opened is explained by its manifest alone" {
	meter_reset
	[ "$(layers "$LAZY" '[.is_here, .lazy, .format]')" = '[[false,true,"zstd:chunked"]]' ]
	[ "$(meter_requests)" = 1 ]
	[ "$(layers "$PLAIN" '[.is_here, .lazy, .reason]')" = \
		'[[false,false,"the manifest vouches for no table of contents"]]' ]
	[ "$(layers "$PLAIN" .reason_code)" = '["no_table"]' ]
	[ "$(layers "$LAZY" .reason_code)" = '[null]' ]
	layerfs explain "$PLAIN" | grep -E '^Known: +no'
	[ "$(layerfs --json images | jq '.images | length')" = 0 ]
	[ "$(layerfs --json stat | jq .store.layers)" = 0 ]
}

@test "an image that is here is explained without its registry" {
	layerfs pull "$PLAIN"
	layerfs pull --lazy "$LAZY"
	stop meter || true
	[ "$(layers "$LAZY" '[.is_here, .lazy, .present < .size]')" = '[[true,true,true]]' ]
	[ "$(layers "$PLAIN" '[.is_here, .lazy, .format, .reason_code]')" = \
		'[[true,false,"tar+gzip","no_table"]]' ]
	layerfs explain "$LAZY" | grep -E '^Lazy: +1 of 1 layers$'
	fails_with refused layerfs explain "$METERED/debian-zstd:zstd"
}

@test "a mount holds its image, also after the worker died" {
	layerfs mount "$LAZY" "$T/mnt"
	[ "$(layerfs --json explain "$LAZY" | jq -c .holders)" = '{"mount":1}' ]
	layerfs images | grep -E ' 1 mount$'
	kill_worker
	[ "$(layerfs --json explain "$LAZY" | jq -c .holders)" = '{"mount":1}' ]
	cat "$T/mnt/etc/os-release"
	layerfs unmount "$T/mnt"
	[ "$(layerfs --json explain "$LAZY" | jq -c .holders)" = '{}' ]
	wait_for 20 is_let_go
	layerfs rm "$LAZY"
	[ "$(layerfs --json stat | jq .store.layers)" = 0 ]
}
