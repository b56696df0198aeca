#!/usr/bin/env bats
# An index that somebody published and that lies about bytes: nothing wrong is shown,
# it is known for a liar by the first of them, and the node goes on without it.  A
# registry that gives wrong bytes is no reason to think so.
load ../lib/common
load ../lib/fleet
load ../lib/containerd
load ../lib/podman

setup() {
	setup_test
	requires root fuse docker-registry jq curl zstd
	mkdir -p "$T/storage" "$T/mnt"
	printf "$WAITS"'[publish]\ndelay_ms = 200\n' >"$T/ask.toml"
	start_registry "$T/storage"
	"$top_srcdir/tests/lib/images.py" "$REGISTRY" push box
	start_node a
	on a mount "$REGISTRY/box:gzip" "$T/mnt"
	tree >"$T/right"
	(cd "$T/mnt" && find . -type f -exec sha256sum {} +) >"$T/sums"
	on a index "$REGISTRY/box:gzip"
	on a unmount "$T/mnt"
	stop_node a
}

teardown() { teardown_containerd; }

tree() { "$top_srcdir/tests/bench/treedump.py" -c "$T/mnt"; }

liar() { "$top_srcdir/tests/lib/liar.py" "$REGISTRY" box:gzip "$@"; }

# layers REF FILTER: what explain says of each.
layers() { on b --json explain "$1/box:gzip" | jq -c ".layer_list | map($2)"; }

says_lies() { layers "$1" .lie | jq -e 'all(. != null)'; }

# mount_lazily HOST:PORT: by the index.
mount_lazily() {
	on b mount "$1/box:gzip" "$T/mnt"
	[ "$(layers "$1" .format)" = '["layer-index","layer-index"]' ]
}

# mount_again DIR: the layers once more, when the kernel has let go of what was mounted
# before: a container that starts anywhere on this machine has it for a while, too.
mount_again() { wait_for 30 on b mount "$REGISTRY/box:gzip" "$1"; }

# read_all: every file is what it is, or cannot be read; how many cannot, in $FAILED.
read_all() {
	local sum file shown
	FAILED=0
	while read -r sum file; do
		if shown=$(timeout 30 sha256sum <"$T/mnt/$file" 2>/dev/null); then
			[ "$shown" = "$sum  -" ] || return
		else
			FAILED=$((FAILED + 1))
		fi
	done <"$T/sums"
	echo "$FAILED of $(wc -l <"$T/sums") files cannot be read"
}

@test "an index with wrong digests or ranges is found to lie, and not used again" {
	for lie in digests digest ranges; do
		echo "--- $lie"
		liar $lie alone
		start_node b
		mount_lazily "$REGISTRY"
		read_all
		[ "$FAILED" -gt 0 ]
		wait_for 30 says_lies "$REGISTRY"
		layers "$REGISTRY" .lie
		grep 'the index beside its image lied: bytes .* are not what it says' "$T/log/b"
		on b unmount "$T/mnt"

		mount_again "$T/mnt"
		layers "$REGISTRY" '[.format, .reason]'
		[ "$(layers "$REGISTRY" '[.format, .lie]')" = '[["tar+gzip",null],["tar+gzip",null]]' ]
		read_all
		[ "$FAILED" = 0 ]
		tree | diff "$T/right" -
		on b unmount "$T/mnt"

		# An own one takes its place, for the next node and the next lie.
		run on b index "$REGISTRY/box:gzip"
		echo "$output"
		[[ $output == published,* ]]
		stop_node b
		rm -rf "$T/root.b"
	done
	start_node b
	mount_lazily "$REGISTRY"
	tree | diff "$T/right" -
}

@test "an index that lied is passed over for the next that refers to the image" {
	liar digest
	start_node b
	mount_lazily "$REGISTRY"
	read_all
	[ "$FAILED" -gt 0 ]
	wait_for 30 says_lies "$REGISTRY"
	on b unmount "$T/mnt"
	mount_again "$T/mnt"
	[ "$(layers "$REGISTRY" '[.format, .lie]')" = '[["layer-index",null],["layer-index",null]]' ]
	tree | diff "$T/right" -
}

@test "what is mounted by such an index says why it cannot be read" {
	liar digests
	start_node b
	mount_lazily "$REGISTRY"
	not timeout 30 sha256sum "$T/mnt/data/noise0"
	not timeout 30 sha256sum "$T/mnt/more/noise0"
	wait_for 30 says_lies "$REGISTRY"
	not timeout 30 sha256sum "$T/mnt/data/noise1"
	wait_for 20 grep 'data/noise1 cannot be read: .*lied' "$T/log/b"
	on b explain "$REGISTRY/box:gzip" | tee "$T/said"
	grep -q 'are not what it says' "$T/said"

	# Also in another life of the daemon.
	kill -KILL "$(pgrep -P "$(pid_of b)" -f -- --worker-fd)"
	wait_for 20 says_lies "$REGISTRY"
	not timeout 30 sha256sum "$T/mnt/data/noise2"
	wait_for 20 grep 'data/noise2 cannot be read: .*lied' "$T/log/b"
	mkdir "$T/second"
	fails_with 'it is read whole when nobody uses it any more' \
		on b mount "$REGISTRY/box:gzip" "$T/second"
	on b unmount "$T/mnt"
	mount_again "$T/second"
	"$top_srcdir/tests/bench/treedump.py" -c "$T/second" | diff "$T/right" -
}

@test "what is to be published of an image does not keep the lie here" {
	printf '[publish]\nmode = "on"\ndelay_ms = 600000\n[profile]\nquiet_ms = 200\n' >"$T/later.toml"
	liar digests
	start_node b later
	mount_lazily "$REGISTRY"
	not timeout 30 sha256sum "$T/mnt/data/noise0"
	not timeout 30 sha256sum "$T/mnt/more/noise0"
	wait_for 30 says_lies "$REGISTRY"
	on b unmount "$T/mnt"
	wait_for 20 on b profile show "$REGISTRY/box:gzip"
	mount_again "$T/mnt"
	tree | diff "$T/right" -
}

@test "containers start by the blob once those that have the lie are gone" {
	requires containerd ctr ctr-remote runc
	liar digests alone
	RUN=$T/run
	start_snapshotter --config "$T/ask.toml"
	start_containerd
	lazy_pull "$REGISTRY/box:gzip"
	# It may be found out, and replaced, before there is a container.
	run_container "$REGISTRY/box:gzip" first /bin/sh -c true || true
	wait_for 30 grep 'the index beside its image lied' "$T/log/layerfsd"
	ctd snapshot --snapshotter "$SNAPSHOTTER" rm first || true
	look() { # while the image is still open it is refused; the other layer lies, too
		N=$((${N:-0} + 1))
		run_container "$REGISTRY/box:gzip" "look$N" /bin/sh -c \
			'cat /data/noise* /data/opaque/new >/tmp/all && sha256sum </tmp/all' >"$T/shown"
	}
	wait_for 120 look
	[ "$(cat "$T/shown")" = "$( (noises 8; echo new) | sha256sum)" ]
	layerfs --json explain "$REGISTRY/box:gzip" | jq -e '.layer_list | all(.lie == null)'
}

# podman_pulls_lazily: as mount_lazily.
podman_pulls_lazily() {
	local i
	for i in 1 2 3 4 5; do
		podman pull -q "$REGISTRY/box:gzip" || return
		[ "$(layers "$REGISTRY" .format)" != '["layer-index","layer-index"]' ] || return 0
		podman rmi "$REGISTRY/box:gzip"
		wait_for 60 on b rm "$REGISTRY/box:gzip"
	done
	return 1
}

# podman_reads_all: no file is one that cannot be read.
podman_reads_all() {
	podman_run "$REGISTRY/box:gzip" /bin/sh -c \
		'busybox find /data /more -type f | busybox xargs busybox cat >/dev/null'
}

@test "podman has the lie until its image is removed, and then the blob" {
	requires podman runc
	liar digest alone
	printf '[snapshotter]\nwhole_layer_bytes = 100000000\n' >"$T/whole.toml"
	start_node b whole
	start_podman "$T/run.b/store"
	wait_for 20 is_mounted "$T/run.b/m/0"
	podman_pulls_lazily
	not podman_reads_all
	wait_for 30 says_lies "$REGISTRY"
	not podman_reads_all
	podman pull -q "$REGISTRY/box:gzip" # changes nothing
	not podman_reads_all

	podman rmi "$REGISTRY/box:gzip"
	podman pull -q "$REGISTRY/box:gzip"
	podman_reads_all
	podman_run "$REGISTRY/box:gzip" /bin/sh -c \
		'cat /data/noise* /data/opaque/new >/tmp/all && sha256sum </tmp/all' >"$T/shown"
	[ "$(cat "$T/shown")" = "$( (noises 8; echo new) | sha256sum)" ]
	[ "$(layers "$REGISTRY" '[.format, .lie, .fallback]')" = '[["tar+gzip",null,null],["tar+gzip",null,null]]' ]
}

noises() { # N
	python3 -c 'import random, sys
for n in range(int(sys.argv[1])): sys.stdout.buffer.write(random.Random(n).randbytes(1 << 20))' "$1"
}

@test "wrong bytes of a registry are no lie of the index" {
	start_bad_registry
	start_node b
	top=$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/box/manifests/gzip" | jq -r '.layers[1].digest')
	mount_lazily "$BAD"
	rules "blobs/$top corrupt 100"
	read_all
	[ "$FAILED" -gt 0 ]
	wait_for 30 grep 'whether its index lied cannot be known now' "$T/log/b"
	[ "$(layers "$BAD" .lie)" = '[null,null]' ]
	rules
	wait_for 60 is_whole
	tree | diff "$T/right" -
	[ "$(layers "$BAD" '[.format, .lie]')" = '[["layer-index",null],["layer-index",null]]' ]
}

is_whole() { read_all && [ "$FAILED" = 0 ]; }
