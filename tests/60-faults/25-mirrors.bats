#!/usr/bin/env bats
# A registry with a mirror before it, while an image is mounted: whatever one of
# them does, the reader gets his bytes as long as the other has them; and who
# edits hosts.toml needs no restart.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

# The mirror's requests are in $T/log/mirror-requests.
setup() {
	setup_faults_without_daemon
	port=$(free_port)
	MIRROR=127.0.0.1:$port
	start mirror "$top_srcdir/tests/lib/fakeregistry.py" "$port" "$IMAGES" \
		"$T/log/mirror-requests"
	wait_port "$port"
	mkdir -p "$T/certs.d/example.com"
	hosts "$MIRROR" "$FAKE"
	let_others_in "$T/certs.d/example.com/hosts.toml"
	PATIENCE_MS=6000 HOSTS_DIRS="'$T/certs.d'" start_impatient_daemon
}

teardown() { teardown_faults; }

# hosts MIRROR SERVER
hosts() {
	printf 'server = "http://%s"\n[host."http://%s"]\n' "$2" "$1" \
		>"$T/certs.d/example.com/hosts.toml"
}

mirror_faults() {
	local IFS=,
	curl -sf -X PUT --data "[$*]" "http://$MIRROR/_faults"
}

# What comes in the end is waited for, however long this machine takes for it.
mount_patiently() { layerfs mount --unreachable=wait:5m example.com/app:good "$T/mnt"; }

counter() { layerfs --json stat | jq ".counters.$1"; }

asked_mirror() { grep -c "$1" "$T/log/mirror-requests"; }

# survives FAULT: the mirror does so with every range of a blob, and no reader
# notices.
survives() {
	mount_patiently
	mirror_faults "$1"
	is_good "$T/mnt"
	[ "$(counter read_errors)" = 0 ]
	asked_mirror '"range": "bytes' >/dev/null
}

RANGES='"path":"app/blobs","ranged":true,"times":999'

@test "a mirror that dies in the middle of a body" {
	survives "{$RANGES,\"do\":\"reset\",\"after\":100}"
}

@test "a mirror that ends every body early" {
	survives "{$RANGES,\"do\":\"short\",\"after\":100}"
}

@test "a mirror that has wrong bytes" {
	survives "{$RANGES,\"do\":\"corrupt\",\"at\":3}"
	[ "$(counter fetch_corrupt)" -gt 0 ]
}

@test "a mirror that sends another range" {
	survives "{$RANGES,\"do\":\"shift\",\"by\":1}"
}

@test "a mirror that refuses" {
	survives "{$RANGES,\"do\":\"status\",\"code\":403}"
}

@test "a mirror that has had enough" {
	survives "{$RANGES,\"do\":\"status\",\"code\":429,\"headers\":{\"Retry-After\":\"30\"}}"
}

@test "a mirror behind a login page" {
	survives "{$RANGES,\"do\":\"html\"}"
}

@test "a mirror that falls silent" {
	survives "{$RANGES,\"do\":\"stall\",\"after\":100}"
}

@test "a mirror that drips" {
	survives "{$RANGES,\"do\":\"trickle\",\"after\":100,\"every\":0.2}"
}

@test "a mirror that is gone" {
	mount_patiently
	stop mirror || true
	is_good "$T/mnt"
	[ "$(counter read_errors)" = 0 ]
}

@test "tables and whole layers that a mirror has wrong come from the server" {
	mirror_faults '{"path":"blobs","do":"corrupt","at":9,"times":999}'
	mount_patiently
	is_good "$T/mnt"
}

@test "the mirror's address is mended under a mount, without a restart" {
	layerfs mount example.com/app:good "$T/mnt"
	stop mirror || true
	stop fake || true
	cat "$T/mnt/etc/one" 2>&1 | grep 'Input/output error'
	FAKE=
	start_fake
	hosts "127.0.0.1:$(free_port)" "$FAKE"
	wait_for 20 is_good "$T/mnt"
}

@test "a damaged hosts.toml does not take a working one away" {
	mount_patiently
	echo 'server = ' >"$T/certs.d/example.com/hosts.toml"
	sleep 4 # so often it is looked at
	is_good "$T/mnt"
	grep -F "$T/certs.d/example.com/hosts.toml: line 1" "$T/log/layerfsd"
}

@test "a hosts.toml that the daemon may not see is missed aloud" {
	chmod 700 "$T/certs.d"
	layerfs mount example.com/app:good "$T/mnt" || true
	grep -F "$T/certs.d/example.com/hosts.toml" "$T/log/layerfsd" |
		grep 'may not look'
}
