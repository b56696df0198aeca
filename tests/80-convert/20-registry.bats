# From and to registries.
load ../lib/common
load ../lib/registry
load ../lib/convert

setup_file() { make_small nginx odd; }

start_empty_registry() {
	mkdir -p "$T/own"
	serve_storage own "$T/own" false
}

config_digest() { manifest_of "$1" latest | jq -r .config.digest | cut -d: -f2; }

@test "into a registry, and from there into a folder: the same image" {
	requires image:nginx docker-registry
	start_empty_registry
	layerfs convert -q "oci:$(layout small-nginx):latest" "$REGISTRY/some/debian:v1" >"$T/digest"
	[ "$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' -o "$T/manifest" \
		-w '%header{docker-content-digest}' "http://$REGISTRY/v2/some/debian/manifests/v1")" = "$(cat "$T/digest")" ]
	layerfs convert --json "$REGISTRY/some/debian:v1" "oci:$T/out:v1" >"$T/report"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/report")" = kept ]
	chunked check "$T/out" v1 "$(layout small-nginx)" latest
	convert_to_layout small-nginx "$T/direct" >"$T/direct.digest"
	diff "$T/digest" "$T/direct.digest"
}

@test "from a registry; what the destination has is not sent again" {
	requires ref:debian:gzip image:debian docker-registry
	start_registry
	local from=$REGISTRY
	start_empty_registry
	start_meter
	layerfs convert -q "$from/debian:gzip" "$METERED/debian:v1"
	[ "$(meter bytes_up)" -gt 20000000 ]
	meter_reset
	layerfs convert --json "$from/debian:gzip" "$METERED/debian:v1" >"$T/report"
	[ "$(jq -r '.images[].layers[].way' "$T/report")" = reused ]
	[ "$(meter bytes_up)" -lt 20000 ]
	# made again, it is the same blob
	meter_reset
	layerfs convert --json --force "$from/debian:gzip" "$METERED/debian:v1" >"$T/report"
	[ "$(jq -r '.images[].layers[].way' "$T/report")" = converted ]
	[ "$(meter bytes_up)" -lt 20000 ]
}

layer_questions() { awk -F'\t' -v l="/blobs/$1" '$1 == "HEAD" && index($2, l)' "$T/log/bad-requests"; }
first_layer() { curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1/manifests/$2" | jq -r '.layers[0].digest'; }

first_layer_size() { curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1/manifests/$2" | jq -r '.layers[0].size'; }

@test "into a new repository a layer is sent while it is made, into others it is asked for first" {
	requires image:debian docker-registry
	start_empty_registry
	start_bad_registry
	layerfs convert -q --level 1 "oci:$(layout debian):latest" "$BAD/debian:v1" >"$T/first"
	[ -z "$(layer_questions "$(first_layer debian v1)")" ]
	layerfs convert -q --level 1 "oci:$(layout debian):latest" "$BAD/debian:v2" >"$T/second"
	[ -n "$(layer_questions "$(first_layer debian v2)")" ]
	diff "$T/first" "$T/second"
	# made in the same way for a folder, it is the same
	convert_to_layout debian "$T/out" --level 1 | diff "$T/first" -
}

@test "what a first conversion sent is found again when it did not end" {
	requires image:debian docker-registry
	start_empty_registry
	start_bad_registry
	start_meter "$BAD"
	rules 'manifests status 403 method=PUT'
	fails_with "upload of manifest" layerfs convert -q --level 1 "oci:$(layout debian):latest" "$METERED/debian:v1"
	[ "$(meter bytes_up)" -gt 20000000 ]
	rules
	meter_reset
	layerfs convert -q --level 1 "oci:$(layout debian):latest" "$METERED/debian:v1"
	[ "$(meter bytes_up)" -lt 20000 ]
}

@test "of a layer that turns out wrong while it is sent nothing stays" {
	requires image:debian docker-registry
	start_empty_registry
	copy_layout debian "$T/other"
	chunked rewrite "$T/other" latest config 0
	fails_with "not what the image's config says" layerfs convert "oci:$T/other:latest" "$REGISTRY/other:v1"
	[ -z "$(find "$T/own" -path '*/_layers/*' -name link | grep -v "$(config_digest "$T/other")")" ]
	[ -z "$(find "$T/own" -path '*/_uploads/*' -name data)" ]
}

@test "an upload that is refused ends the conversion, which says so" {
	requires image:debian docker-registry
	start_empty_registry
	start_bad_registry
	rules 'blobs/uploads/ status 403 method=PATCH'
	fails_with "upload of" layerfs convert --level 1 "oci:$(layout debian):latest" "$BAD/debian:v1"
}

@test "an upload that is refused ends the making of its layer, and what is read for it" {
	requires ref:debian:gzip docker-registry
	start_registry
	start_meter "$REGISTRY" -b 40
	local from=$METERED size
	size=$(first_layer_size debian gzip)
	start_empty_registry
	start_bad_registry
	for method in POST PATCH; do
		rules "blobs/uploads/ status 403 method=$method"
		meter_reset
		fails_with "upload of" layerfs convert --level 1 "$from/debian:gzip" "$BAD/debian:v1"
		echo "$method: $(meter_bytes) of $size bytes were read"
		[ $(($(meter_bytes) * 2)) -lt "$size" ]
	done
}

@test "an index with all its platforms" {
	requires image:nginx image:odd docker-registry
	start_empty_registry
	chunked index "$T/in" multi "$(layout small-nginx):latest@linux/amd64" "$(layout small-odd):latest@linux/arm64/v8"
	layerfs convert "oci:$T/in:multi" "$REGISTRY/multi:v1"
	layerfs convert --json "$REGISTRY/multi:v1" "oci:$T/out:multi" >"$T/report"
	[ "$(jq -r '[.images[].layers[].way] | sort | unique | join(" ")' "$T/report")" = "converted kept" ]
	chunked check "$T/out" multi
}

@test "a registry that stops answering: the name stays, and the next run ends it" {
	requires image:debian docker-registry
	start_empty_registry
	layerfs convert -q --level 1 "oci:$(layout debian):latest" "$REGISTRY/debian:v1" >"$T/before"
	local port=${REGISTRY#*:}
	layerfs convert -q "oci:$(layout debian):latest" "$REGISTRY/debian:v1" >"$T/log/convert" 2>&1 &
	sleep 0.7
	stop own KILL || true
	! wait $! || skip "it was done by then"
	cat "$T/log/convert"
	sed -i "s/addr: .*/addr: \"127.0.0.1:$port\", secret: test}/" "$T/own.yml"
	start own docker-registry serve "$T/own.yml"
	wait_port "$port"
	[ "$(curl -sfI -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/debian/manifests/v1" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p')" = \
		"$(cat "$T/before")" ]
	layerfs convert -q "oci:$(layout debian):latest" "$REGISTRY/debian:v1"
}

# with_certs_d COMMAND...: where /etc/layerfs has the test's own certs.d.
with_certs_d() {
	unshare -m sh -c 'mount -t overlay -o lowerdir="$1:/etc" certs.d /etc && shift && exec "$@"' sh "$T/etc" "$@"
}

@test "over TLS with a login: the certificate by certs.d, the password by the user's own file" {
	requires root htpasswd openssl image:debian docker-registry
	make_certificates
	htpasswd -Bbn me secret >"$T/htpasswd"
	start_tls_registry tls "{htpasswd: {realm: test, path: $T/htpasswd}}"
	mkdir -p "$T/etc/layerfs/certs.d/$TLS_REGISTRY" "$HOME/.docker"
	printf 'server = "https://%s"\nca = "%s"\n' "$TLS_REGISTRY" "$T/tls/ca.pem" \
		>"$T/etc/layerfs/certs.d/$TLS_REGISTRY/hosts.toml"
	local convert=("$(program layerfs)" convert -q --level 1) from=oci:$(layout debian):latest
	# without a login nothing is there to be seen or written
	fails_with "401" with_certs_d "${convert[@]}" "$from" "$TLS_REGISTRY/some/debian:v1"
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$TLS_REGISTRY" "$(printf me:wrong | base64)" >"$HOME/.docker/config.json"
	fails_with "401" with_certs_d "${convert[@]}" "$from" "$TLS_REGISTRY/some/debian:v1"
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$TLS_REGISTRY" "$(printf me:secret | base64)" >"$HOME/.docker/config.json"
	# not without the authority
	fails_with "certificate" "${convert[@]}" "$from" "$TLS_REGISTRY/some/debian:v1"
	with_certs_d "${convert[@]}" "$from" "$TLS_REGISTRY/some/debian:v1" >"$T/digest"
	[ "$(curl -sf --cacert "$T/tls/ca.pem" -u me:secret -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"https://$TLS_REGISTRY/v2/some/debian/manifests/v1" | sha256sum | cut -d' ' -f1)" = \
		"$(cut -d: -f2 "$T/digest")" ]
	# and from there
	with_certs_d "${convert[@]}" "$TLS_REGISTRY/some/debian:v1" "oci:$T/out:v1" | diff "$T/digest" -
	chunked check "$T/out" v1 "$(layout debian)" latest
}
