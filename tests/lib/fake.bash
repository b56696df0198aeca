# A daemon that says what a test tells it to: `load ../lib/fake` beside common.
# shellcheck shell=bash disable=SC2034,SC2154

# fake JSON: what the daemon of this test answers; see tests/lib/fakedaemon.py.
fake() {
	printf '%s' "$1" >"$T/script.json"
	export FAKE_SCRIPT=$T/script.json
}

# start_fake [JSON]
start_fake() {
	fake "${1:-{\}}"
	RUN=$T/run
	start fake "$top_srcdir/tests/lib/fakedaemon.py" \
		--root "$T/root" --run "$RUN"
	wait_socket "$RUN/control.sock"
}

# What the daemon was asked, without the descriptors unless they are wanted.
asked() { cat "$RUN/requests"; }
# asked_of OP FILTER: of the last request of that kind.
asked_of() {
	jq -rs --arg op "$1" "map(select(.op == \$op)) | last | $2" \
		"$RUN/requests"
}

# The daemon that a command started by itself.
stop_autostarted() {
	[ ! -f "$1/pid" ] || kill "$(cat "$1/pid")" 2>/dev/null || true
}

# Standard output and error apart: $out, $err, $status.
split() {
	status=0
	"$@" >"$T/out" 2>"$T/err" || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

# The command fails.  (bats overlooks a plain `!` that does not end a test.)
refute() { ! "$@"; }

# A command as a terminal's user sees it: what it wrote, in $T/tty.
on_terminal() {
	TERM=xterm script -qec "$(printf '%q ' "$@")" "$T/tty" >/dev/null </dev/null
}
