#!/usr/bin/env bats
# layerfs dies and comes back, its worker or all of it: containers start and run
# as if nothing had been.  KILLS and RUNNERS make it longer (make check-stress).

load ../lib/common
load ../lib/containerd
load ../lib/images
load ../lib/faults
load ../lib/service

setup_file() { own_images box pause; }

setup() {
	setup_test
	requires root fuse containerd ctr ctr-remote runc docker-registry skopeo jq
	start_own_registry
	start_meter
	start_snapshotter
	start_containerd
}
teardown() { teardown_containerd; }

# What a container must see each time.
read_all='cat /data/changed && cat /data/noise* /more/noise* | sha256sum'

# run_until FILE RUNNER: one container after the other until the file is there;
# what each said goes to $T/said, how it ended to $T/ended.
run_until() {
	local n=0
	until [ -e "$1" ]; do
		n=$((n + 1))
		if run_container "$METERED/box-zc:1" "r$2-$n" /bin/sh -c "$read_all" \
			>"$T/said-$2-$n" 2>&1; then
			echo ok
		else
			echo "failed: r$2-$n: $(tr '\n' ' ' <"$T/said-$2-$n")"
		fi >>"$T/ended"
	done
}

# Every container was right.
all_were_right() {
	sort "$T/ended" | uniq -c
	! grep -v '^ok$' "$T/ended" || return 1
	[ "$(sort -u "$T"/said-* | wc -l)" = 2 ]
}

# A worker that dies within a second of its start is started later and later, as
# one that cannot start: not what is asked here.  On overlayfs nothing dies.
kill_one() {
	sleep 1.1
	[ "$SNAPSHOTTER" != layerfs ] || kill_worker
}

@test "the worker is killed again and again while containers start and run" {
	lazy_pull "$METERED/box-zc:1"
	RUN_OPTIONS="--log-uri file://$T/long" \
		start_container "$METERED/box-zc:1" long /bin/sh -c '
		while true; do
			cat /data/noise* /more/noise* | sha256sum || echo bad
			sleep 0.1
		done'
	for n in $(seq "${RUNNERS:-3}"); do
		run_until "$T/enough" "$n" 3>&- &
		pids[n]=$!
	done
	for _ in $(seq "${KILLS:-20}"); do
		kill_one
		drop_caches
	done
	touch "$T/enough"
	for n in $(seq "${RUNNERS:-3}"); do wait "${pids[n]}"; done
	all_were_right
	[ "$(sort -u "$T/long" | wc -l)" = 1 ]
	end_container long
	echo "# $(wc -l <"$T/ended") containers" >&3
}

@test "the worker is killed while images are pulled" {
	for n in {1..6}; do
		sleep 1.1
		lazy_pull "$METERED/box-zc:1" 3>&- &
		puller=$!
		sleep "0.0$n"
		[ "$SNAPSHOTTER" != layerfs ] || kill_worker
		wait $puller
		run_container "$METERED/box-zc:1" "c$n" /bin/sh -c "$read_all" >"$T/said-$n"
		ctd image rm --sync "$METERED/box-zc:1" >/dev/null
	done
	[ "$(sort -u "$T"/said-* | wc -l)" = 2 ]
}

@test "calls that are made while the worker is away wait" {
	requires_layerfs
	lazy_pull "$METERED/box-zc:1"
	top=$(snapshots | awk '$3 == "Committed" && $2 != "" { print $1; exit }')
	for n in {1..4}; do
		sleep 1.1
		kill -KILL "$(worker_pid)"
		ctd snapshot --snapshotter layerfs prepare "s$n" "$top"
		sleep 1.1
		kill -KILL "$(worker_pid)"
		ctd snapshot --snapshotter layerfs info "s$n" >/dev/null
		ctd snapshot --snapshotter layerfs rm "s$n"
	done
}

@test "containerd starts before layerfs does" {
	requires_layerfs
	stop layerfsd
	stop containerd
	start_containerd
	ctd version >/dev/null
	start_daemon
	wait_for 10 lazy_pull "$METERED/box-zc:1"
	run_container "$METERED/box-zc:1" c /bin/sh -c "$read_all" | grep new
}

# A whole restart, with SIGTERM or as after a crash.
restart() {
	if [ "$1" = TERM ]; then
		stop layerfsd
	else
		WORKER=$(worker_pid)
		kill -KILL "$(pid_of layerfsd)"
		wait_for 10 eval "! kill -0 $WORKER"
		rm "$T/pid/layerfsd"
	fi
	start_daemon
}

# starts_again SIGNAL: with the registry gone, too.
starts_again() {
	requires_layerfs
	lazy_pull "$METERED/box-zc:1"
	run_container "$METERED/box-zc:1" first /bin/sh -c "$read_all" >"$T/said-1"
	ctd run --snapshotter layerfs --runc-root "$T/runc" --log-uri "file://$T/said-0" "$METERED/box-zc:1" kept \
		/bin/sh -c 'cat /data/changed; echo mine >/data/changed'
	wait_for 10 grep new "$T/said-0"
	ctd task rm kept >/dev/null 2>&1 || true
	restart "$1"
	stop meter || true
	stop own-registry || true
	wait_for 10 run_container "$METERED/box-zc:1" again /bin/true
	run_container "$METERED/box-zc:1" again /bin/sh -c "$read_all" >"$T/said-2"
	diff "$T/said-1" "$T/said-2"
	# A container of before goes on where it was.
	ctd task start --log-uri "file://$T/said-3" kept
	wait_for 10 grep mine "$T/said-3"
	end_container kept
	ctd image rm --sync "$METERED/box-zc:1"
	[ -z "$(own_snapshots)" ] || wait_for 10 eval '[ -z "$(own_snapshots)" ]'
}

@test "layerfsd restarted: containers start again, also without a registry" {
	starts_again TERM
}

@test "layerfsd killed: containers start again, also without a registry" {
	starts_again KILL
}

# Under systemd all of layerfs may die, or be replaced.
@test "the supervisor is killed and reloaded: containers run on, others start" {
	requires_layerfs
	stop layerfsd
	start_service
	wait_for 10 lazy_pull "$METERED/box-zc:1"
	RUN_OPTIONS="--log-uri file://$T/long" \
		start_container "$METERED/box-zc:1" long /bin/sh -c '
		while true; do
			cat /data/noise* /more/noise* | sha256sum || echo bad
			sleep 0.1
		done'
	run_until "$T/enough" 1 3>&- &
	runner=$!
	for _ in 1 2 3 4; do
		sleep 1.1
		kill_supervisor
		drop_caches
		sleep 1.1
		n=$(times_ready)
		kill -HUP "$(pid_of layerfsd)"
		wait_for 20 said_ready $((n + 1))
	done
	touch "$T/enough"
	wait $runner
	all_were_right
	[ "$(sort -u "$T/long" | wc -l)" = 1 ]
	end_container long
	ctd image rm --sync "$METERED/box-zc:1"
	wait_for 10 eval '[ -z "$(stored | grep -v ^rpc)" ]'
}

@test "containerd restarted: it finds its images" {
	lazy_pull "$METERED/box-zc:1"
	stop containerd
	start_containerd
	run_container "$METERED/box-zc:1" c /bin/sh -c "$read_all" | grep new
}
