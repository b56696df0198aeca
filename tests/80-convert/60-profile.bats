# What a profile names comes first; the image is another one, of the same tree.
load ../lib/common
load ../lib/containerd
load ../lib/podman
load ../lib/convert

setup() {
	setup_test
	requires root fuse jq image:odd image:debian
}
teardown() {
	podman rm -af >/dev/null 2>&1 || true
	teardown_containerd
}

# usr/bin/perl is a hard link to usr/bin/perl5.36.0, or the other way round.
READ=(usr/bin/perl etc/debian_version usr/bin/env usr/share/base-files/motd bin/sync)

# record_profile NAME: reads these files of the image, and saves what was learnt.
record_profile() {
	local f ref=oci:$(layout "$1"):latest
	start_daemon
	mkdir "$T/mnt"
	layerfs mount "$ref" "$T/mnt"
	for f in "${READ[@]}"; do cat "$T/mnt/$f" >/dev/null; done
	layerfs unmount "$T/mnt"
	wait_for 10 layerfs profile show "$ref"
	layerfs profile export "$ref" "$T/profile"
	layerfs profile show --json "$ref" >"$T/shown"
}

# wished N: files of the N-th layer in the profile's order, each once.
wished() {
	jq -r --argjson n "$1" '[.entries[] as $e | .files[$e.file] | select(.layer == $n) | .path]
		| reduce .[] as $p ([]; if index([$p]) then . else . + [$p] end) | .[]' "$T/shown"
}
config_of() { manifest_of "$1" "$2" | jq -r .config.digest; }
blob_of() { manifest_of "$1" "$2" | jq -r ".layers[$3].digest" | sed "s|sha256:|$1/blobs/sha256/|"; }

@test "files of the profile come first, in its order; all is what the new config says" {
	record_profile debian
	convert_to_layout debian "$T/out" --level 1 --profile "$T/profile" >"$T/digest"
	chunked check "$T/out" v1 >"$T/checked"
	[ "$(grep -c ' table ' "$T/checked")" = 1 ]
	[ "$(wished 0 | wc -l)" -ge 5 ]
	# a link's contents are those of the file that it is of
	chunked files "$T/out" v1 0 >"$T/files"
	diff <(wished 0 | sed 's/perl5.36.0$/perl/') \
		<(head -n "$(wished 0 | wc -l)" "$T/files" | cut -d' ' -f1 | sed 's/perl5.36.0$/perl/')
	# they end before a tenth of the blob
	[ "$(sed -n "$(wished 0 | wc -l)p" "$T/files" | cut -d' ' -f2)" -lt $(($(stat -c %s "$(blob_of "$T/out" v1 0)") / 10)) ]
	[ "$(config_of "$T/out" v1)" != "$(config_of "$(layout debian)" latest)" ]
	# the same again, with other threads; and nothing is made twice
	convert_to_layout debian "$T/again" --level 1 --profile "$T/profile" --jobs 1 | diff "$T/digest" -
	layerfs convert --json --level 1 --profile "$T/profile" "oci:$(layout debian):latest" "oci:$T/out:v1" >"$T/report"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/report")" = reused ]
	[ "$(jq -r .digest "$T/report")" = "$(cat "$T/digest")" ]
	[ -z "$(leftovers "$T/out")" ]
}

@test "the tree is the source's: mounted, unpacked by containerd and by podman" {
	requires docker-registry containerd runc podman
	record_profile debian
	mkdir -p "$T/own" "$T/old" "$T/new" "$T/containerd-new"
	serve_storage own "$T/own" false
	layerfs convert -q --level 1 --profile "$T/profile" "oci:$(layout debian):latest" "$REGISTRY/debian:v1"
	layerfs mount "$REGISTRY/debian:v1" "$T/new"
	layerfs mount "oci:$(layout debian):latest" "$T/old"
	same_tree "$T/old" "$T/new"
	SNAPSHOTTER=overlayfs
	start_containerd
	containerd_unpacks "$REGISTRY/debian:v1" "$T/containerd-new"
	same_unpacked_tree "$T/old" "$T/containerd-new"
	start_podman
	podman pull -q "$REGISTRY/debian:v1"
	same_pulled_tree "$(ls -d "$T"/podman/root/overlay/*/diff)" "$T/old"
}

@test "a profile of another image, and what is none, are refused before any work" {
	record_profile odd
	fails_with "profile is of another image" layerfs convert --profile "$T/profile" "oci:$(layout debian):latest" "oci:$T/out:v1"
	echo nonsense >"$T/nonsense"
	fails_with "$T/nonsense" layerfs convert --profile "$T/nonsense" "oci:$(layout odd):latest" "oci:$T/out:v1"
	fails_with "No such file" layerfs convert --profile "$T/none" "oci:$(layout odd):latest" "oci:$T/out:v1"
	[ ! -e "$T/out" ]
}
