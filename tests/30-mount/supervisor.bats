# Who mounts: where it begins, with what rights, and what its end leaves.
load ../lib/common
load ../lib/mounttool

@test "the end leaves nothing" {
	start_tool
	ask overlay aa
	stop mounttool
	[ -z "$(mounts_under "$RUN")" ]
	[ -z "$(ls "$RUN/m")" ]
	[ -z "$(ls "$STORE/upper")" ]
}

@test "what a killed supervisor left is cleaned by the next" {
	start_tool
	ask overlay aa
	pid=$(worker)
	stop mounttool KILL || true
	wait_for 20 eval "! kill -0 $pid"
	run cat "$M/cold/1"
	[[ $output == *"not connected"* || $output == *"Input/output error"* ]]
	start_tool
	wait_for 20 cmp "$M/big" "$SOURCE/big"
	[ ! -e "$RUN/m/aa" ]
}

# RUN on a mount of its own with this propagation.
put_run_on() {
	mount --bind "$RUN" "$RUN"
	mount --make-private "$RUN"
	mount "--make-$1" "$RUN"
}

count_mounts() { grep -c " $1 " "${2:-/proc/self/mountinfo}" || true; }

# A namespace made before must see what is mounted later, once.
sees_later_mounts() {
	put_run_on "$1"
	start_tool
	unshare -m --propagation slave sleep 1000 3>&- &
	other=$!
	wait_for 20 eval '[ "$(readlink /proc/$other/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]'
	ask overlay aa
	timeout 60 nsenter -t $other -m cmp "$RUN/m/aa/big" "$SOURCE/big"
	[ "$(count_mounts "$RUN/m/aa")" = 1 ]
	[ "$(count_mounts "$RUN/m/aa" /proc/$other/mountinfo)" = 1 ]
	for _ in 1 2 3; do
		stop mounttool KILL || true
		start_tool
		wait_for 20 cmp "$M/big" "$SOURCE/big"
		[ "$(count_mounts "$RUN/m")" = 1 ]
		[ "$(count_mounts "$RUN/s")" = 1 ]
		[ "$(count_mounts "$M")" = 1 ]
		timeout 60 nsenter -t $other -m cmp "$M/big" "$SOURCE/big"
	done
	stop mounttool
	[ "$(mounts_under "$RUN")" = "" ]
	[ "$(count_mounts "$M" /proc/$other/mountinfo)" = 0 ]
	kill $other
	umount "$RUN"
}

@test "a namespace made before sees what is mounted later" {
	requires unshare nsenter
	sees_later_mounts private
}

@test "the same where RUN lies on a shared mount" {
	requires unshare nsenter
	sees_later_mounts shared
}

@test "root has a socket for each protocol, for its owner only" {
	start_tool
	for name in control snapshotter cri; do
		[ "$(stat -c '%F %a' "$RUN/$name.sock")" = "socket 600" ]
	done
}

@test "relative paths mean what the caller meant" {
	cd "$T"
	start mounttool "$(program mounttool)" run store run
	wait_for 20 is_mounted "$M"
	timeout 60 cmp "$M/big" "$SOURCE/big"
}

@test "one RUN has one supervisor" {
	start_tool
	run tool run "$STORE" "$RUN"
	[ "$status" = 1 ]
	[[ $output == *"another layerfsd runs on $RUN"* ]]
	timeout 60 cmp "$M/big" "$SOURCE/big"
}

@test "a store that is root's own is refused" {
	chown -R root "$STORE"
	run tool run "$STORE" "$RUN"
	[ "$status" = 1 ]
	[[ $output == *"belongs to root and is not empty"* ]]
}

@test "a store that is another user's than its folder is refused, with what to do" {
	chown daemon "$STORE"
	run tool run "$STORE" "$RUN"
	[ "$status" = 1 ]
	[[ $output == *"chown -R --from="* ]]
	${output##*in it: }
	start_tool
	timeout 60 cmp "$M/big" "$SOURCE/big"
}

@test "a user's own daemon mounts on a target, by fusermount3" {
	requires setpriv fusermount3 user-fuse
	mkdir "$T/target" "$T/user"
	cp "$(program mounttool)" "$T/mounttool"
	chown -R nobody "$STORE" "$T/target" "$T/user"
	start mounttool setpriv --reuid nobody --regid nogroup --clear-groups \
		"$T/mounttool" run "$STORE" "$T/user" --target "$T/target"
	# without allow_other it is not even root's to look at
	is_shown() { grep -q " $T/target fuse.layerfs " /proc/mounts; }
	wait_for 20 is_shown
	wait_socket "$T/user/control.sock"
	user() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
	user cmp "$T/target/big" "$SOURCE/big"
	user ls -lR "$T/target" >"$T/list" || true
	grep -q file-900 "$T/list"
	RUN=$T/user
	run user "$T/mounttool" ask "$RUN" overlay aa
	[[ $output == "error 95 "* ]]
	first=$(worker)
	kill -KILL "$first"
	wait_for 20 is_another_worker "$first"
	user timeout 60 cmp "$T/target/many/file-5" "$SOURCE/many/file-5"
	stop mounttool
	run is_shown
	[ "$status" = 1 ]
}

@test "root of a user namespace mounts, stacks and copies like root" {
	requires setpriv unshare
	unprivileged="setpriv --reuid nobody --regid nogroup --clear-groups"
	$unprivileged unshare -Urm sh -c ': <>/dev/fuse' ||
		skip "requires user namespaces, and /dev/fuse open to users"
	mkdir "$T/target"
	cp "$(program mounttool)" "$T/mounttool"
	chown -R nobody "$STORE" "$RUN" "$T/target"
	start mounttool $unprivileged unshare -Urm \
		"$T/mounttool" run "$STORE" "$RUN"
	wait_for 20 grep -q "$M" "$T/log/mounttool"
	supervisor=$(pid_of mounttool)
	inside() { $unprivileged nsenter -t "$supervisor" -U -m --preserve-credentials "$@"; }
	inside cmp "$M/big" "$SOURCE/big"
	inside "$T/mounttool" ask "$RUN" overlay aa
	inside rm "$RUN/m/aa/many/file-1"
	inside mkdir "$RUN/m/aa/many/file-1"
	inside "$T/mounttool" ask "$RUN" clone 1 "$T/target"
	inside cmp "$T/target/big" "$SOURCE/big"
	inside "$T/mounttool" ask "$RUN" make "7 0 0"
	inside touch "$RUN/s/7/fs/new"
	run inside "$T/mounttool" ask "$RUN" make "8 1000 1000"
	[[ $output == "error 22 "*"uid 1000 or gid 1000 is not in this user namespace"* ]]
	run inside ls "$RUN/s"
	[ "$output" = 7 ]
	grep -q '^CapBnd:.0000000000000000' "/proc/$(worker)/status"
}
