#!/usr/bin/env bats
# Processes that die, clients that give up, many at once: readers see nothing of
# it, and nothing is left.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good duplicate absolute newline-name devices; }
# No read is given up because this machine is slow.
setup() { PATIENCE_MS=600000 setup_faults; }
teardown() { teardown_faults; }

@test "the worker is killed while files are read: every byte arrives" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	# Reads that are under way when it dies, and for a while after.
	bytes_arrive_though kill_worker
	[ "$(mount_count)" = 1 ]
	[ "$(layerfs --json ls | jq -r '.mounts[0].target')" = "$T/mnt" ]
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "the worker is killed ten times: open files stay open" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	exec 7<"$T/mnt/big"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kill_worker
		drop_caches
		is_good "$T/mnt"
	done
	(cat <&7) | cmp - "$T/mnt/big"
	exec 7<&-
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "the worker is killed: of two mounts on a target the one on top is unmounted first" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	for _ in 1 2 3 4 5 6; do
		layerfs mount "$FAKE/app:duplicate" "$T/mnt"
		kill_worker
		layerfs unmount "$T/mnt"
		drop_caches
		is_good "$T/mnt"
		[ "$(layerfs --json ls | jq -r '.mounts[].reference')" = "$FAKE/app:good" ]
	done
	layerfs unmount "$T/mnt"
	nothing_mounted
}

@test "the worker is killed while it mounts: all or nothing, and said" {
	faults '{"path":"app/blobs","do":"stall","after":0,"times":1}'
	layerfs mount "$FAKE/app:good" "$T/mnt" >"$T/said" 2>&1 3>&- &
	client=$!
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	kill_worker
	status=0
	wait $client || status=$?
	cat "$T/said"
	if [ $status = 0 ]; then
		is_good "$T/mnt"
		layerfs unmount "$T/mnt"
	else
		[ $status = 1 ]
		grep -q "$FAKE/app:good" "$T/said"
	fi
	nothing_mounted
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
}

@test "the worker is killed at any moment of many mounts: nothing is left" {
	layerfs pull "$FAKE/app:good"
	for delay in 0 0.005 0.01 0.015 0.02 0.03; do
		layerfs mount "$FAKE/app:good" "$T/mnt" 3>&- &
		client=$!
		sleep $delay
		kill_worker
		wait $client || true
		! is_mounted "$T/mnt" || layerfs unmount "$T/mnt"
		wait_for 5 nothing_mounted
	done
}

@test "SIGTERM: everything is unmounted, no process is left" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs mount --rw "$FAKE/app:duplicate" "$T/good"
	worker=$(worker_pid)
	stop layerfsd
	[ ! -e "/proc/$worker" ]
	mounts_under "$T"
	[ -z "$(mounts_under "$T")" ]
}

@test "SIGTERM while commands mount ends in order" {
	layerfs pull "$FAKE/app:good"
	# One that finds no daemon any more would start another.
	for n in {1..8}; do
		mkdir "$T/t$n"
		LAYERFSD=/bin/false layerfs mount "$FAKE/app:good" "$T/t$n" >/dev/null 2>&1 3>&- &
		pids[n]=$!
	done
	stop layerfsd
	for n in {1..8}; do wait "${pids[n]}" || true; done
	[ -z "$(ls "$RUN/m")" ]
}

@test "SIGTERM with a file open and a fetch under way ends in time" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	exec 7<"$T/mnt/etc/one"
	faults '{"path":"app/blobs","ranged":true,"do":"stall","after":0,"times":9}'
	cat "$T/mnt/big" >/dev/null 2>&1 3>&- &
	reader=$!
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	started=$SECONDS
	stop layerfsd
	[ $((SECONDS - started)) -lt 30 ] # not a reader's patience
	wait $reader || true
	exec 7<&-
	mounts_under "$T"
	[ -z "$(mounts_under "$T")" ]
}

@test "after the daemon started anew, what is here mounts without a registry" {
	layerfs pull "$FAKE/app:good"
	stop layerfsd
	stop fake || true
	start_daemon --config "$T/layerfs.toml"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
}

login() {
	mkdir -p "$HOME/.docker"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$FAKE" "$(printf me:secret | base64)" \
		>"$HOME/.docker/config.json"
}

@test "credentials outlive the daemon, in a file that is root's alone" {
	stop fake || true
	start_fake --basic me:secret
	login
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs unmount "$T/mnt"
	rm -r "$HOME/.docker"
	[ "$(stat -c '%U %a' "$ROOT/secrets")" = "root 600" ]

	stop layerfsd
	start_daemon --config "$T/layerfs.toml"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"

	stop layerfsd
	head -c 1000 /dev/urandom >"$ROOT/secrets"
	start_daemon --config "$T/layerfs.toml"
	wait_for 10 grep "credentials of earlier are lost: " "$T/log/layerfsd"
	login
	layerfs mount "$FAKE/app:good" "$T/mnt"
	! grep -r secret "$T/log/layerfsd" || false
}

@test "a file of credentials that is not root's alone is refused" {
	stop layerfsd
	ln "$ROOT/secrets" "$ROOT/other"
	run "$(program layerfsd)" --root "$ROOT" --run "$RUN"
	[ "$status" = 1 ]
	[[ $output == *"ROOT/secrets is not a file of this user's alone"* ]]
}

# What a daemon has for itself, once; and EROFS' data, where something was mounted.
only_runs_own_mounts() {
	[ "$(mounts_under "$T" | grep -vx "$RUN/m/d")" = "$RUN/s"$'\n'"$RUN/m/0"$'\n'"$RUN/m" ] &&
		[ "$(mounts_under "$T" | grep -cx "$RUN/m/d")" -le 1 ]
}

@test "a daemon killed with its worker leaves the next what was mounted, and no more" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	worker=$(worker_pid)
	kill -KILL "$(pid_of layerfsd)"
	wait_for 10 eval "! kill -0 $worker"
	rm "$T/pid/layerfsd"
	start_daemon --config "$T/layerfs.toml"
	[ "$(mount_count)" = 1 ]
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	wait_for 5 nothing_mounted
	wait_for 5 only_runs_own_mounts
}

@test "two commands mount one image at once: one superblock, both right" {
	layerfs mount "$FAKE/app:good" "$T/mnt" 3>&- &
	layerfs mount "$FAKE/app:good" "$T/good"
	wait $!
	[ "$(stat -c %d "$T/mnt")" = "$(stat -c %d "$T/good")" ]
	is_good "$T/mnt"
	is_good "$T/good"
	grep -c '/app/blobs/.*"range": "bytes' "$T/log/requests"
}

@test "twenty mounts and unmounts of five images at once, three times" {
	images=(good duplicate absolute newline-name devices)
	for n in {0..19}; do mkdir "$T/t$n"; done
	for _ in 1 2 3; do
		for n in {0..19}; do
			(
				layerfs mount "$FAKE/app:${images[n % 5]}" "$T/t$n" &&
					ls -lR "$T/t$n" >"$T/log/ls$n" &&
					layerfs unmount "$T/t$n"
			) >>"$T/log/churn" 2>&1 3>&- &
			pids[n]=$!
		done
		for n in {0..19}; do wait "${pids[n]}"; done
	done
	nothing_mounted
}

@test "a mount that is given up leaves nothing" {
	# More than it asks for before it is given up, however slow this machine is.
	faults '{"path":"app/blobs","do":"stall","after":0,"times":999}'
	# job control: a background command would ignore SIGINT
	set -m
	"$(program layerfs)" --run "$RUN" mount "$FAKE/app:good" "$T/mnt" 3>&- &
	client=$!
	set +m
	wait_for 10 grep -q '"action": "stall"' "$T/log/requests"
	kill -INT $client
	status=0
	wait $client || status=$?
	[ $status != 0 ]
	faults
	wait_for 5 nothing_mounted
	layerfs mount "$FAKE/app:good" "$T/mnt"
	is_good "$T/mnt"
}

@test "mounts that are given up at any moment leave nothing" {
	layerfs pull "$FAKE/app:good"
	for delay in 0 0.002 0.004 0.006 0.008 0.01 0.015 0.02; do
		set -m
		"$(program layerfs)" --run "$RUN" mount "$FAKE/app:good" "$T/mnt" 3>&- &
		client=$!
		set +m
		sleep $delay
		kill -INT $client 2>/dev/null || true
		wait $client || true
		! is_mounted "$T/mnt" || layerfs unmount "$T/mnt"
		wait_for 5 nothing_mounted
	done
}

@test "a client that talks nonsense disturbs nobody" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	python3 - "$RUN/control.sock" <<-'PY'
		import os, socket, sys
		def talk(*parts, wait=True):
		    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(10)
		    try:
		        for p in parts: s.sendall(p)
		        if wait: s.recv(4096)
		    except OSError: pass
		    s.close()
		talk(b"\n"); talk(b"{\n"); talk(b"[]\n"); talk(b'{"op":7}\n'); talk(b'{"op":"mount"}\n')
		talk(b'{"op":"mount","reference":7,"target":[]}\n')
		talk(b'{"op":"mount","reference":"oci:/x","target":"/mnt"}\n')
		talk(b'{"op":"unmount","id":"../../etc"}\n'); talk(b'{"op":"attached","id":"x"}\n')
		talk(b'{"op":"ls","more":1}\n'); talk(b"\0" * 65536 + b"\n"); talk(b"x" * (5 << 20))
		talk(b"[" * 100000 + b"\n"); talk(b'{"op":"stat"', wait=False)
		s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
		socket.send_fds(s, [b'{"op":"version"}\n'], [0] * 20); s.settimeout(10); s.recv(4096)
	PY
	is_good "$T/mnt"
	[ "$(mount_count)" = 1 ]
}
