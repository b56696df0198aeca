#!/usr/bin/env bats
# The registry stops: what was read still reads, a known tag still mounts, an
# uncached read fails within its limit.

load ../lib/common

setup() {
	setup_test
	requires root fuse docker-registry ref:nginx-zc:zstdchunked
	start_registry
	start_daemon
	mkdir "$T/mnt" "$T/other"
}

@test "what was read before still reads, and a known tag still mounts" {
	layerfs mount "$REGISTRY/nginx-zc:zstdchunked" "$T/mnt"
	sum=$(sha256sum <"$T/mnt/usr/sbin/nginx")
	stop registry || true
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(sha256sum <"$T/mnt/usr/sbin/nginx")" = "$sum" ]
	layerfs unmount "$T/mnt"
	layerfs mount "$REGISTRY/nginx-zc:zstdchunked" "$T/other"
	[ "$(sha256sum <"$T/other/usr/sbin/nginx")" = "$sum" ]
}

@test "a known tag mounts after the daemon started anew" {
	layerfs mount "$REGISTRY/nginx-zc:zstdchunked" "$T/mnt"
	sum=$(sha256sum <"$T/mnt/usr/sbin/nginx")
	layerfs unmount "$T/mnt"
	stop layerfsd || true
	stop registry || true
	start_daemon
	layerfs mount "$REGISTRY/nginx-zc:zstdchunked" "$T/mnt"
	[ "$(sha256sum <"$T/mnt/usr/sbin/nginx")" = "$sum" ]
}

@test "an uncached read fails with EIO within its limit, a later one succeeds" {
	layerfs mount --unreachable=wait:5s "$REGISTRY/nginx-zc:zstdchunked" "$T/mnt"
	stop registry || true
	run timeout 60 cat "$T/mnt/usr/bin/perl"
	[ "$status" -eq 1 ]
	[[ "$output" == *"Input/output error"* ]]
	grep -q 'usr/bin/perl' "$T/log/layerfsd"
	# What is here answers meanwhile.
	ls "$T/mnt/etc" >/dev/null
	start registry docker-registry serve "$T/registry.yml"
	wait_port "${REGISTRY##*:}"
	cat "$T/mnt/usr/bin/perl" >/dev/null
}

@test "an unknown tag fails, and says so, when the registry is down" {
	stop registry || true
	fails_with "$REGISTRY" timeout 60 "$(program layerfs)" --run "$RUN" \
		mount "$REGISTRY/nginx-zc:zstdchunked" "$T/mnt"
	not is_mounted "$T/mnt"
}
