#!/usr/bin/env bats
# podman's own commands: of no layer everything is fetched, containers run, and
# what podman removes is gone.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/podman

setup_file() { own_images box deep; }

setup() {
	setup_test
	requires podman runc jq sqlite3 curl
	start_own_registry
	start_meter
	start_podman "$T/run/store"
	start_store
}
teardown() {
	local status=0
	podman rm -af >/dev/null 2>&1 || true
	teardown_test || status=$?
	close_trixie
	return $status
}

start_store() {
	start_daemon
	wait_for 20 test -d "$RUN/store/."
}
uses() { sqlite3 "$ROOT/state.db" 'SELECT coalesce(sum(uses), 0) FROM layer_use'; }
worker_pid() { pgrep -P "$(pid_of layerfsd)" -f -- --worker-fd; }

# box-zc:1 with the annotations by which podman 5 asks for layers, and a second
# tag of it.
lazy_image() {
	local tag
	IMAGE=$METERED/box-zc:toc SAME=$METERED/box-zc:same
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/box-zc/manifests/1" |
		sed 's/io\.containers\.zstd/io.github.containers.zstd/g' >"$T/manifest"
	for tag in toc same; do
		curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
			--data-binary "@$T/manifest" "http://$REGISTRY/v2/box-zc/manifests/$tag"
	done
}

# What a container of box must see.
box_is_right() {
	[ "$(podman_run "$1" /bin/sh -c 'cat data/changed; ls data/removed data/gone 2>&1;
		ls data/opaque data/swap/file; echo written >data/new; cat data/new data/link
		sha256sum <more/noise3')" = \
		"$(printf '%s\n' new "ls: data/removed: No such file or directory" \
		"ls: data/gone: No such file or directory" \
		data/opaque: new '' data/swap/file: in written old \
		"$(python3 -c 'import random, hashlib; print(hashlib.sha256(random.Random(103).randbytes(1 << 20)).hexdigest())')  -")" ]
}

@test "an image is pulled lazily and runs; what is removed is gone" {
	lazy_image
	meter_reset
	podman pull "$IMAGE"
	fetched box-zc:toc
	fetched box-zc:toc | awk '$3 * 10 > $2 { exit 1 }'
	[ "$(uses)" = 2 ]
	box_is_right "$IMAGE"
	[ "$(uses)" = 2 ]
	fetched box-zc:toc | awk '$3 >= $2 { exit 1 }'
	podman rmi "$IMAGE"
	[ "$(uses)" = 0 ]
	wait_for 40 nothing_shown
	wait_for 40 eval '[ "$(layerfs --json images | jq ".images | length")" = 0 ]'
}

@test "it runs after a restart of everything, without a registry" {
	lazy_image
	podman pull "$IMAGE"
	box_is_right "$IMAGE"
	stop meter || true
	stop registry || true
	kill -KILL "$(worker_pid)"
	box_is_right "$IMAGE"
	stop layerfsd
	podman image exists "$IMAGE"
	! box_is_right "$IMAGE" || false
	start_store
	box_is_right "$IMAGE"
	stop layerfsd KILL || true
	start_store
	wait_for 10 box_is_right "$IMAGE"
}

@test "a container that runs does not notice that the worker dies" {
	lazy_image
	podman pull "$IMAGE"
	podman run -d --name c --network none --log-driver none \
		--ulimit nofile=1024:4096 --ulimit nproc=1024:4096 "$IMAGE" sleep 1000
	kill -KILL "$(worker_pid)"
	[ "$(podman exec c cat data/changed)" = new ]
	podman exec c sh -c 'cat data/noise* | sha256sum' | grep -v e3b0c442
	podman rm -f -t 0 c
	podman rmi "$IMAGE"
	[ "$(uses)" = 0 ]
}

@test "layers that cannot be lazy are downloaded, and the image is right" {
	podman pull "$METERED/box:gzip"
	box_is_right "$METERED/box:gzip"
	# podman 5 does not even ask for layers without a table of contents
	[ "${RELEASE-}" = trixie ] ||
		layerfs --json explain "$METERED/box:gzip" | grep whole_layer_bytes
}

@test "two tags of one image share everything" {
	lazy_image
	podman pull "$IMAGE"
	meter_reset
	podman pull "$SAME"
	fetched box-zc:toc | awk '$3 * 10 > $2 { exit 1 }'
	box_is_right "$SAME"
	podman rmi "$IMAGE"
	box_is_right "$SAME"
	podman rmi "$SAME"
	[ "$(uses)" = 0 ]
}
