# What is written to a registry: Debian's docker-registry, with and without a
# login, and one that breaks off.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires docker-registry python3 curl openssl jq
	mkdir -p "$T/storage"
	start_registry "$T/storage"
	head -c 30000000 /dev/urandom >"$T/large"
	head -c 30000 "$T/large" >"$T/small"
	: >"$T/empty"
}

pushtool() { timeout 100 "$(program pushtool)" "$@"; }

# digest FILE
digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

# arrived FILE [CURL OPTION...]: what the repository app gives for its digest.
arrived() {
	local file=$1
	shift
	curl -sfL "$@" "http://$REGISTRY/v2/app/blobs/$(digest "$file")" | cmp - "$file"
}

# pushed FILE [OPTION...]: it goes to app, and is the same there.
pushed() {
	local file=$1
	shift
	run pushtool "$@" blob "$TO/app" "$file"
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[-1]} == "$(digest "$file") $(stat -c %s "$file")" ]]
	arrived "$file"
}

@test "blobs of any size arrive, their digest known before or not" {
	TO=$REGISTRY
	for file in empty small large; do
		pushed "$T/$file"
		pushed "$T/$file" --digest "$(digest "$T/$file")"
	done
	[ "$(pushtool find "$TO/app" "$(digest "$T/large")")" = found ]
	[ "$(pushtool find "$TO/app" "sha256:$(printf %064d 0)")" = absent ]
}

@test "a blob of another digest than promised leaves nothing there" {
	fails_with "EBADMSG: $REGISTRY/app: upload of sha256:000000000000: what was read has the digest" \
		pushtool --digest "sha256:$(printf %064d 0)" blob "$REGISTRY/app" "$T/large"
	[ "$(pushtool find "$REGISTRY/app" "$(digest "$T/large")")" = absent ]
	# The registry is told to forget what it has.
	start_meter
	not pushtool --digest "sha256:$(printf %064d 0)" blob "$METERED/app" "$T/large"
	meter_requests
	grep -q ' DELETE /v2/app/blobs/uploads/' "$T/log/requests"
}

@test "what another repository has is mounted, not sent" {
	TO=$REGISTRY
	pushed "$T/large"
	start_meter
	run pushtool --from app --digest "$(digest "$T/large")" blob "$METERED/copy" "$T/large"
	[[ $output == *" mounted" ]]
	[ "$(meter bytes_up)" -lt 2000 ]
	[ "$(pushtool find "$REGISTRY/copy" "$(digest "$T/large")")" = found ]
	# One that has it not is no obstacle.
	run pushtool --from nobody --digest "$(digest "$T/small")" blob "$REGISTRY/copy" "$T/small"
	[ "$status" = 0 ]
}

@test "a manifest goes by tag and by digest, and names what it lacks" {
	TO=$REGISTRY
	printf '{}' >"$T/config"
	jq -n --arg c "$(digest "$T/config")" --arg l "$(digest "$T/small")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.empty.v1+json", digest: $c, size: 2},
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $l, size: 30000}]}' \
		>"$T/manifest"
	type=application/vnd.oci.image.manifest.v1+json
	fails_with "$REGISTRY/app: upload of manifest v1: it answered 400, \"blob unknown to registry\"" \
		pushtool manifest "$REGISTRY/app:v1" $type "$T/manifest"
	pushed "$T/config"
	pushed "$T/small"
	[ "$(pushtool manifest "$REGISTRY/app:v1" $type "$T/manifest")" = done ]
	curl -sf -H "Accept: $type" "http://$REGISTRY/v2/app/manifests/v1" | cmp - "$T/manifest"
	pushtool manifest "$REGISTRY/app@$(digest "$T/manifest")" $type "$T/manifest"
}

@test "with a password, and refused without" {
	requires htpasswd
	make_certificates
	htpasswd -Bbn me secret >"$T/htpasswd" 2>"$T/log/htpasswd"
	start_tls_registry tls "{htpasswd: {realm: test, path: $T/htpasswd}}"
	pushtool --ca "$T/tls/ca.pem" --user me:secret blob "$TLS_REGISTRY/app" "$T/large"
	arrived "$T/large"
	fails_with "EACCES: $TLS_REGISTRY/app: upload of a blob: the registry refused (401" \
		pushtool --ca "$T/tls/ca.pem" blob "$TLS_REGISTRY/app" "$T/small"
	fails_with "log in with \`podman login $TLS_REGISTRY\`" \
		pushtool --ca "$T/tls/ca.pem" find "$TLS_REGISTRY/app" "$(digest "$T/small")"
}

@test "with tokens: the scope is pull,push, and one that ends is fetched again" {
	make_certificates
	port=$(free_port)
	start tokens "$top_srcdir/tests/lib/tokenserver.py" "$port" \
		"$T/tls/token.key" "$T/tls/token.pem" test-registry test-issuer me:secret 2
	wait_port "$port"
	start_tls_registry tls "{token: {realm: 'http://127.0.0.1:$port/token', service: test-registry, issuer: test-issuer, rootcertbundle: $T/tls/token.pem}}"
	start_meter "$TLS_REGISTRY" -b 60
	mkdir -p "$T/certs.d/$METERED"
	pushtool --ca "$T/tls/ca.pem" --user me:secret blob "$METERED/app" "$T/large"
	arrived "$T/large"
	[ "$(grep -c '^token repository:app:.*push' "$T/log/tokens")" -gt 1 ]
	fails_with EACCES pushtool --ca "$T/tls/ca.pem" --user me:wrong \
		blob "$TLS_REGISTRY/app" "$T/small"
}

# Of the second piece something has arrived, and is not confirmed yet.
second_piece_arrives() {
	[ "$(stat -c %s "$T"/storage/docker/registry/v2/repositories/app/_uploads/*/data)" -gt 8388608 ]
}

@test "a registry that is killed meanwhile gets the blob all the same" {
	TO=$REGISTRY
	start_meter "$REGISTRY" -b 80
	start push "$(program pushtool)" --retries 6 blob "$METERED/app" "$T/large"
	wait_for 20 second_piece_arrives
	stop registry KILL || true
	sleep 0.5
	start registry docker-registry serve "$T/registry.yml"
	wait_for 60 eval '! is_running push'
	grep "$(digest "$T/large") 30000000" "$T/log/push"
	arrived "$T/large"
}

@test "one that cannot be read again fails, and says that it broke off" {
	start_meter "$REGISTRY" -b 24
	start push "$(program pushtool)" --once --retries 3 blob "$METERED/app" "$T/large"
	wait_for 20 second_piece_arrives
	stop registry KILL || true
	start registry docker-registry serve "$T/registry.yml"
	wait_for 60 eval '! is_running push'
	grep "it broke off, and it cannot be read again" "$T/log/push"
}

@test "errors that pass are tried again, others are told" {
	start_bad_registry
	rules 'blobs/uploads/$ status 503 times=2 method=POST' \
		'blobs/uploads/. status 500 times=2 method=PATCH' \
		'blobs/uploads/. status 429 Retry-After:1 times=1 method=PUT'
	pushtool blob "$BAD/app" "$T/large"
	arrived "$T/large"
	rules 'blobs/uploads/$ status 403 method=POST'
	fails_with "EACCES: $BAD/app: upload of a blob: the registry refused (403" \
		pushtool blob "$BAD/app" "$T/small"
}

@test "a mirror is not written to" {
	mkdir -p "$T/certs.d/$REGISTRY"
	other=127.0.0.1:$(free_port)
	printf '[host."http://%s"]\n' "$other" >"$T/certs.d/$REGISTRY/hosts.toml"
	pushtool --hosts "$T/certs.d" blob "$REGISTRY/app" "$T/small"
	arrived "$T/small"
}
