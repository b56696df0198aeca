# What an image holds, by containerd and by layerfs, compared; `load ../lib/trees`
# after common.
# shellcheck shell=bash disable=SC2154

# The layers say nothing of the root itself: it shows when somebody unpacked.
forget_root_time() { awk -F '\t' -v OFS='\t' 'NR == 1 { $7 = "-" } 1'; }

# Every producer of tables of contents writes JSON, and U+FFFD for a byte of a
# name that is no UTF-8: odd's one such name is lost before layerfs sees it.
as_producers_write() { sed 's/latin1-\\xe9/latin1-\\xef\\xbf\\xbd/'; }

# write_tree DIR FILE
write_tree() { "$top_srcdir/tests/bench/treedump.py" -c "$1" | forget_root_time >"$2"; }

# same_trees THEIRS OURS: of two files that write_tree() wrote; $NAMES is a filter
# of the paths.
same_trees() {
	diff -u <("${NAMES:-cat}" <"$1") <("${NAMES:-cat}" <"$2") >"$T/tree.diff" ||
		{ head -n 40 "$T/tree.diff"; return 1; }
}

# same_but_for_root THEIRS OURS: of two folders.
same_but_for_root() {
	write_tree "$1" "$T/theirs.tree"
	write_tree "$2" "$T/ours.tree"
	same_trees "$T/theirs.tree" "$T/ours.tree"
}
