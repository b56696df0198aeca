# The client against Debian's docker-registry, over HTTP, TLS with a password and
# TLS with tokens.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires docker-registry python3 curl openssl jq
	make_storage
}

@test "plain HTTP on loopback" {
	run regtool resolve "$REGISTRY/app:v1"
	[ "${lines[1]}" = "$MANIFEST" ]
	[ "$(got "$REGISTRY/app:v1" 0 0)" = "$(part 0 3000000)" ]
	[ "$(got "$REGISTRY/app:v1" 1234 567890 --pause)" = "$(part 1234 567890)" ]
	fails_with ENOENT regtool resolve "$REGISTRY/app:v2"
}

@test "TLS with a password" {
	requires htpasswd
	make_certificates
	htpasswd -Bbn me secret >"$T/htpasswd" 2>"$T/log/htpasswd"
	start_tls_registry tls "{htpasswd: {realm: test, path: $T/htpasswd}}"
	[ "$(got "$TLS_REGISTRY/app:v1" 5 1000000 --ca "$T/tls/ca.pem" --user me:secret)" = \
		"$(part 5 1000000)" ]
	fails_with "podman login $TLS_REGISTRY" \
		regtool --ca "$T/tls/ca.pem" resolve "$TLS_REGISTRY/app:v1"
	fails_with "does not allow it" regtool --ca "$T/tls/ca.pem" \
		--user me:wrong resolve "$TLS_REGISTRY/app:v1"
}

@test "TLS with tokens" {
	make_certificates
	port=$(free_port)
	start tokens "$top_srcdir/tests/lib/tokenserver.py" "$port" \
		"$T/tls/token.key" "$T/tls/token.pem" test-registry test-issuer me:secret
	wait_port "$port"
	start_tls_registry tls "{token: {realm: 'http://127.0.0.1:$port/token', service: test-registry, issuer: test-issuer, rootcertbundle: $T/tls/token.pem}}"
	[ "$(got "$TLS_REGISTRY/app:v1" 5 1000000 --ca "$T/tls/ca.pem" --user me:secret)" = \
		"$(part 5 1000000)" ]
	[ "$(grep -c '^token repository:app:pull' "$T/log/tokens")" = 1 ]
	fails_with EACCES regtool --ca "$T/tls/ca.pem" --user me:wrong \
		resolve "$TLS_REGISTRY/app:v1"
}

@test "a password for TLS goes to no token server without it" {
	make_certificates
	start_tls_registry tls "{token: {realm: 'http://token.example/token', service: s, issuer: i, rootcertbundle: $T/tls/token.pem}}"
	fails_with "token.example would get the password in clear text" regtool --ca "$T/tls/ca.pem" --user me:secret \
		resolve "$TLS_REGISTRY/app:v1"
}

@test "many readers that pause, over HTTP/2 together and over HTTP/1.1 each alone" {
	make_certificates
	start_tls_registry tls ""
	for class in "" --idle; do
		run timeout 100 "$(program regtool)" $class --pause --ca "$T/tls/ca.pem" \
			bench "$TLS_REGISTRY/app:v1" 0 700000 60 16
		echo "$output"
		[ "$status" = 0 ]
	done
}

@test "a certificate that nobody vouches for is refused, unless told not to look" {
	make_certificates
	start_tls_registry tls ""
	fails_with EACCES regtool resolve "$TLS_REGISTRY/app:v1"
	fails_with "ca in hosts.toml" regtool resolve "$TLS_REGISTRY/app:v1"
	mkdir -p "$T/certs.d/_default"
	printf '[host."https://%s"]\nskip_verify = true\n' "$TLS_REGISTRY" \
		>"$T/certs.d/_default/hosts.toml"
	run regtool --hosts "$T/certs.d" resolve "$TLS_REGISTRY/app:v1"
	[ "$status" = 0 ]
}

@test "a client certificate from hosts.toml" {
	make_certificates
	start_tls_registry tls "" "clientcas: [$T/tls/ca.pem]"
	fails_with "" regtool --retries 1 --ca "$T/tls/ca.pem" resolve "$TLS_REGISTRY/app:v1"
	mkdir -p "$T/certs.d/$TLS_REGISTRY"
	cp "$T/tls/ca.pem" "$T/tls/client.pem" "$T/tls/client.key" "$T/certs.d/$TLS_REGISTRY/"
	cat >"$T/certs.d/$TLS_REGISTRY/hosts.toml" <<-TOML
		server = "https://$TLS_REGISTRY"
		ca = "ca.pem"
		client = [["client.pem", "client.key"]]
	TOML
	[ "$(got "$TLS_REGISTRY/app:v1" 5 1000 --hosts "$T/certs.d")" = "$(part 5 1000)" ]
}

# A user's daemon, or the worker of root's.  The test's own folder is closed to
# users.
@test "a client's key that the daemon's user may not read is said to be it" {
	requires root setpriv
	make_certificates
	start_tls_registry tls "" "clientcas: [$T/tls/ca.pem]"
	U=$(mktemp -d)
	chmod 755 "$U"
	mkdir -p "$U/$TLS_REGISTRY"
	cp "$T/tls/ca.pem" "$T/tls/client.pem" "$T/tls/client.key" "$U/$TLS_REGISTRY"
	cp "$(program regtool)" "$U"
	chmod 644 "$U/$TLS_REGISTRY"/*.pem
	chmod 600 "$U/$TLS_REGISTRY/client.key"
	printf '%s\n' "server = \"https://$TLS_REGISTRY\"" 'ca = "ca.pem"' \
		'client = [["client.pem", "client.key"]]' >"$U/$TLS_REGISTRY/hosts.toml"
	resolve() {
		setpriv --reuid nobody --regid nogroup --clear-groups \
			"$U/regtool" --retries 1 --hosts "$U" resolve "$TLS_REGISTRY/app:v1"
	}
	fails_with "has to be able to read $U/$TLS_REGISTRY/client.key: Permission denied" resolve
	chgrp nogroup "$U/$TLS_REGISTRY/client.key"
	chmod 640 "$U/$TLS_REGISTRY/client.key"
	resolve
	rm -r "$U"
}
