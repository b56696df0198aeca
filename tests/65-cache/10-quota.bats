#!/usr/bin/env bats
# The cache keeps within its bounds, and nobody reads a wrong byte or waits for ever
# because of it.

load ../lib/common

QUOTA=$((40 << 20))

# cache FIELD, counter NAME: what stat says.
cache() { layerfs --json stat | jq ".cache.$1"; }
counter() { layerfs --json stat | jq ".counters.$1"; }
present_of() { layerfs --json stat "$1" | jq .present; }

start_bounded() {
	printf '[cache]\nquota_bytes = %s\nmin_free_percent = 0\n' "$QUOTA" >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
}

# A writer may be one round ahead of who makes room.
is_within() { [ "$(cache used_bytes)" -le $((QUOTA + (8 << 20))) ]; }
has_evicted() { [ "$(counter cache_evictions)" -gt 0 ]; }
evicted_quota() { [ "$(counter cache_evicted_bytes)" -gt "$QUOTA" ]; }
is_below_quota() { [ "$(cache used_bytes)" -le "$QUOTA" ]; }

sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

setup() {
	setup_test
	requires root fuse docker-registry jq ref:python-zc:zstdchunked ref:nginx-zc:zstdchunked
	start_registry
	mkdir "$T/mnt" "$T/other"
}

@test "a working set of several quotas is read right to the end, by several at once" {
	start_daemon
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	sums "$T/mnt" >"$T/right"
	whole=$(present_of "$REGISTRY/python-zc:zstdchunked")
	[ "$whole" -gt $((4 * QUOTA)) ]
	layerfs unmount "$T/mnt"
	stop layerfsd
	rm -rf "$T/root"

	start_bounded
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	layerfs mount "$REGISTRY/nginx-zc:zstdchunked" "$T/other"
	for reader in 1 2; do
		start "reader$reader" bash -c "$(declare -f sums); sums '$T/mnt' >'$T/sums$reader'"
	done
	tar -C "$T/other" -cf - . | cat >/dev/null
	for reader in 1 2; do
		while is_running "reader$reader"; do is_within; sleep 0.5; done
		diff "$T/right" "$T/sums$reader"
	done
	[ "$(counter read_errors)" = 0 ]
	[ "$(counter cache_evictions)" -gt 3 ]
	[ "$(counter cache_evicted_bytes)" -gt $((3 * QUOTA)) ]
	wait_for 20 is_below_quota
	# Read again, by a pattern that has no order.
	(cd "$T/mnt" && find . -type f | shuf -n 500 --random-source=/bin/sh |
		sort >"$T/some" && xargs -d '\n' sha256sum <"$T/some") >"$T/some.sums"
	[ "$(grep -cFxf "$T/some.sums" "$T/right")" = 500 ]
}

@test "what nobody uses goes first, the longest unused first; what is pinned never" {
	start_daemon
	layerfs pull -q "$REGISTRY/nginx-zc:zstdchunked"
	sleep 1.1 # seconds tell them apart
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	cat "$T/mnt"/usr/lib/python3.11/*.py >/dev/null
	layerfs pin "$REGISTRY/nginx-zc:zstdchunked"
	nginx=$(present_of "$REGISTRY/nginx-zc:zstdchunked")
	read=$(cache used_bytes)
	layerfs unmount "$T/mnt"
	stop layerfsd

	# A quarter over: all of it may come from python's own layers.
	printf '[cache]\nquota_bytes = %s\n' $((read * 100 / 97)) >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
	wait_for 20 has_evicted
	[ "$(present_of "$REGISTRY/nginx-zc:zstdchunked")" = "$nginx" ]
	layerfs unpin "$REGISTRY/nginx-zc:zstdchunked"
	layerfs --json images | jq -e '.images[] | .holders | has("pin") | not'
}

@test "a quota that is full of what is pinned gives way to readers" {
	start_bounded
	layerfs pin -q --fetch "$REGISTRY/nginx-zc:zstdchunked"
	pinned=$(present_of "$REGISTRY/nginx-zc:zstdchunked")
	[ "$pinned" -gt "$QUOTA" ]
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	tar -C "$T/mnt" -cf - usr/lib/python3.11 | cat >/dev/null
	[ "$(present_of "$REGISTRY/nginx-zc:zstdchunked")" = "$pinned" ]
	[ "$(counter read_errors)" = 0 ]
	wait_for 20 grep 'its quota is' "$T/log/layerfsd"
	# Once a minute, not at every write.
	[ "$(grep -c 'its quota is' "$T/log/layerfsd")" -le 2 ]
}

@test "what could not be had again stays while other data comes and goes" {
	# Without guesses: they may bring the file that shall be missing, too.
	printf '[cache]\nquota_bytes = %s\nmin_free_percent = 0\n[fetch]\nguess_percent = 0\n' \
		"$QUOTA" >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	layerfs mount --unreachable=fail "$REGISTRY/python-zc:zstdchunked" "$T/other"
	sums "$T/mnt/usr/lib/python3.11" >"$T/right"
	stop registry || true
	# A miss finds out that the registry is gone.
	fails_with 'Input/output error' cat "$T/other/usr/lib/python3/dist-packages/setuptools/dist.py"
	serve_storage second "$LAYERFS_TEST_DATA/registry" true
	# What failed of the layer that both have rests for some seconds.
	wait_for 30 layerfs pull -q "$REGISTRY/nginx-zc:zstdchunked"
	wait_for 20 evicted_quota
	sums "$T/mnt/usr/lib/python3.11" >"$T/again"
	diff "$T/right" "$T/again"
}

@test "free space below the watermark is made, and said" {
	requires mkfs.ext4
	truncate -s 400M "$T/disk"
	mkfs.ext4 -q "$T/disk"
	mkdir "$T/root"
	mount -o loop "$T/disk" "$T/root"
	rmdir "$T/root/lost+found"
	printf '[cache]\nmin_free_percent = 40\n' >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	sums "$T/mnt" >"$T/sums1"
	wait_for 20 is_free_enough
	has_evicted
	[ "$(counter read_errors)" = 0 ]
	layerfs stat | grep 'Keep free'
	layerfs unmount "$T/mnt"
	stop layerfsd
	wait_for 10 umount "$T/root"
}
is_free_enough() { [ "$(cache free_bytes)" -ge "$(cache min_free_bytes)" ]; }
