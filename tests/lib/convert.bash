# Conversions and what is said of them; `load ../lib/convert` after common.
# shellcheck shell=bash disable=SC2154

# shellcheck disable=SC2034 # used by those who load it
CHUNKED=io.github.containers.zstd-chunked.manifest-checksum

chunked() { "$top_srcdir/tests/lib/zstdchunked.py" "$@"; }

# A test image's layout, read-only; small-NAME is of the file's own.
layout() {
	case $1 in
	small-*) echo "$BATS_FILE_TMPDIR/$1" ;;
	*) echo "$LAYERFS_TEST_DATA/oci/$1" ;;
	esac
}

# make_small NAME...: for setup_file; the first megabytes of each layer of that image,
# for what does not depend on how much there is.
make_small() {
	local name
	for name; do
		[ ! -f "$(layout "$name")/index.json" ] ||
			chunked cut "$(layout "small-$name")" latest "$(layout "$name")" latest 3000000
	done
}

# copy_layout NAME DIR: one of the test's own.
copy_layout() { cp -rL "$(layout "$1")" "$2"; }

# convert_to_layout NAME DIR [OPTION...]: as DIR's tag v1.
convert_to_layout() {
	local name=$1 dir=$2
	shift 2
	layerfs convert -q "$@" "oci:$(layout "$name"):latest" "oci:$dir:v1"
}

# manifest_of LAYOUT TAG: the JSON that the name means.
manifest_of() {
	jq -r --arg t "$2" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $t) | .digest' \
		"$1/index.json" | sed "s|sha256:|$1/blobs/sha256/|" | xargs cat
}

# What a conversion left besides blobs that are what their names say.
leftovers() {
	find "$1/blobs/sha256" -type f ! -name '????????????????????????????????????????????????????????????????'
	(cd "$1/blobs/sha256" && shopt -s nullglob && for f in *; do
		echo "$f  $f" | sha256sum -c --quiet 2>&1
	done)
}

# As common.bash's: a conversion takes its time where much else runs.
layerfs() {
	timeout -k 5 400 "$(program layerfs)" --run "${RUN:-$T/run}" "$@"
}

# same_pulled_tree DIR DIR: same_tree without what podman does not keep, also not of what skopeo made: the times of
# folders and links, the root's mode; Debian 12's also files' times and groups.
same_pulled_tree() {
	pulled_tree "${INSIDE:+/proc/$(pid_of trixie)/root}$1" >"$T/tree.1" &&
		pulled_tree "$2" >"$T/tree.2" &&
		diff -u "$T/tree.1" "$T/tree.2" | head -n 40 &&
		cmp "$T/tree.1" "$T/tree.2"
}
pulled_tree() {
	local fields=1-6,8-
	[ "${RELEASE-}" = trixie ] || fields=1-4,6,8-
	"$top_srcdir/tests/bench/treedump.py" -c "$1" | tail -n +2 | cut -f "$fields"
}

# same_unpacked_tree DIR DIR: same_tree but for the root's time, which is that of its last
# change where no layer says one.
same_unpacked_tree() {
	unpacked_tree "$1" >"$T/tree.1" &&
		unpacked_tree "$2" >"$T/tree.2" &&
		[ "$(wc -l <"$T/tree.1")" -gt 1000 ] &&
		diff -u "$T/tree.1" "$T/tree.2" | head -n 40 &&
		cmp "$T/tree.1" "$T/tree.2"
}
unpacked_tree() { "$top_srcdir/tests/bench/treedump.py" -c "$1" | tail -n +2; }
