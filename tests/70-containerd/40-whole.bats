#!/usr/bin/env bats
# What is not lazy, or not wholly: it works all the same, and one can see why.

load ../lib/common
load ../lib/containerd
load ../lib/faults
load ../lib/images

setup_file() { own_images box pause deep; }

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry skopeo jq
	start_own_registry
	start_meter
	start_snapshotter
	start_containerd
}
teardown() { teardown_containerd; }

# box_is_right REF: what the top layer makes of the base, and every byte.
box_is_right() {
	run_container "$1" box /bin/sh -c '
		cat /data/changed /data/link
		ls /data /data/opaque /data/swap/file
		cat /data/noise* /more/noise* | sha256sum' >"$T/log/box" 2>&1 ||
		{ cat "$T/log/box"; return 1; }
	diff "$T/log/box" - <<-TEXT
		new
		old
		/data:
		changed
		link
		noise0
		noise1
		noise2
		noise3
		noise4
		noise5
		noise6
		noise7
		opaque
		swap

		/data/opaque:
		new

		/data/swap/file:
		in
		$(box_noise)  -
	TEXT
}

box_noise() {
	python3 - <<-'PY' | sha256sum | cut -d' ' -f1
		import random, sys
		for seed in [*range(8), *range(100, 106)]:
		    sys.stdout.buffer.write(random.Random(seed).randbytes(1 << 20))
	PY
}

# asked_of REF LAYER: bytes of that layer that were asked for, each once.
asked_of() { fetched "$1" | awk -v n="$2" 'NR == n + 1 { print $5 }'; }
asked_once() { fetched "$1" | awk -v n="$2" 'NR == n + 1 { exit $3 != $5 }'; }
size_of() { images layers "$1" | awk -v n="$2" 'NR == n + 1 { print $2 }'; }

@test "ctr image pull downloads and unpacks" {
	whole_pull "$METERED/box:gzip"
	box_is_right "$METERED/box:gzip"
	[ "$(asked_of box:gzip 0)" = "$(size_of box:gzip 0)" ]
	asked_once box:gzip 0 # containerd asks nobody twice
	stop own-registry || true
	box_is_right "$METERED/box:gzip"
}

@test "ctr image pull of a chunked image downloads and unpacks" {
	whole_pull "$METERED/box-zc:1"
	box_is_right "$METERED/box-zc:1"
}

@test "ctr image import unpacks" {
	whole_pull "$METERED/box:gzip"
	ctd image export "$T/box.tar" "$METERED/box:gzip"
	ctd -n other image import --snapshotter "$SNAPSHOTTER" "$T/box.tar"
	stop own-registry || true
	CTR_OPTIONS="-n other" box_is_right "$METERED/box:gzip"
}

@test "a chunked image is lazy and right" {
	lazy_pull "$METERED/box-zc:1"
	run_container "$METERED/box-zc:1" few /bin/sh -c 'sha256sum /data/noise3'
	is_lazy box-zc:1
	box_is_right "$METERED/box-zc:1"
}

@test "a plain image falls back, and explain says why" {
	lazy_pull "$METERED/box:gzip"
	[ "$(asked_of box:gzip 0)" -ge "$(size_of box:gzip 0)" ]
	box_is_right "$METERED/box:gzip"
	requires_layerfs
	layerfs explain "$METERED/box:gzip"
	layerfs --json explain "$METERED/box:gzip" |
		jq -e '.layer_list | length == 2 and all((.lazy | not) and (.fallback | length > 0))'
}

@test "explain says that a lazy layer is lazy" {
	requires_layerfs
	lazy_pull "$METERED/box-zc:1"
	layerfs explain "$METERED/box-zc:1"
	layerfs --json explain "$METERED/box-zc:1" |
		jq -e '.layer_list | length == 2 and all(.lazy and .fallback == null)'
}

@test "a lazy base below a plain top" {
	lazy_pull "$METERED/lazy:base"
	box_is_right "$METERED/lazy:base"
	requires_layerfs
	[ "$(layerfs --json explain "$METERED/lazy:base" | jq -c '[.layer_list[].lazy]')" = '[true,false]' ]
}

@test "the base of a mixed chain is not fetched whole" {
	requires_layerfs
	lazy_pull "$METERED/lazy:base"
	run_container "$METERED/lazy:base" few /bin/sh -c 'sha256sum /data/noise3'
	[ "$(asked_of lazy:base 0)" -lt "$(size_of lazy:base 0)" ]
}

@test "a plain base below a chunked top" {
	lazy_pull "$METERED/lazy:top"
	box_is_right "$METERED/lazy:top"
}

# containerd_has REF LAYER: the blob of that layer.
containerd_has() {
	local blob
	blob=$(images layers "$1" | awk -v n="$2" 'NR == n + 1 { print $1 }')
	ctd content ls -q | grep -qF "$blob"
}

@test "a small plain layer is read whole by layerfs, containerd has no blob" {
	lazy_pull "$METERED/lazy:small"
	run_container "$METERED/lazy:small" small /bin/cat /deep/1 | grep 1
	requires_layerfs
	[ "$(asked_of lazy:small 0)" -lt "$(size_of lazy:small 0)" ]
	! containerd_has lazy:small 0 || return 1
	! containerd_has lazy:small 1 || return 1
}

@test "containerd has no layer of a lazy image" {
	requires_layerfs
	lazy_pull "$METERED/box-zc:1"
	box_is_right "$METERED/box-zc:1"
	! containerd_has box-zc:1 0 || return 1
	! containerd_has box-zc:1 1 || return 1
}

@test "128 layers" {
	lazy_pull "$METERED/lazy:deep"
	[ "$(snapshot_count)" = 128 ]
	run_container "$METERED/lazy:deep" deep /bin/sh -c \
		'cat /deep/top; ls /deep | wc -l; cat /deep/1 /deep/64; echo new >/deep/1; cat /deep/1' >"$T/log/deep"
	[ "$(tr '\n' ' ' <"$T/log/deep")" = "127 116 1 64 new " ]
	is_lazy lazy:deep
}

@test "128 layers that containerd unpacked" {
	whole_pull "$METERED/deep:gzip"
	run_container "$METERED/deep:gzip" deep /bin/sh -c \
		'cat /deep/top; ls /deep | wc -l; cat /deep/1 /deep/64' >"$T/log/deep"
	[ "$(tr '\n' ' ' <"$T/log/deep")" = "127 116 1 64 " ]
}

@test "a lazy image and its plain twin lie beside each other" {
	lazy_pull "$METERED/box-zc:1"
	whole_pull "$METERED/box:gzip"
	box_is_right "$METERED/box:gzip"
	box_is_right "$METERED/box-zc:1"
}

@test "one image in two namespaces, one downloaded and one lazy" {
	CTR_OPTIONS="-n whole" whole_pull "$METERED/box-zc:1"
	CTR_OPTIONS="-n lazy" lazy_pull "$METERED/box-zc:1"
	for ns in whole lazy; do CTR_OPTIONS="-n $ns" box_is_right "$METERED/box-zc:1"; done
	ctd -n whole image rm --sync "$METERED/box-zc:1"
	CTR_OPTIONS="-n lazy" box_is_right "$METERED/box-zc:1"
}

# A user of the namespace's own reaches the root; bats' folders are root's alone.
let_others_in() { chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T"; }

MAPPED="--uidmap 0:100000:65536 --gidmap 0:100000:65536"

# owners_are_right REF [OPTION]: as the container sees them, before and after it writes,
# and what it wrote as the host does.
owners_are_right() {
	RUN_OPTIONS="$MAPPED ${2-}" start_container "$1" mapped /bin/sleep 1000000
	exec_in mapped /bin/sh -c '
		stat -c %u:%g / /bin/busybox /data /data/changed /more/db /more/db/conf
		cat /data/changed /more/db/conf /proc/self/uid_map
		echo mine >/data/changed
		echo more >>/more/db/conf
		mkdir /new
		stat -c %u:%g /data/changed /more/db/conf /new
		cat /data/changed /more/db/conf' >"$T/log/mapped" 2>&1
	cat "$T/log/mapped"
	[ "$(tr -s ' \n' ' ' <"$T/log/mapped")" = "0:0 0:0 0:0 0:0 70:70 70:70 new mine 0 100000 65536 0:0 70:70 0:0 mine mine more " ]
	[ "$SNAPSHOTTER" != layerfs ] ||
		[ "$(owners_of data/changed more/db/conf new)" = "100000:100000 100070:100070 100000:100000 " ]
	end_container mapped
}

# Of files in the newest snapshot.
owners_of() {
	(cd "$RUN/s/$(ls "$RUN/s" | sort -n | tail -n 1)/fs" && stat -c %u:%g "$@" | tr '\n' ' ')
}

@test "a container in a user namespace" {
	let_others_in
	lazy_pull "$METERED/box-zc:1"
	owners_are_right "$METERED/box-zc:1"
}

@test "a container in a user namespace whose owners the snapshotter maps" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	lazy_pull "$METERED/box-zc:1"
	owners_are_right "$METERED/box-zc:1" --remap-labels
	is_lazy box-zc:1
	collect
	wait_for 20 eval '[ ! -e "$RUN/m/i" ] || [ -z "$(ls "$RUN/m/i")" ]'
	RUN_OPTIONS="$MAPPED --remap-labels" box_is_right "$METERED/box-zc:1"
	box_is_right "$METERED/box-zc:1"
}

@test "mapped owners where some layers were downloaded" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	lazy_pull "$METERED/lazy:base"
	lazy_pull "$METERED/lazy:top"
	for tag in base top; do
		owners_are_right "$METERED/lazy:$tag" --remap-labels
		RUN_OPTIONS="$MAPPED --remap-labels" box_is_right "$METERED/lazy:$tag"
	done
}

@test "mapped owners where all layers were downloaded" {
	requires_layerfs
	let_others_in
	whole_pull "$METERED/box:gzip"
	owners_are_right "$METERED/box:gzip" --remap-labels
}

# containerd 1.7 gives every file away itself, in a snapshot of its own.
@test "mapped owners by a client that does not know that layerfs maps" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	stop containerd
	CAPABILITIES="" start_containerd
	lazy_pull "$METERED/box-zc:1"
	owners_are_right "$METERED/box-zc:1" --remap-labels
	RUN_OPTIONS="$MAPPED --remap-labels" box_is_right "$METERED/box-zc:1"
}

@test "mapped owners outlive the worker" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	lazy_pull "$METERED/box-zc:1"
	RUN_OPTIONS="$MAPPED --remap-labels" start_container "$METERED/box-zc:1" mapped \
		/bin/sleep 1000000
	kill_worker
	exec_in mapped /bin/sh -c 'sha256sum /data/noise7; stat -c %u /data/noise7 /more/db' >"$T/log/mapped"
	[ "$(tail -n 2 "$T/log/mapped" | tr '\n' ' ')" = "0 70 " ]
	RUN_OPTIONS="$MAPPED --remap-labels" box_is_right "$METERED/box-zc:1"
	end_container mapped
	collect
	wait_for 20 eval '[ -z "$(ls "$RUN/m/i")" ]'
}

@test "mapped owners come back with the daemon" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	lazy_pull "$METERED/box-zc:1"
	RUN_OPTIONS="$MAPPED --remap-labels" start_container "$METERED/box-zc:1" mapped \
		/bin/sleep 1000000
	ctd task rm -f mapped
	stop layerfsd
	start_daemon
	# the first call on a connection that broke fails
	wait_for 10 ctd snapshot --snapshotter layerfs info mapped
	ctd task start -d mapped
	exec_in mapped stat -c %u /data/noise7 /more/db >"$T/log/mapped"
	[ "$(tr '\n' ' ' <"$T/log/mapped")" = "0 70 " ]
	end_container mapped
}

@test "mapped owners of 128 layers" {
	requires kernel:6.12
	requires_layerfs
	let_others_in
	lazy_pull "$METERED/lazy:deep"
	RUN_OPTIONS="$MAPPED --remap-labels" run_container "$METERED/lazy:deep" deep /bin/sh -c \
		'cat /deep/top; stat -c %u /deep/1 /deep/64; echo new >/deep/1; cat /deep/1' >"$T/log/deep"
	[ "$(tr '\n' ' ' <"$T/log/deep")" = "127 0 0 new " ]
}

@test "twenty containers at once" {
	lazy_pull "$METERED/box-zc:1"
	for n in {1..20}; do
		run_container "$METERED/box-zc:1" "c$n" /bin/sh -c \
			'cat /data/noise* /more/noise* | sha256sum' >"$T/log/c$n" 2>&1 3>&- &
		pids[n]=$!
	done
	for n in {1..20}; do wait "${pids[n]}"; done
	[ "$(cat "$T"/log/c[0-9]* | grep -c "^$(box_noise)")" = 20 ]
}
