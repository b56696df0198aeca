# Progress: on a terminal, gone when done; elsewhere not a byte.
load ../lib/common
load ../lib/fake

A=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff

pulling() {
	echo '{"pull": [
		{"event": "progress", "stage": "fetch", "layer": "'$A'",
		 "done": 524288, "total": 1048576},
		{"ok": true, "image": "sha256:0", "bytes": 1048576}]}'
}

@test "no terminal, no progress" {
	start_fake "$(pulling)"
	split layerfs pull python
	[ "$status" = 0 ]
	[ -z "$err" ]
	[ "$out" = "sha256:0 (1.0 MiB fetched)" ]
}

@test "on a terminal the whole and each layer are shown, then erased" {
	requires script
	start_fake "$(pulling)"
	on_terminal "$(program layerfs)" --run "$RUN" pull python
	grep -q 'fetch .*############\.\.\.\.\.\.\.\.\.\.\.\.\].* 50%  512.0 KiB of 1.0 MiB' "$T/tty"
	grep -q '001122334455  50%  512.0 KiB of 1.0 MiB' "$T/tty"
	# Two lines up and everything below cleared, before the result.
	grep -q $'\e\\[2F\e\\[Jsha256:0' "$T/tty"
}

@test "--quiet, --json and a dumb terminal have none" {
	requires script
	start_fake "$(pulling)"
	on_terminal "$(program layerfs)" --run "$RUN" pull -q python
	refute grep -q fetch "$T/tty"
	on_terminal "$(program layerfs)" --run "$RUN" pull --json python
	refute grep -q '%' "$T/tty"
	on_terminal env TERM=dumb "$(program layerfs)" --run "$RUN" pull python
	refute grep -q '%' "$T/tty"
}
