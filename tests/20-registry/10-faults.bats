# The client against a registry that misbehaves.
load ../lib/common
load ../lib/registry

setup() {
	setup_test
	requires python3 curl jq
}

@test "a tag is resolved, a digest too, and a layout says the same" {
	start_fake
	run regtool resolve "$FAKE/app:v1"
	[ "$status" = 0 ]
	[ "${lines[1]}" = "$MANIFEST" ]
	run regtool resolve "$FAKE/app@$MANIFEST"
	[ "${lines[1]}" = "$MANIFEST" ]
	run regtool --platform linux/amd64 resolve "$FAKE/app:many"
	[ "${lines[1]}" = "$MANIFEST" ]
	run regtool resolve "oci:$T/layout:v1"
	[ "${lines[1]}" = "$MANIFEST" ]
}

@test "a platform that is not there is named with those that are" {
	start_fake
	fails_with "no manifest for linux/s390x; there are: linux/amd64" \
		regtool --platform linux/s390x resolve "$FAKE/app:many"
}

@test "an image that is not there is ENOENT with the server's words" {
	start_fake
	fails_with "ENOENT: $FAKE/app:v2: no such image (404, \"manifest unknown\")" \
		regtool resolve "$FAKE/app:v2"
}

@test "parts of a blob are the blob's" {
	start_fake
	[ "$(got "$FAKE/app:v1" 0 0)" = "$(part 0 3000000)" ]
	[ "$(got "$FAKE/app:v1" 1000 1)" = "$(part 1000 1)" ]
	[ "$(got "$FAKE/app:v1" 2999990 10)" = "$(part 2999990 10)" ]
	[ "$(got "oci:$T/layout:v1" 1000 500000)" = "$(part 1000 500000)" ]
}

@test "a reader that pauses gets every byte once" {
	start_fake
	[ "$(got "$FAKE/app:v1" 77 2000000 --pause)" = "$(part 77 2000000)" ]
	[ "$(got "oci:$T/layout:v1" 77 2000000 --pause)" = "$(part 77 2000000)" ]
}

@test "reads that are cancelled end, the others are not disturbed" {
	start_fake
	for ref in "$FAKE/app:v1" "oci:$T/layout:v1"; do
		run timeout 100 "$(program regtool)" --cancel bench "$ref" 0 100000 60 8
		echo "$output"
		[ "$status" = 0 ]
		[ "${lines[1]}" = "30 cancelled" ]
	done
}

@test "a pause and a host without ranges do not skip twice" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"norange"}'
	[ "$(got "$FAKE/app:v1" 1500000 900000 --pause)" = "$(part 1500000 900000)" ]
}

@test "a wrong manifest is refused when a digest was asked for" {
	start_fake
	faults "$FAKE" '{"path":"manifests","do":"corrupt","at":5}'
	fails_with EBADMSG regtool resolve "$FAKE/app@$MANIFEST"
}

@test "errors of the server pass, and are tried again only so often" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"status","code":500,"times":2}' \
		'{"path":"blobs","do":"status","code":429,"times":1}'
	[ "$(got "$FAKE/app:v1" 5 1000 --idle)" = "$(part 5 1000)" ]
	[ "$(requests fake '.status == 500')" = 2 ]
	[ "$(requests fake '.status == 429')" = 1 ]
	[ "$(requests fake '.path | test("blobs")')" = 4 ]
	faults "$FAKE" '{"path":"blobs","do":"status","code":503,"times":100}'
	fails_with "EAGAIN: $FAKE/app: blob sha256:" \
		regtool --idle --retries 2 cat "$FAKE/app:v1" 0 0 10
	[ "$(requests fake '.status == 503')" = 3 ]
}

@test "Retry-After is waited for" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"status","code":429,"headers":{"Retry-After":"2"}}'
	SECONDS=0
	[ "$(got "$FAKE/app:v1" 5 1000)" = "$(part 5 1000)" ]
	[ "$SECONDS" -ge 2 ]
}

@test "a broken connection goes on where it broke" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"short","after":100000}' \
		'{"path":"blobs","do":"reset","after":200000}' \
		'{"path":"blobs","do":"reset","after":null}'
	[ "$(got "$FAKE/app:v1" 10 2000000 --idle)" = "$(part 10 2000000)" ]
	[ "$(requests fake '.range == "bytes=100010-2000009"')" = 1 ]
}

@test "silence is a stall, and is overcome" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"stall","after":50000}'
	[ "$(got "$FAKE/app:v1" 0 1000000 --stall 500)" = "$(part 0 1000000)" ]
	faults "$FAKE" '{"path":"blobs","do":"stall","after":0,"times":9}'
	fails_with ETIMEDOUT regtool --stall 300 --retries 1 \
		cat "$FAKE/app:v1" 0 0 10
}

@test "a head that comes line by line without end is a stall" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"loris","every":0.1}'
	[ "$(got "$FAKE/app:v1" 0 1000000 --stall 500)" = "$(part 0 1000000)" ]
	# Long enough that nothing else is late.
	faults "$FAKE" '{"path":"manifests","do":"loris","every":0.1,"times":9}'
	fails_with "ETIMEDOUT: $FAKE/app:v1: no whole head" \
		regtool --stall 3000 --retries 1 resolve "$FAKE/app:v1"
}

@test "a byte now and then is a stall, too" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"trickle","after":50000,"every":0.1}'
	[ "$(got "$FAKE/app:v1" 0 1000000 --stall 500)" = "$(part 0 1000000)" ]
	faults "$FAKE" '{"path":"manifests","do":"trickle","after":5,"every":0.1,"times":9}'
	fails_with "ETIMEDOUT: $FAKE/app:v1: hardly a byte" \
		regtool --stall 3000 --retries 1 resolve "$FAKE/app:v1"
}

@test "a body without end is left where ours ends" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"endless","times":9}'
	[ "$(got "$FAKE/app:v1" 1000 200000)" = "$(part 1000 200000)" ]
	[ "$(got "$FAKE/app:v1" 0 0)" = "$(part 0 3000000)" ]
	faults "$FAKE" '{"path":"manifests","do":"endless","times":9}'
	fails_with "EPROTO: $FAKE/app:v1" regtool resolve "$FAKE/app:v1"
}

@test "a host that ignores ranges is skipped through, and remembered" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"norange","times":3}'
	run regtool --idle bench "$FAKE/app:v1" 0 1000000 3 1
	[ "$status" = 0 ]
	[ "$(requests fake '.range != null')" = 1 ]
}

@test "what is read whole comes in parts at once, each byte in its place" {
	start_fake
	regtool --idle whole "$FAKE/app:v1" 0 1000 2000000 >"$T/got"
	[ "$(sha256sum <"$T/got")" = "$(part 1000 2000000)" ]
	[ "$(requests fake '.range != null')" = 4 ]
	regtool --idle whole "$FAKE/app:v1" 0 1000 200000 >"$T/got"
	[ "$(sha256sum <"$T/got")" = "$(part 1000 200000)" ]
	[ "$(requests fake '.range != null')" = 5 ]
	regtool --idle whole "oci:$T/layout:v1" 0 1000 2000000 >"$T/got"
	[ "$(sha256sum <"$T/got")" = "$(part 1000 2000000)" ]
}

@test "a host that ignores ranges is read from the start once, not by every part" {
	for fault in '"do":"norange"' '"do":"status","code":501'; do
		start_fake "fake${fault//[^a-z]/}"
		faults "$FAKE" "{\"path\":\"blobs\",$fault,\"ranged\":true,\"times\":9}"
		regtool --idle whole "$FAKE/app:v1" 0 1000 2000000 >"$T/got"
		[ "$(sha256sum <"$T/got")" = "$(part 1000 2000000)" ]
		[ "$(requests "fake${fault//[^a-z]/}" '.range == null and (.path | test("blobs"))')" = 1 ]
	done
}

@test "a part that fails fails the whole" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"shift","by":1,"times":1}'
	fails_with EPROTO regtool --idle whole "$FAKE/app:v1" 0 1000 2000000
}

@test "400 and 501 to a range: the whole is asked for instead" {
	for code in 400 501; do
		start_fake "fake$code"
		faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"status\",\"code\":$code,\"ranged\":true,\"times\":9}"
		[ "$(got "$FAKE/app:v1" 2000000 1000)" = "$(part 2000000 1000)" ]
	done
}

@test "a range that was not asked for is refused" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"shift","by":1}'
	fails_with EPROTO regtool --idle cat "$FAKE/app:v1" 0 10 1000
	faults "$FAKE" '{"path":"blobs","do":"status","code":416}'
	fails_with EPROTO regtool --idle cat "$FAKE/app:v1" 0 10 1000
	faults "$FAKE" '{"path":"blobs","do":"status","code":416,"headers":{"Content-Range":"bytes */7"}}'
	fails_with "ENOENT: $FAKE/app: blob" regtool --idle cat "$FAKE/app:v1" 0 10 1000
}

@test "a shorter part than asked for is completed" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"part","bytes":1000,"times":3}'
	[ "$(got "$FAKE/app:v1" 10 100000 --idle)" = "$(part 10 100000)" ]
	[ "$(requests fake '.range != null')" = 4 ]
}

@test "a network's login page is no image" {
	start_fake
	faults "$FAKE" '{"path":"manifests","do":"html"}'
	fails_with "a web page instead of the manifest" regtool resolve "$FAKE/app:v1"
	faults "$FAKE" '{"path":"blobs","do":"html"}'
	fails_with "a web page instead of the blob" \
		regtool --idle cat "$FAKE/app:v1" 0 10 1000
}

@test "bytes that are not the digest's are not a config" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"corrupt","at":3}'
	fails_with EBADMSG regtool --idle config "$FAKE/app:v1"
}

@test "a registry that nobody runs is EAGAIN and says where" {
	port=$(free_port)
	fails_with "EAGAIN: 127.0.0.1:$port/app:v1: " \
		regtool --retries 1 resolve "127.0.0.1:$port/app:v1"
}

@test "a layout reaches nothing through links" {
	make_image
	mv "$LAYER" "$T/outside"
	ln -s "$T/outside" "$LAYER"
	fails_with "EPROTO" regtool cat "oci:$T/layout:v1" 0 0 10
	rm "$LAYER"
	mkfifo "$LAYER"
	fails_with "no regular file" regtool cat "oci:$T/layout:v1" 0 0 10
}
