#!/usr/bin/env bats
# What layerfs shows of an image is what containerd unpacks of it: type, mode,
# owner, size, time, device, xattrs, hard links, contents; in every format.
#
# IMAGES chooses; scripts/check runs the small ones, `scripts/check images` all.

load ../lib/common
load ../lib/containerd
load ../lib/trees

: "${IMAGES:=nginx odd python}"

# same_as_containerd IMAGE REPOSITORY:TAG
same_as_containerd() {
	requires root fuse containerd ctr docker-registry "image:$1" \
		"ref:$1:gzip" "ref:$2"
	start_registry
	start_containerd
	containerd_unpacks "$REGISTRY/$1:gzip" "$T/theirs"
	start_daemon
	mkdir "$T/ours"
	layerfs mount "$REGISTRY/$2" "$T/ours"
	same_image "$T/theirs" "$T/ours"
}

# in_each_image SUFFIX TAG [NAMES]
in_each_image() {
	local i NAMES=${3-}
	for i in $IMAGES; do
		echo "# $i$1:$2"
		same_as_containerd "$i" "$i$1:$2"
		teardown_test
		rm -rf "$T"
		setup_test
	done
}

@test "plain gzip equals containerd's unpacking" {
	in_each_image "" gzip
}

@test "plain zstd equals containerd's unpacking" {
	in_each_image -zstd zstd
}

@test "skopeo's zstd:chunked equals containerd's unpacking" {
	in_each_image -zc zstdchunked as_producers_write
}

@test "ctr-remote's zstd:chunked equals containerd's unpacking" {
	in_each_image "" zc-stargz as_producers_write
}

@test "eStargz equals containerd's unpacking" {
	in_each_image "" esgz as_producers_write
}

@test "optimised eStargz equals containerd's unpacking" {
	in_each_image "" esgz-opt as_producers_write
}

@test "an OCI layout folder equals containerd's unpacking" {
	local NAMES=
	requires root fuse containerd ctr docker-registry image:odd ref:odd:gzip
	start_registry
	start_containerd
	containerd_unpacks "$REGISTRY/odd:gzip" "$T/theirs"
	start_daemon
	mkdir "$T/ours"
	layerfs mount "oci:$LAYERFS_TEST_DATA/oci/odd" "$T/ours"
	same_image "$T/theirs" "$T/ours"
}
