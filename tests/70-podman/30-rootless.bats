#!/usr/bin/env bats
# A user's podman, with a layerfsd in the namespaces that podman has for the user.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/podman

setup_file() { own_images box; }

setup() {
	setup_test
	requires podman runc jq sqlite3 curl setpriv nsenter newuidmap
	start_own_registry
	start_meter
	start_podman "$T/user/run/layerfs/store"
	make_user
	start_store
}
teardown() {
	local status=0
	podman rm -af >/dev/null 2>&1 || true
	stop_store
	end_process "$T/podman/tmp/pause.pid" KILL
	teardown_test || status=$?
	return $status
}

# end_process FILE SIGNAL: the one whose pid the file has.
end_process() {
	local pid
	pid=$(cat "$1" 2>/dev/null) || return 0
	kill "-$2" "$pid" 2>/dev/null || return 0
	wait_for 10 eval "! kill -0 $pid"
}

# A user "pod" with 65,536 ids, in a mount namespace where the system knows it,
# and /dev/fuse is open to everybody.
make_user() {
	local f home=$T/user/home
	mkdir -p "$T/etc" "$home" "$T/user/run/layerfs/store"
	for f in passwd group subuid subgid; do cat "/etc/$f" >"$T/etc/$f"; done
	echo "pod:x:5000:5000::$home:/bin/sh" >>"$T/etc/passwd"
	echo "pod:x:5000:" >>"$T/etc/group"
	echo "pod:100000:65536" | tee -a "$T/etc/subuid" >>"$T/etc/subgid"
	mknod -m 666 "$T/etc/fuse" c 10 229
	cp "$(program layerfsd)" "$(program layerfs)" "$T/user/"
	touch "$T/registries.conf"
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$T"
	chown -R 5000:5000 "$T/user" "$T/podman"
	start user unshare -m sh -ec '
		for f in passwd group subuid subgid; do mount --bind "$0/$f" "/etc/$f"; done
		mount --bind "$0/fuse" /dev/fuse
		exec sleep infinity' "$T/etc"
	wait_for 10 eval '[ "$(cat "/proc/$(pid_of user)/comm")" = sleep ]'
	sed -i "s|^graphroot.*|&\nrootless_storage_path = \"$T/podman/root\"|" "$T/storage.conf"
	INSIDE=(nsenter -t "$(pid_of user)" -m --
		setpriv --reuid 5000 --regid 5000 --clear-groups
		env "HOME=$home" "XDG_RUNTIME_DIR=$T/user/run" "XDG_CONFIG_HOME=$home/.config")
}

# podman's own namespaces, as `podman unshare` enters them.
unshared() {
	"${INSIDE[@]}" env CONTAINERS_STORAGE_CONF="$T/storage.conf" \
		podman --tmpdir "$T/podman/tmp" unshare "$@"
}

# The daemon is no child of what start() knows.
start_store() {
	ROOT=$T/user/root RUN=$T/user/run/layerfs
	without_guesses "$T/user/layerfs.toml"
	start unshare "${INSIDE[@]}" env CONTAINERS_STORAGE_CONF="$T/storage.conf" \
		podman --tmpdir "$T/podman/tmp" unshare \
		sh -c 'echo $$ >"$0/pid" && exec "$@"' "$T/user" \
		"$T/user/layerfsd" --root "$ROOT" --run "$RUN" --config "$T/user/layerfs.toml"
	wait_for 20 unshared mountpoint -q "$RUN/m/0"
}
stop_store() { end_process "$T/user/pid" TERM; }

@test "a user's image is pulled lazily and runs; what is removed is gone" {
	lazy_image
	meter_reset
	podman pull "$IMAGE"
	fetched box-zc:toc
	fetched box-zc:toc | awk '$3 * 10 > $2 { exit 1 }'
	[ "$(uses)" = 2 ]
	box_is_right "$IMAGE"
	fetched box-zc:toc | awk '$3 >= $2 { exit 1 }'
	podman rmi "$IMAGE"
	[ "$(uses)" = 0 ]
}

@test "a user's image runs after a restart, without a registry" {
	lazy_image
	podman pull "$IMAGE"
	box_is_right "$IMAGE"
	stop meter || true
	stop_store
	run box_is_right "$IMAGE"
	[ "$status" != 0 ]
	start_store
	box_is_right "$IMAGE"
}
