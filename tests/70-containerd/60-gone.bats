#!/usr/bin/env bats
# Images deleted, containers ended: containerd collects, and nothing is left.

load ../lib/common
load ../lib/containerd
load ../lib/images

setup_file() { own_images box pause; }

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry skopeo jq
	start_own_registry
	start_snapshotter
	start_containerd
}
teardown() { teardown_containerd; }

# No snapshot, no mount, no folder.
is_gone() {
	[ "$(snapshot_count)" = 0 ] || return
	if [ "$SNAPSHOTTER" = layerfs ]; then
		[ -z "$(own_snapshots)" ] && nothing_shown && [ -z "$(ls "$RUN/s/")" ]
	else
		[ -z "$(ls "$T/ctd/root/io.containerd.snapshotter.v1.overlayfs/snapshots")" ]
	fi
}

gone() {
	wait_for 20 is_gone && return
	snapshots
	[ "$SNAPSHOTTER" != layerfs ] || { own_snapshots; ls "$RUN/m" "$RUN/s/"; }
	return 1
}

# No image, no byte: what a pull opened stays open for half a minute.
is_forgotten() {
	[ "$(layerfs --json images | jq '.images | length')" = 0 ] &&
		[ "$(layerfs --json stat | jq .store.present_bytes)" = 0 ]
}

forgotten() {
	[ "$SNAPSHOTTER" != layerfs ] || wait_for 120 is_forgotten ||
		{ layerfs images; layerfs stat; return 1; }
}

delete() { ctd image rm --sync "$@" >/dev/null; }

@test "a lazy image that was pulled only" {
	lazy_pull "$REGISTRY/box-zc:1"
	[ "$(snapshot_count)" = 2 ]
	delete "$REGISTRY/box-zc:1"
	gone
}

@test "a lazy image that ran" {
	lazy_pull "$REGISTRY/box-zc:1"
	run_container "$REGISTRY/box-zc:1" c /bin/sh -c 'sha256sum /data/noise*'
	delete "$REGISTRY/box-zc:1"
	gone
}

@test "a plain, a mixed and a small image that ran" {
	for ref in box:gzip lazy:base lazy:top pause:gzip; do
		lazy_pull "$REGISTRY/$ref"
		run_container "$REGISTRY/$ref" c /bin/sh -c 'ls -lR /bin /data /more | sha256sum'
		delete "$REGISTRY/$ref"
		gone
	done
	forgotten
}

@test "a container keeps its image until it ends" {
	lazy_pull "$REGISTRY/box-zc:1"
	start_container "$REGISTRY/box-zc:1" kept /bin/sleep 1000
	delete "$REGISTRY/box-zc:1"
	exec_in kept cat /data/changed | grep new
	exec_in kept sha256sum /data/noise5
	end_container kept
	# What holds it was the container; the next collection takes it.
	lazy_pull "$REGISTRY/pause:gzip"
	delete "$REGISTRY/pause:gzip"
	gone
}

@test "images that share a layer: the last one takes it along" {
	lazy_pull "$REGISTRY/box-zc:1"
	images mix shared:1 box-zc:1/0 pause:gzip/0
	lazy_pull "$REGISTRY/shared:1"
	[ "$(snapshot_count)" = 3 ]
	delete "$REGISTRY/box-zc:1"
	run_container "$REGISTRY/shared:1" c /bin/sh -c 'sha256sum /data/noise*'
	delete "$REGISTRY/shared:1"
	gone
}

@test "two namespaces: each goes by itself" {
	CTR_OPTIONS="-n one" lazy_pull "$REGISTRY/box-zc:1"
	CTR_OPTIONS="-n two" lazy_pull "$REGISTRY/box-zc:1"
	CTR_OPTIONS="-n one" delete "$REGISTRY/box-zc:1"
	CTR_OPTIONS="-n two" run_container "$REGISTRY/box-zc:1" c /bin/sh -c 'sha256sum /data/noise*'
	CTR_OPTIONS="-n two" delete "$REGISTRY/box-zc:1"
	gone
}

@test "what layerfs was asked for by name stays" {
	requires_layerfs
	layerfs pull "$REGISTRY/box-zc:1"
	lazy_pull "$REGISTRY/box-zc:1"
	delete "$REGISTRY/box-zc:1"
	wait_for 20 eval '[ -z "$(own_snapshots)" ]'
	[ "$(layerfs --json images | jq -r '.images[0].references[0]')" = "$REGISTRY/box-zc:1" ]
	layerfs rm "$REGISTRY/box-zc:1"
	forgotten
}

@test "an image in use by a container is not removed by layerfs rm" {
	requires_layerfs
	lazy_pull "$REGISTRY/box-zc:1"
	start_container "$REGISTRY/box-zc:1" c /bin/sleep 1000
	run layerfs rm "$REGISTRY/box-zc:1"
	exec_in c sha256sum /data/noise5
	end_container c
	delete "$REGISTRY/box-zc:1"
	gone
}

@test "ten images' worth of coming and going" {
	for n in {1..10}; do
		lazy_pull "$REGISTRY/box-zc:1"
		run_container "$REGISTRY/box-zc:1" "c$n" /bin/true
		delete "$REGISTRY/box-zc:1"
	done
	gone
}
