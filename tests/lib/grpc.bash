# grpctool and its peers: `load ../lib/grpc` beside common.
# shellcheck shell=bash disable=SC2034,SC2154

# The distribution's python has the distribution's modules.
requires_peers() {
	/usr/bin/python3 -c 'import grpc, h2' 2>/dev/null ||
		skip "requires python3-grpcio and python3-h2"
}

# serve [OPTION...]: grpctool's server, on $SOCKET.
serve() {
	SOCKET=$T/s
	start server "$(program grpctool)" "$@" serve "$SOCKET"
	wait_socket "$SOCKET"
}

# serve_kept [OPTION...]: in a child that is started again over the same sockets
# when it is killed.
serve_kept() {
	SOCKET=$T/run/snapshotter.sock # where start_containerd looks for one
	mkdir -p "$T/run"
	start server "$(program grpctool)" "$@" keep "$SOCKET"
	wait_for 10 test -s "$SOCKET.pid"
}
kill_served() { kill -KILL "$(cat "$SOCKET.pid")"; }

# peer SCENE [ARGUMENT...]: see grpcpeer.py.
peer() { timeout -k 5 90 "$top_srcdir/tests/lib/grpcpeer.py" "$SOCKET" "$@"; }

# start_peer NAME SCENE [ARGUMENT...]: in the background.
start_peer() {
	local name=$1
	shift
	start "$name" "$top_srcdir/tests/lib/grpcpeer.py" "$SOCKET" "$@"
}

# call [OPTION...] METHOD: grpctool's client, standard input is the request.
call() {
	timeout -k 5 60 "$(program grpctool)" "${@:1:$#-1}" call "$SOCKET" "/test.Tool/${*: -1}"
}

# server_held KIB: the server never had more memory; sanitizers' own is not asked.
server_held() {
	grep -q -- '-fsanitize' "$top_builddir/config.status" ||
		[ "$(awk '/VmHWM/ { print $2 }' "/proc/$(pid_of server)/status")" -le "$1" ]
}

says() { grep -q -- "$2" "$T/log/$1"; }
