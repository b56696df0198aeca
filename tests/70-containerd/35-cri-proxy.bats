#!/usr/bin/env bats
# The CRI's image service through layerfs, which sees kubelet's credentials.

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/grpc

setup_file() { own_images pause; }

# What the images lie on is not asked here.
setup() {
	setup_test
	SNAPSHOTTER=native
	requires root containerd runc docker-registry skopeo protoc-c htpasswd
	requires_peers
}
teardown() { teardown_containerd; }

# start_all: a registry that wants me:secret, $LOCKED; containerd; the proxy.
start_all() {
	local port
	port=$(free_port)
	LOCKED=127.0.0.1:$port
	htpasswd -Bbn me secret >"$T/htpasswd" 2>"$T/log/htpasswd"
	cat >"$T/locked.yml" <<-YML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $BATS_FILE_TMPDIR/storage}}
		http: {addr: "$LOCKED", secret: test}
		auth: {htpasswd: {realm: test, path: $T/htpasswd}}
	YML
	start locked docker-registry serve "$T/locked.yml"
	wait_port "$port"
	start_containerd cri
	start proxy "$(program critool)" "$T/cri.sock" "$CONTAINERD"
	wait_socket "$T/cri.sock"
}

kubelet() {
	timeout -k 5 120 "$top_srcdir/tests/lib/cri.py" "$T/cri.sock,$CONTAINERD" "$@"
}

@test "a pull succeeds with the credential, which is seen" {
	start_all
	kubelet pull "$LOCKED/pause:gzip" me:secret
	[ "$(cat "$T/log/proxy")" = "$LOCKED/pause:gzip me secret" ]
	kubelet images | grep -q "$LOCKED/pause:gzip"
	[ "$(kubelet images)" = "$(cri images)" ]
	kubelet image-fs | grep -q native
	kubelet rmi "$LOCKED/pause:gzip"
	[ -z "$(cri images)" ]
}

@test "the older version of the API will do" {
	start_all
	CRI_API=v1alpha2 kubelet pull "$LOCKED/pause:gzip" me:secret
	[ "$(cat "$T/log/proxy")" = "$LOCKED/pause:gzip me secret" ]
	CRI_API=v1alpha2 kubelet images | grep -q "$LOCKED/pause:gzip"
}

@test "containerd's refusals come back as they are" {
	start_all
	fails_with uthoriz kubelet pull "$LOCKED/pause:gzip" >"$T/proxied"
	fails_with uthoriz cri pull "$LOCKED/pause:gzip" >"$T/direct"
	diff "$T/proxied" "$T/direct"
	[ ! -s "$T/log/proxy" ]
	fails_with uthoriz kubelet pull "$LOCKED/pause:gzip" me:wrong
	[ "$(cat "$T/log/proxy")" = "$LOCKED/pause:gzip me wrong" ]
}

@test "containerd may come and go" {
	start_all
	kubelet images
	stop containerd
	fails_with UNAVAILABLE kubelet images
	rm -f "$CONTAINERD"
	start containerd containerd -c "$T/containerd.toml" -l warn
	wait_socket "$CONTAINERD"
	wait_for 20 ctd version
	wait_for 10 kubelet images
}
