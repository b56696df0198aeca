# Where no daemon runs, a command that needs one starts it: once, detached, and
# says why when it does not come.
load ../lib/common
load ../lib/fake

setup() {
	setup_test
	RUN=$T/run
	export LAYERFSD=$top_srcdir/tests/lib/fakedaemon.py LAYERFS_ROOT=$T/root
	PULLED='"pull": [{"ok": true, "image": "sha256:0", "bytes": 1}]'
}
teardown() {
	stop_autostarted "$RUN"
	teardown_test
}

@test "a daemon is started with its folders, and stays" {
	fake "{$PULLED}"
	[ "$(layerfs pull -q python)" = sha256:0 ]
	[ "$(cat "$RUN/starts")" = "--root $T/root --run $RUN" ]
	layerfs pull -q python
	[ "$(wc -l <"$RUN/starts")" = 1 ]
}

@test "the daemon is detached from the command's terminal and descriptors" {
	fake "{$PULLED}"
	layerfs pull -q python 7<"$T"
	pid=$(cat "$RUN/pid")
	# python may have made descriptors of its own, but none of the test's
	[ "$(readlink "/proc/$pid/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$pid/fd/2")" = "$RUN/layerfsd.log" ]
	[[ $(readlink "/proc/$pid/fd/"*) != *"$T"$'\n'* ]]
	[ "$(readlink "/proc/$pid/cwd")" = "$RUN" ] # where the fake one goes
	read -r _ _ _ _ _ session _ <"/proc/$pid/stat"
	[ "$session" != "$(ps -o sid= -p $$ | tr -d ' ')" ]
	[ "$session" != "$pid" ]
}

@test "commands that start at once start one daemon" {
	fake "{$PULLED}"
	for i in 1 2 3 4; do
		start "pull$i" "$(program layerfs)" --run "$RUN" pull -q python
	done
	for i in 1 2 3 4; do
		wait "$(pid_of "pull$i")"
		rm "$T/pid/pull$i"
	done
	[ "$(wc -l <"$RUN/starts")" = 1 ]
	[ "$(grep -c '"pull"' "$RUN/requests")" = 4 ]
}

@test "a daemon that ends at once is said, with the end of its log" {
	mkdir "$RUN"
	echo "of another day" >"$RUN/layerfsd.log"
	fake '{"$start": [{"$say": "error: no \u001b[31mspace"}, {"$exit": 1}]}'
	split layerfs pull python
	[ "$status" = 1 ]
	[[ $err == *"$RUN/layerfsd.log:"*"  error: no ?[31mspace"*"layerfs: pull python: "*"start layerfsd: the daemon ended at once"* ]]
	[[ $err != *"another day"* ]]
}

@test "a daemon that cannot be run is said" {
	export LAYERFSD=$T/none
	split layerfs pull python
	[ "$status" = 1 ]
	[[ $err == *"run $T/none: No such file or directory" ]]
}

@test "the run folder comes from the option, then from LAYERFS_RUN" {
	fake "{$PULLED}"
	LAYERFS_RUN=$T/never "$(program layerfs)" --run "$RUN" pull -q python
	LAYERFS_RUN=$RUN "$(program layerfs)" pull -q python
	[ "$(grep -c '"pull"' "$RUN/requests")" = 2 ]
	[ ! -e "$T/never" ]
}

@test "a run folder with a long path works" {
	fake "{$PULLED}"
	RUN=$T/$(printf 'x%.0s' {1..120})
	[ "$(layerfs pull -q python)" = sha256:0 ]
}

@test "without XDG_RUNTIME_DIR a folder of somebody else's is not used" {
	requires root setpriv
	dir=/tmp/layerfs-64999
	[ ! -e "$dir" ] || skip "$dir exists"
	mkdir -m 777 "$dir"
	run env -u XDG_RUNTIME_DIR -u LAYERFS_RUN setpriv --reuid 64999 \
		--clear-groups "$(program layerfs)" ls
	rmdir "$dir"
	[ "$status" != 126 ] || skip "the build folder is closed to others"
	[ "$status" = 1 ]
	[[ $output == *"$dir must belong to you, with mode 0700"* ]]
}
