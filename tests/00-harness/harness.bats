# The tests' own tools: what they promise holds before anything leans on it.
load ../lib/common

@test "what a test starts is ended by its pid" {
	start sleeper sleep 100
	pid=$(pid_of sleeper)
	is_running sleeper
	# not with `run`: only its own shell can wait for a process
	stop sleeper || status=$?
	[ "$status" = 143 ]
	run kill -0 "$pid"
	[ "$status" != 0 ]
}

@test "waiting in vain fails" {
	run wait_for 0 false
	[ "$status" = 1 ]
	[[ $output == *"waited in vain for: false"* ]]
}

@test "a test that requires what is absent is skipped with the reason" {
	skip() { echo "skip: $*"; }
	run requires no-such-command
	[ "$output" = "skip: requires no-such-command" ]
	run requires kernel:99.0
	[[ $output == "skip: requires Linux 99.0, this is "* ]]
	run requires kernel:2.6 sh
	[ -z "$output" ]
}

@test "mounts below a test's folder are found and undone" {
	requires root
	mkdir -p "$T/a b"
	mount -t tmpfs tmpfs "$T/a b"
	mkdir "$T/a b/c"
	mount -t tmpfs tmpfs "$T/a b/c"
	[ "$(mounts_under "$T" | wc -l)" = 2 ]
	unmount_under "$T"
	[ -z "$(mounts_under "$T")" ]
}

@test "trees that differ in one attribute are told apart" {
	mkdir "$T/a"
	echo x >"$T/a/f"
	ln "$T/a/f" "$T/a/hard"
	ln -s f "$T/a/link"
	cp -a "$T/a" "$T/b"
	same_tree "$T/a" "$T/b"
	chmod 600 "$T/b/f"
	run same_tree "$T/a" "$T/b"
	[ "$status" = 1 ]
	chmod --reference="$T/a/f" "$T/b/f"
	same_tree "$T/a" "$T/b"
	touch -h -d @1 "$T/b/link"
	run same_tree "$T/a" "$T/b"
	[ "$status" = 1 ]
}

@test "a registry is served, and the meter counts what passes" {
	requires docker-registry curl jq
	mkdir "$T/storage"
	start_registry "$T/storage"
	start_meter
	[ "$(meter_requests)" = 0 ]
	curl -sf "http://$METERED/v2/" "http://$METERED/v2/_catalog" -o "$T/a" -o "$T/b"
	[ "$(meter_requests)" = 2 ]
	[ "$(meter connections)" = 1 ]
	[ "$(meter_bytes)" -gt 200 ]
	grep -q 'GET /v2/_catalog' "$T/log/requests"
	meter_reset
	[ "$(meter_bytes)" = 0 ]
}

@test "the test images are served read-only" {
	requires docker-registry curl ref:nginx:gzip
	start_registry
	curl -sf "http://$REGISTRY/v2/nginx/tags/list" | grep -q '"gzip"'
	run curl -sf -X POST "http://$REGISTRY/v2/nginx/blobs/uploads/"
	[ "$status" != 0 ]
}

code() { curl -s -o "$T/body" -w '%{http_code}' "$@"; }

@test "a bad registry misbehaves as told and otherwise forwards" {
	requires docker-registry curl
	mkdir "$T/storage"
	start_registry "$T/storage"
	start_bad_registry
	[ "$(code "http://$BAD/v2/_catalog")" = 200 ]
	rules '_catalog status 429 Retry-After:1 times=1'
	[ "$(code "http://$BAD/v2/_catalog")" = 429 ]
	[ "$(code "http://$BAD/v2/_catalog")" = 200 ]
	rules '_catalog short 5'
	run curl -s "http://$BAD/v2/_catalog"
	[ "$status" = 18 ]
	rules '_catalog close after=1'
	[ "$(code "http://$BAD/v2/_catalog")" = 200 ]
	run curl -s "http://$BAD/v2/_catalog"
	[ "$status" = 52 ]
	rules '_catalog corrupt 0'
	code "http://$BAD/v2/_catalog"
	[ "$(head -c 1 "$T/body")" != '{' ]
	rules '_catalog stall 3'
	run curl -s -m 1 "http://$BAD/v2/_catalog"
	[ "$status" = 28 ]
	wait_for 5 grep -q "^GET	/v2/_catalog	-	-	stall" "$T/log/bad-requests"
}

@test "a bad registry can ignore ranges" {
	requires docker-registry curl ref:nginx:gzip
	start_registry
	start_bad_registry
	blob=$(ls "$LAYERFS_TEST_DATA/registry/docker/registry/v2/repositories/nginx/_layers/sha256" | head -n 1)
	[ "$(code -r 0-9 "http://$BAD/v2/nginx/blobs/sha256:$blob")" = 206 ]
	[ "$(stat -c %s "$T/body")" = 10 ]
	rules 'blobs norange'
	[ "$(code -r 0-9 "http://$BAD/v2/nginx/blobs/sha256:$blob")" = 200 ]
	[ "$(stat -c %s "$T/body")" -gt 10 ]
}
