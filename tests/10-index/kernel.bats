# An index is an EROFS image to others too: erofs-utils finds no fault in it and
# the kernel's EROFS shows the tree it was made of.
load ../lib/common

setup() {
	setup_test
	SRC=$T/src
	mkdir "$SRC" "$T/mnt"
}

mkindex() { "$(program mkindex)" "$@"; }

requires_kernel_erofs() { requires root kernel:6.12 erofs; }

# What unpacking may leave behind, odd sides first.
make_odd_tree() {
	local i
	cd "$SRC"
	echo content >file
	ln file hard
	ln -s file link
	mkdir -p '!' '-' ' ' d/e/f sticky
	chmod 1777 sticky
	: >empty
	: >$'raw\xff\x01name'
	: >"$(printf '%0255d' 0)"
	chmod 6755 hard
	touch -d @-1.5 d/before-1970
	# larger than 32 bits tell
	truncate -s 4294967423 d/sparse
	printf end | dd of=d/sparse bs=1 seek=4294967420 conv=notrunc status=none
	# around the longest target that fits behind its inode
	for i in 1 4031 4032 4033 4095; do
		ln -s "$(printf '%0*d' "$i" 0)" "link-$i"
	done
	# folders of blocks filled to the last byte and around it: 40 entries of
	# 100 bytes and the dots' 27
	for i in 68 69 70; do
		mkdir "full-$i"
		(cd "full-$i" && touch $(seq -f '%088.0f' 1 40) \
			"$(printf '%0*d' $((i - 12)) 0)")
	done
	mkdir many
	(cd many && seq -f 'name-%.0f' 1 3000 | xargs touch)
	cd "$T"
}

make_root_tree() {
	cd "$SRC"
	mknod char c 4095 1048575
	mknod block b 8 256
	mknod whiteout c 0 0
	mkfifo fifo
	chown -h 4294967294:4294967294 link file
	setfattr -n user.small -v x file
	setfattr -n user.large -v "$(printf '%03000d' 0)" d
	setfattr -n trusted.any -v y d
	setfattr -n trusted.overlay.opaque -v y d/e
	setfattr -h -n trusted.on-link -v z link-4032
	cd "$T"
}

@test "fsck.erofs finds no fault" {
	requires fsck.erofs
	make_odd_tree
	mkindex "$SRC" "$T/index" "$T/data"
	run fsck.erofs -d3 --device="$T/data" "$T/index"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"No errors found"* ]]
}

@test "the kernel shows the tree that the index was made of" {
	requires_kernel_erofs
	requires setfattr
	make_odd_tree
	make_root_tree
	mkindex "$SRC" "$T/index" "$T/data"
	mkindex -k "$T/index" "$T/data" "$T/mnt"
	same_tree "$SRC" "$T/mnt"
}

@test "two indexes share one data file" {
	requires_kernel_erofs
	make_odd_tree
	rm "$SRC/d/sparse"
	mkdir "$T/other" "$T/mnt2"
	head -c 100000 /dev/urandom >"$T/other/random"
	mkindex "$SRC" "$T/index" "$T/data"
	mkindex "$T/other" "$T/index2" "$T/data"
	mkindex -k "$T/index" "$T/data" "$T/mnt"
	mkindex -k "$T/index2" "$T/data" "$T/mnt2"
	same_tree "$SRC" "$T/mnt"
	same_tree "$T/other" "$T/mnt2"
}

# overlayfs over the layers' indexes and the merged index: the same tree.
@test "merged layers are what overlayfs shows of them" {
	requires_kernel_erofs
	requires setfattr
	local a=$T/src/a b=$T/src/b c=$T/src/c i
	mkdir -p "$a"/{d/sub,gone,opaque,swap} "$b"/{d,opaque,new} "$c"/d
	echo a >"$a/d/file"
	ln "$a/d/file" "$a/d/hard"
	echo a >"$a/d/sub/deep"
	echo a >"$a/gone/file"
	echo a >"$a/opaque/hidden"
	echo a >"$a/swap/file"
	echo a >"$a/unswap"
	chmod 700 "$a/d"
	mknod "$b/gone" c 0 0
	mknod "$b/d/hard" c 0 0
	setfattr -n trusted.overlay.opaque -v y "$b/opaque"
	echo b >"$b/opaque/shown"
	echo b >"$b/swap"
	mkdir "$b/unswap"
	echo b >"$b/unswap/file"
	setfattr -n user.from -v b "$b/d"
	echo c >"$c/d/file"
	mknod "$c/new" c 0 0
	ln -s ../d "$c/d/link"
	for i in a b c; do
		mkindex "$T/src/$i" "$T/$i" "$T/data"
		mkdir "$T/mnt.$i"
		mkindex -k "$T/$i" "$T/data" "$T/mnt.$i"
	done
	mkdir "$T/overlay"
	mount -t overlay overlay "$T/overlay" \
		-o "ro,lowerdir=$T/mnt.c:$T/mnt.b:$T/mnt.a"
	mkindex -m "$T/merged" "$T/a" "$T/b" "$T/c"
	mkindex -k "$T/merged" "$T/data" "$T/mnt"
	same_tree "$T/overlay" "$T/mnt"
}
