#!/usr/bin/env bats
# Docker with containerd's image store, and its BuildKit, whose worker is
# containerd: RELEASE=trixie.

load ../lib/common
load ../lib/containerd
load ../lib/images

# The name for which BuildKit tells a snapshotter what it pulls.
PLUGIN=stargz

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
		 "storage-driver": "$(plugin)", "containerd": "$CONTAINERD",
		 "insecure-registries": ["127.0.0.0/8"],
		 "bridge": "none", "iptables": false, "ip6tables": false,
		 "hosts": ["unix://$T/docker.sock"], "pidfile": "$T/docker/pid",
		 "data-root": "$T/docker/root", "exec-root": "$T/docker/run"}
	JSON
	start dockerd "${INSIDE[@]}" dockerd --config-file "$T/docker.json" --log-level warn
	wait_for 20 docker version
}

docker() { timeout -k 5 120 "${INSIDE[@]}" docker -H "unix://$T/docker.sock" "$@"; }

# write_dockerfile BASE LINE...
write_dockerfile() { printf '%s\n' "FROM $1" "${@:2}" >"$T/context/Dockerfile"; }

run_in() { docker run --rm --network none "$@"; }

@test "docker pull and run are lazy" {
	docker pull "$METERED/box-zc:1"
	run_in "$METERED/box-zc:1" cat /data/changed | grep new
	is_lazy box-zc:1
	[ "$(run_in "$METERED/box-zc:1" ls /data/opaque)" = new ]
}

@test "docker build on a lazy base: what RUN sees and makes is right" {
	write_dockerfile "$METERED/box-zc:1" \
		'RUN cat /data/changed && rm /data/noise1 && echo built >/data/changed' \
		'RUN cat /data/changed && echo more >/data/opaque/more'
	docker build --network none --progress plain -t built:1 "$T/context"
	[ "$(run_in built:1 cat /data/changed)" = built ]
	[ "$(run_in built:1 ls /data/opaque | tr '\n' ' ')" = "more new " ]
	run run_in built:1 ls /data/noise1
	[ "$status" != 0 ]
	run_in built:1 sha256sum /data/noise2
}

# BuildKit pulls the base itself.
@test "docker build fetches a part of a base that only a stage is built on" {
	write_dockerfile "$METERED/box-zc:1 AS build" \
		'RUN cat /data/changed >/out && rm /data/noise1' \
		'FROM scratch' 'COPY --from=build /out /bin/busybox /'
	docker build --network none -t built:1 "$T/context"
	[ "$(run_in built:1 /busybox cat /out)" = new ]
	is_lazy box-zc:1
	sed -i 's/noise1/noise2/' "$T/context/Dockerfile"
	meter_reset
	docker build --network none -t built:2 "$T/context"
	[ "$(run_in built:2 /busybox cat /out)" = new ]
	[ "$SNAPSHOTTER" != layerfs ] ||
		fetched box-zc:1 | awk '$3 > 0 { exit 1 }'
}

# With no image of docker's own made; buildx complains that it cannot push that, too.
@test "docker build pushes without downloading the base" {
	write_dockerfile "$METERED/box-zc:1" 'RUN echo built >/data/changed'
	run docker build --network none --output \
		"type=image,name=$METERED/box-zc:built,push=true,store=false" "$T/context"
	[[ $output == *"tag does not exist: $METERED/box-zc:built"* ]]
	is_lazy box-zc:1
	[ "$(run_in "$METERED/box-zc:built" cat /data/changed)" = built ]
	is_lazy box-zc:1
}

# BuildKit downloads all of an image that it gives to docker; layerfs, nothing more.
@test "docker build makes an image of docker's own that can be pushed" {
	write_dockerfile "$METERED/box-zc:1" 'RUN echo built >/data/changed'
	docker build --network none -t "$METERED/box-zc:built" "$T/context"
	fetched box-zc:1 | awk '{ print } $3 > $2 * 1.5 { bad = 1 } END { exit bad }'
	[ "$(run_in "$METERED/box-zc:built" cat /data/changed)" = built ]
	docker push "$METERED/box-zc:built"
	docker rmi "$METERED/box-zc:built"
	[ "$(run_in "$METERED/box-zc:built" cat /data/changed)" = built ]
}

@test "BuildKit's passing labels do not stay" {
	requires_layerfs
	requires sqlite3
	write_dockerfile "$METERED/box-zc:1" 'RUN true'
	docker build --network none --output type=cacheonly "$T/context"
	sqlite3 "$ROOT/state.db" 'SELECT labels FROM snapshot' >"$T/log/labels"
	grep stargz.reference "$T/log/labels"
	! grep -E 'stargz\.(session|reference\.)' "$T/log/labels" || false
}

@test "what was pulled and built goes away" {
	docker pull "$METERED/box-zc:1"
	write_dockerfile "$METERED/box-zc:1" 'RUN rm /data/noise1'
	docker build --network none -t built:1 "$T/context"
	docker rmi built:1 "$METERED/box-zc:1"
	docker builder prune -af
	wait_for 20 eval '[ "$(snapshot_count -n moby)" = 0 ]'
	collect
	[ "$SNAPSHOTTER" != layerfs ] || wait_for 20 eval '[ -z "$(own_snapshots)" ]'
}
