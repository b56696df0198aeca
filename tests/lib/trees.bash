# What an image holds, by containerd and by layerfs, compared; `load ../lib/trees`
# after common.
# shellcheck shell=bash disable=SC2154

# The layers say nothing of the root itself: it shows when somebody unpacked.
forget_root_time() { awk -F '\t' -v OFS='\t' 'NR == 1 { $7 = "-" } 1'; }

# Every producer of tables of contents writes JSON, and U+FFFD for a byte of a
# name that is no UTF-8: odd's one such name is lost before layerfs sees it.
as_producers_write() { sed 's/latin1-\\xe9/latin1-\\xef\\xbf\\xbd/'; }

# same_but_for_root THEIRS OURS; $NAMES is a filter of the paths.
same_but_for_root() {
	tree_of "$1" >"$T/theirs.tree"
	tree_of "$2" >"$T/ours.tree"
	diff -u "$T/theirs.tree" "$T/ours.tree" >"$T/tree.diff" ||
		{ head -n 40 "$T/tree.diff"; return 1; }
}

tree_of() {
	"$top_srcdir/tests/bench/treedump.py" -c "$1" | forget_root_time |
		"${NAMES:-cat}"
}

# The same of a whole distribution's image.
same_image() {
	same_but_for_root "$1" "$2" && [ "$(wc -l <"$T/ours.tree")" -gt 5000 ]
}
