#!/usr/bin/env bats
# ctr-remote image rpull, then run: the real images do their work, and of no layer
# everything is fetched.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/trees

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry jq
}
teardown() { teardown_containerd; }

start_all() {
	start_registry
	start_meter
	start_snapshotter
	start_containerd
}

# runs IMAGE REPOSITORY:TAG: does what it is for, lazily.  Its figures go to the
# test's output.
runs() {
	local ref=$2 pulled
	requires "ref:$ref"
	meter_reset
	lazy_pull "$METERED/$ref"
	pulled="$(meter_bytes) bytes, $(meter_requests) requests"
	run_container "$METERED/$ref" "$1" >"$T/log/$1" 2>&1 ||
		{ cat "$T/log/$1"; return 1; }
	grep READY "$T/log/$1"
	echo "# $ref: pulled with $pulled; READY with $(meter_bytes) bytes, $(meter_requests) requests" >&3
	is_lazy "$ref"
	nothing_runs
}

nothing_runs() {
	[ "$(ctd container ls -q)" = "" ] &&
		[ -z "$(mounts_under "$T/ctd/state")" ]
}

# What this snapshotter can be lazy with.
chunked() {
	if [ "$SNAPSHOTTER" = layerfs ]; then
		echo "$1-zc:zstdchunked"
	else
		echo "$1:gzip"
	fi
}

@test "python runs" {
	start_all
	runs python "$(chunked python)"
}

@test "nginx runs" {
	start_all
	runs nginx "$(chunked nginx)"
}

@test "postgres runs" {
	start_all
	runs postgres "$(chunked postgres)"
}

@test "odd runs" {
	start_all
	runs odd "$(chunked odd)"
}

@test "eStargz and stargz' zstd:chunked run" {
	start_all
	for tag in esgz esgz-opt zc-stargz; do runs nginx "nginx:$tag"; done
}

@test "a second container fetches nothing more" {
	start_all
	runs nginx "$(chunked nginx)"
	settle
	meter_reset
	run_container "$METERED/$(chunked nginx)" again | grep READY
	[ "$SNAPSHOTTER" != layerfs ] || [ "$(meter_requests)" = 0 ]
}

@test "an image is lazy in each namespace" {
	start_all
	ref=$(chunked nginx)
	requires "ref:$ref"
	for ns in one two; do
		CTR_OPTIONS="-n $ns" lazy_pull "$METERED/$ref"
		CTR_OPTIONS="-n $ns" run_container "$METERED/$ref" c | grep READY
	done
	is_lazy "$ref"
	ctd -n one image rm --sync "$METERED/$ref"
	CTR_OPTIONS="-n two" run_container "$METERED/$ref" c | grep READY
}

@test "odd's tree is the one that overlayfs shows" {
	requires ref:odd:gzip "ref:$(chunked odd)"
	start_all
	SNAPSHOTTER=overlayfs whole_pull "$REGISTRY/odd:gzip"
	SNAPSHOTTER=overlayfs mount_image "$REGISTRY/odd:gzip" "$T/theirs"
	lazy_pull "$METERED/$(chunked odd)"
	mount_image "$METERED/$(chunked odd)" "$T/ours"
	NAMES=as_producers_write same_but_for_root "$T/theirs" "$T/ours"
}
