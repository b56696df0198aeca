# containerd with private folders, alone or with layerfs' snapshotter, containers
# on it, and its CRI; `load ../lib/containerd` after common.
#
# $SNAPSHOTTER is what the images and containers of a test lie on: layerfs, or
# overlayfs, containerd's own, which shows that a test asks for nothing but what
# containerd does.  A test that is about layerfs says `requires_layerfs`.
# shellcheck shell=bash disable=SC2034,SC2154

. "$top_srcdir/tests/lib/trixie.bash"

SNAPSHOTTER=${SNAPSHOTTER:-layerfs}
PLUGIN=layerfs # layerfs' name at containerd
INSIDE=() # what a runtime's command is put behind

# Before anything mounts in the test's folder: it becomes a mount itself.
open_release() {
	[ "${RELEASE-}" != trixie ] || [ ${#INSIDE[@]} -gt 0 ] || open_trixie
}

# The snapshotter's name at containerd.
plugin() {
	[ "$SNAPSHOTTER" = layerfs ] && echo "$PLUGIN" || echo "$SNAPSHOTTER"
}

requires_layerfs() {
	[ "$SNAPSHOTTER" = layerfs ] || skip "is about layerfs"
}

# --- containerd --------------------------------------------------------------

CONTAINERD_OFF="
	io.containerd.snapshotter.v1.aufs io.containerd.snapshotter.v1.btrfs
	io.containerd.snapshotter.v1.devmapper io.containerd.snapshotter.v1.zfs
	io.containerd.tracing.processor.v1.otlp io.containerd.internal.v1.tracing
	io.containerd.internal.v1.opt"

# start_containerd [cri [IMAGE]]: its socket is $CONTAINERD, its folders below
# $T/ctd.  With the CRI: pods are made of IMAGE.
start_containerd() {
	local off=$CONTAINERD_OFF
	open_release
	CONTAINERD=$T/ctd.sock
	mkdir -p "$T/ctd"
	[ "${1-}" = cri ] || off+=" io.containerd.grpc.v1.cri"
	cat >"$T/containerd.toml" <<-TOML
		version = 2
		root = "$T/ctd/root"
		state = "$T/ctd/state"
		oom_score = 0
		disabled_plugins = [$(printf '"%s", ' $off)]
		[grpc]
		  address = "$CONTAINERD"
		[proxy_plugins.$PLUGIN]
		  type = "snapshot"
		  address = "$T/run/snapshotter.sock"
		  capabilities = [${CAPABILITIES-\"remap-ids\"}]
	TOML
	[ "${1-}" != cri ] || configure_cri "${2-}" >>"$T/containerd.toml"
	start containerd "${INSIDE[@]}" containerd -c "$T/containerd.toml" -l "${CONTAINERD_LOG:-warn}"
	wait_socket "$CONTAINERD"
	wait_for 20 ctd version
	# Its CRI refuses for a moment more.
	[ "${1-}" != cri ] || wait_for 20 cri images
}

# The CRI's part.  On the test machines root may not lower an oom_score_adj, and
# runc's folder is ours, so that no container of ours can outlive a test.
configure_cri() {
	mkdir -p "$T/cni/bin" "$T/cni/net.d" "$T/logs"
	cp "$top_srcdir/tests/lib/cni" "$T/cni/bin/loopback"
	cp "$top_srcdir/tests/lib/cni" "$T/cni/bin/alone"
	cat >"$T/cni/net.d/alone.conf" <<-'JSON'
		{"cniVersion": "0.4.0", "name": "alone", "type": "alone"}
	JSON
	cat <<-TOML
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$1"
		  restrict_oom_score_adj = true
		  netns_mounts_under_state_dir = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "$T/cni/bin"
		  conf_dir = "$T/cni/net.d"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		  snapshotter = "$SNAPSHOTTER"
		  disable_snapshot_annotations = false
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		  Root = "$T/runc"
	TOML
}

# ctr with $CTR_OPTIONS.  A command that hangs fails its test, not the whole run.
ctd() {
	# shellcheck disable=SC2086 # options
	timeout -k 5 120 "${INSIDE[@]}" ctr -a "$CONTAINERD" ${CTR_OPTIONS-} "$@"
}
cri() {
	CRI_LOGS=$T/logs timeout -k 5 180 "$top_srcdir/tests/lib/cri.py" \
		"$CONTAINERD" "$@"
}

# What nobody refers to goes now.  Containerd's collector would come by itself, fifty times
# as long after its last round as that took: on a busy machine minutes.
collect() { ctd leases rm --sync "$(ctd leases create)" >/dev/null; }

# containerd_unpacks REF DIR: pulls the image whole and mounts what containerd
# made of it, read-only.
containerd_unpacks() {
	ctd image pull --plain-http "$1" >"$T/log/pull" 2>&1 &&
		mkdir -p "$2" &&
		ctd image mount "$1" "$2" >/dev/null
}

# --- the snapshotter ---------------------------------------------------------

# start_snapshotter [OPTION...]: what $SNAPSHOTTER needs besides containerd.
start_snapshotter() {
	open_release
	[ "$SNAPSHOTTER" != layerfs ] || start_daemon "$@"
}

# whole_pull REF: downloaded and unpacked by containerd.
whole_pull() {
	ctd image pull --plain-http --snapshotter "$SNAPSHOTTER" "$1" >>"$T/log/pull" 2>&1
}

# lazy_pull REF: as ctr-remote does for every snapshotter that
# may know better than to download.
lazy_pull() {
	# shellcheck disable=SC2086 # options
	timeout -k 5 120 "${INSIDE[@]}" ctr-remote -a "$CONTAINERD" ${CTR_OPTIONS-} image rpull --plain-http \
		--snapshotter "$SNAPSHOTTER" "$1" >>"$T/log/pull" 2>&1
}

snapshots() { ctd "$@" snapshot --snapshotter "$(plugin)" ls | tail -n +2; }
snapshot_count() { snapshots "$@" | wc -l; }

# What the snapshotter itself has, whatever containerd thinks.
own_snapshots() {
	"$top_srcdir/tests/lib/snapshots.py" "$RUN/snapshotter.sock" ls
}

# mount_snapshot KEY DIR: what the snapshotter says to mount, mounted.
mount_snapshot() {
	mkdir -p "$2"
	ctd snapshot --snapshotter "$SNAPSHOTTER" mounts "$2" "$1" >"$T/mount.sh" &&
		sh -e "$T/mount.sh"
}

# --- containers --------------------------------------------------------------

# with_output COMMAND... -- ARGUMENT...: what a container writes comes by way of a file:
# ctr may end before it has copied all of a short life's output.
with_output() {
	local out=$T/log/output.$BASHPID.$RANDOM status=0 command=()
	while [ "$1" != -- ]; do
		command+=("$1")
		shift
	done
	shift
	"${command[@]}" --log-uri "file://$out" "$@" || status=$?
	cat "$out" || true
	return $status
}

# run_container REF NAME [COMMAND...] with $RUN_OPTIONS: to its end.
run_container() {
	# shellcheck disable=SC2086 # options
	with_output ctd run --rm --snapshotter "$SNAPSHOTTER" --runc-root "$T/runc" \
		${RUN_OPTIONS-} -- "$@"
}

# start_container REF NAME [COMMAND...]: leaves it running.
start_container() {
	# shellcheck disable=SC2086 # options
	ctd run -d --snapshotter "$SNAPSHOTTER" --runc-root "$T/runc" \
		${RUN_OPTIONS-} "$@"
}

exec_in() { with_output ctd task exec --exec-id "exec-$RANDOM$RANDOM" -- "$@"; }

end_container() {
	ctd task kill -s KILL "$1" 2>/dev/null || true
	ctd task rm -f "$1" >/dev/null 2>&1 || true
	ctd container rm "$1"
}

# Containers that a failed test left: by runc's own list, and their shims, whose
# command line names our containerd.
end_containers() {
	local root id pid
	for root in "$T"/runc/*/; do
		[ -d "$root" ] || continue
		for id in $("${INSIDE[@]}" runc --root "$root" list -q 2>/dev/null); do
			"${INSIDE[@]}" runc --root "$root" delete -f "$id" || true
		done
	done
	for pid in $(shims); do kill -KILL "$pid" 2>/dev/null || true; done
}

shims() {
	[ -n "${CONTAINERD-}" ] || return 0
	pgrep -f -- "containerd-shim.* -address $CONTAINERD( |\$)" || true
}

teardown_containerd() {
	local status=0 job
	# What the test left in the background starts no more containers.
	for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
	stop containerd || true
	end_containers
	teardown_test || status=$?
	close_trixie
	return $status
}
