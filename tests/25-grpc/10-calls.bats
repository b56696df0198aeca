# Calls that keep the rules, by the C core's client and by our own.
load ../lib/common
load ../lib/grpc

setup() {
	setup_test
	requires_peers
}

@test "a request is answered" {
	serve
	[ "$(peer echo hello)" = hello ]
	[ "$(printf hello | call Echo 2>/dev/null)" = hello ]
	[ -z "$(call Echo </dev/null 2>/dev/null)" ]
}

@test "every client's :authority will do" {
	serve
	peer authorities
}

@test "12 MB go both ways, 20 MB are RESOURCE_EXHAUSTED" {
	serve
	peer big
	head -c 12000000 /dev/urandom >"$T/big"
	call Echo <"$T/big" 2>/dev/null | cmp - "$T/big"
	cat "$T/big" "$T/big" >"$T/bigger"
	not call Echo <"$T/bigger" >"$T/none" 2>"$T/said"
	[ ! -s "$T/none" ]
	[ "$(cat "$T/said")" = "8 the message is over the limit of 16 MiB" ]
}

@test "a status carries any text" {
	serve
	peer texts
	printf '5 Grüße: 100 %%\n' | not call Fail 2>"$T/said"
	[ "$(cat "$T/said")" = "5 Grüße: 100 %" ]
}

@test "the caller's own fields reach the method, ours and HTTP's do not" {
	serve
	[ "$(peer metadata)" = "traceparent: 00-1
b-bin: AAE
traceparent: 00-2" ]
	[ "$(call --field a:b --field user-agent:x --field grpc-x:y Metadata </dev/null 2>/dev/null)" = "a: b" ]
}

@test "what there is no method for is UNIMPLEMENTED, compression too" {
	serve
	peer unimplemented
}

@test "a stream arrives whole and in order, at the reader's pace" {
	serve
	peer stream
	peer slow_stream
}

@test "2000 calls at once are each answered" {
	serve
	peer parallel
	[ "$(printf x | call --count 3000 Echo 2>/dev/null)" = "$(printf 'x%.0s' {1..3000})" ]
}

@test "a method learns that its call was cancelled" {
	serve
	peer cancel "$T/log/server"
	wait_for 5 says server "^cancelled 20000"
	printf 21000 >"$T/ms"
	start caller sh -c 'exec "$@" <"$0"' "$T/ms" \
		"$(program grpctool)" --cancel call "$SOCKET" /test.Tool/Sleep
	wait_for 5 says server "^asleep 21000"
	not stop caller
	[ "$(cat "$T/log/caller")" = "1 cancelled" ]
	wait_for 5 says server "^cancelled 21000"
}

@test "a method learns that its caller hung up" {
	serve
	start_peer caller sleep 22000
	wait_for 10 says server "^asleep 22000"
	stop caller KILL || true
	wait_for 5 says server "^cancelled 22000"
}

@test "a deadline ends the call, on both sides" {
	serve
	peer deadline
	wait_for 5 says server "^cancelled 20000"
	printf 21000 | not call --deadline 2000 Sleep 2>"$T/said"
	[ "$(cat "$T/said")" = "4 the deadline has passed" ]
	wait_for 5 says server "^cancelled 21000"
}

@test "a server that is not there is UNAVAILABLE" {
	SOCKET=$T/none
	fails_with "14 connect to $T/none: " call Echo </dev/null
}
