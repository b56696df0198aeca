# Small images of the tests' own (images.py) in a registry of their own; `load
# ../lib/images` after common.
# shellcheck shell=bash disable=SC2034,SC2154

images() { "$top_srcdir/tests/lib/images.py" "$REGISTRY" "$@"; }

# own_images NAME...: for setup_file; their registry's storage, once a file.  Of
# box there is also box-zc:1, zstd:chunked, and some that mix: lazy:base has a
# chunked base and a plain top, lazy:top the reverse, lazy:small and lazy:deep a
# chunked base with one or 127 tiny plain layers on top.
own_images() {
	local T=$BATS_FILE_TMPDIR STARTED=()
	command -v docker-registry >/dev/null && command -v skopeo >/dev/null &&
		[ -x /bin/busybox ] && [ "$(id -u)" = 0 ] || return 0
	mkdir -p "$T/log" "$T/pid" "$T/storage"
	start_registry "$T/storage"
	images push "$@"
	if [[ " $* " == *" box "* ]]; then
		make_chunked box:gzip box-zc:1
		images mix lazy:base box-zc:1/0 box:gzip/1
		images mix lazy:top box:gzip/0 box-zc:1/1
	fi
	if [[ " $* " == *" box "*" deep "* ]]; then
		images mix lazy:small box-zc:1/0 deep:gzip/1
		images mix lazy:deep box-zc:1/0 deep:gzip/{1..127}
	fi
	stop registry || true
}

# skopeo remembers where blobs lie and would push those instead.
make_chunked() {
	unshare -m sh -c 'mkdir -p /var/lib/containers &&
		mount -t tmpfs none /var/lib/containers && exec "$@"' sh \
		skopeo copy -q --insecure-policy --format oci \
		--src-tls-verify=false --dest-tls-verify=false \
		--dest-compress-format zstd:chunked \
		"docker://$REGISTRY/$1" "docker://$REGISTRY/$2"
}

# Beside start_registry's; its host and port in $REGISTRY till that one starts.
start_own_registry() {
	requires root fuse docker-registry skopeo /bin/busybox
	serve_storage own-registry "$BATS_FILE_TMPDIR/storage" false
}

# mount_image HOST:PORT/REF DIR: as $SNAPSHOTTER has it.  (ctr 1.6's `image mount`
# always mounts overlayfs'.)
mount_image() {
	local key=view-$RANDOM$RANDOM
	ctd snapshot --snapshotter "$SNAPSHOTTER" view "$key" \
		"$(REGISTRY=${1%%/*} images chain "${1#*/}")" &&
		mount_snapshot "$key" "$2"
}

# fetched REF: "DIGEST SIZE BYTES REQUESTS DIFFERENT" of each layer since meter_reset.
fetched() {
	meter requests >/dev/null # writes the log out, too
	images fetched "$1" "$T/log/requests"
}

# is_lazy REF: of no layer that is not small (small_layer_bytes) everything was
# asked for.
is_lazy() {
	[ "$SNAPSHOTTER" = layerfs ] || return 0
	fetched "$1" | awk '{ print } $2 > 1048576 && $5 >= $2 { bad = 1 } END { exit bad }'
}

# flip FILE [OFFSET]: one byte becomes another one; without OFFSET in the middle of
# the first piece that is no hole.
flip() {
	python3 - "$@" <<-'PY'
		import os, sys
		f = os.open(sys.argv[1], os.O_RDWR)
		if len(sys.argv) > 2:
		    at = int(sys.argv[2])
		else:
		    start = os.lseek(f, 0, os.SEEK_DATA)
		    at = (start + os.lseek(f, start, os.SEEK_HOLE)) // 2
		old = os.pread(f, 1, at)
		os.pwrite(f, bytes([old[0] ^ 0x10]), at)
		os.fsync(f)
	PY
}
