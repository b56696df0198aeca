#!/usr/bin/env bats
# What a node published of a plain image serves whoever pulls it on the next one:
# containerd, podman, and a start that is known.
load ../lib/common
load ../lib/fleet
load ../lib/containerd
load ../lib/images
load ../lib/podman

# One node reads box whole, runs a part of it, and publishes what it learnt.
setup_file() {
	local T=$BATS_FILE_TMPDIR STARTED=()
	[ "$(id -u)" = 0 ] && [ -x /bin/busybox ] &&
		command -v docker-registry jq >/dev/null || return 0
	mkdir -p "$T/log" "$T/pid" "$T/storage" "$T/mnt"
	printf "$WAITS"'[profile]\nquiet_ms = 500\n' >"$T/ask.toml"
	start_registry "$T/storage"
	images push box
	start_node a
	on a mount "$REGISTRY/box:gzip" "$T/mnt"
	cat "$T"/mnt/{bin/busybox,data/changed,data/opaque/new,more/noise0} >/dev/null
	on a unmount "$T/mnt"
	on a index "$REGISTRY/box:gzip"
	wait_for 20 on a profile push "$REGISTRY/box:gzip"
	stop_node a
	stop registry || true
}

setup() {
	setup_test
	requires root fuse docker-registry jq /bin/busybox
	serve_storage own-registry "$BATS_FILE_TMPDIR/storage" true
	start_meter
	without_guesses "$T/layerfs.toml"
	printf "$WAITS" >>"$T/layerfs.toml"
}
teardown() { teardown_containerd; }

# layers FILTER: what explain says of each.
layers() { layerfs --json explain "$METERED/box:gzip" | jq -c ".layer_list | map($1)"; }

is_lazy() {
	[ "$(layers '[.format, .lazy, .fallback]')" = '[["layer-index",true,null],["layer-index",true,null]]' ]
}

few_bytes() { # PERCENT: of each layer at most so much was asked for
	fetched box:gzip
	fetched box:gzip | awk -v p="$1" '$5 * 100 > $2 * p { exit 1 }'
}

counter() { layerfs stat --json | jq ".counters.$1"; }

# What a container reads, and has to see.
LOOK='cat /data/changed /data/opaque/new; sha256sum </more/noise0'
seen() {
	printf '%s\n' new new "$(python3 -c 'import random, hashlib
print(hashlib.sha256(random.Random(100).randbytes(1 << 20)).hexdigest())')  -"
}

@test "containerd pulls the image lazily, and runs it" {
	requires containerd ctr ctr-remote runc
	requires_layerfs
	start_snapshotter --config "$T/layerfs.toml"
	start_containerd
	lazy_pull "$METERED/box:gzip"
	is_lazy
	run_container "$METERED/box:gzip" box /bin/sh -c "$LOOK" >"$T/shown"
	seen | diff "$T/shown" -
	few_bytes 30
}

@test "podman pulls the image lazily, and runs it" {
	requires podman runc
	start_podman "$T/run/store"
	start_daemon --config "$T/layerfs.toml"
	wait_for 20 is_mounted "$RUN/m/0"
	podman pull -q "$METERED/box:gzip"
	is_lazy
	podman_run "$METERED/box:gzip" /bin/sh -c "$LOOK" >"$T/shown"
	seen | diff "$T/shown" -
	few_bytes 30
	podman rmi "$METERED/box:gzip"
}

@test "the spans that a start read are here before the next node's start reads them" {
	mkdir "$T/mnt"
	start_daemon --config "$T/layerfs.toml"
	layerfs mount "$METERED/box:gzip" "$T/mnt"
	is_lazy
	grep 'starts by a profile found beside it' "$T/log/layerfsd"
	settle
	before=$(meter_bytes)
	few_bytes 30
	cat "$T"/mnt/{bin/busybox,data/changed,data/opaque/new,more/noise0} | sha256sum >"$T/shown"
	[ "$(counter read_misses)" = 0 ]
	[ "$(meter_bytes)" = "$before" ]
	layerfs unmount "$T/mnt"
}

@test "what a start read is not asked for twice where the layers are read whole" {
	mkdir "$T/mnt"
	start_daemon --config "$T/layerfs.toml"
	layerfs mount "$METERED/box:gzip" "$T/mnt"
	layerfs unmount "$T/mnt"
	layerfs profile export "$METERED/box:gzip" "$T/profile"
	stop layerfsd
	rm -rf "$T/root"

	printf '[index]\ntrust = "never"\n' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	layerfs profile import "$METERED/box:gzip" "$T/profile"
	meter_reset
	layerfs mount "$METERED/box:gzip" "$T/mnt"
	[ "$(layers .lazy)" = '[false,false]' ]
	fetched box:gzip
	# Each with one request, and what was late with one more.
	fetched box:gzip | awk -v late="$(counter http_hedged)" '
		{ n += $4 }
		$5 != $2 { bad = 1 }
		END { exit bad || n > NR + late }'
}
