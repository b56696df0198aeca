#!/usr/bin/env bats
# layerfsd, installed as the README says, under systemd itself: what is mounted outlives
# whatever ends, but an end in order.  tests/vm/machine runs this.
load ../../lib/common
load ../../lib/faults
load service

setup_file() { install_service; }
teardown_file() { remove_service; }
setup() { setup_service debian; }
teardown() { teardown_service; }

@test "systemd is who runs here, and cgroups are the unified ones" {
	[ "$(cat /proc/1/comm)" = systemd ]
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]
	[ "$(property ActiveState)" = active ]
	uname -r
	systemctl --version | head -n 1
}

@test "the sockets are root's, and systemd's" {
	local name
	for name in control snapshotter cri; do
		[ "$(stat -c '%U %a' "$RUN/$name.sock")" = "root 600" ]
	done
	[ "$(systemctl is-active layerfsd{,-snapshotter,-cri}.socket | sort -u)" = active ]
}

@test "an image is mounted and reads right" {
	kind=fuse
	! has_kernel 6.12 || kind=erofs
	[ "$(layerfs --json stat | jq -r .kind.name)" = $kind ]
	mount_it
	[ "$(layerfs --json ls | jq -r '.mounts[0].kind')" = $kind ]
	is_right
	layerfs unmount "$T/mnt"
	not is_mounted "$T/mnt"
}

@test "a writable mount works under the unit's limits" {
	layerfs mount --rw "$REF" "$T/mnt"
	echo changed >>"$T/mnt/etc/debian_version"
	chown 1234:1234 "$T/mnt/etc/passwd"
	chmod 4755 "$T/mnt/bin/ls"
	mv "$T/mnt/etc/apt" "$T/mnt/etc/apt2"
	rm -r "$T/mnt/usr/share/doc"
	mknod "$T/mnt/null" c 1 3
	setcap cap_net_raw+ep "$T/mnt/usr/bin/perl"
	tail -n 1 "$T/mnt/etc/debian_version" | grep -qx changed
	[ "$(stat -c %a "$T/mnt/bin/ls")" = 4755 ]
	layerfs unmount "$T/mnt"
}

@test "reloads under load: every byte arrives" {
	mount_it
	supervisor=$(property MainPID)
	right_though reload
	[ "$(property MainPID)" = "$supervisor" ]
	layerfs unmount "$T/mnt"
}

@test "the worker is killed under load: every byte arrives" {
	mount_it
	supervisor=$(property MainPID)
	right_though kill_worker
	[ "$(property MainPID)" = "$supervisor" ]
	layerfs unmount "$T/mnt"
}

@test "the supervisor is killed under load: systemd gives back what it held" {
	mount_it
	[ "$(property NFileDescriptorStore)" -gt 0 ]
	exec 7<"$T/mnt/usr/bin/perl"
	right_though kill_supervisor
	(cat <&7) | cmp - "$T/mnt/usr/bin/perl"
	exec 7<&-
	said "goes on with"
	[ "$(layerfs --json ls | jq -r '.mounts[0].target')" = "$T/mnt" ]
	layerfs unmount "$T/mnt"
	not is_mounted "$T/mnt"
}

# kill_all: supervisor and worker at once.
kill_all() {
	local old
	old=$(property MainPID)
	systemctl kill -s KILL layerfsd.service
	wait_for 20 is_new_supervisor "$old"
	say_who
}

@test "everything of the service is killed under load: systemd gives back what it held" {
	mount_it
	right_though kill_all
	layerfs unmount "$T/mnt"
}

stored_is() { [ "$(property NFileDescriptorStore)" = "$1" ]; }

@test "systemd holds no more after mounts came and went than before" {
	before=$(property NFileDescriptorStore)
	mount_it
	layerfs mount --rw "$REF" "$T/other"
	kill_supervisor
	layerfs unmount "$T/mnt" "$T/other"
	wait_for 20 stored_is "$before"
}

freeze_and_thaw() {
	systemctl freeze layerfsd.service
	systemctl thaw layerfsd.service
}

@test "the service is frozen and thawed under load: every byte arrives" {
	mount_it
	right_though freeze_and_thaw
	layerfs unmount "$T/mnt"
}

# As whenever its package is upgraded.
@test "systemd begins anew, and still gives back what it held" {
	mount_it
	systemctl daemon-reexec
	right_though kill_supervisor
	said "goes on with"
	layerfs unmount "$T/mnt"
}

@test "what is written over an image outlives supervisor and worker" {
	layerfs mount --rw "$REF" "$T/mnt"
	echo mine >"$T/mnt/new"
	kill_supervisor
	kill_worker
	[ "$(cat "$T/mnt/new")" = mine ]
	echo more >>"$T/mnt/new"
	rm "$T/mnt/new"
	is_right
	layerfs unmount "$T/mnt"
}

@test "after a restart nothing is left of before, and the same mounts again" {
	mount_it
	is_right
	systemctl restart layerfsd.service
	say_who
	not is_mounted "$T/mnt"
	wait_for 10 nothing_shown
	stop registry || true # what was fetched is here
	mount_it
	is_right
	layerfs unmount "$T/mnt"
}

@test "after a stop nothing is mounted, and nothing of it hangs" {
	mount_it
	mount_it "$T/other"
	is_right "$T/other"
	systemctl stop layerfsd.service
	[ -z "$(mounts_under "$T")" ]
	[ -z "$(mounts_under "$RUN")" ]
	[ "$(property NFileDescriptorStore)" = 0 ]
	[ "$(property Result)" = success ]
}

@test "who speaks to a socket starts the service that is stopped" {
	systemctl stop layerfsd.service
	mount_it
	[ "$(property ActiveState)" = active ]
	is_right
	layerfs unmount "$T/mnt"
}

@test "a unit that is stopped while a program reads lets it go" {
	mount_it
	sh -c 'cd "$0" && while :; do cat usr/bin/*; done' "$T/mnt" >/dev/null 2>&1 3>&- &
	reader=$!
	systemctl stop layerfsd.service
	kill $reader
	wait $reader || true
	[ -z "$(mounts_under "$T")" ]
}

@test "systemd has nothing to say of the unit, and its score is what it was" {
	[ -z "$(journalctl -b --no-pager -q _PID=1 | grep -i 'layerfs.*\(unknown\|ignoring\|invalid\)')" ]
	systemd-analyze security --no-pager --threshold=54 layerfsd.service
}
