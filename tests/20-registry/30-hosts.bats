# Mirrors: hosts.toml.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires python3 curl jq
}

# hosts NAMESPACE: hosts.toml for it from stdin.
hosts() {
	mkdir -p "$T/certs.d/$1"
	cat >"$T/certs.d/$1/hosts.toml"
}

@test "a mirror is asked first, and told whom it stands for" {
	start_fake mirror
	hosts example.com <<-TOML
		[host."http://$FAKE"]
	TOML
	[ "$(got example.com/app:v1 5 1000 --idle --hosts "$T/certs.d")" = "$(part 5 1000)" ]
	[ "$(requests mirror '.path | test("[?]ns=example.com$")')" = 2 ]
}

@test "what a mirror lacks or breaks comes from the server" {
	start_fake mirror
	mirror=$FAKE
	start_fake server
	hosts _default <<-TOML
		server = "http://$FAKE"
		[host."http://$mirror"]
		capabilities = ["pull"]
	TOML
	faults "$mirror" '{"path":"blobs","do":"reset","after":300000}' \
		'{"path":"blobs","do":"status","code":404,"times":9}'
	[ "$(got example.com/app:v1 5 2000000 --idle --hosts "$T/certs.d")" = \
		"$(part 5 2000000)" ]
	[ "$(requests mirror '.path | test("manifests/v1")')" = 0 ]
	[ "$(requests server '.range == "bytes=300005-2000004"')" = 1 ]
}

@test "a mirror that is down costs one try, then none" {
	port=$(free_port)
	start_hole "$port"
	start_fake server
	hosts example.com <<-TOML
		server = "http://$FAKE"
		[host."http://127.0.0.1:$port"]
		dial_timeout = "2s"
	TOML
	SECONDS=0
	run regtool --hosts "$T/certs.d" bench example.com/app:v1 0 1000 50 4
	[ "$status" = 0 ]
	[ "$(requests server '.path | test("blobs")')" -ge 50 ] # one that is late, twice
	[ "$SECONDS" -lt 20 ] # 25 and more, were it asked each time
}

@test "of a server that has no TLS it is said what allows to speak to it" {
	start_fake server
	hosts example.com <<-TOML
		server = "https://$FAKE"
	TOML
	fails_with "it answers without TLS, which --plain-http allows" \
		regtool --hosts "$T/certs.d" cat example.com/app:v1 0 0 10
}

# with_mirror [LINE...]: example.com is $FAKE with a mirror before it, whose host
# is $mirror.
with_mirror() {
	start_fake mirror
	mirror=$FAKE
	start_fake server
	printf '%s\n' "server = \"http://$FAKE\"" "[host.\"http://$mirror\"]" \
		"$@" | hosts example.com
}

@test "a mirror that has had enough is left alone while the server answers" {
	with_mirror
	faults "$mirror" '{"path":"blobs","do":"status","code":429,"headers":{"Retry-After":"30"},"times":99}'
	run regtool --hosts "$T/certs.d" bench example.com/app:v1 0 1000 20 2
	[ "$status" = 0 ]
	[ "$(requests mirror '.status == 429')" -le 2 ]
	[ "$(requests server '.path | test("blobs")')" -ge 20 ]
}

@test "where all hosts have had enough their pause is kept" {
	with_mirror
	for host in "$mirror" "$FAKE"; do
		faults "$host" '{"path":"blobs","do":"status","code":429,"headers":{"Retry-After":"1"}}'
	done
	[ "$(got example.com/app:v1 5 1000 --hosts "$T/certs.d")" = "$(part 5 1000)" ]
	[ "$(requests mirror '.status == 429')" = 1 ]
	[ "$(requests server '.status == 429')" = 1 ]
}

@test "a reader does not wait for a mirror that is late" {
	with_mirror
	faults "$mirror" '{"path":"blobs","do":"late","by":200}'
	[ "$(got example.com/app:v1 5 1000 --stall 400000 --hosts "$T/certs.d")" = "$(part 5 1000)" ]
	[ "$(requests mirror '.action == "late"')" = 0 ] # which is noted when it is answered
	[ "$(requests server '.path | test("blobs")')" = 1 ]
}

@test "a reader does not wait for a mirror that falls silent half way" {
	with_mirror
	faults "$mirror" '{"path":"blobs","do":"stall","after":100000}'
	SECONDS=0
	[ "$(got example.com/app:v1 5 2000000 --stall 100000 --hosts "$T/certs.d")" = \
		"$(part 5 2000000)" ]
	[ "$SECONDS" -lt 28 ] # the silence takes 30
	[ "$(requests server '.range == "bytes=100005-2000004"')" = 1 ]
}

@test "a host that is late is asked again on another connection" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"late","by":200}'
	[ "$(got "$FAKE/app:v1" 5 1000 --stall 400000)" = "$(part 5 1000)" ]
	[ "$(requests fake '.action == "late"')" = 0 ]
	[ "$(requests fake '.action == "serve" and (.path | test("blobs"))')" = 1 ]
}

@test "where every answer is late few requests are made twice" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"late","by":2,"times":999}'
	run regtool bench "$FAKE/app:v1" 0 1000 24 8
	[ "$status" = 0 ]
	[ "$(requests fake '.path | test("blobs")')" -gt 24 ]
	[ "$(requests fake '.path | test("blobs")')" -le 27 ]
}

@test "a mirror that answers everything with a page of its own is left for the server" {
	with_mirror
	faults "$mirror" '{"path":".","do":"status","code":200,"text":"{\"login\":\"here\"}","times":99}'
	run regtool --hosts "$T/certs.d" resolve example.com/app:v1
	[ "$status" = 0 ]
	[ "${lines[1]}" = "$MANIFEST" ]
	faults "$FAKE" '{"path":".","do":"status","code":200,"text":"welcome","times":99}'
	fails_with "EPROTO: $FAKE/app:v1: what came is no manifest" \
		regtool resolve "$FAKE/app:v1"
}

@test "a document that a mirror has wrong comes from the server" {
	with_mirror
	faults "$mirror" '{"path":"blobs","do":"corrupt","at":3,"times":9}'
	regtool --idle --hosts "$T/certs.d" config example.com/app:v1 | jq -e .rootfs
	[ "$(requests mirror '.path | test("blobs")')" = 1 ]
}

@test "a mirror that lies about a digest is left for the next" {
	start_fake mirror
	mirror=$FAKE
	start_fake server
	faults "$mirror" '{"path":"manifests","do":"corrupt","at":9,"times":9}'
	hosts example.com <<-TOML
		server = "http://$FAKE"
		[host."http://$mirror"]
	TOML
	run regtool --hosts "$T/certs.d" resolve "example.com/app@$MANIFEST"
	[ "$status" = 0 ]
	[ "${lines[1]}" = "$MANIFEST" ]
}

@test "a host's own headers stay with the host" {
	start_fake storage
	storage=$FAKE
	start_fake mirror
	faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"redirect\",\"to\":\"http://$storage\"}"
	hosts example.com <<-TOML
		[host."http://$FAKE/v2/proxy"]
		override_path = true
		[host."http://$FAKE/v2/proxy".header]
		x-key = "abc"
	TOML
	[ "$(got example.com/app:v1 5 1000 --idle --hosts "$T/certs.d")" = "$(part 5 1000)" ]
	[ "$(requests mirror '.headers["x-key"] == "abc"')" = 2 ]
	[ "$(requests mirror '.path | test("^/v2/proxy/app/")')" = 2 ]
	[ "$(requests storage '.headers["x-key"] != null')" = 0 ]
}

@test "a damaged hosts.toml is an error that names it" {
	echo 'server = ' | hosts example.com
	fails_with "$T/certs.d/example.com/hosts.toml: line 1" \
		regtool --hosts "$T/certs.d" resolve example.com/app:v1
}
