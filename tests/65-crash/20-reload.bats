#!/usr/bin/env bats
# SIGHUP: another binary, another configuration, the same mounts.

load ../lib/common
load ../lib/faults
load ../lib/service

setup_file() { hostile_images good duplicate; }

setup() {
	setup_faults_without_daemon
	mkdir "$T/bin"
	DAEMON=$T/bin/layerfsd
	cp "$(program layerfsd)" "$DAEMON"
	config
}
teardown() {
	teardown_faults
	[ ! -d "${U-}" ] || { unmount_under "$U" && rm -rf "$U"; }
}

config() { printf '%s\n' "$@" '[read]' 'patience_ms = 60000' >"$T/layerfs.toml"; }

# Without systemd.
daemon() {
	ROOT=$T/root RUN=$T/run
	start layerfsd "$DAEMON" --root "$ROOT" --run "$RUN" --config "$T/layerfs.toml"
	wait_daemon
}

# The file in the binary's place is another one, of this content.
replace() { mv "$1" "$DAEMON.new" && mv "$DAEMON.new" "$DAEMON"; }
new_binary() { cp "$(program layerfsd)" "$T/bin/next" && replace "$T/bin/next"; }
runs_new_binary() { [ "$(stat -Lc %i "/proc/$(pid_of layerfsd)/exe")" = "$(stat -c %i "$DAEMON")" ]; }

# A new worker answers after a reload; $SUPERVISOR is the process of before.
reload() {
	SUPERVISOR=$(pid_of layerfsd)
	OLD=$(worker_pid)
	kill -HUP "$SUPERVISOR"
	wait_for 20 is_new_worker
}

# Nothing came of it: the process, its worker and its mount are those of before.
refused_reload() {
	OLD=$(worker_pid)
	kill -HUP "$(pid_of layerfsd)"
	wait_for 20 grep -q "not reloaded: " "$T/log/${1:-layerfsd}"
	[ "$(worker_pid)" = "$OLD" ]
	drop_caches
	is_good "$T/mnt"
}

@test "a reload changes the binary, and neither process nor mounts" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	exec 7<"$T/mnt/big"
	new_binary
	not runs_new_binary
	pid=$(pid_of layerfsd)
	reload
	runs_new_binary
	[ "$(pid_of layerfsd)" = "$pid" ]
	[ "$(stat -Lc %i "/proc/$(worker_pid)/exe")" = "$(stat -c %i "$DAEMON")" ]
	drop_caches
	is_good "$T/mnt"
	(cat <&7) | cmp - "$T/mnt/big"
	exec 7<&-
	layerfs unmount "$T/mnt"
	nothing_mounted
	layerfs mount "$FAKE/app:duplicate" "$T/mnt"
	stop layerfsd
	[ -z "$(mounts_under "$T")" ]
}

@test "reload after reload while files are read: every byte arrives" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	(
		until [ -e "$T/enough" ]; do
			drop_caches
			is_good "$T/mnt" && echo right || echo wrong
		done
	) >"$T/read" 2>&1 3>&- &
	reader=$!
	for _ in 1 2 3 4 5 6; do
		new_binary
		reload
		runs_new_binary
	done
	touch "$T/enough"
	wait $reader
	cat "$T/read"
	grep -q right "$T/read"
	not grep -v right "$T/read"
}

@test "a reload with a read that waits for the network: its bytes arrive" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	bytes_arrive_though reload
}

@test "a reload reads the configuration again" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	starts() { grep -c "info: serving" "$T/log/layerfsd"; }
	[ "$(starts)" = 1 ]
	config 'log_level = "error"'
	reload
	[ "$(starts)" = 1 ]
	config
	reload
	[ "$(starts)" = 2 ]
	is_good "$T/mnt"
}

@test "a wrong configuration changes nothing, and is said" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	config 'no_such_key = 1'
	refused_reload
	grep no_such_key "$T/log/layerfsd"
	config
	reload
	is_good "$T/mnt"
}

@test "what the next worker would refuse is found before this one ends" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	for line in $'[mount]\nkernel = "on"' $'[index]\ntrust = "all"' \
		$'[publish]\nmode = "yes"' $'[metrics]\naddress = "0.0.0.0:9464"' \
		$'[registry]\nca_file = "/no/such.pem"'; do
		: >"$T/log/layerfsd"
		config "$line"
		refused_reload
		grep -F "$T/layerfs.toml: ${line%%$'\n'*}: " "$T/log/layerfsd"
	done
	config
	reload
	is_good "$T/mnt"
}

@test "a binary that does not start changes nothing, and is said" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	head -c 100000 "$DAEMON" >"$T/bin/cut"
	chmod +x "$T/bin/cut"
	printf '#!/bin/sh\nexit 1\n' >"$T/bin/failing"
	chmod +x "$T/bin/failing"
	echo text >"$T/bin/text"
	for f in cut failing text; do
		: >"$T/log/layerfsd"
		replace "$T/bin/$f"
		refused_reload
	done
	rm "$DAEMON"
	: >"$T/log/layerfsd"
	refused_reload
	new_binary
	reload
	runs_new_binary
	is_good "$T/mnt"
}

@test "a binary that hangs is given up, and can be asked for again" {
	daemon
	layerfs mount "$FAKE/app:good" "$T/mnt"
	printf '#!/bin/sh\nexec sleep 100\n' >"$T/bin/hanging"
	chmod +x "$T/bin/hanging"
	replace "$T/bin/hanging"
	refused_reload
	new_binary
	reload
	runs_new_binary
}

@test "mounts that are made during a reload are made or fail" {
	daemon
	layerfs pull "$FAKE/app:good"
	for delay in 0 0.05 0.1 0.2 0.3; do
		layerfs mount "$FAKE/app:good" "$T/mnt" 3>&- &
		client=$!
		OLD=$(worker_pid)
		kill -HUP "$(pid_of layerfsd)"
		sleep $delay
		status=0
		wait $client || status=$?
		wait_for 20 is_new_worker
		[ $status != 0 ] || { is_good "$T/mnt" && layerfs unmount "$T/mnt"; }
		wait_for 5 nothing_mounted
	done
}

@test "systemd is told, and has everything still" {
	start_service --config "$T/layerfs.toml"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	stored >"$T/before"
	new_binary
	reload
	grep '^said: RELOADING=1 MONOTONIC_USEC=[0-9]' "$T/log/systemd"
	said_ready 2
	not grep -E '^ended' "$T/log/systemd"
	stored | diff "$T/before" -
	kill_supervisor
	runs_new_binary
	is_good "$T/mnt"
	layerfs unmount "$T/mnt"
	wait_for 5 eval '[ -z "$(stored)" ]'
}

# The test's own folder is closed to users.
@test "a user's own daemon reloads, too" {
	requires user-fuse fusermount3 setpriv
	U=$(mktemp -d)
	chmod 755 "$U"
	cp "$DAEMON" "$(program layerfs)" "$IMAGES/sums" "$U"
	install -d -o nobody "$U/mnt" "$U/home"
	DAEMON=$U/layerfsd RUN=$U/home/run
	start layerfsd setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME="$U/home" "$DAEMON" --root "$U/home/root" --run "$RUN"
	wait_daemon as_user "$U/layerfs" --run "$RUN"
	as_user "$U/layerfs" --run "$RUN" mount "$FAKE/app:good" "$U/mnt"
	new_binary
	OLD=$(worker_pid)
	kill -HUP "$(pid_of layerfsd)"
	is_new() { [ "$(find_worker)" != "$OLD" ] && answers as_user "$U/layerfs" --run "$RUN"; }
	wait_for 20 is_new
	runs_new_binary
	as_user sh -c "cd '$U/mnt' && sha256sum --quiet -c ../sums"
	as_user "$U/layerfs" --run "$RUN" unmount "$U/mnt"
	not grep -q " $U/mnt " /proc/mounts
	stop layerfsd
	rm -r "$U"
}

@test "a fusermount3 that hangs is given up, and holds no reload up" {
	requires setpriv
	U=$(mktemp -d)
	chmod 755 "$U"
	cp "$DAEMON" "$(program layerfs)" "$U"
	install -d -o nobody "$U/mnt" "$U/home"
	mkdir "$U/bin"
	printf '#!/bin/sh\ntouch "$HOME/begun"\nexec sleep 1000\n' >"$U/bin/fusermount3"
	chmod +x "$U/bin/fusermount3"
	DAEMON=$U/layerfsd RUN=$U/home/run
	start layerfsd setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME="$U/home" PATH="$U/bin:$PATH" "$DAEMON" --root "$U/home/root" --run "$RUN"
	wait_daemon as_user "$U/layerfs" --run "$RUN"
	status=0
	as_user "$U/layerfs" --run "$RUN" mount "$FAKE/app:good" "$U/mnt" 2>"$T/error" || status=$?
	[ $status != 0 ]
	grep -F "fusermount3 did nothing for 10 s" "$T/error"
	rm "$U/home/begun"
	as_user "$U/layerfs" --run "$RUN" mount "$FAKE/app:good" "$U/mnt" 3>&- &
	client=$!
	wait_for 20 test -e "$U/home/begun"
	OLD=$(worker_pid)
	new_binary
	kill -HUP "$(pid_of layerfsd)"
	is_new() { [ "$(find_worker)" != "$OLD" ] && answers as_user "$U/layerfs" --run "$RUN"; }
	wait_for 20 is_new
	runs_new_binary
	wait $client || true
	stop layerfsd
	rm -r "$U"
}
