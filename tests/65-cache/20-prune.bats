#!/usr/bin/env bats
# What is kept and what goes: prune, names that move, pins, whose bytes are whose.

load ../lib/common
load ../lib/images

setup_file() { own_images box deep; }

setup() {
	setup_test
	requires root jq
	start_own_registry
	start_daemon
	mkdir "$T/mnt"
}

# images [FILTER]: what the daemon knows.
known() { layerfs --json images | jq -c ".images | ${1:-length}"; }
own() { layerfs --json stat "$REGISTRY/$1" | jq .unique; }

# Retags as a registry's user would: the manifest of $1 becomes $2.
retag() {
	skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false \
		--preserve-digests "docker://$REGISTRY/$1" "docker://$REGISTRY/$2"
}

@test "prune takes what nobody uses, and says what it would take" {
	layerfs pull -q "$REGISTRY/box:gzip"
	layerfs pull -q "$REGISTRY/box-zc:1"
	layerfs mount "$REGISTRY/box-zc:1" "$T/mnt"
	[ "$(layerfs prune | tail -1)" = "0 images, 0 B freed" ]
	out=$(layerfs prune --all --dry-run)
	[[ $out == *"box:gzip ("*"1 image, "*" would be freed" ]]
	would=$(layerfs --json prune --all --dry-run | jq .freed_bytes)
	[ "$would" -gt 0 ]
	[ "$(known)" = 2 ]
	[ "$(layerfs --json prune --all | jq .freed_bytes)" = "$would" ]
	[ "$(known)" = 1 ]
	layerfs unmount "$T/mnt"
	wait_for 20 is_let_go
	# It was used until just now.
	[ "$(layerfs --json prune --unused 1m | jq '.images | length')" = 0 ]
	[ "$(layerfs --json prune -a | jq '.images | length')" = 1 ]
	[ "$(known)" = 0 ]
	[ "$(layerfs --json stat | jq .store.present_bytes)" = 0 ]
	[ -z "$(find "$ROOT/layers" "$ROOT/images" "$ROOT/manifests" -mindepth 1)" ]
}

@test "own is what rm frees, also where other layers have the same files" {
	# The same files, in layers of another format.
	layerfs pull -q "$REGISTRY/box:gzip"
	[ "$(own box:gzip)" -gt 0 ]
	layerfs pull -q "$REGISTRY/box-zc:1"
	layerfs pull -q "$REGISTRY/lazy:base"
	before=$(own box-zc:1)
	[ "$(layerfs --json rm "$REGISTRY/box-zc:1" | jq '.images[0].freed_bytes')" = "$before" ]
	own=$(own box:gzip)
	[ "$(layerfs --json rm "$REGISTRY/box:gzip" | jq '.images[0].freed_bytes')" = "$own" ]
}

@test "an image whose tag moved keeps its place until it is pruned" {
	retag box:gzip moving:1
	layerfs pull -q "$REGISTRY/moving:1"
	retag deep:gzip moving:1
	layerfs pull -q "$REGISTRY/moving:1"
	sleep 1
	[ "$(known)" = 2 ]
	layerfs images | grep '1 lost name'
	layerfs prune --all | grep "2 images"
	[ "$(known)" = 0 ]
}

@test "a pinned image outlives its name, and prune, until it is unpinned" {
	image=$(layerfs pin --fetch "$REGISTRY/box-zc:1")
	[[ $image == sha256:* ]]
	layerfs pin "$REGISTRY/box-zc:1" # twice is once
	layerfs images | grep '1 pin'
	[ "$(layerfs --json stat "$REGISTRY/box-zc:1" | jq '.present == .size')" = true ]
	layerfs rm "$REGISTRY/box-zc:1" | grep 'used by 1 pin'
	layerfs prune --all
	[ "$(known)" = 1 ]
	layerfs unpin "$REGISTRY/box-zc:1"
	wait_for 10 is_empty
	fails_with "not known here" layerfs unpin "$REGISTRY/box-zc:1"
}
is_empty() { [ "$(known)" = 0 ]; }

@test "what nobody used for unused_days goes by itself" {
	requires sqlite3
	layerfs pull -q "$REGISTRY/box:gzip"
	layerfs pull -q "$REGISTRY/box-zc:1"
	stop layerfsd
	sqlite3 "$ROOT/state.db" "UPDATE image SET last_used_s = last_used_s - 3 * 86400
		WHERE label LIKE '%box:gzip'"
	printf '[cache]\nunused_days = 2\n' >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
	wait_for 20 one_is_left
	[ "$(known '.[0].label')" = "\"$REGISTRY/box-zc:1\"" ]
}
one_is_left() { [ "$(known)" = 1 ]; }

@test "times that are none are refused" {
	for time in 7 d -1d 1y 9999999999999999w; do
		fails_with "is no time" layerfs prune "--unused=$time"
	done
	fails_with "exclude each other" layerfs prune --all --unused 1d
}
