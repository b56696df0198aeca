#!/usr/bin/env bats
# Pods, as kubelet asks for them: the CRI pulls lazily, runs, and removes.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/faults

setup_file() { own_images box pause; }

setup() {
	setup_test
	requires root fuse containerd runc docker-registry skopeo protoc-c jq
}
teardown() { teardown_containerd; }

# $METERED has the real images, $OWN ours.
start_all() {
	start_own_registry
	OWN=$REGISTRY
	start_registry
	start_meter
	start_snapshotter
	start_containerd cri "$OWN/pause:gzip"
}

# pod_runs IMAGE: pulled and run as the only container of a pod.
pod_runs() {
	local ref=$1-zc:zstdchunked
	[ "$SNAPSHOTTER" = layerfs ] || ref=$1:gzip
	requires "ref:$ref"
	meter_reset
	cri pull "$METERED/$ref"
	cri run "$METERED/$ref" READY >"$T/log/$1" 2>&1 || { cat "$T/log/$1"; return 1; }
	echo "# $ref: READY with $(meter_bytes) bytes, $(meter_requests) requests" >&3
	is_lazy "$ref"
	cri rmi "$METERED/$ref"
}

@test "python, nginx and odd run in pods" {
	start_all
	for i in python nginx odd; do pod_runs $i; done
}

@test "a container is what its image says, and takes commands" {
	start_all
	cri pull "$OWN/box-zc:1"
	sandbox=$(cri sandbox pod)
	container=$(cri create "$sandbox" box "$OWN/box-zc:1" /bin/sleep 1000)
	[[ $(cri status "$container") == created* ]]
	cri start "$container"
	[[ $(cri status "$container") == running* ]]
	[ "$(cri exec "$container" cat /data/changed)" = new ]
	[ "$(cri exec "$container" ls /data/opaque)" = new ]
	run cri exec "$container" cat /data/removed
	[ "$status" = 1 ]
	cri exec "$container" sh -c 'echo mine >/data/changed; rm /data/noise0'
	[ "$(cri exec "$container" cat /data/changed)" = mine ]
	cri rm "$container"
	# Another of the same image knows nothing of that.
	container=$(cri create "$sandbox" again "$OWN/box-zc:1" /bin/sleep 1000)
	cri start "$container"
	[ "$(cri exec "$container" cat /data/changed)" = new ]
	cri rm "$container"
	cri rm-sandbox "$sandbox"
}

@test "a pod in a user namespace" {
	requires kernel:6.12
	[ "${RELEASE-}" = trixie ] || skip "requires containerd 1.7 (make check-trixie)"
	# A user of the namespace's own reaches the root; bats' folders are root's alone.
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T"
	start_all
	cri pull "$OWN/box-zc:1"
	export CRI_USERS=200000
	sandbox=$(cri sandbox pod)
	container=$(cri create "$sandbox" box "$OWN/box-zc:1" /bin/sleep 1000)
	cri start "$container"
	cri exec "$container" stat -c %u:%g /data/changed /more/db/conf >"$T/log/owners"
	[ "$(tr '\n' ' ' <"$T/log/owners")" = "0:0 70:70 " ]
	cri exec "$container" sh -c 'echo mine >/data/changed; echo more >>/more/db/conf'
	[ "$(cri exec "$container" cat /more/db/conf | tail -n 1)" = more ]
	[ "$(cri exec "$container" cat /proc/self/uid_map | tr -s ' ')" = " 0 200000 65536" ]
	requires_layerfs
	[ "$(stat -c %u "$RUN"/s/*/fs/more/db/conf)" = 200070 ]
	cri rm "$container"
	cri rm-sandbox "$sandbox"
	collect
	wait_for 20 eval '[ -z "$(ls "$RUN/m/i")" ]'
}

@test "a pod's own image is pulled by itself" {
	start_all
	cri rm-sandbox "$(cri sandbox pod)"
	cri images | grep -F "$OWN/pause:gzip"
}

@test "images are listed, measured and removed" {
	start_all
	cri pull "$OWN/box-zc:1"
	cri images | grep -F "$OWN/box-zc:1"
	[[ $(cri image-fs) == "$T"/* ]]
	cri rmi "$OWN/box-zc:1"
	[ -z "$(cri images)" ]
	wait_for 20 eval '[ "$(snapshot_count -n k8s.io)" = 0 ]'
}

@test "twenty pods at once" {
	start_all
	cri pull "$OWN/box-zc:1"
	for n in {1..20}; do
		cri run "$OWN/box-zc:1" mine-$n /bin/sh -c \
			"cat /data/noise* /more/noise* | sha256sum; echo mine-$n; sleep 1000" \
			>"$T/log/pod$n" 2>&1 3>&- &
		pids[n]=$!
	done
	for n in {1..20}; do wait "${pids[n]}"; done
	[ "$(cut -d' ' -f4 "$T"/log/pod* | grep -E '^[0-9a-f]{64}$' | sort | uniq -c |
		awk '{ print $1 }')" = 20 ]
}

# --- logins ------------------------------------------------------------------

# The own images behind a password; its host and port in $LOCKED.
start_locked_registry() {
	local port
	requires htpasswd
	port=$(free_port)
	LOCKED=127.0.0.1:$port
	htpasswd -Bbn me secret >"$T/htpasswd"
	cat >"$T/locked.yml" <<-YML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $BATS_FILE_TMPDIR/storage}}
		http: {addr: "$LOCKED", secret: test}
		auth: {htpasswd: {realm: test, path: $T/htpasswd}}
	YML
	start locked docker-registry serve "$T/locked.yml"
	wait_port "$port"
}

# kubelet with --image-service-endpoint=unix://RUN/cri.sock
cri_by_proxy() {
	CRI_LOGS=$T/logs timeout -k 5 180 "$top_srcdir/tests/lib/cri.py" \
		"$RUN/cri.sock,$CONTAINERD" "$@"
}

start_proxied() {
	requires_layerfs
	start_own_registry
	OWN=$REGISTRY
	start_locked_registry
	start_meter "$LOCKED"
	printf '%s\n' '[cri]' "containerd = \"$T/ctd.sock\"" >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	start_containerd cri "$OWN/pause:gzip"
}

@test "the login of a pull is what layerfs reads with" {
	start_proxied
	cri_by_proxy pull "$METERED/box-zc:1" me:secret
	cri_by_proxy run "$METERED/box-zc:1" done /bin/sh -c 'cat /data/noise0 >/dev/null; echo done'
	REGISTRY=$OWN is_lazy box-zc:1
	[ -z "$(grep -rl secret "$T/log" "$T/root" --include='*.db' --include='layerfsd')" ]
}

@test "the login outlives the worker and the daemon, and only root reads it" {
	start_proxied
	cri_by_proxy pull "$METERED/box-zc:1" me:secret
	kill_worker
	cri_by_proxy run "$METERED/box-zc:1" done /bin/sh -c 'cat /data/noise0 >/dev/null; echo done'
	stop layerfsd
	[ "$(stat -c %a:%u "$ROOT/secrets")" = 600:0 ]
	start_daemon --config "$T/layerfs.toml"
	# containerd's connection to the old one is gone: it tries again by itself
	wait_for 10 ctd -n k8s.io snapshot --snapshotter layerfs ls
	cri_by_proxy run "$METERED/box-zc:1" done /bin/sh -c 'cat /data/noise1 >/dev/null; echo done'
}

@test "a wrong login is containerd's own refusal" {
	start_proxied
	run cri_by_proxy pull "$METERED/box-zc:1" me:wrong
	[ "$status" = 1 ]
	echo "$output"
	[[ $output == *401* || $output == *nauthorized* ]]
	cri_by_proxy pull "$METERED/box-zc:1" me:secret
}

@test "through the proxy everything of the CRI works" {
	start_proxied
	cri_by_proxy pull "$OWN/box-zc:1"
	cri_by_proxy images | grep -F "$OWN/box-zc:1"
	[[ $(cri_by_proxy image-fs) == "$T"/* ]]
	cri_by_proxy rmi "$OWN/box-zc:1"
	# Not only the image service's.
	sandbox=$(CONTAINERD=$RUN/cri.sock cri sandbox pod)
	CONTAINERD=$RUN/cri.sock cri rm-sandbox "$sandbox"
}
