# Mirrors: podman's registries.conf.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires python3 curl jq
	mkdir "$T/registries.conf.d"
	: >"$T/registries.conf"
}

# from FILE: its text from stdin; "" the main one, else a drop-in.
conf() { cat >"$T/registries.conf${1:+.d/$1.conf}"; }

tool() { regtool --registries "$T/registries.conf" "$@"; }
got_by() { got "$@" --idle --registries "$T/registries.conf"; }

@test "a mirror is asked first, by its own path, and what it lacks comes from the location" {
	start_fake mirror
	mirror=$FAKE
	start_fake server
	conf <<-TOML
		unqualified-search-registries = ["docker.io"]
		[[registry]]
		prefix = "example.com/team"
		location = "$FAKE/elsewhere"
		insecure = true
		[[registry.mirror]]
		location = "$mirror/deep/er"
		insecure = true
	TOML
	faults "$mirror" '{"path":"blobs","do":"reset","after":300000}' \
		'{"path":"blobs","do":"status","code":404,"times":9}'
	[ "$(got_by example.com/team/app:v1 5 2000000)" = "$(part 5 2000000)" ]
	[ "$(requests mirror '.path == "/v2/deep/er/app/manifests/v1"')" = 1 ]
	[ "$(requests server '.path | test("^/v2/elsewhere/app/blobs/")')" = 1 ]
	[ "$(requests mirror '.path | test("ns=")')" = 0 ]
}

@test "a mirror for digests is not asked what a tag means" {
	start_fake mirror
	mirror=$FAKE
	start_fake server
	conf "50-mine" <<-TOML
		[[registry]]
		location = "$FAKE"
		insecure = true
		[[registry.mirror]]
		location = "$mirror"
		insecure = true
		pull-from-mirror = "digest-only"
	TOML
	[ "$(got_by "$FAKE/app:v1" 5 1000)" = "$(part 5 1000)" ]
	[ "$(requests mirror '.path | test("manifests/v1")')" = 0 ]
	[ "$(requests mirror '.path | test("blobs")')" -ge 1 ]
	[ "$(requests server '.path | test("blobs")')" = 0 ]
}

@test "a drop-in goes before the file, a hosts.toml of the name before both" {
	start_fake one
	one=$FAKE
	start_fake two
	printf '[[registry]]\nprefix = "example.com"\nlocation = "127.0.0.1:1"\n' | conf
	printf '[[registry]]\nprefix = "example.com"\nlocation = "%s"\n' "$one" | conf 10
	run tool resolve example.com/app:v1
	[ "$status" = 0 ]
	mkdir -p "$T/certs.d/example.com" "$T/certs.d/_default"
	echo "server = \"http://127.0.0.1:1\"" >"$T/certs.d/_default/hosts.toml"
	run tool --hosts "$T/certs.d" resolve example.com/app:v1
	[ "$status" = 0 ]
	[ "$(requests two)" = 0 ]
	echo "server = \"http://$FAKE\"" >"$T/certs.d/example.com/hosts.toml"
	run tool --hosts "$T/certs.d" resolve example.com/app:v1
	[ "$status" = 0 ]
	[ "$(requests two '.path | test("manifests")')" = 1 ]
}

@test "a blocked registry is not asked" {
	start_fake
	printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$FAKE" | conf
	fails_with "registries.conf blocks \"$FAKE\"" tool resolve "$FAKE/app:v1"
	[ "$(requests fake)" = 0 ]
}
