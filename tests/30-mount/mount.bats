# A folder shown by a supervisor and a worker of the test's own
# (src/mount/mounttool.c).  Files below cold/ are missing until the gate opens.
#
# The file's name says how: fuse.bats and tests/slow/loop.bats are links to this one.
load ../lib/common

setup() {
	setup_test
	requires root fuse
	case ${BATS_TEST_FILENAME##*/} in
	fuse.bats) KERNEL=off KIND=fuse.layerfs ;;
	loop.bats) KERNEL=loop KIND=erofs ;;
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
	grep -qw erofs /proc/filesystems || skip "requires EROFS in the kernel"
	if [ $KERNEL = loop ]; then
		[ -e /dev/loop-control ] || skip "requires loop devices"
	else
		requires kernel:6.12
	fi
}

start_tool() {
	start mounttool "$(program mounttool)" run "$STORE" "$RUN" \
		--kernel "$KERNEL" "$@"
	# a killed one's mount is still there, and what the kernel read of it
	wait_for 20 are_waiting 0
	is_mounted "$M"
}

@test "the mount equals the folder" {
	start_tool
	open_gate
	same_tree "$SOURCE" "$M"
	same_tree "$SOURCE" "$M" # again, from the kernel's caches
	[ "$(find "$M" | wc -l)" = "$(find "$SOURCE" | wc -l)" ]
	tar -C "$M" -cf "$T/a.tar" .
	tar -C "$M" -df "$T/a.tar"
}

@test "it is read only, and set-user-ID programs work" {
	start_tool
	run touch "$M/new"
	[[ $output == *"Read-only file system"* ]]
	[ -z "$(grep " $M " /proc/mounts | grep -E 'nosuid|nodev')" ]
	# EROFS gives the greatest number that there is
	[ $KIND != fuse.layerfs ] || [ "$(stat -f -c %c "$M")" -gt 900 ]
	[ "$(awk -v m="$M" '$2 == m { print $1, $3 }' /proc/mounts)" = "layerfs:test $KIND" ]
}

@test "others than root see it, with the permissions of the layer" {
	requires setpriv
	start_tool
	setpriv --reuid 12345 --clear-groups cat "$M/many/file-7"
	run setpriv --reuid 12345 --clear-groups ls "$M/deep"
	[[ $output == *"Permission denied"* ]]
}

owners() { stat -c %u:%g "$@" | tr '\n' ' '; }
same_bytes() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2); }

@test "it can be shown with other owners" {
	requires kernel:6.12 setpriv
	start_tool
	open_gate
	mkdir "$T/mapped"
	"$top_srcdir/tests/lib/idmap.py" "$M" "$T/mapped" 0:100000:65536
	[ "$(owners "$T/mapped" "$T/mapped/empty" "$M/empty")" = "100000:100000 100012:100034 12:34 " ]
	diff <(same_bytes "$SOURCE") <(same_bytes "$T/mapped")
	# the container's root, and somebody else
	setpriv --reuid 100000 --regid 100000 --clear-groups ls "$T/mapped/deep"
	run setpriv --reuid 100001 --regid 100001 --clear-groups ls "$T/mapped/deep"
	[[ $output == *"Permission denied"* ]]
	first=$(worker)
	kill -KILL "$first"
	wait_for 20 is_another_worker "$first"
	"$top_srcdir/tests/lib/idmap.py" "$M" "$T/mapped" 0:200000:65536
	[ "$(owners "$T/mapped/empty")" = "200012:200034 " ]
	umount "$T/mapped" "$T/mapped"
}

@test "root sees trusted attributes, others do not read them" {
	requires setpriv setfattr getfattr
	setfattr -n trusted.colour -v red "$SOURCE/empty"
	tool make "$SOURCE" "$STORE"
	chown -R nobody "$STORE"
	start_tool
	getfattr -m - -d "$M/empty" | grep -F 'trusted.colour="red"'
	run setpriv --reuid 12345 --clear-groups getfattr -n trusted.colour "$M/empty"
	[[ $output == *"No such attribute"* ]]
}

@test "an overlay on top of it with other owners" {
	requires kernel:6.12
	start_tool
	open_gate
	mkdir "$T/mapped" "$T/upper" "$T/work" "$T/merged"
	"$top_srcdir/tests/lib/idmap.py" "$M" "$T/mapped" 0:100000:65536
	mount -t overlay -o "lowerdir=$T/mapped,upperdir=$T/upper,workdir=$T/work" none "$T/merged"
	[ "$(owners "$T/merged/empty" "$T/merged/big")" = "100012:100034 100000:100000 " ]
	cmp "$T/merged/big" "$SOURCE/big"
	echo more >>"$T/merged/empty"
	[ "$(owners "$T/merged/empty" "$T/upper/empty")" = "100012:100034 100012:100034 " ]
	umount "$T/merged" "$T/mapped"
}

@test "the worker has no rights" {
	start_tool
	grep -q '^Uid:.65534.65534.65534.65534' "/proc/$(worker)/status"
	grep -q '^CapPrm:.0000000000000000' "/proc/$(worker)/status"
	grep -q '^CapBnd:.0000000000000000' "/proc/$(worker)/status"
	grep -q '^NoNewPrivs:.1' "/proc/$(worker)/status"
}

@test "reads that miss wait, and hold nobody up" {
	start_tool
	for i in {1..50}; do
		cat "$M/cold/$i" >"$T/got-$i" 3>&- &
		readers+=($!)
	done
	wait_for 20 are_waiting 50
	# two FUSE threads, fifty reads parked: this would never end
	timeout 60 cmp "$M/big" "$SOURCE/big"
	timeout 60 ls -lR "$M" >"$T/list"
	are_waiting 50
	open_gate
	wait "${readers[@]}"
	for i in {1..50}; do cmp "$T/got-$i" "$SOURCE/cold/$i"; done
}

@test "who waits for a read can be killed" {
	start_tool
	cat "$M/cold/1" 3>&- &
	reader=$!
	wait_for 20 are_waiting 1
	kill -KILL $reader
	wait $reader || true
	timeout 60 cmp "$M/many/file-1" "$SOURCE/many/file-1"
}

@test "a read goes on when the worker is killed under it" {
	requires kernel:6.9
	start_tool
	cat "$M/cold/big" >"$T/got" 3>&- &
	reader=$!
	cat "$M/cold/7" >"$T/got-7" 3>&- &
	reader2=$!
	wait_for_some 2
	first=$(worker)
	kill -KILL "$first"
	wait_for 20 is_another_worker "$first"
	wait_for_some 2
	timeout 60 ls -lR "$M" >"$T/list"
	timeout 60 cmp "$M/big" "$SOURCE/big"
	open_gate
	wait $reader $reader2
	cmp "$T/got" "$SOURCE/cold/big"
	cmp "$T/got-7" "$SOURCE/cold/7"
	same_tree "$SOURCE" "$M"
}

@test "the mount outlives worker after worker" {
	start_tool
	open_gate
	for _ in 1 2 3; do
		last=$(worker)
		kill -KILL "$last"
		wait_for 20 is_another_worker "$last"
		timeout 60 stat "$M/absent-$last" && false
		timeout 60 cat "$M/many/file-$((last % 900 + 1))"
	done
	same_tree "$SOURCE" "$M"
}

@test "a temporary upper layer takes writes and goes with the mount" {
	start_tool
	open_gate
	ask overlay aa
	echo new >"$RUN/m/aa/new"
	echo more >>"$RUN/m/aa/big"
	rm "$RUN/m/aa/many/file-1"
	[ "$(stat -c %s "$RUN/m/aa/big")" = 3000005 ]
	[ ! -e "$RUN/m/aa/many/file-1" ]
	[ -e "$M/many/file-1" ]
	[ -d "$STORE/upper/aa/upper/many" ]
	[ "$(stat -c '%U %a' "$STORE/upper")" = "root 700" ]
	ask unmount aa
	[ ! -e "$RUN/m/aa" ]
	[ -z "$(ls "$STORE/upper")" ]
}

@test "a given upper layer keeps what was written" {
	start_tool
	mkdir -p "$T/upper" "$T/work"
	ask overlay aa "$T/upper" "$T/work"
	echo new >"$RUN/m/aa/new"
	ask unmount aa
	[ "$(cat "$T/upper/new")" = new ]
}

@test "an upper layer that overlayfs refuses is explained" {
	start_tool
	mkdir -p "$T/upper"
	run ask overlay aa "$T/upper" /proc
	[ "$status" = 1 ]
	[[ $output == "error 22 overlayfs refuses this upper layer"* ]]
	[ ! -e "$RUN/m/aa" ]
}

@test "an overlay that waits for a dead worker goes on with the next" {
	requires kernel:6.9
	start_tool
	mkdir "$T/upper" "$T/work" "$T/merged"
	first=$(worker)
	hold_still "$first"
	# asks the layer below for its root, which nobody answers
	mount -t overlay -o "lowerdir=$M,upperdir=$T/upper,workdir=$T/work" \
		overlay "$T/merged" 3>&- &
	mounting=$!
	kill -KILL "$first"
	wait_for 20 is_another_worker "$first"
	wait $mounting
	timeout 60 cmp "$T/merged/big" "$SOURCE/big"
}

@test "a copy of the mount goes where its owner wants it" {
	start_tool
	open_gate
	mkdir "$T/target"
	ask clone 1 "$T/target"
	same_tree "$SOURCE" "$T/target"
	ask unmount 1
	[ ! -e "$M" ]
	# the daemon goes on answering for the copy
	echo 3 >/proc/sys/vm/drop_caches
	same_tree "$SOURCE" "$T/target"
}

@test "who unmounts is noticed" {
	[ $KIND = fuse.layerfs ] || skip "EROFS tells nobody of its end"
	start_tool
	umount "$M"
	wait_for 20 grep -q "gone: 1" "$T/log/mounttool"
	[ -n "$(worker)" ]
}

# The supervisor and its worker; nobody who unmounts.
are_alone() { [ "$(pgrep -c -s "$(pid_of mounttool)")" = 2 ]; }

@test "a read that waits for nobody does not hold up the end of the mount" {
	start_tool
	cat "$M/cold/1" 3>&- &
	reader=$!
	wait_for_some 1
	kill -KILL $reader
	wait $reader || true
	ask unmount 1
	[ ! -e "$M" ]
	wait_for 20 are_alone
}

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

@test "a snapshot is root's, whatever is in it" {
	start_tool
	ask make "7 12 34"
	[ "$(stat -c '%U %a' "$STORE/snapshots")" = "root 700" ]
	[ "$(stat -c '%u:%g %a' "$STORE/snapshots/7/fs")" = "12:34 755" ]
	run ask make "7 0 0"
	[[ $output == "error 17 "* ]]
	fs=$STORE/snapshots/7/fs
	cp -a "$SOURCE/." "$fs"
	printf x >"$fs/"$'new\nline'
	ln -s / "$fs/root"
	sync "$fs/big" "$fs/cold/big" # which may take more blocks where the disk is in pieces
	du -s --block-size=1 "$fs" >"$T/du"
	find "$fs" -printf '%i\n' | sort -u | wc -l >"$T/inodes"
	[ "$(ask measure 7)" = "ok $(cut -f1 "$T/du") $(cat "$T/inodes")" ]
	! command -v chattr >/dev/null || chattr +i "$fs/empty" || true
	ask remove 7
	[ -z "$(ls "$STORE/snapshots")" ]
	ask remove 7
	[ -d /etc ]
}

@test "what is mounted in a snapshot is left alone" {
	start_tool
	ask make "7 0 0"
	mkdir "$T/precious" "$STORE/snapshots/7/fs/point"
	echo 1 >"$T/precious/file"
	mount --bind "$T/precious" "$STORE/snapshots/7/fs/point"
	[ "$(ask measure 7 | cut -d' ' -f3)" = 1 ]
	run ask remove 7
	[[ $output == "error 16 "*"something is mounted on point" ]]
	[ -e "$T/precious/file" ]
	umount "$STORE/snapshots/7/fs/point"
	ask remove 7
	[ -e "$T/precious/file" ]
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

@test "snapshots are seen by a short path, root's alone" {
	start_tool
	ask make "7 0 0"
	[ "$RUN/s/7/fs" -ef "$STORE/snapshots/7/fs" ]
	! setpriv --reuid 12345 --clear-groups ls "$RUN/s/7" || false
	# the worker owns STORE, but cannot put another folder in the way
	mv "$STORE/snapshots" "$STORE/away"
	ln -s /etc "$STORE/snapshots"
	[ "$RUN/s/7/fs" -ef "$STORE/away/7/fs" ]
	mkdir "$T/merged"
	mount -t overlay -o "lowerdir=$M,upperdir=$RUN/s/7/fs,workdir=$RUN/s/7/work" \
		overlay "$T/merged"
	echo new >"$T/merged/new"
	[ "$(cat "$STORE/away/7/fs/new")" = new ]
}

@test "lower folders have the owners of a user namespace" {
	requires kernel:6.12 setpriv
	start_tool
	open_gate
	ask make "7 0 0"
	ask make "8 0 0"
	cp -a "$SOURCE/." "$STORE/snapshots/8/fs"
	ask map "7 0 1 100000"
	ask map "7 1 8 100000"
	mapped=$RUN/m/i/7
	for lower in "$mapped/0" "$mapped/1"; do
		[ "$(owners "$lower" "$lower/empty")" = "100000:100000 100012:100034 " ]
		diff <(same_bytes "$SOURCE") <(same_bytes "$lower")
		run touch "$lower/new"
		[[ $output == *"Read-only file system"* ]]
	done
	run setpriv --reuid 100000 --clear-groups ls "$mapped/0"
	[[ $output == *"Permission denied"* ]]
	# again: the same
	ask map "7 0 1 100000"
	ask map "7 1 8 100000"
	[ "$(mounts_under "$mapped" | wc -l)" = 2 ]
	mkdir "$T/merged"
	mount -t overlay -o "lowerdir=$mapped/0:$mapped/1,upperdir=$RUN/s/7/fs,workdir=$RUN/s/7/work" \
		overlay "$T/merged"
	echo more >>"$T/merged/empty"
	[ "$(owners "$T/merged/empty" "$STORE/snapshots/7/fs/empty")" = "100012:100034 100012:100034 " ]
	cmp "$T/merged/deep/hard" "$SOURCE/big"
	ask remove 7
	[ -z "$(ls "$RUN/m/i")" ]
	cmp "$T/merged/big" "$SOURCE/big"
	umount "$T/merged"
}

@test "a folder that is a namespace's own already is left as it is" {
	start_tool
	ask make "7 0 0"
	ask make "8 100000 100000"
	run ask map "7 0 8 100000"
	[[ $output == "error 114 "* ]]
	[ ! -e "$RUN/m/i" ]
	run ask map "7 0 9 100000"
	[[ $output == "error 2 "* ]]
}

@test "other owners end with the supervisor, and nothing else does" {
	requires kernel:6.12
	start_tool
	ask make "7 0 0"
	ask make "8 0 0"
	mkdir "$T/other"
	mount --bind "$STORE" "$T/other" # of the same file system as snapshots
	for signal in KILL TERM; do
		ask map "7 0 8 100000"
		ask map "7 1 1 100000"
		stop mounttool $signal || true
		[ $signal = TERM ] || start_tool
		[ ! -e "$RUN/m/i" ]
		is_mounted "$T/other"
	done
	umount "$T/other"
	[ -z "$(mounts_under "$RUN")" ]
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
