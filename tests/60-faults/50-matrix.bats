#!/usr/bin/env bats
# Every fault in every phase, and what becomes of it: the table in docs/FAULTS.md
# is what these tests saw.  A quarter of the cells, of each phase other faults, takes
# three minutes; ALL_FAULTS=1 takes ten (make check-faults).  WRITE_FAULTS=1 writes the
# table anew; FAULT_CELLS=DIR keeps what was seen there, for phases that run one by one.
#
# Each cell has a registry of its own, so that nothing was learnt of it before: it
# does the fault once, then always; then a mirror does it always, and the server
# behind it behaves.

load ../lib/common
load ../lib/faults

# NAME|FAULT|PHASES: the faults in the order of the table; PHASES: where one makes
# sense; a range only where one is asked for.
FAULTS=(
	"nobody listens|gone|resolve table chunk fill"
	"the connection is reset|\"do\":\"reset\",\"after\":null|resolve table chunk fill"
	"reset in the body|\"do\":\"reset\",\"after\":50|resolve table chunk fill"
	"the body ends early|\"do\":\"short\",\"after\":50|resolve table chunk fill"
	"no answer|\"do\":\"stall\",\"after\":null|resolve table chunk fill"
	"silence in the body|\"do\":\"stall\",\"after\":50|resolve table chunk fill"
	"a head without end|\"do\":\"loris\",\"every\":0.1|resolve table chunk fill"
	"a body that drips|\"do\":\"trickle\",\"after\":50,\"every\":0.1|resolve table chunk fill"
	"a body without end|\"do\":\"endless\"|resolve table chunk fill"
	"wrong bytes|\"do\":\"corrupt\",\"at\":9|table chunk fill"
	"another range (206)|\"do\":\"shift\",\"by\":1|table chunk fill"
	"less than the range|\"do\":\"part\",\"bytes\":20000|table chunk fill"
	"the range is ignored (200)|\"do\":\"norange\"|table chunk fill"
	"401 without a challenge|\"do\":\"status\",\"code\":401|resolve table chunk fill"
	"403|\"do\":\"status\",\"code\":403|resolve table chunk fill"
	"404|\"do\":\"status\",\"code\":404|resolve table chunk fill"
	"416|\"do\":\"status\",\"code\":416|table chunk fill"
	"429, Retry-After|\"do\":\"status\",\"code\":429,\"headers\":{\"Retry-After\":\"1\"}|resolve table chunk fill"
	"500|\"do\":\"status\",\"code\":500|resolve table chunk fill"
	"a login page (text/html)|\"do\":\"html\"|resolve table chunk fill"
	"a login page (JSON)|\"do\":\"status\",\"code\":200,\"text\":\"{}\"|resolve table chunk fill"
	"redirects in a circle|\"do\":\"redirect\",\"to\":\"\"|resolve table chunk fill"
)

setup_file() {
	hostile_images good
	export CELLS=${FAULT_CELLS:-$BATS_FILE_TMPDIR/cells}
	mkdir -p "$CELLS"
}

setup() {
	setup_faults_without_daemon
	mkdir "$T/certs.d"
	let_others_in "$T/certs.d"
	printf '%s\n' '[registry]' 'connect_timeout_ms = 1000' \
		'stall_timeout_ms = 1000' "hosts_dirs = ['$T/certs.d']" \
		'[read]' 'patience_ms = 5000' '[profile]' 'record_ms = 0' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	GOOD=$FAKE
	N=0
}

teardown() { teardown_faults; }

# ---- registries

# fresh: another registry; its host and port in $BAD.
fresh() {
	local port
	stop bad 2>/dev/null || true
	: >"$T/log/bad-requests"
	port=$(free_port)
	BAD=127.0.0.1:$port
	start bad "$top_srcdir/tests/lib/fakeregistry.py" "$port" "$IMAGES" \
		"$T/log/bad-requests"
	wait_port "$port"
}

# does FAULT PHASE TIMES: $BAD does it; TIMES 0: it behaves.
does() {
	local path=blobs ranged='"ranged":true,' json='[]'
	if [ "$1" = gone ]; then
		if [ "$3" = 0 ]; then come_back; else stop bad || true; fi
		return
	fi
	# What is asked for beside the manifest is not meant.
	[ "$2" != resolve ] || path='manifests/good([?]|$)' ranged=
	[ "$3" = 0 ] ||
		json="[{\"path\":\"$path\",$ranged${1/\"to\":\"\"/\"to\":\"http://$BAD\"},\"times\":$3}]"
	curl -sf -X PUT --data "$json" "http://$BAD/_faults"
}

come_back() {
	start bad "$top_srcdir/tests/lib/fakeregistry.py" "${BAD##*:}" "$IMAGES" \
		"$T/log/bad-requests"
	wait_port "${BAD##*:}"
}

# ---- phases: what was there before the fault, what happens during it, and back

prepare_resolve() { layerfs pull -q "$GOOD/kept:good" >/dev/null; }
try_resolve() { layerfs mount "$1" "$T/mnt" && is_good "$T/mnt"; }
failed_resolve=refused

prepare_table() { :; }
try_table() { layerfs mount "$1" "$T/mnt"; }
failed_table=refused

prepare_chunk() { layerfs mount "--unreachable=wait:$PATIENCE" "$1" "$T/mnt"; }
try_chunk() { is_good "$T/mnt"; }
failed_chunk=EIO

prepare_fill() { layerfs pull -q --lazy "$1" >/dev/null; }
try_fill() { layerfs pull -q "$1"; }
failed_fill=failed

# forget PHASE REF: nothing of it is here any more; of `resolve` what was here before.
forget() {
	! is_mounted "$T/mnt" || layerfs unmount "$T/mnt"
	layerfs rm "$2" || true
	[ "$1" = resolve ] || wait_for 20 is_empty
}
is_empty() { [ "$(layerfs --json stat | jq .store.layers)" = 0 ]; }

# was_met FAULT: it did happen.
was_met() {
	local what
	[ "$1" != gone ] || return 0
	what=$(jq -r .do <<<"{$1}")
	grep -q "\"action\": \"$what\"" "$T/log/bad-requests" ||
		{ echo "nobody met: $1"; return 1; }
}

# outcome PHASE REF FAULT TIMES: in a word or two.
outcome() {
	local failed=failed_$1 said=right
	"prepare_$1" "$2"
	does "$3" "$1" "$4"
	if ! "try_$1" "$2"; then
		said=${!failed}
		was_met "$3"
		does "$3" "$1" 0
		if wait_for 20 "again_$1" "$2"; then
			said+=", then right"
		else
			said+=" for good"
		fi
	else
		was_met "$3"
		does "$3" "$1" 0
		"again_$1" "$2"
	fi
	forget "$1" "$2"
	WORD=$said
}
again_resolve() { is_mounted "$T/mnt" || layerfs mount "$1" "$T/mnt"; is_good "$T/mnt"; }
again_table() { again_resolve "$1"; }
again_chunk() { is_good "$T/mnt"; }
again_fill() { try_fill "$1"; }

# of_phase PHASE NUMBER: the faults whose turn it is, or all; a file with three words
# for each.
of_phase() {
	local row name fault phases once always mirror turn=$2
	for row in "${FAULTS[@]}"; do
		IFS='|' read -r name fault phases <<<"$row"
		[[ " $phases " == *" $1 "* ]] || continue
		turn=$(((turn + 1) % 4))
		[ $turn = 0 ] || [ -n "${ALL_FAULTS-}${WRITE_FAULTS-}" ] || continue
		N=$((N + 1))
		# What comes in the end is waited for, however long this machine takes.
		PATIENCE=5m
		fresh
		if [ "$fault" = gone ]; then
			once=-
		else
			outcome "$1" "$BAD/once$N:good" "$fault" 1
			once=$WORD
			# It has been learnt that it sends no ranges.
			[[ $fault != *norange* ]] || fresh
		fi
		[[ $fault == *@(endless|part|norange)* ]] || PATIENCE=1s
		outcome "$1" "$BAD/always$N:good" "$fault" 9999
		always=$WORD
		PATIENCE=5m
		fresh
		mkdir "$T/certs.d/n$N.example"
		printf 'server = "http://%s"\n[host."http://%s"]\n' "$GOOD" \
			"$BAD" >"$T/certs.d/n$N.example/hosts.toml"
		outcome "$1" "n$N.example/app:good" "$fault" 9999
		mirror=$WORD
		echo "$once; $always; $mirror" >"$CELLS/$1-${name//[^a-zA-Z0-9]/_}"
		echo "# $1, $name: $once; $always; $mirror" >&3
	done
}

@test "resolve" { of_phase resolve 0; }
@test "table" { of_phase table 1; }
@test "chunk" { of_phase chunk 2; }
@test "fill" { of_phase fill 3; }

# cell PHASE NAME PHASES: what was seen, "-" where it makes no sense, "?" where nobody
# looked.
cell() {
	if [[ " $3 " != *" $1 "* ]]; then
		echo -
	else
		cat "$CELLS/$1-${2//[^a-zA-Z0-9]/_}" 2>/dev/null || echo "?"
	fi
}

table() {
	local row name fault phases
	echo "| fault | resolve | table | chunk | fill |"
	echo "|---|---|---|---|---|"
	for row in "${FAULTS[@]}"; do
		IFS='|' read -r name fault phases <<<"$row"
		echo "| $name | $(cell resolve "$name" "$phases")" \
			"| $(cell table "$name" "$phases")" \
			"| $(cell chunk "$name" "$phases") | $(cell fill "$name" "$phases") |"
	done
}

@test "docs/FAULTS.md says what was seen" {
	[ -n "$(ls "$CELLS")" ]
	table >"$T/table"
	[ -z "${WRITE_FAULTS-}" ] || {
		sed '/^| fault /,$d' "$top_srcdir/docs/FAULTS.md" >"$T/head"
		cat "$T/head" "$T/table" >"$top_srcdir/docs/FAULTS.md"
	}
	sed -n '/^| fault /,$p' "$top_srcdir/docs/FAULTS.md" >"$T/said"
	diff -u <(blank_unseen) "$T/table"
}

# What the table says of the cells that were seen.
blank_unseen() {
	awk -F' [|] ' -v OFS=' | ' 'NR == FNR { for (i = 1; i <= NF; i++) seen[FNR, i] = $i; next }
		{ for (i = 2; i <= NF; i++) if (seen[FNR, i] ~ /^[?]/) $i = seen[FNR, i]; print }' \
		"$T/table" "$T/said"
}
