# What is written over a mount: upper layers and snapshots, also with the owners of a
# user namespace.
load ../lib/common
load ../lib/mounttool

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
