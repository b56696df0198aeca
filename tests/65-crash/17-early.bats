#!/usr/bin/env bats
# The daemon is ended as soon as it can be seen.

load ../lib/common
load ../lib/faults

setup_file() { make_preload slowsignal; }
teardown_file() { drop_preload; }

setup() {
	setup_test
	requires cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
}

@test "who ends the daemon as soon as its socket is there ends it in order" {
	start layerfsd env LD_PRELOAD="$PRELOAD/slowsignal.so" \
		"$(program layerfsd)" --root "$T/root" --run "$T/run"
	wait_socket "$T/run/control.sock"
	stop layerfsd
}
