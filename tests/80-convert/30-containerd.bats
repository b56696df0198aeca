# containerd pulls, unpacks and runs what was converted.  With RELEASE=trixie Debian
# 13's.
load ../lib/common
load ../lib/containerd
load ../lib/convert

teardown() { teardown_containerd; }

setup() {
	setup_test
	requires root docker-registry containerd runc image:debian image:odd
	SNAPSHOTTER=overlayfs
	mkdir -p "$T/own"
	serve_storage own "$T/own" false
	start_containerd
}

@test "the trees are those of the source" {
	layerfs convert -q "oci:$(layout odd):latest" "$REGISTRY/odd:v1"
	skopeo copy -q --insecure-policy --dest-tls-verify=false \
		"oci:$(layout odd):latest" "docker://$REGISTRY/odd:source"
	containerd_unpacks "$REGISTRY/odd:v1" "$T/odd"
	# in another namespace: in one equal diff_ids are one snapshot
	CTR_OPTIONS="-n source" containerd_unpacks "$REGISTRY/odd:source" "$T/source"
	same_unpacked_tree "${INSIDE:+/proc/$(pid_of trixie)/root}$T/odd" \
		"${INSIDE:+/proc/$(pid_of trixie)/root}$T/source"
}

@test "it runs" {
	layerfs convert -q "oci:$(layout debian):latest" "$REGISTRY/debian:v1"
	whole_pull "$REGISTRY/debian:v1"
	[ "$(run_container "$REGISTRY/debian:v1" once)" = READY ]
}
