# mount: what is asked of the daemon, and that a mount is there or is not.
load ../lib/common
load ../lib/fake

MOUNTED='{"ok": true, "id": "7f", "image": "sha256:0", "layers": 1, "kind": "fuse", "mode": "mounted"}'
ATTACH='{"ok": true, "id": "7f", "image": "sha256:0", "layers": 1, "kind": "fuse", "mode": "attach"}'

# A file system whose detached copy the daemon hands out.
make_source() {
	requires root kernel:5.2
	mkdir "$T/source" "$T/mnt"
	mount -t tmpfs layerfs "$T/source"
	echo hello >"$T/source/file"
}

@test "the target must be a folder that exists" {
	start_fake
	split layerfs mount python "$T/none"
	[ "$status" = 1 ]
	[ "$err" = "layerfs: mount on $T/none: the folder does not exist" ]
	touch "$T/file"
	split layerfs mount python "$T/file"
	[ "$status" = 1 ]
	[ "$err" = "layerfs: mount on $T/file: it is no folder" ]
	[ ! -e "$RUN/requests" ]
}

@test "the daemon gets the reference, the absolute target and the options" {
	start_fake '{"mount": ['"$MOUNTED"']}'
	mkdir "$T/mnt"
	ln -s mnt "$T/link"
	cd "$T"
	[ "$(layerfs mount --layer 2 --plain-http python:3 ./link/)" = "$T/mnt" ]
	[ "$(asked_of mount 'del(.fds) | @json')" = '{"op":"mount","layer":2,"plain_http":true,"reference":"python:3","target":"'"$T"'/mnt"}' ] ||
		[ "$(asked_of mount '[.layer, .plain_http, .reference, .target] | @json')" = '[2,true,"python:3","'"$T"'/mnt"]' ]
	[ "$(asked_of mount '.fds | length')" = 0 ]
	layerfs mount --json python mnt | jq -e '.mode == "mounted"'
}

@test "a layout's folder goes along, opened, by its absolute name" {
	start_fake '{"mount": ['"$MOUNTED"'], "stat": [{"ok": true}]}'
	mkdir "$T/mnt" "$T/layout"
	cd "$T"
	layerfs mount oci:layout:v1 mnt
	[ "$(asked_of mount .reference)" = "oci:$T/layout:v1" ]
	[ "$(asked_of mount '.fds | @json')" = "[\"$T/layout\"]" ]
	layerfs stat oci:./layout
	[ "$(asked_of stat .reference)" = "oci:$T/layout" ]
	[ "$(asked_of stat '.fds | length')" = 0 ]
	split layerfs mount oci:gone mnt
	[ "$status" = 1 ]
	[[ $err == "layerfs: mount oci:gone: "*"gone: No such file"* ]]
}

@test "an upper folder and its work folder beside it go along" {
	start_fake '{"mount": ['"$MOUNTED"']}'
	mkdir "$T/mnt" "$T/upper" "$T/layout"
	layerfs mount --rw --upper "$T/upper/" "oci:$T/layout" "$T/mnt"
	[ "$(asked_of mount '.fds | @json')" = \
		"[\"$T/layout\",\"$T/upper\",\"$T/upper.work\"]" ]
	[ "$(asked_of mount .rw)" = true ]
	[ "$(stat -c %a "$T/upper.work")" = 700 ]
	layerfs mount --rw python "$T/mnt"
	[ "$(asked_of mount '.fds | length')" = 0 ]
	split layerfs mount --rw --upper "$T/none" python "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == "layerfs: mount with --upper $T/none: "* ]]
}

@test "an upper folder that is a mount point is refused" {
	requires root
	start_fake
	mkdir "$T/mnt" "$T/upper"
	mount -t tmpfs tmpfs "$T/upper"
	split layerfs mount --rw --upper "$T/upper" python "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == *"another file system; use a folder inside it" ]]
}

@test "the user's login for the registry goes along" {
	start_fake '{"mount": ['"$MOUNTED"']}'
	mkdir -p "$T/mnt" "$HOME/.docker"
	echo '{"auths": {"r.example": {"auth": "bWU6c2VjcmV0"}}}' \
		>"$HOME/.docker/config.json"
	layerfs mount r.example/a/b "$T/mnt"
	[ "$(asked_of mount '.credential | [.username, .password] | @json')" = '["me","secret"]' ]
	layerfs mount other.example/a/b "$T/mnt"
	[ "$(asked_of mount .credential)" = null ]
}

@test "a login that cannot be read is a warning until the registry refuses" {
	fake '{"mount": ['"$MOUNTED"'], "pull": [{"ok": false, "error":
		{"code": "EACCES", "message": "r.example: unauthorized"}}]}'
	start_fake "$(cat "$FAKE_SCRIPT")"
	mkdir -p "$T/mnt" "$HOME/.docker"
	echo '{"auths": {' >"$HOME/.docker/config.json"
	split layerfs mount r.example/a/b "$T/mnt"
	[ "$status" = 0 ]
	[[ $err == "layerfs: warning: your login: "*"config.json"* ]]
	split layerfs pull r.example/a/b
	[ "$status" = 1 ]
	[[ $err == *"unauthorized; your login could not be read (see above)" ]]
}

@test "a detached mount is put in place and confirmed" {
	make_source
	start_fake '{"mount": [{"$tree": "'"$T"'/source"}, '"$ATTACH"']}'
	layerfs mount python "$T/mnt"
	[ "$(cat "$T/mnt/file")" = hello ]
	[ "$(asked_of attached .id)" = 7f ]
}

@test "a mount that the daemon does not confirm is taken away again" {
	make_source
	start_fake '{"mount": [{"$tree": "'"$T"'/source"}, '"$ATTACH"'],
		"attached": [{"$close": true}]}'
	split layerfs mount python "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == "layerfs: mount python on $T/mnt: the daemon closed"* ]]
	refute is_mounted "$T/mnt"
}

@test "a mount that cannot be put in place is given up by closing" {
	make_source
	# A folder's descriptor that is no detached mount.
	start_fake '{"mount": [{"$files": 1}, '"$ATTACH"']}'
	split layerfs mount python "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == *"put the mount in place"* ]]
	refute is_mounted "$T/mnt"
	wait_for 5 grep -q closed "$RUN/requests"
	refute grep -q attached "$RUN/requests"
}

@test "a mount without its descriptor is the daemon's mistake" {
	start_fake '{"mount": ['"$ATTACH"']}'
	mkdir "$T/mnt"
	split layerfs mount python "$T/mnt"
	[ "$status" = 1 ]
	[[ $err == *"the daemon sent no mount"* ]]
	refute grep -q attached "$RUN/requests"
}

@test "a command that is ended while it waits cancels its request" {
	start_fake '{"mount": [{"$wait": "'"$T"'/go"}, '"$MOUNTED"']}'
	mkdir "$T/mnt"
	start mount "$(program layerfs)" --run "$RUN" mount python "$T/mnt"
	wait_for 5 grep -q '"mount"' "$RUN/requests"
	refute stop mount INT
	touch "$T/go"
	wait_for 5 grep -q closed "$RUN/requests"
}
