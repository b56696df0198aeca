# containerd with a private root, for comparing with its own unpacking; after
# common.bash.
# shellcheck shell=bash

# start_containerd [TOML]: its socket is $CONTAINERD, its folders below $T/ctd;
# TOML is added to its configuration.
start_containerd() {
	CONTAINERD=$T/ctd.sock
	mkdir -p "$T/ctd"
	cat >"$T/containerd.toml" <<-TOML
		version = 2
		root = "$T/ctd/root"
		state = "$T/ctd/state"
		oom_score = 0
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.internal.v1.opt"]
		[grpc]
		  address = "$CONTAINERD"
		${1-}
	TOML
	start containerd containerd -c "$T/containerd.toml" -l warn
	wait_socket "$CONTAINERD"
	wait_for 20 ctr -a "$CONTAINERD" version
}

# containerd_unpacks REF DIR: pulls the image whole and mounts what containerd
# made of it, read-only.
containerd_unpacks() {
	ctr -a "$CONTAINERD" image pull --plain-http "$1" >"$T/log/pull" 2>&1 &&
		mkdir -p "$2" &&
		ctr -a "$CONTAINERD" image mount "$1" "$2" >/dev/null
}
