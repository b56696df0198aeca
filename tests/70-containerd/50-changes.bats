#!/usr/bin/env bats
# What a container changed, as a layer: exactly that, and right on top of the image.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/trees

setup_file() { own_images box; }

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry skopeo jq
	start_own_registry
	start_snapshotter
	start_containerd
}
teardown() { teardown_containerd; }

# A container that changed things of each layer, and ended.
changed_container() {
	run_container_keeping "$1" changed /bin/sh -c '
		echo mine >/data/changed
		echo more >>/data/opaque/new
		rm /data/noise0
		rm -rf /data/opaque && mkdir /data/opaque && echo o >/data/opaque/again
		mv /data/noise1 /more/moved
		mkdir -p /new/dir && echo n >/new/dir/file && ln -s dir /new/link
		ln /new/dir/file /new/hard
		chmod 600 /more/noise0
		rm -rf /data/swap && echo s >/data/swap'
}

run_container_keeping() {
	ctd run --snapshotter "$SNAPSHOTTER" --runc-root "$T/runc" "$@"
	ctd task rm "$2" >/dev/null 2>&1 || true
}

# Contents that did not change, of files and links.
layer_is_exact() {
	tar -tzf "$1" | sed 's,/$,,' | sort >"$T/names"
	diff "$T/names" - <<-TEXT
		data
		data/.wh.noise0
		data/.wh.noise1
		data/changed
		data/opaque
		data/opaque/.wh.new
		data/opaque/again
		data/swap
		more
		more/moved
		more/noise0
		new
		new/dir
		new/dir/file
		new/hard
		new/link
	TEXT
	[ "$(tar -xOzf "$1" data/changed)" = mine ]
	[ "$(tar -xOzf "$1" more/moved | sha256sum)" = \
		"$(python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(1 << 20))' | sha256sum)" ]
	tar -tvzf "$1" new/hard new/dir/file | grep -E '^h|link to'
}

# commit_is_right REF
commit_is_right() {
	changed_container "$1"
	ctd snapshot --snapshotter "$SNAPSHOTTER" diff changed >"$T/layer.tar.gz"
	layer_is_exact "$T/layer.tar.gz"
	images append "commit-$BATS_TEST_NUMBER:1" "${1#*/}" "$T/layer.tar.gz"
	lazy_pull "$REGISTRY/commit-$BATS_TEST_NUMBER:1"
	mount_image "$REGISTRY/commit-$BATS_TEST_NUMBER:1" "$T/committed"
	mount_snapshot changed "$T/changed"
	same_but_for_root "$T/changed" "$T/committed"
}

@test "a container's changes on a lazy image become a layer" {
	lazy_pull "$REGISTRY/box-zc:1"
	commit_is_right "$REGISTRY/box-zc:1"
}

@test "a container's changes on a plain image become a layer" {
	whole_pull "$REGISTRY/box:gzip"
	commit_is_right "$REGISTRY/box:gzip"
}

@test "a container's changes on a mixed image become a layer" {
	lazy_pull "$REGISTRY/lazy:base"
	commit_is_right "$REGISTRY/lazy:base"
}

@test "a container that changed nothing makes an empty layer" {
	lazy_pull "$REGISTRY/box-zc:1"
	run_container_keeping "$REGISTRY/box-zc:1" idle /bin/true
	ctd snapshot --snapshotter "$SNAPSHOTTER" diff idle >"$T/layer.tar.gz"
	[ -z "$(tar -tzf "$T/layer.tar.gz")" ]
}

@test "the layers of a lazy image are what its blobs hold" {
	lazy_pull "$REGISTRY/box-zc:1"
	lazy_pull "$REGISTRY/box:gzip"
	mount_image "$REGISTRY/box-zc:1" "$T/lazy"
	mount_image "$REGISTRY/box:gzip" "$T/plain"
	same_but_for_root "$T/plain" "$T/lazy"
}

@test "a container keeps its changes when it is started again" {
	lazy_pull "$REGISTRY/box-zc:1"
	run_container_keeping "$REGISTRY/box-zc:1" again /bin/sh -c \
		'cat /data/changed; echo "mine" >/data/changed'
	ctd task start --log-uri "file://$T/again" again
	wait_for 10 grep mine "$T/again"
}
