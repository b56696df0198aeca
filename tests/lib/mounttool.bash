# What tests of src/mount/mounttool.c share: a folder that a supervisor and a worker of
# the test's own show.  Files below cold/ are missing until the gate opens.
#
# The file's name says how: *-fuse.bats and tests/slow/*-loop.bats are links.

setup() {
	setup_test
	requires root fuse
	case ${BATS_TEST_FILENAME##*/} in
	*-fuse.bats) KERNEL=off KIND=fuse.layerfs ;;
	*-loop.bats) KERNEL=loop KIND=erofs ;;
	*) KERNEL=auto KIND=erofs ;;
	esac
	[ $KIND = fuse.layerfs ] || requires_erofs
	SOURCE=$T/source STORE=$T/store RUN=$T/run M=$T/run/m/1
	mkdir -p "$SOURCE/cold" "$STORE" "$RUN"
	# the worker is another user
	chmod 755 "$T" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	fill_source
	tool make "$SOURCE" "$STORE"
	chown -R nobody "$STORE"
}

tool() { "$(program mounttool)" "$@"; }
ask() { timeout -k 5 120 "$(program mounttool)" ask "$RUN" "$@"; }
open_gate() { touch "$STORE/gate"; }
worker() { pgrep -P "$(pid_of mounttool)" -f -- --worker-fd; }
are_waiting() { [ "$(ask waiting)" = "ok $1" ]; }
n_waiting() { ask waiting | cut -d' ' -f2; }
wait_for_some() { wait_for 20 eval '[ "$(n_waiting)" -ge '"$1"' ]'; }
is_another_worker() { [ -n "$(worker)" ] && [ "$(worker)" != "$1" ]; }

fill_source() {
	local i
	mkdir -p "$SOURCE/many" "$SOURCE/deep/er/and/deeper"
	for i in {1..900}; do echo "$i" >"$SOURCE/many/file-$i"; done
	head -c 3000000 /dev/urandom >"$SOURCE/big"
	for i in {1..50}; do head -c $((i * 100)) /dev/urandom >"$SOURCE/cold/$i"; done
	head -c 2500000 /dev/urandom >"$SOURCE/cold/big"
	: >"$SOURCE/empty"
	ln "$SOURCE/big" "$SOURCE/deep/hard"
	ln -s ../big "$SOURCE/deep/link"
	ln -s "$(printf 'x%.0s' {1..200})" "$SOURCE/dangling"
	mkfifo "$SOURCE/fifo"
	mknod "$SOURCE/device" b 7 300
	cp /bin/true "$SOURCE/setuid"
	chmod 4755 "$SOURCE/setuid"
	chown 12:34 "$SOURCE/empty"
	chmod 700 "$SOURCE/deep"
	touch -d '2001-02-03 04:05:06.789' "$SOURCE/deep/er"
	! command -v setfattr >/dev/null || setfattr -n user.colour -v blue "$SOURCE/big"
}

requires_erofs() {
	requires erofs
	if [ $KERNEL = loop ]; then
		[ -e /dev/loop-control ] || skip "requires loop devices"
	else
		requires kernel:6.12
	fi
}

start_tool() {
	start mounttool env "${DAEMON_ENV[@]}" "$(program mounttool)" run "$STORE" "$RUN" \
		--kernel "$KERNEL" "$@"
	# a killed one's mount is still there, and what the kernel read of it
	wait_for 20 are_waiting 0
	is_mounted "$M"
}

owners() { stat -c %u:%g "$@" | tr '\n' ' '; }
same_bytes() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2); }
