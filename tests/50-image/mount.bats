#!/usr/bin/env bats
# The main job: mount, look, unmount, remove; one layer; writable.

load ../lib/common

setup() {
	setup_test
	requires root fuse docker-registry jq ref:nginx-zc:zstdchunked
	start_registry
	start_daemon
	REF=$REGISTRY/nginx-zc:zstdchunked
	mkdir "$T/mnt"
}

@test "the image's own program runs from the mount" {
	layerfs mount "$REF" "$T/mnt"
	chroot "$T/mnt" /usr/sbin/nginx -v 2>&1 | grep nginx/
}

@test "unmounting leaves nothing mounted" {
	layerfs mount "$REF" "$T/mnt"
	layerfs unmount "$T/mnt"
	not is_mounted "$T/mnt"
	[ "$(layerfs --json ls | jq '.mounts | length')" = 0 ]
	wait_for 5 nothing_shown
}

@test "a target unmounted by hand is noticed" {
	layerfs mount "$REF" "$T/mnt"
	[ "$(layerfs --json ls | jq -r '.mounts[0].target')" = "$T/mnt" ]
	sleep 1
	umount "$T/mnt"
	gone() { [ "$(layerfs --json ls | jq '.mounts | length')" = 0 ]; }
	wait_for 10 gone
}

@test "two targets of one image share one superblock" {
	mkdir "$T/second"
	layerfs mount "$REF" "$T/mnt"
	layerfs mount "$REF" "$T/second"
	[ "$(stat -c %d "$T/mnt")" = "$(stat -c %d "$T/second")" ]
	layerfs unmount "$T/mnt"
	ls "$T/second/etc" >/dev/null
}

@test "a read-only mount refuses writes" {
	layerfs mount "$REF" "$T/mnt"
	run touch "$T/mnt/new"
	[ "$status" -ne 0 ]
	[[ "$output" == *"Read-only"* ]]
}

@test "-o takes set-user-ID programs and devices from the mount" {
	requires findmnt
	layerfs mount -o nosuid,nodev "$REF" "$T/mnt"
	[[ ,$(findmnt -no VFS-OPTIONS "$T/mnt"), == *,nosuid,*nodev,* ]]
	mkdir "$T/second"
	layerfs mount "$REF" "$T/second"
	[[ ,$(findmnt -no VFS-OPTIONS "$T/second"), != *,nosuid,* ]]
	run layerfs mount -o nosuid,rw "$REF" "$T/second"
	[ "$status" = 2 ]
	[[ $output == *'"rw" is neither nosuid nor nodev'* ]]
}

@test "--rw takes writes into a temporary upper layer" {
	layerfs mount --rw "$REF" "$T/mnt"
	echo new >"$T/mnt/etc/new"
	rm "$T/mnt/etc/passwd"
	[ "$(cat "$T/mnt/etc/new")" = new ]
	[ ! -e "$T/mnt/etc/passwd" ]
	layerfs unmount "$T/mnt"
	layerfs mount --rw "$REF" "$T/mnt"
	[ ! -e "$T/mnt/etc/new" ]
	[ -e "$T/mnt/etc/passwd" ]
}

@test "--upper keeps writes in the folder" {
	mkdir "$T/upper"
	layerfs mount --rw --upper "$T/upper" "$REF" "$T/mnt"
	echo kept >"$T/mnt/etc/new"
	layerfs unmount "$T/mnt"
	[ "$(cat "$T/upper/etc/new")" = kept ]
	layerfs mount --rw --upper "$T/upper" "$REF" "$T/mnt"
	[ "$(cat "$T/mnt/etc/new")" = kept ]
}

@test "one layer shows what overlayfs expects of it" {
	layerfs mount --layer 2 "$REF" "$T/mnt"
	[ -x "$T/mnt/app/run.sh" ]
	[ ! -e "$T/mnt/usr/sbin/nginx" ]
	# The package's documents are whited out by this layer.
	[ "$(stat -c '%F %t:%T' "$T/mnt/usr/share/doc/nginx")" = "character special file 0:0" ]
	[ "$(getfattr --only-values -n trusted.overlay.opaque "$T/mnt/var/www/html")" = y ]
}

@test "layers stacked with overlayfs equal the merged image" {
	local n
	layerfs mount "$REF" "$T/mnt"
	for n in 0 1 2; do
		mkdir "$T/l$n"
		layerfs mount --layer "$n" "$REF" "$T/l$n"
	done
	mkdir "$T/stack"
	mount -t overlay -o "ro,lowerdir=$T/l2:$T/l1:$T/l0" stack "$T/stack"
	same_tree "$T/stack" "$T/mnt"
}

@test "a layer is named by its digest, a wrong one is refused" {
	digest=$(layerfs --json inspect "$REF" | jq -r '.manifest.layers[1].digest')
	layerfs mount --layer "$digest" "$REF" "$T/mnt"
	[ -x "$T/mnt/usr/sbin/nginx" ]
	mkdir "$T/other"
	fails_with "has no layer 7" layerfs mount --layer 7 "$REF" "$T/other"
	not is_mounted "$T/other"
}

@test "an OCI layout folder mounts without a registry" {
	requires image:nginx
	stop registry || true
	layerfs mount "oci:$LAYERFS_TEST_DATA/oci/nginx" "$T/mnt"
	chroot "$T/mnt" /usr/sbin/nginx -v 2>&1 | grep nginx/
}

@test "images, stat and inspect tell what is here" {
	layerfs pull "$REF"
	[ "$(layerfs --json images | jq -r '.images[0].references[0]')" = "$REF" ]
	[ "$(layerfs --json images | jq '.images[0] | .size == .present')" = true ]
	[ "$(layerfs --json stat "$REF" | jq -r '.layer_list[0].format')" = zstd:chunked ]
	[ "$(layerfs --json stat "$REF" | jq '.layer_list[0].lazy')" = true ]
	[ "$(layerfs --json inspect "$REF" | jq -r '.config.os')" = linux ]
	[ "$(layerfs --json stat | jq '.counters.fetch_corrupt')" = 0 ]
	layerfs images | grep -F "$REF"
	layerfs stat | grep -i layers
}

@test "rm refuses a mounted image, then frees what no other image shares" {
	requires ref:python-zc:zstdchunked
	layerfs pull "$REF"
	layerfs pull "$REGISTRY/python-zc:zstdchunked"
	layerfs mount "$REF" "$T/mnt"
	fails_with "is mounted" layerfs rm "$REF"
	layerfs unmount "$T/mnt"
	wait_for 20 is_let_go
	before=$(layerfs --json stat | jq .store.present_bytes)
	freed=$(layerfs --json rm "$REF" | jq ".images[0].freed_bytes")
	after=$(layerfs --json stat | jq .store.present_bytes)
	[ "$freed" -gt 0 ]
	[ "$after" -lt "$before" ]
	# The base is python's too.
	stop registry || true
	layerfs mount "$REGISTRY/python-zc:zstdchunked" "$T/mnt"
	tar -C "$T/mnt" -cf - . | cat >/dev/null
}
