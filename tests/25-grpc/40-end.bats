#!/usr/bin/env bats
# A worker that ends while others wait for it.

load ../lib/common
load ../lib/faults
load ../lib/grpc

setup_file() { hostile_images good; }

setup() {
	setup_faults_without_daemon
	requires_peers
	STALL_MS=60000 PATIENCE_MS=60000 start_impatient_daemon '[snapshotter]' 'prepare_timeout_ms = 60000'
}
teardown() { teardown_faults; }

# The request after the loop, the call after the request: it writes into nothing that is
# freed, as a sanitizer would see.
@test "a worker ends in order while a request and a call are under way" {
	faults '{"path":"app/manifests","do":"late","by":2,"times":9}' \
		'{"path":"slow/manifests","do":"late","by":60,"times":9}'
	layerfs pull "$FAKE/app:good" 3>&- &
	start caller /usr/bin/python3 "$top_srcdir/tests/lib/snapshots.py" \
		"$T/run/snapshotter.sock" remote "$FAKE/slow:good"
	wait_for 10 grep -q app/manifests "$T/log/requests"
	wait_for 10 grep -q slow/manifests "$T/log/requests"
	stop layerfsd
}
