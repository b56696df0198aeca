#!/usr/bin/env bats
# An image's layout folder lies on a file system that does not answer any more: who reads
# that image waits as long as its mount says, and nobody else.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good duplicate; }

setup() { setup_faults_without_daemon; }
teardown() {
	stop deaf KILL || true
	teardown_faults
}

layout() { echo "oci:$T/deaf:$1"; }

of_mount() { layerfs --json ls | jq -r ".mounts[] | select(.target == \"$1\") | $2"; }
waits() { [ "$(of_mount "$T/mnt" .waiting)" -gt 0 ]; }

others_are_right() {
	layerfs mount "$FAKE/app:duplicate" "$T/good"
	[ "$(cat "$T/good/twice")" = second ]
	layerfs unmount "$T/good"
	layerfs rm "$FAKE/app:duplicate"
}

@test "a layout that does not answer any more fails its own reads alone, until it does again" {
	start_deaf "$IMAGES"
	let_others_in "$T" # the next worker finds the folder by its name
	start_impatient_daemon
	layerfs mount "$(layout good)" "$T/mnt"
	become_deaf
	eio "$T/mnt/etc/one"
	# Many at once hold nobody else up.
	readers=()
	for file in etc/one etc/two etc/three big old/four; do
		eio "$T/mnt/$file" 3>&- &
		readers+=($!)
	done
	others_are_right
	for reader in "${readers[@]}"; do wait "$reader"; done
	[[ $(of_mount "$T/mnt" .why) == *"does not answer"* ]]
	kill_worker
	others_are_right
	eio "$T/mnt/etc/one"
	hear_again
	wait_for 20 is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	nothing_mounted
	stop layerfsd
}

@test "a layout that does not answer any more holds no unmount and no end up" {
	start_deaf "$IMAGES"
	start_impatient_daemon
	layerfs mount --unreachable=forever "$(layout good)" "$T/mnt"
	layerfs mount --unreachable=forever "$(layout duplicate)" "$T/good"
	become_deaf
	cat "$T/mnt/etc/one" >/dev/null 3>&- &
	reader=$!
	wait_for 10 waits
	kill -KILL $reader
	layerfs unmount "$T/mnt"
	wait_for 60 eval '[ "$(mount_count)" = 1 ]'
	cat "$T/good/twice" 3>&- &
	stop layerfsd
	not is_mounted "$T/good"
}

@test "who may wait forever for a layout reads on when it answers again" {
	start_deaf "$IMAGES"
	start_daemon
	layerfs mount --unreachable=forever "$(layout good)" "$T/mnt"
	become_deaf
	cat "$T/mnt/etc/one" >"$T/read" 3>&- &
	reader=$!
	says_why() { [[ $(of_mount "$T/mnt" .why) == *"does not answer"* ]]; }
	wait_for 60 says_why
	others_are_right
	hear_again
	wait $reader
	cmp "$T/read" "$T/mnt/etc/one"
	is_good "$T/mnt"
}

# Who gives the folder has just opened it.
@test "a layout that stops answering while it is mounted is an error in time" {
	start_deaf "$IMAGES" index.json
	start_daemon
	commands=()
	for _ in 1 2 3; do
		fails_with "index.json: the file system that it lies on does not answer" \
			layerfs mount "$(layout good)" "$T/mnt" 3>&- &
		commands+=($!)
	done
	others_are_right
	for command in "${commands[@]}"; do wait "$command"; done
	nothing_mounted
	kill_worker
	hear_again
	layerfs mount "$(layout good)" "$T/mnt"
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	stop layerfsd
}

@test "a layout whose layers do not answer is an error in time" {
	start_deaf "$IMAGES" blobs
	start_daemon
	fails_with "does not answer" layerfs mount "$(layout good)" "$T/mnt"
	others_are_right
	stop layerfsd
}
