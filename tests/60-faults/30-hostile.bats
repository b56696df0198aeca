#!/usr/bin/env bats
# Images that lie, with the manifest vouching for the lie: refused with what and
# where, or shown harmlessly; never more memory than the limits say, never a
# mount left, never an image that was here before lost.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images; }

setup() {
	setup_faults
	keep_good
}

teardown() { teardown_faults; }

# is_refused IMAGE TEXT...: with the layer's digest and each text.
is_refused() {
	local image=$1
	shift
	refused "$FAKE/app:$image" "layer sha256:" "$@"
}

mounts() { layerfs mount --unreachable=wait:5m "$FAKE/app:$1" "$T/mnt"; }

# No worker had more than that; the sanitizers' own memory does not count.
peaked_below() {
	is_instrumented || [ "$(worker_peak_mib)" -lt "$1" ]
}

@test "names that lead out of the image are refused" {
	is_refused parent "entry ../outside" "'..'"
	is_refused parent-inside "entry a/../../outside" "'..'"
	is_refused parent-estargz "estargz" "entry ../outside"
	is_refused tar-parent "entry ../outside"
	is_refused link-outside "entry a" "../../etc/shadow"
	still_good
}

@test "an absolute name is one below the image's root" {
	mounts absolute
	[ -f "$T/mnt/etc/passwd" ] && [ ! -s "$T/mnt/etc/passwd" ]
}

@test "a name is any byte but NUL, and no longer than the kernel's" {
	is_refused nul-name "NUL"
	is_refused long-name "a name of 256 bytes"
	mounts newline-name
	[ -f "$T/mnt/"$'a\nb' ]
	[ "$(readlink "$T/mnt/"$'c\n'; echo .)" = $'\n\n.' ]
}

@test "folders nest only so deep" {
	is_refused deep "entry d/d/d"
	still_good
}

@test "of two entries the later one counts" {
	mounts duplicate
	[ "$(cat "$T/mnt/twice")" = second ]
	layerfs unmount "$T/mnt"
	mounts duplicate-kinds
	[ "$(readlink "$T/mnt/a")" = /etc ]
}

@test "hard links in a circle, to themselves and to folders are refused" {
	is_refused link-cycle "hard link to b"
	is_refused link-self "hard link to a"
	is_refused link-folder "the target is a folder"
	is_refused tar-link-cycle "hard link to b"
	still_good
}

@test "a parent that is no folder is refused" {
	is_refused under-file "entry a/b" "not a folder"
	is_refused symlink-loop "entry a/c" "too many symbolic links"
	still_good
}

@test "a parent that is a symbolic link stays inside the image" {
	for image in under-symlink tar-under-symlink; do
		mounts $image
		[ "$(readlink "$T/mnt/a")" = /etc ]
		[ -f "$T/mnt/etc/passwd" ]
		[ "$(wc -c <"$T/mnt/etc/passwd")" -lt 2 ]
		layerfs unmount "$T/mnt"
	done
}

@test "chunks that overlap, lie outside or do not fit their file are refused" {
	is_refused overlap "entry liar" "offset 0 lies before"
	is_refused outside "entry liar" "lies past the data"
	is_refused end-outside "entry liar" "lies past the data"
	is_refused uncovered "entry liar" "do not cover the file"
	is_refused too-covered "entry liar" "reaches past the file"
	still_good
}

@test "sizes out of this world and chunks without a digest are refused" {
	is_refused huge-size "entry liar" "out of range"
	is_refused negative "size" "out of range"
	is_refused no-digest "entry liar" "without a digest"
	still_good
}

@test "a table of contents that is none is refused" {
	is_refused toc-cut "JSON at byte 41"
	is_refused toc-html "JSON at byte 0"
	is_refused toc-nested "nests deeper than"
	is_refused toc-version "version 7"
	still_good
}

@test "a table of contents of a GiB, and one that unpacks to it, cost nothing" {
	is_refused says-gib "impossible length"
	is_refused toc-bomb "table of contents"
	is_refused toc-bomb-estargz "too large"
	peaked_below 100
	still_good
}

@test "the largest table of contents costs its own size" {
	is_refused toc-blank "JSON at byte 134217728"
	peaked_below 250
	still_good
}

@test "a million files are mounted in bounded memory" {
	mounts million
	[ -f "$T/mnt/999/999999" ]
	[ "$(ls "$T/mnt" | wc -l)" = 1000 ]
	peaked_below 500
	layerfs unmount "$T/mnt"
	still_good
}

@test "attributes too large are refused" {
	is_refused huge-xattr "attribute user.x of 90000 bytes"
	is_refused many-xattrs "attributes of"
	still_good
}

@test "a plain layer that is cut, noise or somebody else's is refused" {
	is_refused tar-cut "cut off"
	is_refused tar-noise "checksum"
	is_refused gzip-noise "no tar, gzip or zstd"
	is_refused tar-wrong-diff-id "diff_id"
	still_good
}

@test "bombs in plain layers are refused before they unpack" {
	is_refused gzip-bomb "8796093022208 bytes"
	is_refused pax-bomb "1073741824 bytes is too large"
	peaked_below 100
	still_good
}

# ---- layouts

@test "a layout that lacks a blob, or has one of another size, names it" {
	cp -r "$IMAGES" "$T/layout"
	layer=$(layerfs --json stat "$FAKE/kept:good" | jq -r '.layer_list[2].layer')
	blob=$T/layout/blobs/sha256/${layer#sha256:}
	layerfs rm "$FAKE/kept:good"
	truncate -s 100 "$blob"
	refused "oci:$T/layout:good" "$layer"
	rm "$blob"
	refused "oci:$T/layout:good" "$layer"
}

@test "a layout whose index is garbage is none" {
	cp -r "$IMAGES" "$T/layout"
	echo garbage >"$T/layout/index.json"
	refused "oci:$T/layout:good" "index.json"
	rm "$T/layout/index.json"
	refused "oci:$T/layout:good" "index.json"
	refused "oci:$T/nowhere:good" "No such file"
}

@test "a layout's blob may not be a link to somewhere else" {
	cp -r "$IMAGES" "$T/layout"
	layer=$(layerfs --json stat "$FAKE/kept:good" | jq -r '.layer_list[2].layer')
	layerfs rm "$FAKE/kept:good"
	blob=$T/layout/blobs/sha256/${layer#sha256:}
	mv "$blob" "$T/elsewhere"
	ln -s "$T/elsewhere" "$blob"
	refused "oci:$T/layout:good" "$layer"
}

@test "a layout's blob may not be a pipe that nobody writes to" {
	cp -r "$IMAGES" "$T/layout"
	layer=$(layerfs --json stat "$FAKE/kept:good" | jq -r '.layer_list[2].layer')
	layerfs rm "$FAKE/kept:good"
	blob=$T/layout/blobs/sha256/${layer#sha256:}
	rm "$blob"
	mkfifo "$blob"
	refused "oci:$T/layout:good" "$layer"
}
