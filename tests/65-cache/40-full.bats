#!/usr/bin/env bats
# A store whose disk is full, has no inodes left, or became read only: what is here is
# read, what is not fails with a clear word, mounts stay, and it all comes back by
# itself when the disk does.

load ../lib/common
load ../lib/faults
load ../lib/images

setup_file() { own_images box deep; }

# disk SIZE [MKFS OPTION...]: ROOT on a file system of its own.  What cannot be had is
# waited for briefly; what can is mounted patiently, however long this machine takes.
disk() {
	truncate -s "$1" "$T/disk"
	mkfs.ext4 -q -m 0 -O ^has_journal "${@:2}" "$T/disk"
	mkdir "$T/root"
	mount -o loop "$T/disk" "$T/root"
	rmdir "$T/root/lost+found"
	printf '[cache]\nmin_free_percent = 0\n[read]\npatience_ms = 2000\n' >"$T/cache.toml"
	start_daemon --config "$T/cache.toml"
}

# To the last block.
fill_disk() {
	dd if=/dev/zero of="$T/root/filler" bs=64k 2>/dev/null || true
	sync -f "$T/root"
	dd if=/dev/zero of="$T/root/filler" bs=4k oflag=append conv=notrunc 2>/dev/null || true
	sync -f "$T/root"
}
counter() { layerfs --json stat | jq ".counters.$1"; }
mount_patiently() { layerfs mount --unreachable=wait:5m "$REF" "$T/mnt"; }
present_of() { layerfs --json stat "$1" | jq .present; }
read_all() { tar -C "$T/mnt" -cf - . | sha256sum; }
fails() { if "$@"; then return 1; fi; }
# Its program has been read.
mount_with_busybox() {
	layerfs mount "$REF" "$T/mnt"
	wait_for 20 cat "$T/mnt/bin/busybox"
}
reads() { tar -C "$T/mnt" -cf - . >"$T/tar" 2>/dev/null; }

setup() {
	setup_test
	requires root fuse mkfs.ext4 jq
	start_own_registry
	mkdir "$T/mnt"
	REF=$REGISTRY/box-zc:1
}

teardown() {
	unmount_under "$T/mnt"
	stop layerfsd || true
	umount "$T/root" 2>/dev/null || true
	teardown_test
}

@test "a full disk: what nobody uses makes room for what is read" {
	disk 64M
	layerfs pull -q "$REGISTRY/box:gzip"
	mount_patiently
	fill_disk
	set -o pipefail
	read_all
	[ "$(counter cache_disk_full)" -gt 0 ]
	[ "$(counter cache_evicted_bytes)" -gt 0 ]
	[ "$(counter read_errors)" = 0 ]
}

@test "a full disk where nothing may go: EIO, said once, and back when there is space" {
	disk 48M
	layerfs pin -q "$REF" >/dev/null
	mount_with_busybox
	fill_disk
	fails reads
	cat "$T/mnt/bin/busybox" >/dev/null # it is here
	grep 'the disk is full, and nothing of the store may be dropped' "$T/log/layerfsd"
	[ "$(grep -c 'the disk is full' "$T/log/layerfsd")" = 1 ]
	# Commands say what is wrong, and what is mounted can be unmounted.
	fails_with "No space left" layerfs pull "$REGISTRY/deep:gzip"
	rm "$T/root/filler"
	wait_for 20 reads
	layerfs unmount "$T/mnt"
}

@test "a full disk while a layer is made: room is made, and it is made" {
	disk 48M
	layerfs pull -q "$REGISTRY/box:gzip"
	fill_disk
	mount_patiently
	ls "$T/mnt/bin" >/dev/null
	set -o pipefail
	read_all
	[ "$(present_of "$REGISTRY/box:gzip")" -lt 16000000 ]
}

@test "a worker that ends on a full disk: the next one serves what is here" {
	disk 48M
	layerfs pin -q "$REF" >/dev/null
	mount_with_busybox
	right=$(sha256sum <"$T/mnt/bin/busybox")
	fill_disk
	for n in $(seq 20000); do : >"$T/root/inode$n" || break; done 2>/dev/null
	kill_worker
	[ "$(sha256sum <"$T/mnt/bin/busybox")" = "$right" ]
	fails reads
	rm "$T/root/filler" "$T/root"/inode*
	wait_for 20 reads
	# And a daemon.
	layerfs unmount "$T/mnt"
	fill_disk
	stop layerfsd
	start_daemon --config "$T/cache.toml"
	layerfs mount "$REF" "$T/mnt"
	[ "$(sha256sum <"$T/mnt/bin/busybox")" = "$right" ]
}

@test "no inodes: what is mounted is read, new images are refused, and back" {
	disk 64M -N 64
	mount_patiently
	for n in $(seq 100); do : >"$T/root/inode$n" || break; done 2>/dev/null
	set -o pipefail
	read_all
	fails_with "No space left" layerfs pull "$REGISTRY/box:gzip"
	[ "$(counter read_errors)" = 0 ]
	rm "$T/root"/inode*
	layerfs pull -q "$REGISTRY/box:gzip"
}

@test "a disk that became read only: what is here is read, the rest is EIO" {
	disk 64M
	mount_with_busybox
	right=$(sha256sum <"$T/mnt/bin/busybox")
	mount -o remount,abort "$T/root" || skip "requires a file system that can be aborted"
	! (: >"$T/root/probe") 2>/dev/null || skip "requires an abort that has effect"
	[ "$(sha256sum <"$T/mnt/bin/busybox")" = "$right" ]
	fails reads
	layerfs ls | grep "$T/mnt"
	[ "$(find_worker)" = "$(worker_pid)" ]
	layerfs unmount "$T/mnt" || umount -l "$T/mnt"
	stop layerfsd || true
	wait_for 10 umount "$T/root"
	e2fsck -fp "$T/disk" >/dev/null || true
	mount -o loop "$T/disk" "$T/root"
	start_daemon --config "$T/cache.toml"
	mount_patiently
	reads
	[ "$(layerfs --json verify | jq .wrong)" = 0 ]
}

@test "too few descriptors: it goes on when there are some" {
	disk 64M
	layerfs mount "$REF" "$T/mnt"
	worker=$(worker_pid)
	n=$(find "/proc/$worker/fd" -mindepth 1 | wc -l)
	limit_descriptors "$worker" $((n + 1))
	layerfs pull "$REGISTRY/box:gzip" || true
	[ "$(find_worker)" = "$worker" ]
	limit_descriptors "$worker" 1024
	wait_for 20 layerfs pull -q "$REGISTRY/box:gzip"
	wait_for 20 reads
}
