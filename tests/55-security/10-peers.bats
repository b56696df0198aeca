# Who may speak to a system's daemon: root, whatever a socket's mode says.
load ../lib/common
load ../lib/grpc

setup() {
	setup_test
	requires root fuse python3 jq setpriv
}

# as_other COMMAND...: as a user who is neither root nor the worker.
as_other() { setpriv --reuid=65533 --regid=65533 --clear-groups "$@"; }
as_worker() {
	setpriv --reuid="$(stat -c %u "$ROOT")" --clear-groups "$@"
}

# talk SOCKET TEXT: what the other end answers before it hangs up.  (A user's own
# python may lie where others may not look.)
talk='
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
try:
    s.sendall(sys.argv[2].encode())
except BrokenPipeError:
    pass
try:
    while data := s.recv(65536):
        sys.stdout.write(data.decode("latin-1"))
        if data.endswith(b"\n"):
            break
except ConnectionResetError:
    pass
'
version='{"op": "version"}
'

@test "root is answered, another user told why not, on a control socket that is open to all" {
	start_daemon
	[ "$(stat -c %a:%u "$RUN/control.sock")" = 600:0 ]
	fails_with "Permission denied" as_other /usr/bin/python3 -c "$talk" "$RUN/control.sock" "$version"
	let_others_in "$RUN/control.sock"
	/usr/bin/python3 -c "$talk" "$RUN/control.sock" "$version" | jq .ok | grep -qx true
	as_other /usr/bin/python3 -c "$talk" "$RUN/control.sock" "$version" >"$T/said"
	[ "$(jq '.ok == false and .error.code == "EACCES" and
		(.error.message | test("uid 65533"))' "$T/said")" = true ]
	[ "$(wc -l <"$T/said")" = 1 ]
	grep -q 'control.sock: uid 65533 .* may not speak here' "$T/log/layerfsd"
}

@test "another user's command says whose the daemon is" {
	start_daemon
	cp "$(program layerfs)" "$T/layerfs"
	let_others_in "$T/layerfs"
	chmod a+x "$RUN"
	fails_with "speaks to its own user alone" as_other "$T/layerfs" --run "$RUN" ls
}

@test "the worker's own user is nobody special" {
	start_daemon
	let_others_in "$RUN/control.sock"
	as_worker /usr/bin/python3 -c "$talk" "$RUN/control.sock" "$version" >"$T/said"
	[ "$(jq -r .error.code "$T/said")" = EACCES ]
}

@test "containerd's and kubelet's sockets hang up on others" {
	printf '[cri]\ncontainerd = "%s/containerd.sock"\n' "$T" >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	for name in snapshotter cri; do
		[ "$(stat -c %a:%u "$RUN/$name.sock")" = 600:0 ]
		let_others_in "$RUN/$name.sock"
		# Who is welcome hears HTTP/2's SETTINGS first.
		[ -z "$(as_other /usr/bin/python3 -c "$talk" "$RUN/$name.sock" $'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')" ]
		grep -q "$name.sock: uid 65533 .* may not speak here" "$T/log/layerfsd"
	done
}

@test "nor are others greeted while no worker serves" {
	start_daemon
	worker=$(worker_pid)
	chmod 0 "$ROOT/data" # what follows dies at its start
	kill -KILL "$worker"
	wait_for 20 grep -q 'open data: Permission denied' "$T/log/layerfsd"
	let_others_in "$RUN/snapshotter.sock"
	[ -z "$(as_other /usr/bin/python3 -c "$talk" "$RUN/snapshotter.sock" x)" ]
	grep -q "snapshotter.sock: uid 65533 .* may not speak here" "$T/log/layerfsd"
}

@test "a user's own daemon answers that user and root" {
	mkdir "$T/own"
	chown 65533:65533 "$T/own"
	let_others_in "$T/own"
	start layerfsd setpriv --reuid=65533 --regid=65533 --clear-groups \
		"$(program layerfsd)" --root "$T/own/root" --run "$T/own/run"
	wait_socket "$T/own/run/control.sock"
	as_other /usr/bin/python3 -c "$talk" "$T/own/run/control.sock" "$version" | jq .ok | grep -qx true
	/usr/bin/python3 -c "$talk" "$T/own/run/control.sock" "$version" | jq .ok | grep -qx true
	let_others_in "$T/own/run/control.sock"
	setpriv --reuid=65532 --clear-groups /usr/bin/python3 -c "$talk" \
		"$T/own/run/control.sock" "$version" >"$T/said"
	[ "$(jq -r .error.code "$T/said")" = EACCES ]
}
