# What refers to a manifest: by the API, and by a tag that many write to.
load ../lib/common
load ../lib/registry

TYPE=application/vnd.example.thing

setup() {
	setup_test
	requires docker-registry python3 curl jq
	make_storage
}

pushtool() { timeout 100 "$(program pushtool)" "$@"; }
digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

# make_referrer NAME [TYPE]: $T/NAME, a manifest about the image.
make_referrer() {
	jq -nc --arg s "$MANIFEST" --arg n "$1" --arg t "${2:-$TYPE}" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json", artifactType: $t,
		config: {mediaType: "application/vnd.oci.empty.v1+json", size: 2,
			digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
		layers: [], annotations: {name: $n},
		subject: {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $s, size: 1}}' |
		tr -d '\n' >"$T/$1"
}

push_empty() {
	printf '{}' >"$T/empty"
	pushtool blob "$1/app" "$T/empty"
}

refer() { pushtool refer "$1/app" "$MANIFEST" "${3:-$TYPE}" "$T/$2"; }
referrers() { pushtool referrers "$1/app" "$MANIFEST" "${2:-$TYPE}"; }

# listed: the digests under the tag.
listed() {
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://$REGISTRY/v2/app/manifests/sha256-${MANIFEST#sha256:}" |
		jq -r '.manifests[].digest' | sort
}

@test "without the API a tag lists them, in their order" {
	push_empty "$REGISTRY"
	[ -z "$(referrers "$REGISTRY")" ]
	for n in one two three; do
		make_referrer $n
		refer "$REGISTRY" $n
	done
	make_referrer other application/vnd.example.other
	refer "$REGISTRY" other application/vnd.example.other
	run referrers "$REGISTRY"
	[ "${#lines[@]}" = 3 ]
	[ "${lines[0]}" = "$(digest "$T/one") $(stat -c %s "$T/one")" ]
	[ "${lines[2]}" = "$(digest "$T/three") $(stat -c %s "$T/three")" ]
	[ "$(listed | wc -l)" = 4 ]
}

@test "the same one twice is one, and at once" {
	push_empty "$REGISTRY"
	make_referrer one
	refer "$REGISTRY" one
	start_meter
	refer "$METERED" one
	[ "$(meter_requests)" = 2 ]
	[ "$(listed)" = "$(digest "$T/one")" ]
}

@test "the API is used where there is one, page by page" {
	start_fake fake --referrers 2
	for n in 1 2 3 4 5; do
		make_referrer $n
		refer "$FAKE" $n
	done
	make_referrer other application/vnd.example.other
	refer "$FAKE" other application/vnd.example.other
	[ "$(referrers "$FAKE" | wc -l)" = 5 ]
	[ "$(requests fake '.path | test("/referrers/")')" = 3 ]
	# No tag was written.
	[ "$(requests fake '.method == "PUT" and (.path | test("sha256-"))')" = 0 ]
}

@test "pages without end end" {
	start_fake fake --referrers 1
	for n in $(seq 40); do
		make_referrer "$n"
		refer "$FAKE" "$n"
	done
	fails_with "E2BIG: $FAKE/app: referrers: over 32 pages" referrers "$FAKE"
}

@test "ten who add at once, near and far, lose nothing" {
	push_empty "$REGISTRY"
	start_meter "$REGISTRY" -d 25
	for n in $(seq 10); do
		make_referrer "$n"
		# Half of them have a longer way.
		[ $((n % 2)) = 0 ] && to=$REGISTRY || to=$METERED
		start "add$n" "$(program pushtool)" refer "$to/app" "$MANIFEST" $TYPE "$T/$n"
	done
	for n in $(seq 10); do
		wait_for 80 eval "! is_running add$n"
		[ ! -s "$T/log/add$n" ]
	done
	listed >"$T/is"
	for n in $(seq 10); do digest "$T/$n"; done | sort >"$T/want"
	diff "$T/want" "$T/is"
}

@test "what somebody takes away who does not look is put back" {
	push_empty "$REGISTRY"
	url=http://$REGISTRY/v2/app/manifests/sha256-${MANIFEST#sha256:}
	make_referrer one
	refer "$REGISTRY" one
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "$url" >"$T/old"
	make_referrer two
	# It looks twice before it writes, and when it looks again we have written, too.
	start_bad_registry
	rules 'manifests/sha256-[0-9a-f]*$ delay 6 method=GET after=2 times=1'
	start add "$(program pushtool)" refer "$BAD/app" "$MANIFEST" $TYPE "$T/two"
	wait_for 10 eval '[ "$(listed | wc -l)" = 2 ]'
	# Read before it came, and written now.
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' \
		--data-binary "@$T/old" "$url"
	wait_for 30 eval '! is_running add'
	[ ! -s "$T/log/add" ]
	[ "$(listed | wc -l)" = 2 ]
}

listing_is_written() { grep -c "^PUT	.*/manifests/sha256-" "$T/log/bad-requests"; }

@test "where writing takes its time, those that are under way are waited for" {
	push_empty "$REGISTRY"
	start_bad_registry
	make_referrer one
	make_referrer two
	rules 'manifests/sha256-[0-9a-f]*$ delay 3.5 method=PUT times=2'
	start one "$(program pushtool)" refer "$BAD/app" "$MANIFEST" $TYPE "$T/one"
	wait_for 10 listing_is_written
	sleep 3.2 # reads just before the other's is there, and is there late
	start two "$(program pushtool)" refer "$BAD/app" "$MANIFEST" $TYPE "$T/two"
	for n in one two; do
		wait_for 60 eval "! is_running $n"
		[ ! -s "$T/log/$n" ]
	done
	[ "$(listed | wc -l)" = 2 ]
}

@test "what was removed for good is not put back" {
	push_empty "$REGISTRY"
	make_referrer one
	make_referrer two
	refer "$REGISTRY" one
	start add "$(program pushtool)" refer "$REGISTRY/app" "$MANIFEST" $TYPE "$T/two"
	wait_for 10 eval '[ "$(listed | wc -l)" = 2 ]'
	url=http://$REGISTRY/v2/app/manifests
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"$url/sha256-${MANIFEST#sha256:}" |
		jq -c "del(.manifests[] | select(.digest == \"$(digest "$T/one")\"))" >"$T/less"
	curl -sf -X DELETE "$url/$(digest "$T/one")"
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' \
		--data-binary "@$T/less" "$url/sha256-${MANIFEST#sha256:}"
	wait_for 30 eval '! is_running add'
	[ ! -s "$T/log/add" ]
	[ "$(listed)" = "$(digest "$T/two")" ]
}

@test "what was removed is not left behind by who had read it before" {
	push_empty "$REGISTRY"
	make_referrer one
	refer "$REGISTRY" one
	# Long ago, so that nobody but the writer looks: its list is what it had read.
	curl -sf -X DELETE "http://$REGISTRY/v2/app/manifests/$(digest "$T/one")"
	[ "$(listed)" = "$(digest "$T/one")" ]
	make_referrer two
	refer "$REGISTRY" two
	[ "$(listed)" = "$(digest "$T/two")" ]
}

@test "a tag that is something else is left alone" {
	push_empty "$REGISTRY"
	url=http://$REGISTRY/v2/app/manifests
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$url/v1" |
		curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
			--data-binary @- "$url/sha256-${MANIFEST#sha256:}"
	make_referrer one
	fails_with "it is no list: it is left alone" refer "$REGISTRY" one
}
