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
	[ "$(got example.com/app:v1 5 1000 --hosts "$T/certs.d")" = "$(part 5 1000)" ]
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
	[ "$(got example.com/app:v1 5 2000000 --hosts "$T/certs.d")" = \
		"$(part 5 2000000)" ]
	[ "$(requests mirror '.path | test("manifests/v1")')" = 0 ]
	[ "$(requests server '.range == "bytes=300005-2000004"')" = 1 ]
}

@test "a mirror that is down costs one try, then none" {
	port=$(free_port)
	start_fake server
	hosts example.com <<-TOML
		server = "http://$FAKE"
		[host."http://127.0.0.1:$port"]
	TOML
	SECONDS=0
	run regtool --hosts "$T/certs.d" bench example.com/app:v1 0 1000 50 4
	[ "$status" = 0 ]
	[ "$SECONDS" -le 3 ]
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
	[ "$(got example.com/app:v1 5 1000 --hosts "$T/certs.d")" = "$(part 5 1000)" ]
	[ "$(requests mirror '.headers["x-key"] == "abc"')" = 2 ]
	[ "$(requests mirror '.path | test("^/v2/proxy/app/")')" = 2 ]
	[ "$(requests storage '.headers["x-key"] != null')" = 0 ]
}

@test "a damaged hosts.toml is an error that names it" {
	echo 'server = ' | hosts example.com
	fails_with "$T/certs.d/example.com/hosts.toml: line 1" \
		regtool --hosts "$T/certs.d" resolve example.com/app:v1
}
