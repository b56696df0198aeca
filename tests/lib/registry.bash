# Registries to test the client against: a fake one that misbehaves, and
# Debian's docker-registry behind TLS with passwords or tokens.
# shellcheck shell=bash disable=SC2034,SC2154

regtool() { "$(program regtool)" "$@"; }

# make_image: a layout with one image in $T/layout, its layer in $T/layer.
make_image() {
	[ ! -d "$T/layout" ] || return 0
	"$top_srcdir/tests/lib/fakeregistry.py" --make "$T/layout"
	LAYER=$(find "$T/layout/blobs/sha256" -size +1M)
	MANIFEST=sha256:$(jq -r '.manifests[0].digest' "$T/layout/index.json" |
		cut -d: -f2)
}

# start_fake [NAME [OPTION...]]: sets $FAKE to its host and port; its requests
# are in $T/log/NAME.requests.
start_fake() {
	local name=${1:-fake} port
	shift || true
	make_image
	port=$(free_port)
	FAKE=127.0.0.1:$port
	start "$name" "$top_srcdir/tests/lib/fakeregistry.py" "$@" "$port" \
		"$T/layout" "$T/log/$name.requests"
	wait_port "$port"
}

# faults HOST:PORT FAULT...: JSON objects, see fakeregistry.py.
faults() {
	local host=$1 IFS=,
	shift
	curl -sf -X PUT --data "[$*]" "http://$host/_faults"
}

# requests NAME [JQ-FILTER]: how many a fake got.  Who counts reads, or has a fault for
# one alone, reads with --idle: what a reader waits for is asked for twice where it is
# late, and on a busy machine anything may be.
requests() {
	jq -s "map(select(${2:-true})) | length" "$T/log/$1.requests"
}

# part OFFSET LENGTH: of the layer itself, for comparison.
part() { tail -c "+$(($1 + 1))" "$LAYER" | head -c "$2" | sha256sum; }

# got REF OFFSET LENGTH [OPTION...]: the same, through the client.
got() {
	local ref=$1 off=$2 len=$3
	shift 3
	regtool "$@" cat "$ref" 0 "$off" "$len" >"$T/got" || return
	sha256sum <"$T/got"
}

# make_certificates: an authority in $T/tls/ca.pem, and srv, client, token
# signed by it or by themselves.
make_certificates() {
	mkdir -p "$T/tls"
	(
		cd "$T/tls" || exit
		new() { openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$2.key" "${@:3}"; }
		new test-ca ca -x509 -days 2 -out ca.pem
		new 127.0.0.1 srv -out srv.csr
		openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
			-days 2 -out srv.pem \
			-extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost')
		new client client -out client.csr
		openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 \
			-out client.pem
		new token token -x509 -days 2 -out token.pem
	) 2>"$T/log/openssl"
}

# start_tls_registry NAME AUTH-YAML [TLS-YAML]: docker-registry on $T/storage;
# sets $TLS_REGISTRY.
start_tls_registry() {
	local port
	port=$(free_port)
	TLS_REGISTRY=127.0.0.1:$port
	mkdir -p "$T/storage"
	cat >"$T/$1.yml" <<-YML
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $T/storage}}
		http:
		  addr: "$TLS_REGISTRY"
		  secret: test
		  tls: {certificate: $T/tls/srv.pem, key: $T/tls/srv.key${3:+, $3}}
		${2:+auth: $2}
	YML
	start "$1" docker-registry serve "$T/$1.yml"
	wait_port "$port"
}

# push_image HOST:PORT NAME:TAG: the layout's image, by hand, to a registry
# without authentication.
push_image() {
	local url=http://$1/v2/${2%:*} d file at
	for file in "$T"/layout/blobs/sha256/*; do
		d=sha256:${file##*/}
		at=$(curl -sf -D- -o "$T/push.out" -X POST "$url/blobs/uploads/" |
			tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
		curl -sf -X PUT -H 'Content-Type: application/octet-stream' \
			--data-binary "@$file" "$at&digest=$d"
	done
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
		--data-binary "@$T/layout/blobs/sha256/${MANIFEST#sha256:}" \
		"$url/manifests/${2#*:}"
}

# make_storage: $T/storage holds the image as app:v1.
make_storage() {
	make_image
	mkdir -p "$T/storage"
	start_registry "$T/storage"
	push_image "$REGISTRY" app:v1
}
