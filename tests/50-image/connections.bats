#!/usr/bin/env bats
# The connections that a start needs are opened while its manifest travels.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }
# Nobody is given up for being slow.
setup() { STALL_MS=600000 PATIENCE_MS=600000 setup_faults; }
teardown() { teardown_faults; }

# They are no more waited for than anything else that nobody needs.
greeted() { [ "$(greetings)" = 15 ]; }
greetings() { jq -s 'map(select(.path == "/v2/")) | length' "$T/log/requests"; }

@test "the manifest of an image that was never here finds connections beside its own" {
	faults '{"path":"new/manifests/good$","do":"await","connections":16}'
	layerfs mount "$FAKE/new:good" "$T/mnt"
	[ "$(jq -s 'map(select(.action == "await" and .status == 200)) | length' \
		"$T/log/requests")" = 1 ]
	wait_for 10 greeted
}

@test "a host is greeted once, not for every image" {
	layerfs mount "$FAKE/new:good" "$T/mnt"
	wait_for 10 greeted
	layerfs mount "$FAKE/newer:good" "$T/good"
	[ "$(greetings)" = 15 ]
}

@test "what is pulled, or known already, greets nobody" {
	layerfs pull "$FAKE/new:good"
	layerfs mount "$FAKE/new:good" "$T/mnt"
	[ "$(greetings)" = 0 ]
}

@test "a registry that hangs at a greeting holds nothing up" {
	faults '{"path":"/v2/$","do":"await","connections":999,"for":600,"times":99}'
	layerfs mount "$FAKE/new:good" "$T/mnt"
	is_good "$T/mnt"
	[ "$(greetings)" = 0 ] # answered
	stop layerfsd
}
