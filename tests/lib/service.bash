# layerfsd as a service of systemd's, whose stand-in is fakesystemd.py.  load it
# after common.
# shellcheck shell=bash disable=SC2034,SC2154

# start_service [--no-store] [OPTION...]: as start_daemon; "systemd" is what has
# started it and starts it again, $T/pid/layerfsd names its process of now.
start_service() {
	local daemon keep=()
	[ "${1-}" != --no-store ] || { keep=("$1") && shift; }
	daemon=${DAEMON:-$(program layerfsd)} || return
	ROOT=$T/root RUN=$T/run
	mkdir -p "$RUN"
	rm -f "$T/log/systemd" # an earlier one's
	start systemd "$top_srcdir/tests/lib/fakesystemd.py" "${keep[@]}" \
		--socket "control=$RUN/control.sock" \
		--socket "snapshotter=$RUN/snapshotter.sock" \
		--socket "cri=$RUN/cri.sock" \
		"$T/pid/layerfsd" "$daemon" --root "$ROOT" --run "$RUN" "$@"
	wait_for 20 grep -qs '^started: ' "$T/log/systemd" # it hears from then on
	wait_for 20 said_ready 1
}

# Whatever the service has told "systemd" so far is in $T/log/systemd.
hear() {
	local n
	[ -f "$T/pid/systemd" ] || return 0 # it has ended, and heard the last
	n=$(($(grep -c '^heard: ' "$T/log/systemd") + 1))
	kill -USR1 "$(pid_of systemd)"
	wait_for 20 grep -qx "heard: $n" "$T/log/systemd"
}

# said_ready N: for the N-th time.
said_ready() { [ "$(times_ready)" -ge "$1" ]; }
times_ready() {
	hear
	grep -c '^said: READY=1' "$T/log/systemd"
}

# The whole daemon dies, and its service is there again.
kill_supervisor() {
	local n
	n=$(times_ready)
	kill -KILL "$(pid_of layerfsd)"
	wait_for 20 said_ready $((n + 1))
}

# What systemd keeps, a name a line; less what
# a daemon has for itself: podman's layer store, EROFS' data, also of its trial, which
# a worker may have left that was killed, requests.
stored() {
	hear
	awk '/^said: FDSTORE=1/ { kept[$NF] = 1 }
		/^said: FDSTOREREMOVE=1/ { delete kept[$NF] }
		END { for (n in kept) print substr(n, 8) }' "$T/log/systemd" |
		grep -vx -e fuse-0 -e fuse-d -e fuse-f -e requests-0 | sort
}
