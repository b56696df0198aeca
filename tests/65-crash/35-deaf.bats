#!/usr/bin/env bats
# A file system of somebody else's does not answer any more: who looks there waits, and
# nobody else.

load ../lib/common
load ../lib/faults
load ../lib/service

setup_file() {
	hostile_images good duplicate
	make_preload slowfork
}
teardown_file() { drop_preload; }

setup() { setup_faults_without_daemon; }
teardown() {
	thaw_disk
	# Its end is the end of all that wait for it.
	stop deaf KILL || true
	teardown_faults
}

@test "a target on a file system that does not answer any more holds no start and no end up" {
	start_deaf
	start_service --no-store
	layerfs mount "$FAKE/app:good" "$T/deaf/mnt"
	is_good "$T/deaf/mnt"
	layerfs mount "$FAKE/app:duplicate" "$T/good"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	become_deaf
	kill_supervisor
	grep -F "left behind: $T/deaf/mnt: " "$T/log/systemd"
	grep -F "on $T/deaf/mnt: not restored: " "$T/log/systemd"
	is_good "$T/mnt"
	is_mounted "$T/good"
	stop systemd
	not is_mounted "$T/mnt"
	not is_mounted "$T/good"
}

# All of them wait at once.
@test "a target on a file system that does not answer is refused, and let go of" {
	start_deaf
	start_daemon
	layerfs mount "$FAKE/app:good" "$T/deaf/mnt"
	layerfs mount "$FAKE/app:duplicate" "$T/mnt"
	become_deaf
	fails_with "/deaf/other: the file system that it lies on does not answer" \
		layerfs mount "$FAKE/app:good" "$T/deaf/other" 3>&- &
	mounting=$!
	fails_with "/deaf/other: the file system that it lies on does not answer" \
		layerfs unmount "$T/deaf/other" 3>&- &
	unmounting=$!
	fails_with "/deaf/oci: the file system that it lies on does not answer" \
		layerfs pull "oci:$T/deaf/oci" 3>&- &
	pulling=$!
	layerfs unmount "$T/deaf/mnt" >"$T/out" 2>&1
	wait $mounting
	wait $unmounting
	wait $pulling
	grep "warning: $T/deaf/mnt: .* does not answer: .*; the daemon has let go of it" "$T/out"
	grep -x "$T/deaf/mnt" "$T/out"
	[ "$(mount_count)" = 1 ]
	layerfs unmount "$T/mnt"
	nothing_mounted
	stop layerfsd
}

@test "a user's own target on a file system that does not answer is left behind" {
	requires user-fuse fusermount3 setpriv
	set_up_user deaf mnt
	start deaf "$top_srcdir/tests/lib/deaf.py" "$U/deaf"
	wait_for 20 grep -qx mounted "$T/log/deaf"
	user_daemon
	user_layerfs mount "$FAKE/app:good" "$U/deaf/mnt"
	user_layerfs mount "$FAKE/app:good" "$U/mnt"
	become_deaf
	stop layerfsd KILL || true
	user_daemon
	grep -F "left behind: $U/deaf/mnt: the file system that it lies on does not answer" \
		"$T/log/layerfsd"
	as_user sh -c "cd '$U/mnt' && sha256sum --quiet -c ../sums"
	[ "$(user_layerfs --json ls | jq -r '.mounts[].target')" = "$U/mnt" ]
	user_layerfs unmount "$U/mnt"
	stop layerfsd
	stop deaf KILL || true
	umount -l "$U/deaf"
	rm -r "$U"
}

# drop_names_until FILE: the kernel forgets the names of folders.
drop_names_until() {
	until [ -e "$1" ]; do
		echo 2 >/proc/sys/vm/drop_caches
		sleep 0.1
	done
}

@test "who is asked after one that does not answer is given time to" {
	requires cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
	start_deaf
	LD_PRELOAD=$PRELOAD/slowfork.so start_service --no-store
	layerfs mount "$FAKE/app:good" "$T/deaf/mnt"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	become_deaf
	drop_names_until "$T/enough" 3>&- &
	dropper=$!
	kill_supervisor
	touch "$T/enough"
	wait $dropper
	grep -F "left behind: $T/deaf/mnt: " "$T/log/systemd"
	is_good "$T/mnt"
}

@test "a target on a file system whose names the kernel forgets is mounted again" {
	start_deaf
	start_service --no-store
	layerfs mount "$FAKE/app:good" "$T/deaf/mnt"
	kill_supervisor
	is_good "$T/deaf/mnt"
	[ "$(grep -c " $T/deaf/mnt " /proc/self/mountinfo)" = 1 ]
	layerfs unmount "$T/deaf/mnt"
	stop systemd
}

with_credentials_there() {
	printf '%s\n' '[registry]' "credential_files = [\"$T/deaf/file\"]" >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
}

@test "credentials on a file system that does not answer hold nobody up for long" {
	start_deaf
	with_credentials_there
	become_deaf
	layerfs mount "$FAKE/app:good" "$T/mnt"
	grep -F "$T/deaf/file: " "$T/log/layerfsd" | grep "no answer within 5 s"
	is_good "$T/mnt"
	# Those that wait there are few.
	for _ in 1 2 3 4; do layerfs pull "$FAKE/app:duplicate"; done
	grep -F "$T/deaf/file: " "$T/log/layerfsd" | grep "wait for an answer already"
	kill_worker
	is_good "$T/mnt"
	stop deaf KILL || true
	: >"$T/log/layerfsd"
	is_tried() {
		layerfs pull "$FAKE/app:duplicate" &&
			grep "open $T/deaf/file: Transport endpoint is not connected" "$T/log/layerfsd"
	}
	wait_for 20 is_tried
	layerfs unmount "$T/mnt"
	stop layerfsd
}

@test "credentials in a file that cannot be closed do not come into the supervisor" {
	start_deaf flush
	with_credentials_there
	layerfs mount "$FAKE/app:good" "$T/mnt"
	[ -z "$(find "/proc/$(pid_of layerfsd)/fd" -lname "$T/deaf/*")" ]
	kill_worker
	is_good "$T/mnt"
	stop layerfsd
}

@test "a login on a file system that does not answer is gone without, and a warning says so" {
	start_deaf
	start_daemon
	become_deaf
	HOME=$T/deaf/mnt layerfs mount "$FAKE/app:good" "$T/mnt" 2>"$T/err" 3>&- &
	pids=($!)
	for variable in XDG_RUNTIME_DIR XDG_CONFIG_HOME DOCKER_CONFIG REGISTRY_AUTH_FILE; do
		env "$variable=$T/deaf/mnt" timeout 100 "$(program layerfs)" --run "$RUN" \
			pull "$FAKE/app:duplicate" 2>"$T/err.$variable" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	for file in "$T"/err*; do
		grep "warning: your login: $T/deaf/mnt.*: the file system .* does not answer" "$file"
	done
	is_good "$T/mnt"
	# What is found elsewhere is taken, and nothing said.
	mkdir -p "$T/docker"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$FAKE" "$(printf me:secret | base64)" \
		>"$T/docker/config.json"
	HOME=$T/deaf/mnt DOCKER_CONFIG=$T/docker layerfs pull "$FAKE/app:duplicate" 2>"$T/err"
	[ ! -s "$T/err" ]
}

@test "a daemon's own login on a file system that does not answer holds nobody up for long" {
	start_deaf
	let_others_in "$T" # and the worker's user
	DAEMON_ENV=(HOME="$T/deaf/mnt")
	start_daemon
	become_deaf
	layerfs mount "$FAKE/app:good" "$T/mnt"
	grep "$T/deaf/mnt/.*: the file system .* does not answer" "$T/log/layerfsd"
	is_good "$T/mnt"
	kill_worker
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	stop layerfsd
}

@test "a daemon's folder on a file system that does not answer is an error in time" {
	requires user-fuse fusermount3 setpriv
	start_deaf
	set_up_user
	let_others_in "$T"
	RUN=$T/run
	start_daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	become_deaf
	far() { env "$1=$T/deaf/mnt" "${@:2}"; }
	say="the daemon's folder: the file system that it lies on does not answer"
	fails_with "$T/deaf/mnt: $say" timeout 100 "$U/layerfs" --run "$T/deaf/mnt" ls
	fails_with "$T/deaf/mnt: $say" far LAYERFS_RUN timeout 100 "$U/layerfs" pull "$FAKE/app:good"
	fails_with "$T/deaf/mnt/layerfs: $say" as_user env XDG_RUNTIME_DIR="$T/deaf/mnt" \
		timeout 100 "$U/layerfs" stat
	# Who needs no daemon asks for none.
	far LAYERFS_RUN timeout 100 "$U/layerfs" help >/dev/null
	far LAYERFS_RUN timeout 100 "$U/layerfs" unmount "$T/mnt"
	not is_mounted "$T/mnt"
	# The daemon that was to be started.
	fails_with "$T/deaf/mnt: the file system that it lies on does not answer" \
		far LAYERFS_ROOT timeout 100 "$U/layerfs" --run "$T/new" pull "$FAKE/app:good"
	rm -r "$U"
}

# ---- folders that were given to be written to

@test "an upper folder on a file system that does not answer is refused" {
	start_deaf
	start_daemon
	become_deaf
	fails_with "does not answer" layerfs mount --rw --upper "$T/deaf/mnt" "$FAKE/app:good" "$T/mnt"
	nothing_mounted
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
}

@test "what was written behind a folder that does not answer holds no start up" {
	start_deaf
	start_service --no-store
	mount -t tmpfs changes "$T/deaf/mnt"
	mkdir "$T/deaf/mnt/up" "$T/deaf/mnt/other" "$T/more"
	layerfs mount --rw --upper "$T/deaf/mnt/up" "$FAKE/app:duplicate" "$T/good"
	layerfs mount --rw --upper "$T/deaf/mnt/other" "$FAKE/app:duplicate" "$T/more"
	layerfs mount --rw "$FAKE/app:good" "$T/mnt"
	echo mine >"$T/mnt/new"
	become_deaf
	kill_supervisor
	grep -F "on $T/good: not restored: " "$T/log/systemd" | grep "no answer within 10 s"
	not is_mounted "$T/good"
	# All of them are waited for together; who answers has time enough.
	grep -F "on $T/more: not restored: " "$T/log/systemd" | grep "no answer within 1 s"
	not is_mounted "$T/more"
	is_good "$T/mnt"
	[ "$(cat "$T/mnt/new")" = mine ]
	layerfs unmount "$T/mnt"
	nothing_mounted
	stop systemd
}

# A disk that stops answering: not even a signal ends who writes there.
make_disk() {
	truncate -s 16M "$T/disk.img"
	mkfs.ext4 -q "$T/disk.img"
	mkdir "$T/disk"
	mount -o loop "$T/disk.img" "$T/disk"
	mkdir "$T/disk/up"
}
freeze_disk() { fsfreeze -f "$T/disk" && touch "$T/frozen"; }
thaw_disk() { [ ! -e "$T/frozen" ] || { fsfreeze -u "$T/disk" && rm "$T/frozen"; }; }

@test "an upper folder on a disk that stops answering fails in time, and holds up nobody" {
	requires mkfs.ext4 fsfreeze ss
	make_disk
	start_daemon
	# Its folder is open when the disk stops.
	hold_still "$(pid_of fake)"
	layerfs mount --rw --upper "$T/disk/up" "$FAKE/app:duplicate" "$T/mnt" >"$T/out" 2>&1 3>&- &
	client=$!
	asks() { [ -n "$(ss -tnH dst "$FAKE")" ]; }
	wait_for 20 asks
	freeze_disk
	kill -CONT "$(pid_of fake)"
	layerfs mount "$FAKE/app:good" "$T/good"
	is_good "$T/good"
	status=0
	wait $client || status=$?
	[ $status = 1 ]
	grep "the upper layer's file system: .*no answer within 10 s" "$T/out"
	not grep registry "$T/out"
	kill_worker
	is_good "$T/good"
	layerfs unmount "$T/good"
	# What it was about to mount is not there afterwards either.
	thaw_disk
	wait_for 20 nothing_mounted
	layerfs mount --rw --upper "$T/disk/up" "$FAKE/app:duplicate" "$T/mnt"
	echo mine >"$T/mnt/new"
	layerfs unmount "$T/mnt"
	[ "$(cat "$T/disk/up/new")" = mine ]
	stop layerfsd
}

@test "an upper folder on a disk that stops answering holds no unmount and no end up" {
	requires mkfs.ext4
	start_deaf
	start_daemon
	mkfs.ext4 -q -F "$T/deaf/disk"
	mkdir "$T/disk"
	mount -o loop "$T/deaf/disk" "$T/disk"
	mkdir "$T/disk/up" "$T/disk/other"
	layerfs mount --rw --upper "$T/disk/up" "$FAKE/app:good" "$T/mnt"
	layerfs mount --rw --upper "$T/disk/other" "$FAKE/app:good" "$T/good"
	echo mine >"$T/mnt/new"
	echo mine >"$T/good/new"
	become_deaf # before all that reached the disk
	layerfs unmount "$T/mnt"
	not is_mounted "$T/mnt"
	[ "$(mount_count)" = 1 ]
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
	stop layerfsd
	not is_mounted "$T/mnt"
	not is_mounted "$T/good"
}
