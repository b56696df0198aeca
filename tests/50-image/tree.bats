#!/usr/bin/env bats
# What layerfs shows of an image is what containerd unpacks of it: type, mode,
# owner, size, time, device, xattrs, hard links, contents; in every format.
#
# IMAGES chooses; scripts/check runs the small ones, `scripts/check images` all.

load ../lib/common
load ../lib/containerd
load ../lib/trees

: "${IMAGES:=nginx odd python}"

# unpack_once IMAGE: $THEIRS is the file that says what containerd unpacks of it.
unpack_once() {
	THEIRS=$BATS_FILE_TMPDIR/$1.tree
	[ ! -f "$THEIRS" ] || return 0
	start_containerd
	containerd_unpacks "$REGISTRY/$1:gzip" "$T/theirs"
	write_tree "$T/theirs" "$THEIRS.new"
	mv "$THEIRS.new" "$THEIRS"
}

# same_as_containerd IMAGE REFERENCE: a whole distribution's image.
same_as_containerd() {
	unpack_once "$1"
	start_daemon
	mkdir "$T/ours"
	layerfs mount "$2" "$T/ours"
	write_tree "$T/ours" "$T/ours.tree"
	[ "$(wc -l <"$T/ours.tree")" -gt 5000 ]
	same_trees "$THEIRS" "$T/ours.tree"
}

# in_each_image SUFFIX TAG [NAMES]
in_each_image() {
	local i NAMES=${3-}
	for i in $IMAGES; do
		echo "# $i$1:$2"
		requires root fuse containerd ctr docker-registry "image:$i" \
			"ref:$i:gzip" "ref:$i$1:$2"
		start_registry
		same_as_containerd "$i" "$REGISTRY/$i$1:$2"
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
	same_as_containerd odd "oci:$LAYERFS_TEST_DATA/oci/odd"
}
