#!/usr/bin/env bats
# verify finds what rots on the disk, says where, and has it fetched again; what is
# right it leaves alone.

load ../lib/common
load ../lib/images

setup_file() { own_images box; }

setup() {
	setup_test
	requires root jq python3
	start_own_registry
	start_daemon
	mkdir "$T/mnt"
	REF=$REGISTRY/box-zc:1
}

# bit FILE BLOCK: sets the bit of a block of `data`.
bit() {
	python3 - "$@" <<-'PY'
		import os, sys
		f, block = os.open(sys.argv[1], os.O_RDWR), int(sys.argv[2])
		old = os.pread(f, 1, block // 8)[0]
		assert old >> block % 8 & 1 == 0
		os.pwrite(f, bytes([old | 1 << block % 8]), block // 8)
	PY
}

restart() { stop layerfsd; start_daemon; }
wrong() { layerfs --json verify "$@" | jq .wrong; }
layer_dir() { echo "$ROOT/layers/$(layerfs --json stat "$REF" | jq -r ".layer_list[$1].layer" | cut -d: -f2)"; }
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
all_right() {
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/again"
	layerfs unmount "$T/mnt"
	diff "$T/right" "$T/again"
}
goes() { layerfs verify --repair; [ ! -e "$1" ]; }
have_all() {
	layerfs pull -q "$REF"
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/right"
	layerfs unmount "$T/mnt"
	wait_for 20 is_let_go
}

@test "what is right is said to be, all of it" {
	have_all
	layerfs --json verify >"$T/out"
	jq -e '.wrong == 0 and .repaired == 0 and .unchecked_bytes == 0' "$T/out"
	[ "$(jq .checked_bytes "$T/out")" = "$(layerfs --json stat "$REF" | jq .present)" ]
	layerfs verify "$REF" | grep ' checked, 0 wrong'
	fails_with "not known here" layerfs verify "$REGISTRY/none:1"
}

@test "a flipped byte of a file is found by name, dropped and fetched again" {
	have_all
	flip "$ROOT/data"
	fails_with " 1 wrong" layerfs verify
	out=$(layerfs verify) || true
	[[ $out == *"$REF: /"*" bytes from "*" are wrong (chunk sha256:"* ]]
	grep 'verify: .* are wrong' "$T/log/layerfsd"
	# What was only found is there still.
	[ "$(wrong)" = 1 ]
	layerfs verify --repair | grep '(dropped)'
	[ "$(wrong)" = 0 ]
	all_right
	[ "$(layerfs --json stat | jq .counters.verify_wrong)" -gt 0 ]
}

@test "what rots while nobody runs is found after the start" {
	have_all
	stop layerfsd
	flip "$ROOT/data"
	start_daemon
	[ "$(wrong)" = 1 ]
	[ "$(wrong --repair)" = 1 ]
	all_right
}

@test "while it is mounted and read, verify finds nothing and hurts nobody" {
	have_all
	layerfs mount "$REF" "$T/mnt"
	start reader bash -c "for n in 1 2 3 4; do tar -C '$T/mnt' -cf - . | sha256sum; done | uniq >'$T/tars'"
	while is_running reader; do [ "$(wrong)" = 0 ]; done
	[ "$(wc -l <"$T/tars")" = 1 ]
	layerfs unmount "$T/mnt"
}

# As programs saw it before it was found: $WRONG is the file.
see_wrong() { # KERNEL
	printf '[mount]\nkernel = "%s"\n' "$1" >"$T/layerfs.toml"
	stop layerfsd
	start_daemon --config "$T/layerfs.toml"
	have_all
	flip "$ROOT/data"
	layerfs mount "$REF" "$T/mnt"
	sums "$T/mnt" >"$T/seen"
	WRONG=$T/mnt/$(diff "$T/right" "$T/seen" | sed -n '1!{s/^> [0-9a-f]*  //p;}' | head -n 1)
	[ -f "$WRONG" ]
}
sees_right() { sums "$T/mnt" | diff "$T/right" -; }
map_file() { # FILE
	start mapper python3 -c 'import mmap, sys, time
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print(sum(m[::4096]), flush=True)
time.sleep(1000)' "$1"
	wait_for 10 test -s "$T/log/mapper"
}

@test "what the kernel cached of wrong bytes is not seen any more after a repair" {
	for kernel in auto off; do
		see_wrong $kernel
		layerfs verify --repair
		sees_right
		[ "$(wrong)" = 0 ]
		layerfs unmount "$T/mnt"
	done
}

@test "of an EROFS, wrong bytes that a program has mapped stay, and that is said" {
	see_wrong auto
	[ "$(layerfs --json ls | jq -r '.mounts[0].kind')" = erofs ] || skip "no EROFS here"
	map_file "$WRONG"
	fails_with "1 files were wrong and are mapped by programs" layerfs verify --repair
	stop mapper || true
	[ "$(wrong)" = 0 ]
	layerfs unmount "$T/mnt"
	all_right
}

@test "of FUSE, wrong bytes that a program has mapped go, too" {
	see_wrong off
	map_file "$WRONG"
	layerfs verify --repair
	sees_right
	stop mapper || true
	layerfs unmount "$T/mnt"
}

@test "a block that is called present and is not is found" {
	layerfs pull -q --lazy "$REF"
	stop layerfsd
	bit "$ROOT/present" 3
	start_daemon
	[ "$(wrong)" = 1 ] || [ "$(layerfs --json verify | jq .unchecked_bytes)" -gt 0 ]
	layerfs verify --repair
	[ "$(layerfs --json stat | jq .store.present_bytes)" = 0 ]
	have_all
	[ "$(wrong)" = 0 ]
}

@test "a block that would be believed after a reboot is found" {
	layerfs pull -q --lazy "$REF"
	stop layerfsd
	bit "$ROOT/durable" 3
	start_daemon
	fails_with "1 blocks count as durable that are not here" layerfs verify
	layerfs verify --repair
	[ "$(wrong)" = 0 ]
}

@test "a flipped bit of a merged index is found, and it is made again" {
	have_all
	index=$(echo "$ROOT"/images/*/index)
	# The time of the first inode behind the root's: any value is a valid one.
	meta=$(od -An -tu4 -j $((1024 + 40)) -N 4 "$index")
	flip "$index" $((meta * 4096 + 64 * 32 + 32))
	fails_with "the index is not what was written" layerfs verify
	layerfs verify --repair
	all_right
	[ "$(wrong)" = 0 ]
}

@test "flipped bits of a layer's index or map are found, and it is made again" {
	have_all
	for file in index map; do
		dir=$(layer_dir 0)
		flip "$dir/$file" $(($(stat -c %s "$dir/$file") / 2))
		fails_with "layer sha256:" layerfs verify
		# Not while somebody has it.
		layerfs mount "$REF" "$T/mnt"
		layerfs verify --repair || true
		[ -e "$dir" ]
		layerfs unmount "$T/mnt"
		wait_for 10 goes "$dir" # its mount has to be let go of
		all_right
		[ "$(wrong)" = 0 ]
	done
}

@test "a damaged manifest or config is found" {
	have_all
	for file in "$ROOT"/manifests/*; do flip "$file" 20; done
	[ "$(wrong)" -gt 0 ]
	all_right
}

@test "a damaged database is found while it is used, and replaced at the start" {
	have_all
	restart
	python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
for page in range(2, os.fstat(f).st_size // 4096): os.pwrite(f, b"\xa5" * 4096, page * 4096)' "$ROOT/state.db"
	fails_with "state.db" layerfs verify
	restart
	wait_for 10 test -e "$ROOT/state.db.damaged-1"
	have_all
	[ "$(wrong)" = 0 ]
}

@test "verify ends when it is not waited for any more" {
	have_all
	timeout -s INT 0.05 "$(program layerfs)" --run "$RUN" verify || true
	[ "$(wrong)" = 0 ]
}
