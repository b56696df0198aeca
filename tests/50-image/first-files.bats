#!/usr/bin/env bats
# What nearly every start reads first comes with the mount, and with a program
# what it is linked with; nothing else does.

load ../lib/common

setup() {
	setup_test
	requires root fuse docker-registry jq ref:odd-zc:zstdchunked
	start_registry
	start_meter
	mkdir "$T/mnt"
	IMAGE=$METERED/odd-zc:zstdchunked
}

# Mounts, waits until nothing comes any more, and takes the registry away.
mount_and_lose_registry() {
	layerfs mount --unreachable=fail "$IMAGE" "$T/mnt"
	settle
	stop registry || true # it is killed
}

@test "users, shell, linker, C library and the program are here before anybody reads them" {
	start_daemon
	mount_and_lose_registry
	# run.sh is /bin/bash's, and the image's own config names it.
	cat "$T/mnt/etc/passwd" "$T/mnt/etc/group" "$T/mnt/etc/ld.so.cache" \
		"$T/mnt/app/run.sh" >/dev/null
	cat "$T/mnt/bin/sh" "$T/mnt/lib64/ld-linux-x86-64.so.2" \
		"$T/mnt/lib/x86_64-linux-gnu/libc.so.6" >/dev/null
	# And what the script runs.
	cat "$T/mnt/usr/bin/find" "$T/mnt/usr/sbin/getcap" >/dev/null
	# What no start is known to read is not.
	run cat "$T/mnt/usr/bin/perl"
	[ "$status" != 0 ]
	[ "$(meter_bytes)" -lt 6000000 ]
}

@test "where nothing may be guessed, nothing comes before it is read" {
	printf '[fetch]\nguess_percent = 0\n' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	mount_and_lose_registry
	run cat "$T/mnt/etc/passwd"
	[ "$status" != 0 ]
}

@test "who reads a program's start has the libraries that it is linked with" {
	start_daemon
	layerfs mount "$IMAGE" "$T/mnt"
	settle
	head -c 4 "$T/mnt/usr/bin/passwd" >/dev/null
	settle
	stop registry || true # it is killed
	# passwd names libselinux, and that libpcre2.
	cat "$T/mnt/usr/lib/x86_64-linux-gnu/libselinux.so.1" \
		"$T/mnt/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0" >/dev/null
}
