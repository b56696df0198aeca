# ls, images, stat, inspect: what the daemon says, for people and for programs.
load ../lib/common
load ../lib/fake

DIGEST=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff

setup() {
	setup_test
	now=$(date +%s)
}

mounts() {
	cat <<-JSON
		{"ls": [{"ok": true, "mounts": [
		{"id": "1", "target": "/mnt/python", "reference":
		 "docker.io/library/python:3", "image": "$DIGEST", "rw": false,
		 "kind": "fuse", "mode": "attach", "since": $((now - 7200)),
		 "size": 1073741824, "present": 1073741823},
		{"id": "2", "target": "/mnt/e", "reference": "x\u001b[31my",
		 "image": "$DIGEST", "rw": true, "kind": "fuse",
		 "mode": "attach", "since": $((now + 1000)), "size": 0, "present": 0}]}]}
	JSON
}

@test "mounts are listed in aligned columns" {
	start_fake "$(mounts)"
	split layerfs ls
	[ "$status" = 0 ]
	[ "$(head -1 <<<"$out" | tr -s ' ')" = \
		"TARGET REFERENCE IMAGE KIND ACCESS SIZE PRESENT MOUNTED STATE" ]
	[[ $out == *"/mnt/python  docker.io/library/python:3  001122334455  fuse  ro      1.0 GiB      99%  2 hours ago"* ]]
	[[ $out == *"/mnt/e "*" rw "*"0 B     100%  just now" ]]
}

@test "a mount of one layer is told from one of its image" {
	start_fake "{\"ls\": [{\"ok\": true, \"mounts\": [
		{\"target\": \"/mnt/all\", \"reference\": \"a:1\", \"image\": \"$DIGEST\"},
		{\"target\": \"/mnt/base\", \"reference\": \"a:1\", \"image\": \"$DIGEST\",
		 \"layer\": \"sha256:ff00112233445566778899aabbccddeeff00112233445566778899aabbccddee\"}]}]}"
	split layerfs ls
	[ "$(tail -n 1 <<<"$out")" = "/mnt/base: not the image, its layer: ff0011223344" ]
	[ "$(wc -l <<<"$out")" = 4 ]
}

@test "what a registry calls something cannot drive the terminal" {
	start_fake "$(mounts)"
	split layerfs ls
	[[ $out == *'x?[31my'* ]]
	[[ $out != *$'\e'* ]]
}

@test "--quiet prints names only, --json everything" {
	start_fake "$(mounts)"
	[ "$(layerfs ls -q)" = $'/mnt/python\n/mnt/e' ]
	layerfs ls --json | jq -e '.mounts[0].present == 1073741823 and
		(has("ok") | not)'
	layerfs --json ls | jq -e '.mounts | length == 2'
}

@test "an image has a row for each of its names" {
	start_fake '{"images": [{"ok": true, "images": [
		{"image": "'$DIGEST'", "references": ["a:1", "b:2"],
		 "layers": 7, "last_used": 0, "resolved": 1, "size": 2048,
		 "present": 1, "unique": 1, "shared": 3072},
		{"image": "'$DIGEST'", "references": [], "layers": 1,
		 "last_used": 1, "resolved": 1, "size": 1, "present": 1,
		 "unique": 1}]}]}'
	split layerfs images
	[ "$(wc -l <<<"$out")" = 4 ]
	[[ $out == *"a:1 "*"7  2.0 KiB"*"<1%"*"1 B  3.0 KiB  never"* ]]
	[[ $out == *"<none>"* ]]
	[ "$(layerfs images -q | uniq)" = "$DIGEST" ]
}

@test "an image without a name that is used is listed by its reference" {
	start_fake '{"images": [{"ok": true, "images": [
		{"image": "'$DIGEST'", "references": [], "label": "a:1",
		 "holders": {"snapshot": 3, "podman": 1, "ship": 2},
		 "layers": 1, "last_used": 0, "size": 1, "present": 1,
		 "unique": 1}]}]}'
	split layerfs images
	[ "$(head -1 <<<"$out" | tr -s ' ')" = \
		"REFERENCE IMAGE LAYERS SIZE PRESENT OWN SHARED USED USED BY" ]
	[[ $out == *"a:1 "*"never  "*"3 containerd snapshots"* ]]
	[[ $out == *"1 podman layer"[,$'\n']* ]]
	[[ $out == *"2 ships"* ]]
}

@test "what container runtimes use is listed below the mounts" {
	start_fake '{"ls": [{"ok": true, "mounts": [], "users": [
		{"image": "'$DIGEST'", "references": [], "label": "a:1",
		 "holders": {"snapshot": 3}, "last_used": 1, "size": 2048,
		 "present": 1}]}]}'
	split layerfs ls
	[[ $out == *"3 containerd snapshots  a:1 "*"2.0 KiB      <1%"* ]]
	[ -z "$(layerfs ls -q)" ]
}

@test "each layer is explained: here, downloaded by a runtime, or absent" {
	start_fake '{"explain": [{"ok": true, "reference": "host/a:1",
		"image": "'$DIGEST'", "is_known": true, "holders": {"mount": 1},
		"layer_list": [
		{"layer": "'$DIGEST'", "is_here": true, "lazy": true, "reason": "",
		 "format": "estargz", "blob_size": 1048576, "size": 10,
		 "present": 5, "fallback": "a word of yesterday"},
		{"layer": "'$DIGEST'", "is_here": false, "lazy": false,
		 "reason": "no table", "blob_size": 10, "fallback": "too slow"},
		{"layer": "'$DIGEST'", "is_here": false, "lazy": false,
		 "reason": "no table", "blob_size": 10}]}]}'
	split layerfs explain --plain-http host/a:1
	[ "$status" = 0 ]
	[[ $out == *"Used by:      1 mount"* ]]
	[[ $out == *"Lazy:         1 of 3 layers"* ]]
	[[ $out != *Known:* ]]
	[[ $out =~ 0\ \ 001122334455\ \ here\ +yes\ \ \ estargz\ \ 1.0\ MiB\ +50% ]]
	[[ $out =~ 1\ \ 001122334455\ \ downloaded\ \ no\ .*10\ B\ +too\ slow ]]
	[[ $out =~ 2\ \ 001122334455\ \ absent\ +no\ .*10\ B\ +no\ table ]]
	[[ $out != *yesterday* ]]
	[ "$(asked_of explain .plain_http)" = true ]
	layerfs explain --json host/a:1 | jq -e '.layer_list | length == 3'
}

@test "the store's state is shown with what each counter means" {
	start_fake '{"stat": [{"ok": true, "store": {"data_bytes": 4096,
		"present_bytes": 1, "objects": 3, "free_bytes": 12884902,
		"layers": 2, "images": 1}, "mounts": 5,
		"kind": {"name": "fuse", "why": "no EROFS here"},
		"counters": {"read_hits": 42}}]}'
	split layerfs stat
	[ "$status" = 0 ]
	[[ $out == *"Disk free:    12.3 MiB"* ]]
	[[ $out == *"Why:          no EROFS here"* ]]
	[[ $out =~ read_hits\ +42\ \ reads\ answered\ from\ the\ store ]]
	[ "$(asked_of stat 'keys | join(" ")')" = "fds op" ]
}

@test "one image's state names it to the daemon and lists its layers" {
	start_fake '{"stat": [{"ok": true, "image": "'$DIGEST'",
		"references": ["a:1"], "size": 10, "present": 5, "unique": 0,
		"layer_list": [{"layer": "'$DIGEST'", "format": "gzip",
		"lazy": false, "reason": "no table of contents",
		"blob_size": 1048576, "size": 10, "present": 5, "files": 3}]}]}'
	split layerfs stat a:1
	[[ $out == *"References:   a:1"* ]]
	[[ $out =~ 0\ \ 001122334455\ \ gzip\ +no\ +1.0\ MiB\ +10\ B\ +50%\ +3\ \ no\ table ]]
	[ "$(asked_of stat .reference)" = a:1 ]
}

@test "an image is inspected in short, and whole with --json" {
	start_fake '{"inspect": [{"ok": true, "image": "'$DIGEST'",
		"reference": "docker.io/library/a:1",
		"manifest": {"layers": [{}, {}]},
		"config": {"os": "linux", "architecture": "amd64", "config":
		{"Cmd": ["python3", "-c"], "Env": ["PATH=/bin", "A=b"]}},
		"layer_list": []}]}'
	split layerfs inspect a:1
	[[ $out == *"Platform:     linux/amd64"* ]]
	[[ $out == *"Command:      python3 -c"* ]]
	[[ $out == *"Environment:  A=b"* ]]
	[ "$(layerfs inspect --json a:1 | jq -c .config.config.Cmd)" = '["python3","-c"]' ]
}

@test "lists need a daemon, start none and say how to get one" {
	export LAYERFSD=$top_srcdir/tests/lib/fakedaemon.py
	for c in ls images stat; do
		split layerfs "$c"
		[ "$status" = 1 ]
		[ -z "$out" ]
		[[ $err == "layerfs: $c: $T/run: no daemon answers; "* ]]
	done
	[ ! -e "$T/run" ]
}

@test "what an old daemon does not say is not shown as nonsense" {
	start_fake '{"ls": [{"ok": true, "mounts": [{}]}],
		"images": [{"ok": true}]}'
	split layerfs ls
	[ "$status" = 0 ]
	split layerfs images
	[ "$status" = 1 ]
	[[ $err == *'"images" is missing' ]]
}
