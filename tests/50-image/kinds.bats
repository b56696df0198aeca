#!/usr/bin/env bats
# Whoever answers, the kernel's EROFS or the daemon, an image is the same.

load ../lib/common

setup() {
	setup_test
	requires root fuse kernel:6.12 erofs docker-registry jq ref:nginx-zc:zstdchunked
	start_registry
	REF=$REGISTRY/nginx-zc:zstdchunked
	mkdir "$T/mnt"
}

# with KERNEL [MORE]: a daemon that mounts that way.
with() {
	configure "$@"
	start_daemon --config "$T/layerfs.toml"
}

configure() {
	printf '%s\n' '[mount]' "kernel = \"$1\"" "${2-}" >"$T/layerfs.toml"
}

kind() { layerfs --json stat | jq -r .kind.name; }
kind_of() { layerfs --json ls | jq -r --arg t "$1" '.mounts[] | select(.target == $t).kind'; }

# Everything of every file.
look() {
	(
		cd "$1" || return
		find . -printf '%P %y %m %U:%G %s %T@ %n %l\n' | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
	)
}

# A container that starts meanwhile copies all mounts, and has them for a moment.
no_loop_devices() { [ -z "$(losetup -nO BACK-FILE 2>/dev/null | grep "$T")" ]; }

@test "each way shows the same tree" {
	for way in auto:erofs loop:erofs-loop off:fuse; do
		[ $way != loop:erofs-loop ] || [ -e /dev/loop-control ] || continue
		with "${way%:*}"
		[ "$(kind)" = "${way#*:}" ]
		layerfs mount "$REF" "$T/mnt"
		[ "$(kind_of "$T/mnt")" = "${way#*:}" ]
		# folders' sizes and link counts are each file system's own
		look "$T/mnt" | sed -E '/ d /s/ [0-9]+ ([^ ]+) [0-9]+ $/ \1/' \
			>"$T/${way%:*}"
		layerfs unmount "$T/mnt"
		stop layerfsd
		[ -z "$(mounts_under "$T")" ]
		wait_for 10 no_loop_devices
	done
	[ "$(wc -l <"$T/off")" -gt 500 ]
	cmp "$T/off" "$T/auto"
	[ ! -e "$T/loop" ] || cmp "$T/off" "$T/loop"
}

@test "stat says what is in use and why" {
	with off
	[[ $(layerfs stat) == *"Kind: "*"fuse"*"Why: "*"the daemon answers"* ]]
	stop layerfsd
	with auto
	[[ $(layerfs stat) == *"Kind: "*"erofs"*"Why: "*"the kernel reads"* ]]
	grep "mounts by erofs: " "$T/log/layerfsd"
}

@test "where the kernel refuses, FUSE does it, and stat gives the reason" {
	# EROFS mounts no file of tmpfs
	mkdir "$T/root"
	mount -t tmpfs none "$T/root"
	with auto
	[ "$(kind)" = fuse ]
	[[ $(layerfs --json stat | jq -r .kind.why) == "erofs: mount erofs: "*"; the daemon answers"* ]]
	layerfs mount "$REF" "$T/mnt"
	[ "$(kind_of "$T/mnt")" = fuse ]
	chroot "$T/mnt" /usr/sbin/nginx -v
	[ "$(mounts_under "$T/run" | wc -l)" = 4 ] # m, m/0, s and the image
}

@test "another word for the kernel's part is refused" {
	configure on
	run "$(program layerfsd)" --root "$T/root" --run "$T/run" \
		--config "$T/layerfs.toml"
	[ "$status" = 1 ]
	[[ $output == *'kernel "on" is not auto, off or loop'* ]]
}

@test "a read that nobody can answer is EIO, and its file named, each way" {
	for way in auto loop off; do
		# The program that its script names would come with the mount.
		with $way $'[fetch]\nguess_percent = 0'
		layerfs mount --unreachable=wait:500ms "$REF" "$T/mnt"
		stop registry || true
		run cat "$T/mnt/usr/sbin/nginx"
		[ "$status" = 1 ]
		[[ $output == *"Input/output error"* ]]
		wait_for 10 grep "/usr/sbin/nginx cannot be read" "$T/log/layerfsd"
		start_registry
		# the mount's source is the registry that was
		layerfs unmount "$T/mnt"
		stop layerfsd
		rm -r "$T/root" "$T/log/layerfsd"
		REF=$REGISTRY/nginx-zc:zstdchunked
	done
}

@test "a mount stays what it is when the next worker mounts another way" {
	mkdir "$T/second"
	for way in auto:erofs:off:fuse off:fuse:auto:erofs; do
		IFS=: read -r way kind other other_kind <<<"$way"
		with "$way"
		layerfs mount "$REF" "$T/mnt"
		# in place: the supervisor has the file open
		configure "$other"
		last=$(worker_pid)
		kill -KILL "$last"
		wait_for 20 eval '[ "$(find_worker)" != "'"$last"'" ] && layerfs ls'
		[ "$(kind)" = "$other_kind" ]
		[ "$(kind_of "$T/mnt")" = "$kind" ]
		chroot "$T/mnt" /usr/sbin/nginx -v
		layerfs mount --layer 0 "$REF" "$T/second"
		[ "$(kind_of "$T/second")" = "$other_kind" ]
		cat "$T/second/etc/debian_version"
		layerfs unmount "$T/mnt" "$T/second"
		wait_for 5 nothing_shown
		stop layerfsd
	done
}
