#!/usr/bin/env bats
# A registry that misbehaves while an image is mounted: the command says what
# and where, and nothing is left; other images are not disturbed.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_faults
	keep_good
	BAD=$FAKE/bad:good
}

teardown() { teardown_faults; }

# layer N: the digest of the good image's layer.
layer() {
	local manifest
	manifest=$(jq -r '.manifests[0].digest' "$IMAGES/index.json")
	jq -r ".layers[$1].digest" "$IMAGES/blobs/sha256/${manifest#sha256:}"
}

@test "a reference that is none is refused before anybody is asked" {
	refused "$FAKE/Bad:good" "only a-z"
	refused "$FAKE/bad@sha256:1234" "digest"
	[ -z "$(grep '/v2/[Bb]ad' "$T/log/requests")" ]
}

@test "401 without a way to log in names the host and what to do" {
	faults '{"path":"v2/bad","do":"status","code":401,"times":99}'
	refused "$BAD" "neither Basic nor Bearer"
	still_good
}

@test "403 is a refusal" {
	faults '{"path":"v2/bad","do":"status","code":403,"times":99}'
	refused "$BAD" "403"
	still_good
}

@test "a tag that is not there is said so" {
	refused "$FAKE/bad:absent" "no such image"
	still_good
}

@test "a manifest of another digest is refused" {
	digest=$(jq -r '.manifests[0].digest' "$IMAGES/index.json")
	faults '{"path":"bad/manifests","do":"corrupt","at":9,"times":99}'
	refused "$FAKE/bad@$digest" "digest"
	still_good
}

@test "a table of contents with a wrong byte is refused" {
	faults '{"path":"new/blobs","ranged":true,"do":"corrupt","at":9,"times":99}'
	layerfs rm "$FAKE/kept:good"
	refused "$FAKE/new:good" "$(layer 0)" "zstd:chunked" "table of contents"
}

@test "a table of contents that ends early is refused" {
	faults '{"path":"new/blobs","ranged":true,"do":"short","after":9,"times":99}'
	layerfs rm "$FAKE/kept:good"
	refused "$FAKE/new:good" "table of contents"
}

@test "a wrong byte in a plain layer is refused" {
	faults '{"path":"new/blobs/'"$(layer 2)"'","do":"corrupt","at":5000,"times":99}'
	layerfs rm "$FAKE/kept:good"
	refused "$FAKE/new:good" "$(layer 2)"
}

@test "a web page instead of a manifest is no image" {
	faults '{"path":"v2/bad","do":"html","times":99}'
	refused "$BAD" "a web page instead of the manifest"
	still_good
}

@test "a web page instead of everything does not hide what is here" {
	faults '{"path":".","do":"html","times":99}'
	still_good
}

@test "a web page instead of a layer is no layer" {
	faults '{"path":"new/blobs","do":"html","times":99}'
	layerfs rm "$FAKE/kept:good"
	refused "$FAKE/new:good" "layer sha256:"
}

@test "nobody listens: refused at once, and what is here mounts" {
	stop fake || true
	refused "$BAD" "refused"
	still_good
}

@test "a connection that is reset is tried again, then given up" {
	faults '{"path":"bad/manifests","do":"reset","after":null,"times":99}'
	refused "$BAD" "reset"
	still_good
	faults '{"path":"bad/manifests","do":"reset","after":null,"times":1}'
	layerfs mount "$BAD" "$T/mnt"
	is_good "$T/mnt"
}

@test "a registry that says nothing more is given up within its time" {
	faults '{"path":"bad/manifests","do":"stall","after":10,"times":99}'
	started=$SECONDS
	refused "$BAD" "no byte for 1 s"
	[ $((SECONDS - started)) -lt 60 ]
	still_good
}

@test "429 is waited for as it asks" {
	faults '{"path":"bad/manifests","do":"status","code":429,"headers":{"Retry-After":"1"},"times":1}'
	layerfs mount "$BAD" "$T/mnt"
	is_good "$T/mnt"
}

@test "500 for ever is given up and names the host" {
	faults '{"path":"bad/manifests","do":"status","code":500,"times":99}'
	refused "$BAD" "500"
	still_good
}

@test "a tag that moves to a broken image does not lose the one that is here" {
	layerfs mount "$FAKE/moving:good" "$T/mnt"
	layerfs unmount "$T/mnt"
	"$top_srcdir/tests/lib/hostile.py" "$T/broken" parent
	stop fake || true
	cp "$T/broken"/blobs/sha256/* "$IMAGES/blobs/sha256/"
	cp "$IMAGES/index.json" "$T/index.json"
	sed 's/"parent"/"good"/' "$T/broken/index.json" >"$IMAGES/index.json"
	start_fake
	refused "$FAKE/moving:good" "'..'"
	stop fake || true
	cp "$T/index.json" "$IMAGES/index.json"
	layerfs mount "$FAKE/moving:good" "$T/mnt"
	is_good "$T/mnt"
}

@test "what is mounted in one target of an image is in no other" {
	layerfs mount "$FAKE/app:good" "$T/mnt"
	layerfs mount "$FAKE/app:good" "$T/good"
	mount -t tmpfs mine "$T/mnt/etc"
	touch "$T/mnt/etc/mine"
	is_good "$T/good"
	[ "$(grep -c ' - tmpfs mine ' /proc/self/mountinfo)" = 1 ]
	umount "$T/mnt/etc"
	layerfs unmount "$T/mnt"
	layerfs unmount "$T/good"
}
