# Peers that break the rules, or keep them slowly.
load ../lib/common
load ../lib/grpc

setup() {
	setup_test
	requires_peers
}

@test "a request that is none is answered with the reason" {
	serve
	peer refusals
}

@test "an answer that comes before its request has ended stops the request" {
	serve
	peer early
}

@test "a window of 7 bytes loses nothing" {
	serve
	peer tiny_windows
}

@test "30 readers that grant no window slow nobody" {
	serve
	peer stalled_readers 30
}

@test "requests that never end hold 64 MiB of a connection and no more" {
	serve
	peer hoard
	server_held 160000
}

@test "garbage closes its connection and no other" {
	serve
	[ "$(peer garbage)" = fine ]
}

@test "a connection that does not open as HTTP/2 is closed after 5 s" {
	serve
	peer half_open
}

@test "connection 65 is closed, the others are served" {
	serve
	[ "$(peer too_many)" = fine ]
}

@test "frames without end are not kept" {
	serve
	[ "$(peer floods)" = fine ]
	server_held 65536
}

@test "calls that are reset at once do not pile up" {
	serve --threads 2
	[ "$(peer resets 20000)" = fine ]
	server_held 65536
}
