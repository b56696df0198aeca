# Debian 13's runtimes, in a root of their own; containerd.bash loads it.
#
# With RELEASE=trixie containerd, ctr, runc and podman are those of Debian 13, while
# layerfs and the registries stay outside, as on a node whose runtime is newer.
# The test's folder has the same path on both sides; what is mounted in it outside
# is seen inside, not the reverse.
# shellcheck shell=bash disable=SC2034,SC2154

. "$top_srcdir/tests/lib/apt.bash"

TRIXIE=$LAYERFS_TEST_DATA/trixie
TRIXIE_PACKAGES=containerd,runc,podman,crun,netavark,stargz-snapshotter,docker.io,docker-cli,docker-buildx,ca-certificates,iproute2,fuse-overlayfs,catatonit,conmon,golang-github-containers-common,iptables,soci-snapshotter

# make_trixie: once; three minutes.
make_trixie() {
	[ ! -d "$TRIXIE" ] || return 0
	rm -rf "$TRIXIE.new"
	debootstrap --variant=minbase --include="$TRIXIE_PACKAGES" trixie "$TRIXIE.new" \
		"${MIRROR:-$(apt_uri '^[a-z]+$')}" >"$LAYERFS_TEST_DATA/trixie.log" 2>&1 ||
		{ tail -n 5 "$LAYERFS_TEST_DATA/trixie.log"; return 1; }
	mv "$TRIXIE.new" "$TRIXIE"
}

# open_trixie: what $INSIDE is put before runs in there from now on.
open_trixie() {
	requires root unshare nsenter
	[ -d "$TRIXIE" ] || skip "requires $TRIXIE (make check-trixie)"
	# Slaves: what is mounted outside appears inside, and nothing that is
	# unmounted here, the old root above all, goes outside.
	start trixie unshare -m --propagation slave sh -ec '
		mount --bind "$0" "$0"
		cd "$0"
		for d in dev proc sys; do mount --rbind "/$d" "$d"; done
		mount -t tmpfs none run
		mount -t tmpfs none tmp
		mkdir -p ".$1"
		mount --rbind "$1" ".$1"
		# shared with what others mount: umount would reach them; and they
		# unmount, too
		while read -r _ _ _ _ m _; do
			case $m in
			"$0" | "$0"/*) ;;
			*) mount --make-private "$m" || ! mountpoint -q "$m" ;;
			esac
		done </proc/self/mountinfo
		# not chroot: nobody in one may make a user namespace
		pivot_root . .
		umount -l .
		exec sleep infinity' "$TRIXIE" "$T"
	wait_for 60 trixie_is_open
	INSIDE=(nsenter -t "$(pid_of trixie)" -m -r -w --
		env "PATH=/usr/sbin:/usr/bin" "HOME=$HOME")
}

trixie_is_open() {
	[ "$(cat "/proc/$(pid_of trixie)/comm")" = sleep ] &&
		[ -d "/proc/$(pid_of trixie)/root$T/log" ]
}

# Before anything is mounted in the test's folder.
share_folder() { mount --bind "$T" "$T" && mount --make-shared "$T"; }
close_trixie() { ! mountpoint -q "$T" || umount -l "$T"; }
