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
	without_guesses "$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	wait_for 20 is_mounted "$RUN/m/0"
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
	wait_for 120 eval '[ "$(layerfs --json images | jq ".images | length")" = 0 ]'
}

@test "it runs after a restart of everything, without a registry" {
	lazy_image
	podman pull "$IMAGE"
	box_is_right "$IMAGE"
	stop meter || true
	stop own-registry || true
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

@test "an image that is lazy here can be pushed and saved" {
	lazy_image
	podman pull "$IMAGE"
	podman push --tls-verify=false "$IMAGE" "docker://$REGISTRY/copy:1"
	podman save --format oci-archive -o "$T/saved.tar" "$IMAGE"
	podman rmi "$IMAGE"
	podman load -i "$T/saved.tar"
	podman rmi -a
	podman pull "$REGISTRY/copy:1"
	box_is_right "$REGISTRY/copy:1"
}
