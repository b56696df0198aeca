# The manual says what the programs have, and nothing else.
load ../lib/common

setup() {
	setup_test
	MAN=$top_srcdir/docs/man
}

# "table key = default" of each, the table empty for those before the first.
keys_of_program() {
	"$(program layerfsd)" --print-config | sed -n \
		-e 's/^\[\(.*\)\]$/\1/; t table' \
		-e 's/^# \([a-z_]* = .*\)/\1/; t key' -e d \
		-e ': table; h; d' -e ': key; G; s/\(.*\)\n\(.*\)/\2 \1/p'
}

keys_of_manual() {
	sed -n \
		-e 's/^# KEYS OF \[\(.*\)\]$/\1/; t table' \
		-e 's/^\*\([a-z_]*\)\* = \(.*\)/\1 = \2/; t key' -e d \
		-e ': table; h; d' -e ': key; G; s/\(.*\)\n\(.*\)/\2 \1/p' \
		"$MAN/layerfs.toml.5.scd"
}

@test "every key is in layerfs.toml(5) with its default, and no other" {
	keys_of_program >"$T/program"
	keys_of_manual >"$T/manual"
	[ "$(wc -l <"$T/program")" -gt 5 ]
	diff -u "$T/program" "$T/manual"
}

@test "what --print-config prints is a configuration" {
	"$(program layerfsd)" --print-config | sed 's/^# \([a-z_]* = \)/\1/' >"$T/all.toml"
	# The run folder is no folder: a configuration that is accepted gets so far.
	: >"$T/file"
	fails_with "$T/file" "$(program layerfsd)" --config "$T/all.toml" \
		--root "$T/root" --run "$T/file"
	echo 'colour = "blue"' >"$T/bad.toml"
	fails_with colour "$(program layerfsd)" --config "$T/bad.toml" \
		--root "$T/root" --run "$T/file"
}

@test "every option of layerfsd is in layerfsd(8), and no other" {
	"$(program layerfsd)" --help | grep -oE -- '--[a-z-]+' | sort -u >"$T/program"
	sed -n '/^# OPTIONS/,/^# PROCESSES/p' "$MAN/layerfsd.8.scd" |
		grep -oE -- '\*--[a-z-]+\*' | tr -d '*' | sort -u >"$T/manual"
	diff -u "$T/program" "$T/manual"
}

# "NAME TYPE meaning" of each, the meaning on one line.
metrics_of_manual() {
	sed -n '/^# METRICS/,/^# EXIT STATUS/p' "$MAN/layerfsd.8.scd" | awk '
		function out() { if (name != "") print name " " type meaning }
		/^\*.*\* \([a-z]*\)$/ {
			out(); name = $1; type = $2; meaning = ""
			gsub(/\*/, "", name); gsub(/[()]/, "", type); next }
		name != "" && /^\t/ { sub(/^\t/, " "); gsub(/\\/, ""); meaning = meaning $0; next }
		/^#/ { out(); name = "" }'
}

@test "every metric is in layerfsd(8) with its type and meaning, and no other" {
	"$(program layerfsd)" --print-metrics | sort >"$T/program"
	metrics_of_manual | sort >"$T/manual"
	[ "$(wc -l <"$T/program")" -gt 20 ]
	diff -u "$T/program" "$T/manual"
}

@test "every event of the log is in layerfsd(8) with its meaning, and no other" {
	"$(program layerfsd)" --print-events >"$T/program"
	sed -n '/^# LOG/,/^# METRICS/p' "$MAN/layerfsd.8.scd" |
		awk '/^\*[a-z_]*\*$/ { gsub(/\*/, ""); name = $0; next }
			name != "" { sub(/^\t/, ""); print name " " $0; name = "" }' >"$T/manual"
	[ "$(wc -l <"$T/program")" -gt 5 ]
	diff -u "$T/program" "$T/manual"
}

# "COMMAND OPERANDS|meaning" of each command, "COMMAND|-l, --lazy|meaning" of each of its
# options.
commands_of_program() {
	"$(program layerfs)" --json help | jq -r '.commands[] | .name as $c |
		"\($c) \(if .options == [] then "" else "[OPTION...] " end)\(.operands)|\(.meaning)",
		(.options[] | "\($c)|\(if .letter then "-\(.letter), " else "" end)" +
			"--\(.name)\(if .value then " \(.value)" else "" end)|\(.meaning)")' | sed 's/ *|/|/g'
}

commands_of_manual() {
	sed -n '/^# COMMANDS/,/^# EXIT STATUS/p' "$MAN/layerfs.1.scd" | awk '
		/^## / { command = $2; head = substr($0, 4); next }
		head != "" && /./ { print head "|" $0; head = "" }
		/^\*-/ { name = $0; gsub(/[*_]/, "", name); next }
		name != "" && /^\t/ { sub(/^\t/, ""); text = text (text == "" ? "" : " ") $0; next }
		name != "" { print command "|" name "|" text; name = text = "" }'
}

@test "every command is in layerfs(1) with its options and their meaning, and no other" {
	requires jq
	commands_of_program | sort >"$T/program"
	commands_of_manual | sort >"$T/manual"
	[ "$(wc -l <"$T/program")" -gt 20 ]
	diff -u "$T/program" "$T/manual"
}

# members_of FILE...: what answers are given by a name that stands in the source.
members_of() {
	cat "$@" | tr -s '\t\n ' ' ' | grep -oE 'doc_set[a-z_]*\( ?[a-z]+, "[a-z_]+"' |
		cut -d'"' -f2 | sort -u
}

@test "every member of the daemon's answers is in layerfs/control.h" {
	members_of "$top_srcdir"/src/daemon/{op_*,ops,describe,control}.c >"$T/members"
	[ "$(wc -l <"$T/members")" -gt 50 ]
	while read -r name; do
		grep -qF "\"$name\"" "$top_srcdir/include/layerfs/control.h" || echo "$name"
	done <"$T/members" >"$T/untold"
	diff /dev/null "$T/untold"
}

@test "the options of every command are in layerfs(1)" {
	"$(program layerfs)" help | sed -n '/^Options:/,$p' | grep -oE -- '--[a-z-]+' |
		sort -u >"$T/program"
	sed -n '/^# OPTIONS OF EVERY COMMAND/,/^# COMMANDS/p' "$MAN/layerfs.1.scd" |
		grep -oE -- '\*--[a-z-]+\*' | tr -d '*' | sort -u >"$T/manual"
	diff -u "$T/program" "$T/manual"
}
