#!/usr/bin/env bats
# Lazy is lazy: what is not read is not fetched, what was fetched is not fetched
# again, what images share is fetched once.  Bytes are counted at the registry.

load ../lib/common

# blob_bytes REPOSITORY:TAG: the sum of the image's layers in the registry.
blob_bytes() {
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}" |
		jq '[.layers[].size] | add'
}

requests_since_reset() {
	meter_requests >/dev/null # writes the log out
	awk '/^# reset/ { n = 0; next } { line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }' "$T/log/requests"
}

# What reads asked for beside what they needed may still be on its way.
import_numpy() {
	chroot "$1" python3 -c 'import numpy; print(numpy.arange(5).sum())'
}

setup() {
	setup_test
	requires root fuse docker-registry jq curl ref:python-zc:zstdchunked
	start_registry
	start_meter
	start_daemon
	mkdir "$T/mnt"
}

@test "importing numpy fetches less than 40 % of the blobs, a second mount nothing" {
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	fetched=$(meter_bytes)
	whole=$(blob_bytes python-zc:zstdchunked)
	echo "fetched $fetched of $whole bytes in $(meter_requests) requests"
	[ "$fetched" -gt 0 ]
	[ $((fetched * 100)) -lt $((whole * 40)) ]

	layerfs unmount "$T/mnt"
	settle
	meter_reset
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	# Only the manifest is asked for again: the tag may have moved.
	[ "$(meter_requests)" -gt 0 ]
	requests_since_reset | not grep /blobs/
}

@test "of what is guessed several ranges come with one request, and are right" {
	counter() { layerfs --json stat | jq ".counters.$1"; }
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	settle
	requests_since_reset | grep -E 'bytes=[0-9]+-[0-9]+,[0-9]'
	[ "$(counter http_several_ranges)" -gt 1 ]
	[ "$(counter fetch_corrupt)" = 0 ]
	[ "$(counter http_retries)" = 0 ]
}

@test "the mount returns before file data has arrived" {
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	find "$T/mnt" -printf '%s %m %T@\n' >"$T/found"
	[ "$(wc -l <"$T/found")" -gt 5000 ]
	whole=$(blob_bytes python-zc:zstdchunked)
	# Manifest, config and tables of contents only.
	echo "$(meter_bytes) of $whole"
	[ $(($(meter_bytes) * 100)) -lt $((whole * 10)) ]
}

@test "a second image on the same base fetches nothing of the base" {
	requires ref:nginx-zc:zstdchunked
	# A guess may ask the base for what this image needs and the first did not.
	stop layerfsd
	printf '[fetch]\nguess_percent = 0\n' >"$T/toml"
	start_daemon --config "$T/toml"
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	cat "$T/mnt/bin/bash" "$T/mnt/usr/bin/dpkg" >/dev/null
	settle
	base=$(layerfs --json inspect "$METERED/python-zc:zstdchunked" |
		jq -r '.manifest.layers[0].digest')
	mkdir "$T/second"
	meter_reset
	layerfs mount "$METERED/nginx-zc:zstdchunked" "$T/second"
	cmp "$T/mnt/bin/bash" "$T/second/bin/bash"
	cmp "$T/mnt/usr/bin/dpkg" "$T/second/usr/bin/dpkg"
	requests_since_reset | grep /blobs/
	requests_since_reset | not grep -F "$base"
}

@test "pull fetches everything, and then the registry is not needed" {
	layerfs pull "$METERED/python-zc:zstdchunked"
	stop meter || true
	stop registry || true
	layerfs mount "$METERED/python-zc:zstdchunked" "$T/mnt"
	tar -C "$T/mnt" -cf - . | cat >/dev/null
}
