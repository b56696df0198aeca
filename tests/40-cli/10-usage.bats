# Command lines: what is wrong with one is said, with status 2, and nothing is
# started for it.
load ../lib/common
load ../lib/fake

@test "without a command the status is 2" {
	split layerfs
	[ "$status" = 2 ]
	[ -z "$out" ]
	[ "$err" = 'layerfs: a command is missing; see `layerfs help`' ]
}

@test "an unknown command, option or word more is named" {
	split layerfs mont
	[ "$status" = 2 ]
	[[ $err == *"unknown command mont"* ]]
	split layerfs mount --rm a b
	[ "$status" = 2 ]
	[[ $err == *"unknown option --rm (mount)"*'`layerfs help mount`' ]]
	split layerfs -x ls
	[ "$status" = 2 ]
	[[ $err == *"unknown option -x (before the command)"* ]]
	split layerfs ls more
	[ "$status" = 2 ]
	[[ $err == *"ls: unexpected more"* ]]
	split layerfs mount python
	[ "$status" = 2 ]
	[[ $err == *"mount wants REF TARGET"* ]]
}

@test "an option of one command is not one of another" {
	split layerfs ls --rw
	[ "$status" = 2 ]
	split layerfs pull --upper /tmp python
	[ "$status" = 2 ]
}

@test "options that contradict each other are refused" {
	split layerfs mount --upper "$T" python "$T"
	[ "$status" = 2 ]
	[[ $err == *"--upper needs --rw"* ]]
	split layerfs mount --layer minus python "$T"
	[ "$status" = 2 ]
	[[ $err == *"--layer minus is neither a number"* ]]
	split layerfs mount --layer sha256:12 python "$T"
	[ "$status" = 2 ]
	[ ! -e "$T/run" ]
}

@test "every command explains itself, and help lists it" {
	list=$(layerfs help)
	for c in $(layerfs help --json | jq -r '.commands[].name'); do
		split layerfs "$c" --help
		[ "$status" = 0 ]
		[[ $out == "Usage: layerfs $c"* ]]
		[ "$out" = "$(layerfs help "$c")" ]
		[[ $list == *"  $c "* ]]
	done
	[ "$(layerfs --help)" = "$list" ]
	split layerfs help nothing
	[ "$status" = 2 ]
}

@test "the version needs no daemon" {
	[[ $(layerfs --version) == "layerfs "[0-9]* ]]
	split layerfs version
	[ "$status" = 0 ]
	[[ $out == *"not running"* ]]
	layerfs version --json | jq -e '.version and (.daemon | not)'
}

@test "the version names the daemon that runs" {
	start_fake '{"version": [{"ok": true, "version": "9.9", "protocol": 1,
		"root": "/r", "run": "/d", "pid": 7, "is_root": true}]}'
	split layerfs version
	[[ $out == *"Daemon:"*"9.9"* ]]
	[ "$(layerfs version --json | jq -c .daemon.pid)" = 7 ]
}

@test "bash reads the completion, which knows commands and options" {
	layerfs completion bash >"$T/completion"
	bash -n "$T/completion"
	completed() (
		set +e # as in the shell that completes
		source "$T/completion"
		COMP_WORDS=(layerfs "$@")
		COMP_CWORD=$#
		_layerfs
		printf '%s\n' "${COMPREPLY[@]}"
	)
	completed mo | grep -qx mount
	completed mount --up | grep -qx -- --upper
	[ -z "$(completed ls --up)" ]
	completed help unm | grep -qx unmount
	mkdir "$T/folder"
	completed ls --run "$T/fo" | grep -qx "$T/folder"
	: >"$T/folder/start.profile"
	completed convert --profile "$T/folder/s" | grep -qx "$T/folder/start.profile"
	completed profile export image "$T/folder/s" | grep -qx "$T/folder/start.profile"
	split layerfs completion fish
	[ "$status" = 2 ]
}

@test "output that nobody takes is a failure" {
	split bash -c "$(program layerfs) help >/dev/full"
	[ "$status" = 1 ]
	[[ $err == *"No space left"* ]]
}
