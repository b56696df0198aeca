# Debian 13's `soci`, and indexes made of what it wrote; `load ../lib/soci` after
# common and containerd.
# shellcheck shell=bash disable=SC2034,SC2154

# soci_index COMMAND ...: soci.py.
soci_index() { "$top_srcdir/tests/lib/soci.py" "$REGISTRY" "$@"; }

# start_soci: containerd and the tool, in Debian 13's root.
start_soci() {
	RELEASE=trixie start_containerd
	"${INSIDE[@]}" sh -c 'command -v soci' || skip "requires soci in $TRIXIE (make check-trixie)"
	# what it knows is this test's own
	"${INSIDE[@]}" sh -c 'mkdir -p /var/lib/soci-snapshotter-grpc &&
		mount -t tmpfs none /var/lib/soci-snapshotter-grpc'
}

# soci_create REPOSITORY:TAG [OPTION...]: indexes it and pushes the index.
soci_create() {
	local ref=$REGISTRY/$1
	shift
	ctd content fetch --plain-http "$ref" >>"$T/log/soci" 2>&1 &&
		soci create "$@" "$ref" &&
		soci push --plain-http "$ref"
}

soci() { timeout -k 5 300 "${INSIDE[@]}" soci --address "$CONTAINERD" "$@" >>"$T/log/soci" 2>&1; }
