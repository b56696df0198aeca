# A server that ends, by itself or not.
load ../lib/common
load ../lib/grpc
load ../lib/containerd

setup() {
	setup_test
	requires_peers
}

now_ms() { date +%s%3N; }

@test "a server that drains lets what runs end, and takes no more" {
	serve --patience 60000
	start_peer caller sleep 700
	wait_for 10 says server "^asleep 700"
	stop server
	wait_for 5 says caller "^0"
	says caller "^700"
	says server "^drained"
}

@test "a server with idle connections drains at once" {
	serve --patience 1000000
	start_peer reader idle
	wait_for 5 says reader connected
	stop server # no later than in a minute
	says server "^drained"
}

@test "a reader that stalls does not hold the drain" {
	serve --patience 300
	start_peer reader stall 200
	wait_for 5 says reader stalled
	start=$(now_ms)
	stop server # as above
	[ $(($(now_ms) - start)) -ge 250 ]
	wait_for 5 says reader goaway
}

@test "a call whose process is killed is made again over a new connection (C core)" {
	serve_kept
	start_peer caller outlive
	wait_for 5 says server "^blocked"
	kill_served
	wait_for 10 says caller "^2$"
}

@test "a call whose process is killed is made again over a new connection (grpc-go)" {
	requires root containerd ctr
	mkdir "$T/run"
	SOCKET=$T/run/snapshotter.sock
	serve_kept
	start_containerd
	start caller ctr -a "$CONTAINERD" snapshots --snapshotter layerfs prepare key
	wait_for 10 says server "^blocked"
	kill_served
	wait "$(pid_of caller)"
	not says caller error
}
