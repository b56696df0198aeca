# Nodes of a fleet: daemons with roots of their own on one registry; `load ../lib/fleet`
# after common.
# shellcheck shell=bash disable=SC2034,SC2154

# What lies beside an image is waited for, however busy the machine is: a section of a
# configuration, to which `trust` may be added.
WAITS='[index]\nwait_ms = 30000\n'

# start_node NAME [CONFIG]: a node that has never seen anything; $T/CONFIG.toml.
start_node() {
	NODE=$1
	start "$1" "$(program layerfsd)" --root "$T/root.$1" --run "$T/run.$1" \
		--config "$T/${2:-ask}.toml"
	RUN=$T/run.$1 wait_daemon
}

# on NAME COMMAND...: layerfs there.
on() {
	local node=$1
	shift
	RUN=$T/run.$node layerfs "$@"
}

stop_node() {
	stop "$1" || true
	unmount_under "$T/run.$1"
	# A node of that name that starts is waited for by its socket.
	rm -f "$T/run.$1/control.sock"
}

# copy_storage REPOSITORY...: the test images' blobs, and these names once more: those
# are written to.
copy_storage() {
	local from=$LAYERFS_TEST_DATA/registry/docker/registry/v2
	local to=$T/storage/docker/registry/v2 r
	mkdir -p "$to/repositories"
	cp -al "$from/blobs" "$to/"
	for r; do cp -a "$from/repositories/$r" "$to/repositories/"; done
}

# manifest_digest REPOSITORY TAG
manifest_digest() {
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/$1/manifests/$2" | sha256sum | cut -d' ' -f1
}
