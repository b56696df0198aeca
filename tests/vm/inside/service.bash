# layerfsd as the service that systemd itself runs, installed as the README says; load it
# after common and faults.
# shellcheck shell=bash disable=SC2034,SC2120,SC2154

# For setup_file.
install_service() {
	make -s -C "$top_builddir" install
	systemd-sysusers
	systemctl enable --now layerfsd.service
}
remove_service() {
	systemctl disable --now layerfsd.service layerfsd{,-snapshotter,-cri}.socket
}

setup_service() { # IMAGE
	setup_test
	requires root fuse jq docker-registry "image:$1" "ref:$1-zc:zstdchunked"
	RUN=/run/layerfs
	mkdir "$T/mnt" "$T/other"
	start_registry
	REF=$REGISTRY/$1-zc:zstdchunked
	SUMS=$LAYERFS_TEST_DATA/vm/sums/$1
	shuf -n 200 --random-source=<(yes) "$SUMS" >"$T/few"
	systemctl start layerfsd.service
	say_who
}
teardown_service() {
	local status=0
	[ -n "${BATS_TEST_COMPLETED-}" ] || journalctl -u layerfsd -b --no-pager -n 60
	teardown_test || status=1
	layerfs rm "$REF" >/dev/null 2>&1 || true # the next test fetches again
	return $status
}

layerfs() { timeout -k 5 120 /usr/bin/layerfs "$@"; }
property() { systemctl show -P "$1" layerfsd.service; }
said() { journalctl "_SYSTEMD_INVOCATION_ID=$(property InvocationID)" --no-pager | grep -F "$1"; }
# Its process of now, where the tests' tools look for it.
say_who() { property MainPID >"$T/pid/layerfsd"; }

kill_supervisor() {
	local old
	old=$(property MainPID)
	kill -KILL "$old"
	wait_for 20 is_new_supervisor "$old"
	say_who
}
is_new_supervisor() {
	local pid
	pid=$(property MainPID)
	[ "$pid" != 0 ] && [ "$pid" != "$1" ] && [ "$(property ActiveState)" = active ]
}

reload() {
	OLD=$(worker_pid)
	systemctl reload layerfsd.service
	wait_for 20 is_new_worker
}

mount_it() { layerfs mount "$REF" "${1:-$T/mnt}" >/dev/null; }
is_right() { (cd "${1:-$T/mnt}" && sha256sum --quiet -c "${2:-$SUMS}"); }

# right_though COMMAND...: it happens three times while some of the files are read again
# and again; they are right each time, and in the end all are.
right_though() {
	local reader
	{
		until [ -e "$T/enough" ]; do
			drop_caches
			is_right "$T/mnt" "$T/few" || exit
			echo >>"$T/passes"
		done
	} 3>&- &
	reader=$!
	for _ in 1 2 3; do
		"$@"
		another_pass
	done
	touch "$T/enough"
	wait $reader
	is_right
}
passes() { cat "$T/passes" 2>/dev/null | wc -l; }
another_pass() {
	local now
	now=$(passes)
	wait_for 600 eval '[ "$(passes)" -gt '"$now"' ]'
}
