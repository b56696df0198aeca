# Passwords and tokens: where they go, and where they must not.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires python3 curl jq
}

@test "without a login the refusal says how to log in" {
	start_fake fake --basic me:secret
	fails_with "EACCES: $FAKE/app:v1: the registry refused (401, \"authentication required\"): log in with \`podman login $FAKE\`" \
		regtool resolve "$FAKE/app:v1"
}

@test "a password is sent when asked for, and a wrong one only once" {
	start_fake fake --basic me:secret
	[ "$(got "$FAKE/app:v1" 5 1000 --user me:secret)" = "$(part 5 1000)" ]
	[ "$(requests fake '.status == 401')" = 1 ]
	fails_with "the login for $FAKE does not allow it" \
		regtool --user me:wrong resolve "$FAKE/app:v1"
	[ "$(requests fake '.authorization == "Basic bWU6d3Jvbmc="')" = 1 ]
}

@test "no error quotes a password" {
	start_fake fake --basic me:secret
	run regtool --user me:hunter2 resolve "$FAKE/app:v1"
	[ "$status" = 1 ]
	[[ $output != *hunter2* ]]
}

@test "a token is fetched once however many wait" {
	start_fake fake --bearer me:secret
	run regtool --user me:secret bench "$FAKE/app:v1" 0 10000 100 16
	[ "$status" = 0 ]
	[ "$(requests fake '.path | test("^/token")')" = 1 ]
}

@test "anonymous tokens and identity tokens" {
	start_fake anonymous --bearer -
	[ "$(got "$FAKE/app:v1" 5 1000)" = "$(part 5 1000)" ]
	start_fake identity --bearer me:secret
	[ "$(got "$FAKE/app:v1" 5 1000 --identity-token refresh-me:secret)" = \
		"$(part 5 1000)" ]
	[ "$(requests identity '.method == "POST"')" = 1 ]
}

@test "a token that expired early is fetched again" {
	start_fake fake --bearer me:secret
	faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"status\",\"code\":401,\"headers\":{\"WWW-Authenticate\":\"Bearer realm=\\\"http://$FAKE/token\\\"\"}}"
	[ "$(got "$FAKE/app:v1" 5 1000 --user me:secret)" = "$(part 5 1000)" ]
	[ "$(requests fake '.path | test("^/token")')" = 2 ]
}

@test "a token server that refuses is named with the login" {
	start_fake fake --bearer me:secret
	fails_with "EACCES: $FAKE/app:v1: the token server refused the login for $FAKE (401)" \
		regtool --user me:wrong resolve "$FAKE/app:v1"
	fails_with "podman login $FAKE" regtool resolve "$FAKE/app:v1"
}

@test "a redirect to another host carries no credential" {
	start_fake storage
	storage=$FAKE
	start_fake front --basic me:secret
	faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"redirect\",\"to\":\"http://$storage\",\"times\":99}"
	[ "$(got "$FAKE/app:v1" 5 1000 --user me:secret --idle)" = "$(part 5 1000)" ]
	[ "$(requests storage)" = 1 ]
	[ "$(requests storage '.authorization != null')" = 0 ]
}

@test "a mirror gets its own password, never that of whom it stands for" {
	start_fake mirror --basic mirror:its-own
	mirror=$FAKE
	start_fake server --basic me:secret
	mkdir -p "$T/certs.d/$FAKE"
	printf '[host."http://%s"]\n' "$mirror" >"$T/certs.d/$FAKE/hosts.toml"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$FAKE" \
		"$(printf me:secret | base64)" >"$T/auth.json"
	[ "$(got "$FAKE/app:v1" 5 1000 --hosts "$T/certs.d" --auth-file "$T/auth.json")" = \
		"$(part 5 1000)" ]
	[ "$(requests mirror)" -gt 0 ]
	[ "$(requests mirror '.authorization != null')" = 0 ]
	[ "$(requests server '.authorization == "Basic bWU6c2VjcmV0"')" -gt 0 ]
}

@test "a redirect on the same host keeps it" {
	start_fake fake --basic me:secret
	faults "$FAKE" '{"path":"/v2/app/blobs","do":"redirect","to":"/v2/other"}'
	[ "$(got "$FAKE/app:v1" 5 1000 --user me:secret)" = "$(part 5 1000)" ]
}

@test "where a blob was redirected to is remembered, and forgotten when refused" {
	start_fake storage
	storage=$FAKE
	start_fake front
	faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"redirect\",\"to\":\"http://$storage\",\"times\":99}"
	faults "$storage" '{"path":"nothing","do":"html"}' \
		'{"path":"blobs","do":"part","bytes":400000}' \
		'{"path":"blobs","do":"status","code":403}'
	run regtool --idle bench "$FAKE/app:v1" 0 1000000 3 1
	[ "$status" = 0 ]
	[ "$(requests storage '.status == 403')" = 1 ]
	[ "$(requests front '.path | test("blobs")')" = 2 ]
}

@test "redirects without end are refused" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"redirect","to":"/v2/x","times":99}'
	fails_with "over 5 redirects" regtool cat "$FAKE/app:v1" 0 5 10
}

@test "credentials come from auth files and helpers" {
	start_fake fake --basic me:secret
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$FAKE" \
		"$(printf me:secret | base64)" >"$T/auth.json"
	[ "$(got "$FAKE/app:v1" 5 9 --auth-file "$T/auth.json")" = "$(part 5 9)" ]
	mkdir "$T/bin"
	cat >"$T/bin/docker-credential-test" <<-SH
		#!/bin/sh
		read -r server
		[ "\$1 \$server" = "get $FAKE" ] || exit 1
		echo '{"Username":"me","Secret":"secret"}'
	SH
	chmod +x "$T/bin/docker-credential-test"
	echo '{"credsStore":"test"}' >"$T/auth.json"
	export PATH=$T/bin:$PATH
	[ "$(got "$FAKE/app:v1" 5 9 --auth-file "$T/auth.json")" = "$(part 5 9)" ]
}

@test "a damaged auth file is named and never quoted" {
	start_fake
	echo '{"auths":{"x":{"auth":"c2VjcmV0OnNlY3JldA=="' >"$T/auth.json"
	run regtool --auth-file "$T/auth.json" resolve "$FAKE/app:v1"
	[ "$status" = 1 ]
	[[ $output == *"$T/auth.json: it is not JSON"* ]]
	[[ $output != *c2Vj* ]]
}
