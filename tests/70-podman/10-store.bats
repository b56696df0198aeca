#!/usr/bin/env bats
# The layer store by hand: what podman's lookups and counts get.

load ../lib/common
load ../lib/images

setup_file() { own_images box; }

setup() {
	setup_test
	requires jq sqlite3 curl
	start_own_registry
	start_bad_registry
	config
	start_store
}

# config [LINE...]: nothing is fetched on a guess.
config() { printf '%s\n' "$@" '[fetch]' 'guess_percent = 0' >"$T/layerfs.toml"; }

start_store() {
	start_daemon --config "$T/layerfs.toml"
	wait_for 20 is_mounted "$RUN/m/0"
}

# REF's own folder, and the digests of its layers, bottom first.
at() { echo "$RUN/store/$(printf %s "$1" | base64 -w0)"; }
manifest() {
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}"
}
layer() { manifest "$1" | jq -r ".layers[$2].digest"; }
toc() { manifest "$1" | jq -r ".layers[$2].annotations[\"io.github.containers.zstd-chunked.manifest-checksum\"]"; }
diff_id() {
	curl -sf "http://$REGISTRY/v2/${1%:*}/blobs/$(manifest "$1" | jq -r .config.digest)" |
		jq -r ".rootfs.diff_ids[$2]"
}
media_type() { manifest "$1" | jq -r ".layers[$2].mediaType"; }

# box-zc:toc: box-zc:1 with the annotations of newer tools.
make_toc_image() {
	manifest box-zc:1 | sed 's/io\.containers\.zstd/io.github.containers.zstd/g' |
		curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
			--data-binary @- "http://$REGISTRY/v2/box-zc/manifests/toc"
}

# What podman does to count; it must fail with ENOENT.
use() { fails_with 'No such file' touch "$1/use"; }
release() { fails_with 'No such file' rmdir "$1"; }
uses() { sqlite3 "$ROOT/state.db" 'SELECT coalesce(sum(uses), 0) FROM layer_use'; }
holders() { layerfs --json images | jq '[.images[].holders.podman // 0] | add // 0'; }

@test "a layer is found by its blob's digest: its own tree, and what podman keeps" {
	ref=box-zc:1
	for n in 0 1; do
		dir=$(at "$REGISTRY/$ref")/$(layer $ref $n)
		mkdir -p "$T/mnt"
		layerfs mount --layer $n "$REGISTRY/$ref" "$T/mnt"
		same_tree "$T/mnt" "$dir/diff/."
		layerfs unmount "$T/mnt"
		jq -e --arg blob "$(layer $ref $n)" --arg diff "$(diff_id $ref $n)" \
			--argjson size "$(manifest $ref | jq ".layers[$n].size")" '
			.["compressed-diff-digest"] == $blob and .["diff-digest"] == $diff and
			.["compressed-size"] == $size and .["diff-size"] > 1000000 and .compression == 4
		' "$dir/info"
		[ "$(stat -c %s "$dir/blob")" = "$(manifest $ref | jq ".layers[$n].size")" ]
		[ "sha256:$(sha256sum <"$dir/blob" | cut -d' ' -f1)" = "$(layer $ref $n)" ]
	done
}

@test "a layer is found by the digest of its table of contents, as podman 5 has it" {
	ref=box-zc:toc
	make_toc_image
	dir=$(at "$REGISTRY/$ref")/$(toc $ref 1)
	[ -f "$dir/diff/more/noise0" ]
	jq -e --arg toc "$(toc $ref 1)" --arg diff "$(diff_id $ref 1)" '
		.["toc-digest"] == $toc and .flags["expected-layer-diffid"] == $diff and
		(has("diff-digest") | not)' "$dir/info"
}

@test "only what podman asks for crosses the network" {
	start_meter
	ref=box-zc:1
	meter_reset
	for n in 0 1; do ls "$(at "$METERED/$ref")/$(layer $ref $n)/diff" >/dev/null; done
	fetched "$ref"
	fetched "$ref" | awk '$5 * 10 > $2 { exit 1 }'
}

@test "uses are counted, hold the image, and end" {
	ref=box-zc:1
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	other=$(at "$REGISTRY/$ref")/$(layer $ref 1)
	ls "$dir/diff" "$other/diff" >/dev/null
	use "$dir"
	use "$dir"
	use "$other"
	[ "$(uses)" = 3 ]
	[ "$(holders)" = 2 ]
	release "$dir"
	[ "$(uses)" = 2 ]
	release "$other"
	[ "$(holders)" = 1 ]
	# shown as long as it is in use, and looked at, and no longer
	sleep 16
	! nothing_shown || false
	release "$dir"
	[ "$(uses)" = 0 ]
	release "$dir"
	[ "$(uses)" = 0 ]
	wait_for 30 nothing_shown
	wait_for 120 is_empty
}
is_empty() { [ "$(layerfs --json images | jq '.images | length')" = 0 ]; }

@test "what was only looked at is counted by nobody and goes" {
	ref=box-zc:1
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	use "$dir"
	ls "$dir/diff" >/dev/null
	[ "$(uses)" = 0 ]
	wait_for 30 nothing_shown
}

@test "after a restart what is in use is there without a registry" {
	ref=box-zc:1
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	sha256sum "$dir/diff/data/noise3" >"$T/sum"
	use "$dir"
	stop own-registry || true

	kill -KILL "$(worker_pid)"
	timeout 60 sha256sum -c "$T/sum"
	[ "$(layerfs --json ls | jq '.mounts | length')" = 0 ]
	stop layerfsd
	start_store
	sha256sum -c "$T/sum"
	jq -e .compression "$dir/info"

	stop layerfsd KILL || true
	start_store
	wait_for 20 sha256sum -c "$T/sum"
	release "$dir"
	[ "$(uses)" = 0 ]
}

@test "open folders of the store outlive the worker" {
	ref=box-zc:1
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	ls "$dir/diff" >/dev/null
	cd "$dir"
	kill -KILL "$(worker_pid)"
	timeout 60 ls "$dir/diff" >/dev/null
	cd "$T"
}

@test "what cannot be lazy is not there, and explain says why" {
	ref=box:gzip
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	for file in diff info blob; do [ ! -e "$dir/$file" ]; done
	layerfs --json explain "$REGISTRY/$ref" | tee "$T/explained"
	grep "whole_layer_bytes" "$T/explained"
}

@test "a digest that the image does not have is not there" {
	[ ! -e "$(at "$REGISTRY/box-zc:1")/$(layer box:gzip 0)/diff" ]
	[ ! -e "$(at "$REGISTRY/box-zc:2")/$(layer box-zc:1 0)/diff" ]
}

@test "a blob that cannot be had is an error, not an end" {
	ref=box-zc:1
	dir=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	ls "$dir/diff" >/dev/null
	use "$dir"
	stop own-registry || true
	fails_with 'Input/output error' sh -c 'cat "$0" >/dev/null' "$dir/blob"
}

@test "a registry that does not answer holds up nobody, and not for long" {
	ref=box-zc:1
	known=$(at "$REGISTRY/$ref")/$(layer $ref 0)
	ls "$known/diff" >/dev/null
	use "$known"
	stop layerfsd
	config '[snapshotter]' 'prepare_timeout_ms = 2000'
	start_store
	rules '.*manifests.* stall 0'
	for n in {1..12}; do
		(
			started=$SECONDS
			[ ! -e "$(at "$BAD/box-zc:$n")/$(layer $ref 0)/diff" ]
			echo $((SECONDS - started)) >"$T/took-$n"
		) 3>&- &
		waiting+=($!)
	done
	# Two seconds each, were they held up.
	timeout 60 sh -c 'for _ in $(seq 50); do stat "$0/diff/data/noise0"; done' "$known" >/dev/null
	timeout 60 cat "$known/info"
	wait "${waiting[@]}"
	[ "$(cat "$T"/took-* | sort -n | tail -1)" -lt 20 ]
}

@test "a lookup that waits goes on when the worker is killed under it" {
	requires kernel:6.9
	ref=box-zc:1
	rules '.*manifests.* delay 1 times=1'
	ls "$(at "$BAD/$ref")/$(layer $ref 0)/diff" >"$T/list" 3>&- &
	looking=$!
	wait_for 5 grep -q manifests "$T/log/bad-requests"
	kill -KILL "$(worker_pid)"
	wait $looking
	grep -x data "$T/list"
}

@test "nothing else is in it, and only root may look" {
	requires setpriv
	dir=$(at "$REGISTRY/box-zc:1")
	[ -z "$(ls -A "$RUN/store/")" ]
	fails_with 'No such file' ls "$RUN/store/etc"
	fails_with 'No such file' ls "$RUN/store/$(printf oci:/etc | base64)"
	fails_with 'No such file' ls "$dir/sha256:abc"
	fails_with 'No such file' ls "$dir/$(layer box-zc:1 0)/other"
	fails_with 'No such file' touch "$dir/$(layer box-zc:1 0)/other"
	fails_with 'Read-only' rmdir "$dir"
	fails_with 'not implemented' mkdir "$dir/new"
	fails_with 'Permission denied' setpriv --reuid 12345 --clear-groups ls "$RUN/store/"
}

@test "no store where none is wanted" {
	stop layerfsd
	printf '%s\n' '[podman]' 'layer_store = 0' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	wait_for 20 test ! -e "$RUN/store/."
	nothing_left() { [ -z "$(ls "$RUN/m")" ]; } # nor of the trial of mounts
	wait_for 20 nothing_left
}
