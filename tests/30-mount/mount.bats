# A folder as a mount shows it: what is in it, and reads that wait, whatever becomes of
# the worker.
load ../lib/common
load ../lib/faults
load ../lib/mounttool

setup_file() { make_preload oldkernel; }
teardown_file() { drop_preload; }

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

read_goes_on() {
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

@test "a read goes on when the worker is killed under it" { read_goes_on; }

@test "a read goes on where the kernel does not send it again, as before Linux 6.9" {
	requires cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
	DAEMON_ENV=(LD_PRELOAD="$PRELOAD/oldkernel.so")
	read_goes_on
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
