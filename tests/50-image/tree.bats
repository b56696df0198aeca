#!/usr/bin/env bats
# What layerfs shows of an image is what containerd unpacks of it: type, mode,
# owner, size, time, device, xattrs, hard links, contents; in every format.
#
# IMAGES chooses, and STARGZ those in stargz' formats; `make check-images` runs all.

load ../lib/common
load ../lib/containerd
load ../lib/trees

: "${IMAGES:=nginx odd}"
: "${STARGZ:=nginx}"

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
	IMAGES=$STARGZ in_each_image "" zc-stargz as_producers_write
}

@test "eStargz equals containerd's unpacking" {
	IMAGES=$STARGZ in_each_image "" esgz as_producers_write
}

@test "optimised eStargz equals containerd's unpacking" {
	IMAGES=$STARGZ in_each_image "" esgz-opt as_producers_write
}

@test "an OCI layout folder equals containerd's unpacking" {
	local NAMES=
	requires root fuse containerd ctr docker-registry image:odd ref:odd:gzip
	start_registry
	same_as_containerd odd "oci:$LAYERFS_TEST_DATA/oci/odd"
}

# Of a folder that got an entry without being named containerd's time is that of the
# unpacking.
forget_folder_times() { awk -F '\t' -v OFS='\t' '$2 == "40000" { $7 = "-" } 1' "$1" >"$1.timeless"; }

@test "tars as few programs write them equal containerd's unpacking" {
	local i
	requires root fuse containerd ctr docker-registry
	mkdir "$T/storage"
	start_registry "$T/storage"
	"$top_srcdir/tests/lib/images.py" "$REGISTRY" push strange twice below
	start_containerd
	start_daemon
	for i in strange twice below; do
		containerd_unpacks "$REGISTRY/$i:gzip" "$T/theirs.$i"
		mkdir "$T/ours.$i"
		layerfs mount "$REGISTRY/$i:gzip" "$T/ours.$i"
		write_tree "$T/theirs.$i" "$T/theirs.tree"
		write_tree "$T/ours.$i" "$T/ours.tree"
		forget_folder_times "$T/theirs.tree"
		forget_folder_times "$T/ours.tree"
		same_trees "$T/theirs.tree.timeless" "$T/ours.tree.timeless"
	done
}
