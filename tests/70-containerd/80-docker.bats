#!/usr/bin/env bats
# Docker with containerd's image store, and its BuildKit, whose worker is
# containerd: RELEASE=trixie.

load ../lib/common
load ../lib/containerd
load ../lib/images

setup_file() { own_images box; }

setup() {
	setup_test
	[ "${RELEASE-}" = trixie ] || skip "requires Debian 13's docker (make check-trixie)"
	requires root fuse docker-registry skopeo jq
	start_own_registry
	start_meter
	start_snapshotter
	start_containerd
	start_docker
}
teardown() { teardown_containerd; }

start_docker() {
	mkdir -p "$T/docker" "$T/context"
	cat >"$T/docker.json" <<-JSON
		{"features": {"containerd-snapshotter": true},
		 "storage-driver": "$SNAPSHOTTER", "containerd": "$CONTAINERD",
		 "insecure-registries": ["127.0.0.0/8"],
		 "bridge": "none", "iptables": false, "ip6tables": false,
		 "hosts": ["unix://$T/docker.sock"], "pidfile": "$T/docker/pid",
		 "data-root": "$T/docker/root", "exec-root": "$T/docker/run"}
	JSON
	start dockerd "${INSIDE[@]}" dockerd --config-file "$T/docker.json" --log-level warn
	wait_for 20 docker version
}

docker() { timeout -k 5 120 "${INSIDE[@]}" docker -H "unix://$T/docker.sock" "$@"; }

run_in() { docker run --rm --network none "$@"; }

@test "docker pull and run are lazy" {
	docker pull "$METERED/box-zc:1"
	run_in "$METERED/box-zc:1" cat /data/changed | grep new
	is_lazy box-zc:1
	[ "$(run_in "$METERED/box-zc:1" ls /data/opaque)" = new ]
}

@test "docker build on a lazy base: what RUN sees and makes is right" {
	cat >"$T/context/Dockerfile" <<-TEXT
		FROM $METERED/box-zc:1
		RUN cat /data/changed && rm /data/noise1 && echo built >/data/changed
		RUN cat /data/changed && echo more >/data/opaque/more
	TEXT
	docker build --network none --progress plain -t built:1 "$T/context"
	[ "$(run_in built:1 cat /data/changed)" = built ]
	[ "$(run_in built:1 ls /data/opaque | tr '\n' ' ')" = "more new " ]
	run run_in built:1 ls /data/noise1
	[ "$status" != 0 ]
	run_in built:1 sha256sum /data/noise2
}

@test "docker build does not download a base that is here lazily" {
	docker pull "$METERED/box-zc:1"
	printf 'FROM %s\nRUN cat /data/changed\n' "$METERED/box-zc:1" >"$T/context/Dockerfile"
	docker build --network none -t built:1 "$T/context"
	is_lazy box-zc:1
}

@test "what was pulled and built goes away" {
	docker pull "$METERED/box-zc:1"
	printf 'FROM %s\nRUN rm /data/noise1\n' "$METERED/box-zc:1" >"$T/context/Dockerfile"
	docker build --network none -t built:1 "$T/context"
	docker rmi built:1 "$METERED/box-zc:1"
	docker builder prune -af
	wait_for 20 eval '[ "$(snapshot_count -n moby)" = 0 ]'
	[ "$SNAPSHOTTER" != layerfs ] || wait_for 20 eval '[ -z "$(own_snapshots)" ]'
}
