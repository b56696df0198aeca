# podman pulls only what it does not have of what was converted.  With RELEASE=trixie
# Debian 13's, which makes the tar of tar-split and compares its digest.
load ../lib/common
load ../lib/containerd
load ../lib/podman
load ../lib/convert

setup() {
	setup_test
	requires root podman runc jq docker-registry image:debian
	mkdir -p "$T/own"
	serve_storage own "$T/own" false
	start_meter
	start_podman
	sed -i '/additionallayerstores/d' "$T/storage.conf"
	printf 'pull_options = {enable_partial_images = "true", use_hard_links = "false"}\n' >>"$T/storage.conf"
}
teardown() {
	local status=0
	rm -f "$T/log/requests" # lines of a hundred kilobytes
	podman rm -af >/dev/null 2>&1 || true
	teardown_test || status=$?
	close_trixie
	return $status
}

ranges() {
	meter requests >/dev/null # writes the log out
	awk '/^# reset/ { n = 0 } / [|] bytes=/ { n++ } END { print n + 0 }' "$T/log/requests"
}

layer_bytes() { manifest_of "$T/out" "$1" | jq '[.layers[].size] | add'; }

@test "of an image that differs by one file, little is pulled; both are what they were" {
	copy_layout debian "$T/in"
	chunked grow "$T/in" latest grown
	layerfs convert -q "oci:$T/in:latest" "oci:$T/out:latest"
	layerfs convert -q "oci:$T/in:grown" "oci:$T/out:grown"
	layerfs convert -q "oci:$T/out:latest" "$REGISTRY/debian:latest"
	layerfs convert -q "oci:$T/out:grown" "$REGISTRY/debian:grown"
	meter_reset
	podman pull -q "$METERED/debian:latest"
	[ "$(ranges)" -gt 0 ]
	meter_reset
	podman pull -q "$METERED/debian:grown"
	[ "$(ranges)" -gt 0 ]
	echo "$(meter_bytes) of $(layer_bytes grown)"
	[ "$(meter_bytes)" -lt $(($(layer_bytes grown) / 10)) ]
	[ "$(podman_run "$METERED/debian:grown" cat /more)" = more ]
	# images are what their configs say
	[ "$(podman image inspect -f '{{.Id}}' "$METERED/debian:latest")" = \
		"$(manifest_of "$T/in" latest | jq -r .config.digest | cut -d: -f2)" ]
	[ "$(podman image inspect -f '{{json .RootFS.Layers}}' "$METERED/debian:grown")" = \
		"$(manifest_of "$T/in" grown | jq -r .config.digest | sed "s|sha256:|$T/in/blobs/sha256/|" |
			xargs jq -c .rootfs.diff_ids)" ]
}

@test "the tree is the source's" {
	local source
	layerfs convert -q "oci:$(layout debian):latest" "$REGISTRY/debian:v1"
	podman pull -q "$METERED/debian:v1"
	[ "$(ranges)" -gt 0 ]
	mkdir "$T/source"
	source=$(manifest_of "$(layout debian)" latest | jq -r '.layers[0].digest' | cut -d: -f2)
	tar -C "$T/source" --xattrs --xattrs-include='*' -xpzf "$(layout debian)/blobs/sha256/$source"
	same_pulled_tree "$("${INSIDE[@]}" sh -c "ls -d $T/podman/root/overlay/*/diff")" "$T/source"
}

@test "what cannot be pulled in parts is pulled whole" {
	requires image:odd
	layerfs convert -q "oci:$(layout odd):latest" "$REGISTRY/odd:v1"
	podman pull -q "$METERED/odd:v1"
	podman_run "$METERED/odd:v1" ls /srv/odd >"$T/names"
	grep -q sparse "$T/names"
}
