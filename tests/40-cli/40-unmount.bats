# unmount: with a daemon, without one, and never what is not ours.
load ../lib/common
load ../lib/fake

# known TARGET MODE: what `ls` says.
known() {
	echo '{"ls": [{"ok": true, "mounts": [{"id": "7f", "target": "'"$1"'",
		"mode": "'"$2"'"}]}],
		"unmount": [{"ok": true, "id": "7f", "target": "'"$1"'"}]}'
}

make_mount() {
	requires root
	mkdir -p "$T/mnt"
	mount -t tmpfs "${1:-layerfs}" "$T/mnt"
}

@test "a mount that the command had put in place is unmounted and forgotten" {
	make_mount
	start_fake "$(known "$T/mnt" attach)"
	cd "$T"
	[ "$(layerfs unmount mnt)" = "$T/mnt" ]
	refute is_mounted "$T/mnt"
	[ "$(asked_of unmount .target)" = "$T/mnt" ]
}

@test "a mount of a user's own daemon is its own to unmount" {
	start_fake "$(known "$T/mnt" mounted)"
	mkdir "$T/mnt"
	layerfs umount --json "$T/mnt" | jq -e '.unmounted[0].id == "7f"'
	[ "$(asked_of unmount .target)" = "$T/mnt" ]
}

@test "a mount in use stays, unless it is to go lazily" {
	make_mount
	start_fake "$(known "$T/mnt" attach)"
	start user sh -c "cd '$T/mnt' && echo >in && exec sleep 100"
	wait_for 5 test -f "$T/mnt/in"
	split layerfs unmount "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == "layerfs: unmount $T/mnt: files in it are in use; "*"--lazy" ]]
	is_mounted "$T/mnt"
	[ "$(asked_of unmount .)" = null ]
	layerfs unmount -l "$T/mnt"
	refute is_mounted "$T/mnt"
	[ "$(asked_of unmount .target)" = "$T/mnt" ]
	stop user || true
}

@test "who has the mount for a moment only is waited for" {
	requires cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
	make_preload busymount
	make_mount
	start_fake "$(known "$T/mnt" attach)"
	LD_PRELOAD=$PRELOAD/busymount.so BUSY_TIMES=3 layerfs unmount "$T/mnt"
	drop_preload
	refute is_mounted "$T/mnt"
}

@test "what is not ours is never unmounted" {
	make_mount other
	start_fake "$(known "$T/elsewhere" attach)"
	split layerfs unmount "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == *"it is not a layerfs mount" ]]
	is_mounted "$T/mnt"
	mkdir "$T/empty"
	split layerfs unmount "$T/empty"
	[ "$status" = 1 ]
	[[ $err == *"nothing is mounted there; "* ]]
}

@test "what someone mounted over a mount of ours is not taken for it" {
	make_mount
	mount -t tmpfs other "$T/mnt"
	start_fake "$(known "$T/mnt" attach)"
	split layerfs unmount "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == *"it is not a layerfs mount" ]]
	[ "$(mounts_under "$T" | wc -l)" = 2 ]
}

@test "what is unmounted already is only forgotten" {
	start_fake "$(known "$T/mnt" attach)"
	mkdir "$T/mnt"
	layerfs unmount "$T/mnt"
	[ "$(asked_of unmount .target)" = "$T/mnt" ]
}

@test "a mount whose daemon is dead is unmounted, which is said" {
	make_mount
	export LAYERFSD=/bin/false
	split layerfs unmount "$T/mnt"
	[ "$status" = 0 ]
	[ "$out" = "$T/mnt" ]
	[ "$err" = "layerfs: warning: $T/run: no daemon answers; only unmounting" ]
	refute is_mounted "$T/mnt"
}

@test "one target that fails does not keep the others" {
	make_mount
	mkdir "$T/empty"
	start_fake "$(known "$T/mnt" attach)"
	split layerfs unmount "$T/empty" "$T/mnt"
	[ "$status" = 1 ]
	[ "$out" = "$T/mnt" ]
	refute is_mounted "$T/mnt"
}

@test "a target with a space in its name is found" {
	requires root
	mkdir "$T/a b"
	mount -t tmpfs layerfs "$T/a b"
	layerfs unmount "$T/a b"
	refute is_mounted "$T/a b"
}
