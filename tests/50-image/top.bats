#!/usr/bin/env bats
# What happens to a mount is seen: in ls, top and explain.

load ../lib/common

setup() {
	setup_test
	requires root fuse docker-registry python3 jq ref:debian-zc:zstdchunked
	start_registry
	start_bad_registry
	printf '%s\n' '[registry]' 'connect_timeout_ms = 1000' '[read]' \
		'patience_ms = 300000' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	mkdir "$T/mnt"
	REF=$BAD/debian-zc:zstdchunked
	layerfs mount "$REF" "$T/mnt"
}

of_mount() { layerfs --json ls | jq -r ".mounts[0] | $1"; }

# The file that nothing has read yet.
reader() {
	setsid cat "$T/mnt/usr/bin/perl" >/dev/null 2>&1 3>&- &
	echo $! >"$T/pid/reader"
	STARTED+=(reader)
}

@test "a mount whose registry is unreachable says so, since when and why" {
	[ "$(of_mount .state)" = ok ]
	now=$(date +%s)
	rules 'blobs close'
	reader
	# What was fetched on a guess may find it out before the reader does.
	is_waited_for() { [ "$(of_mount '.state == "unreachable" and .waiting >= 1')" = true ]; }
	wait_for 20 is_waited_for
	[ "$(of_mount '.unreachable_since >= '"$now"' and (.why | length) > 0')" = true ]
	layerfs ls | grep -E 'unreachable since [0-9]+:[0-9]+$'
	[ "$(layerfs --json top --once --interval 1 | jq '.mounts[0] |
		.state == "unreachable" and .oldest_wait_ms > 0 and .waiting >= 1')" = true ]
	rules
	# All of the file, not its first bytes alone.
	is_well() { [ "$(of_mount '.state == "ok" and .waiting == 0 and .why == null')" = true ]; }
	wait_for 30 is_well
}

@test "top counts what a mount read and fetched" {
	start top "$(program layerfs)" --run "$RUN" --json top --interval 1
	wait_for 10 test -s "$T/log/top"
	cat "$T/mnt/usr/bin/perl" >/dev/null
	counted() {
		jq -s 'last.mounts[0] | .reads > 0 and .requests > 0 and .fetched > 0 and
			.waits > 0 and .targets == ["'"$T/mnt"'"]' "$T/log/top" | grep -qx true
	}
	wait_for 10 counted
	stop top || true
	jq -s 'map(.mounts[0].reads_per_s) | max > 0' "$T/log/top" | grep -qx true
}

@test "explain says what is missing and what was paid" {
	cat "$T/mnt/usr/bin/perl" >/dev/null
	layer() { layerfs --json explain "$REF" | jq ".layer_list[0] | $1"; }
	[ "$(layer '.missing_bytes == .size - .present and .missing_bytes > 0')" = true ]
	# A request is counted when it has ended, which its reader does not wait for.
	is_counted() { [ "$(layer '.requests > 0 and .fetched > 0 and .waits > 0')" = true ]; }
	wait_for 10 is_counted
	layerfs pull "$REF"
	[ "$(layer .missing_bytes)" = 0 ]
}
