# A daemon that refuses, lies, or goes away: status 1, what and why, no hang.
load ../lib/common
load ../lib/fake

# says JSON TEXT: with this answer to `pull` the command fails and says TEXT.
says() {
	start_fake "{\"pull\": $1}"
	split layerfs pull python
	[ "$status" = 1 ]
	[ -z "$out" ]
	[[ $err == "layerfs: pull python: "*"$2"* ]] || { echo "$err"; false; }
}

@test "what the daemon refuses is said with what to do" {
	says '[{"ok": false, "error": {"code": "EBUSY",
		"message": "it is mounted"}}]' \
		'it is mounted; `layerfs ls` shows where it is mounted'
}

# Of a registry that refuses, a certificate, a configuration that says no.
@test "to what is not allowed, for whatever reason, nothing is added" {
	says '[{"ok": false, "error": {"code": "EACCES",
		"message": "the registry refused (401): log in with `podman login docker.io`"}}]' \
		'refused (401): log in with `podman login docker.io`'
	[[ $err == *'`podman login docker.io`' ]]
}

@test "a code that is not known is still a failure" {
	says '[{"ok": false, "error": {"code": "EODD", "message": "odd"}}]' odd
}

@test "a refusal cannot drive the terminal" {
	says '[{"ok": false, "error": {"code": "EIO",
		"message": "a\u001b[2Jb\nlayerfs: fine"}}]' 'a?[2Jb?layerfs: fine'
}

@test "a refusal without a word is a failure" {
	says '[{"ok": false}]' "the daemon failed without a word"
}

@test "a result that does not say whether it is one is refused" {
	says '[{"image": "sha256:0"}]' "the daemon's answer is no result"
}

@test "an answer that is no JSON is refused" {
	says '[{"$raw": "{{{\n"}]' "the daemon's answer: not JSON"
}

@test "a connection lost before the answer is said" {
	says '[{"event": "progress", "stage": "fetch", "done": 1, "total": 2},
		{"$close": true}]' "closed the connection before it answered"
}

@test "a connection lost in the middle of an answer is said" {
	says '[{"$raw": "{\"ok\": tr"}, {"$close": true}]' \
		"closed the connection before it answered"
}

@test "an answer without end is given up" {
	says '[{"$fill": 5000000}]' "an answer larger than 4194304 bytes"
}

@test "more descriptors than the protocol has are refused" {
	says '[{"$files": 9}, {"ok": true}]' "too many descriptors"
}

@test "numbers of progress that make no sense do no harm" {
	start_fake '{"pull": [
		{"event": "progress", "stage": "fetch", "done": -5, "total": -9},
		{"event": "progress", "stage": "x\u001b", "done": "a"},
		{"event": "later"}, {"event": 5},
		{"event": "progress", "stage": "fetch", "layer": "sha256:zz",
		 "done": 9223372036854775807, "total": 1},
		{"ok": true, "image": "sha256:0", "bytes": 3}]}'
	[ "$(layerfs pull python)" = "sha256:0 (3 B fetched)" ]
	[ "$(layerfs pull -q python)" = "sha256:0" ]
}

@test "a reference that is none is refused before the daemon is asked" {
	start_fake
	split layerfs pull Python
	[ "$status" = 1 ]
	[[ $err == "layerfs: pull Python: "* ]]
	[ ! -e "$RUN/requests" ]
}

@test "a lazy pull says so" {
	start_fake '{"pull": [{"ok": true, "image": "sha256:0", "bytes": 1}]}'
	layerfs pull --lazy python
	[ "$(asked_of pull .lazy)" = true ]
	layerfs pull python
	[ "$(asked_of pull .lazy)" = null ]
}

@test "rm says who keeps the image" {
	start_fake '{"rm": [{"ok": true, "image": "sha256:1",
		"freed_bytes": 0, "removed": false, "holders": {"podman": 2}}]}'
	split layerfs rm a
	[ "$status" = 0 ]
	[ "$out" = "a: name removed, the image is used by 2 podman layers" ]
}

@test "of several images the ones that can be removed are" {
	start_fake '{"rm": [{"ok": true, "image": "sha256:0",
		"freed_bytes": 1024, "removed": true}]}'
	split layerfs rm a BAD b
	[ "$status" = 1 ]
	[ "$out" = $'a: removed, 1.0 KiB freed\nb: removed, 1.0 KiB freed' ]
	[[ $err == "layerfs: rm BAD: "* ]]
	layerfs rm --json a b | jq -e '.images | length == 2'
}

@test "a socket that belongs to somebody else gets no credential" {
	requires root
	start_fake '{"$start": [{"$listen_as": 65534}]}'
	split layerfs pull python
	[ "$status" = 1 ]
	[[ $err == *"runs as user 65534, not as root or you"* ]]
	refute grep -q op "$RUN/requests"
}
