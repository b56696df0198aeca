# From a layout folder into another: what comes out, and what does not when it fails.
load ../lib/common
load ../lib/convert
load ../lib/faults

setup_file() {
	make_small nginx odd
	make_preload crashat
}
teardown_file() { drop_preload; }

@test "a converted image is what podman's format says, with the same config and diff_ids" {
	requires image:debian image:odd zstd
	local odd
	odd=$(layout small-odd)
	convert_to_layout debian "$T/out" >"$T/digest"
	chunked check "$T/out" v1 "$(layout debian)" latest >"$T/checked"
	cat "$T/checked"
	[ "$(wc -l <"$T/checked")" = 1 ]
	grep -q ' table [1-9]' "$T/checked"
	[ "$(cat "$T/digest")" = "$(jq -r '.manifests[0].digest' "$T/out/index.json")" ]
	# odd's last layer has a name that is no UTF-8: no table can say it
	layerfs convert "oci:$odd:latest" "oci:$T/out:odd" >"$T/said"
	cat "$T/said"
	grep -q 'converted .* a name that is no UTF-8' "$T/said"
	chunked check "$T/out" odd "$odd" latest >"$T/checked"
	cat "$T/checked"
	[ "$(grep -c ' table ' "$T/checked")" = 2 ]
	[ "$(grep -c ' frames ' "$T/checked")" = 1 ]
	[ -z "$(leftovers "$T/out")" ]
}

@test "zstd and tar read the layers as ever" {
	requires image:debian zstd
	convert_to_layout debian "$T/out"
	local blob
	blob=$(manifest_of "$T/out" v1 | jq -r '.layers[0].digest' | cut -d: -f2)
	zstd -tq "$T/out/blobs/sha256/$blob"
	zstd -dc "$T/out/blobs/sha256/$blob" | tar t >"$T/names"
	manifest_of "$(layout debian)" latest | jq -r '.layers[0].digest' | cut -d: -f2 >"$T/source"
	tar tzf "$(layout debian)/blobs/sha256/$(cat "$T/source")" | diff - "$T/names"
}

@test "the same bytes with any number of jobs" {
	requires image:debian
	convert_to_layout debian "$T/one" --jobs 1 >"$T/1"
	convert_to_layout debian "$T/four" -j4 >"$T/4"
	diff "$T/1" "$T/4"
	diff -r "$T/one" "$T/four"
}

@test "another level gives other frames of the same image" {
	requires image:nginx
	convert_to_layout small-nginx "$T/fast" --level 1
	convert_to_layout small-nginx "$T/small" --level 9
	chunked check "$T/small" v1 "$(layout small-nginx)" latest
	[ "$(du -sb "$T/small" | cut -f1)" -lt "$(du -sb "$T/fast" | cut -f1)" ]
}

@test "layers of an earlier conversion are not converted again, unless told to" {
	requires image:nginx
	convert_to_layout small-nginx "$T/out" >"$T/first"
	layerfs convert --json "oci:$(layout small-nginx):latest" "oci:$T/out:v1" >"$T/again"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/again")" = reused ]
	[ "$(jq -r .digest "$T/again")" = "$(cat "$T/first")" ]
	# not those of another level
	layerfs convert --json --level 1 "oci:$(layout small-nginx):latest" "oci:$T/out:v1" >"$T/other"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/other")" = converted ]
	layerfs convert --json --force --level 1 "oci:$(layout small-nginx):latest" "oci:$T/out:v1" >"$T/forced"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/forced")" = converted ]
	[ "$(jq -r .digest "$T/forced")" = "$(jq -r .digest "$T/other")" ]
}

@test "what is zstd:chunked already is kept as it is" {
	requires image:nginx
	convert_to_layout small-nginx "$T/out"
	layerfs convert --json "oci:$T/out:v1" "oci:$T/again:v2" >"$T/report"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/report")" = kept ]
	diff <(manifest_of "$T/out" v1) <(manifest_of "$T/again" v2)
	chunked check "$T/again" v2 "$(layout small-nginx)" latest
}

@test "a table that its annotation does not vouch for is made anew" {
	requires image:nginx
	convert_to_layout small-nginx "$T/out"
	local digest lie
	digest=$(jq -r '.manifests[0].digest' "$T/out/index.json")
	# the annotations say another digest; the manifest is whole
	manifest_of "$T/out" v1 | jq -c --arg k "$CHUNKED" \
		'.layers[0].annotations |= with_entries(if .key | endswith("manifest-checksum")
		 then .value = "sha256:" + ("2" * 64) else . end)' >"$T/lie"
	lie=$(sha256sum <"$T/lie" | cut -d' ' -f1)
	cp "$T/lie" "$T/out/blobs/sha256/$lie"
	sed -i "s/${digest#sha256:}/$lie/; s/\"size\":[0-9]*/\"size\":$(stat -c %s "$T/lie")/" "$T/out/index.json"
	layerfs convert --json "oci:$T/out:v1" "oci:$T/again:v2" >"$T/report"
	[ "$(jq -r '[.images[].layers[].way] | join(" ")' "$T/report")" = "converted kept kept" ]
	chunked check "$T/again" v2 "$(layout small-nginx)" latest
}

@test "all platforms of an index, or one" {
	requires image:nginx image:odd
	chunked index "$T/in" multi "$(layout small-nginx):latest@linux/amd64" "$(layout small-odd):latest@linux/arm64/v8"
	layerfs convert --json "oci:$T/in:multi" "oci:$T/out:multi" >"$T/report"
	[ "$(jq -r '[.images[].platform] | join(" ")' "$T/report")" = "linux/amd64 linux/arm64/v8" ]
	[ "$(jq .left_out "$T/report")" = 2 ]
	chunked check "$T/out" multi
	manifest_of "$T/out" multi >"$T/index"
	[ "$(jq -r '.annotations["org.example.index"]' "$T/index")" = yes ]
	[ "$(jq -r '[.manifests[].annotations["org.example.note"]] | join(" ")' "$T/index")" = "linux/amd64 linux/arm64/v8" ]
	[ "$(jq -r '.manifests[1].platform.variant' "$T/index")" = v8 ]
	# the base layer, which both have, was converted once
	[ "$(jq -r '.images[0].layers[0].digest' "$T/report")" = "$(jq -r '.images[1].layers[0].digest' "$T/report")" ]

	layerfs convert --platform linux/arm64 "oci:$T/in:multi" "oci:$T/out:arm"
	[ "$(manifest_of "$T/out" arm | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	[ "$(manifest_of "$T/out" arm | jq -r .config.digest)" = \
		"$(manifest_of "$(layout small-odd)" latest | jq -r .config.digest)" ]
	fails_with "no manifest for linux/s390x" layerfs convert --platform linux/s390x "oci:$T/in:multi" "oci:$T/out:s390x"

	# an image alone is of one
	fails_with "is for linux/amd64 alone, not for linux/s390x" \
		layerfs convert --platform linux/s390x "oci:$(layout small-nginx):latest" "oci:$T/out:s390x"
	layerfs convert --platform linux/amd64 "oci:$(layout small-nginx):latest" "oci:$T/out:one"
}

@test "docker's manifest becomes OCI's" {
	requires image:nginx
	copy_layout small-nginx "$T/in"
	chunked docker "$T/in" latest
	layerfs convert "oci:$T/in:latest" "oci:$T/out:v1"
	chunked check "$T/out" v1 "$T/in" latest
}

@test "a damaged layer, and one that the config does not know, give no image" {
	requires image:nginx
	copy_layout small-nginx "$T/damaged"
	chunked rewrite "$T/damaged" latest layer 0
	fails_with "layer sha256:" layerfs convert "oci:$T/damaged:latest" "oci:$T/out:v1"
	copy_layout small-nginx "$T/other"
	chunked rewrite "$T/other" latest config 0
	fails_with "not what the image's config says" layerfs convert "oci:$T/other:latest" "oci:$T/out:v1"
	[ "$(jq '.manifests | length' "$T/out/index.json")" = 0 ]
	[ -z "$(leftovers "$T/out")" ]
}

@test "a full disk: the name means what it meant, and nothing torn is left" {
	requires root image:debian image:nginx
	mkdir "$T/out"
	mount -t tmpfs -o size=30m none "$T/out"
	convert_to_layout small-nginx "$T/out"
	cp "$T/out/index.json" "$T/index.before"
	fails_with "No space left on device" layerfs convert "oci:$(layout debian):latest" "oci:$T/out:v1"
	diff "$T/index.before" "$T/out/index.json"
	[ -z "$(leftovers "$T/out")" ]
	mount -o remount,size=200m "$T/out"
	layerfs convert "oci:$(layout debian):latest" "oci:$T/out:v1"
	chunked check "$T/out" v1 "$(layout debian)" latest
}

@test "interrupted at any moment, and run again" {
	requires image:debian
	local delay
	for delay in 0.05 0.2 0.5 1; do
		timeout -s KILL $delay "$(program layerfs)" convert -q \
			"oci:$(layout debian):latest" "oci:$T/out:v1" || true
		[ ! -d "$T/out/blobs/sha256" ] || [ -z "$(leftovers "$T/out")" ]
	done
	convert_to_layout debian "$T/out"
	chunked check "$T/out" v1 "$(layout debian)" latest
	[ -z "$(leftovers "$T/out")" ]
}

@test "killed at any of its first steps it leaves nothing torn" {
	requires image:nginx cc
	! is_instrumented || skip "a sanitizer wants to be loaded first"
	local n
	mkdir "$T/crash"
	touch "$T/crash/armed"
	for n in {1..24}; do
		rm -rf "$T/out" "$T/crash/died" "$T/crash/trace"
		echo "$n" >"$T/crash/at"
		not env LD_PRELOAD="$PRELOAD/crashat.so" CRASH_ANY=1 CRASH_DIR="$T/crash" \
			"$(program layerfs)" convert -q --level 1 "oci:$(layout small-nginx):latest" "oci:$T/out:v1"
		[ -e "$T/crash/died" ]
		[ ! -d "$T/out/blobs/sha256" ] || [ -z "$(leftovers "$T/out" | tee "$T/left")" ] || {
			tail -n 1 "$T/crash/trace"
			cat "$T/left"
			false
		}
	done
}

@test "two conversions into one folder both find their names in it" {
	requires image:nginx image:odd
	layerfs convert -q "oci:$(layout small-nginx):latest" "oci:$T/out:debian" &
	layerfs convert -q "oci:$(layout small-odd):latest" "oci:$T/out:odd"
	wait $!
	chunked check "$T/out" debian "$(layout small-nginx)" latest
	chunked check "$T/out" odd "$(layout small-odd)" latest
}

@test "a dry run says what it would come to, and writes nothing" {
	requires image:odd
	layerfs convert -n --json "oci:$(layout odd):latest" "oci:$T/out:v1" >"$T/guess"
	[ ! -e "$T/out" ]
	jq -e '.ms > 0 and .bytes > 0' "$T/guess"
	[ "$(jq -c '[.images[].layers[].table]' "$T/guess")" = '[true,true,false]' ]
	convert_to_layout odd "$T/out"
	layerfs convert -n --json "oci:$(layout odd):latest" "oci:$T/out:v1" >"$T/again"
	[ "$(jq -r '[.images[].layers[].way] | unique | join(" ")' "$T/again")" = reused ]
	[ "$(jq .ms "$T/again")" = 0 ]
	# the guess was within a third of what it came to
	jq -e --slurpfile g "$T/guess" '.bytes as $b | $g[0].bytes / $b | . > 0.66 and . < 1.5' "$T/again"
	layerfs convert -n "oci:$(layout odd):latest" "oci:$T/none:v1" >"$T/said"
	grep -q 'in about [0-9]* s' "$T/said"
}

@test "wrong words are said to be" {
	fails_with "--level wants a number from 1 to 22" layerfs convert --level 23 oci:a oci:b
	fails_with "--jobs wants a number" layerfs convert --jobs none oci:a oci:b
	fails_with "OS/ARCH" layerfs convert --platform linux oci:a oci:b
	fails_with "name a tag" layerfs convert "oci:$T:v1" \
		"localhost/x@sha256:$(printf 'a%.0s' {1..64})"
	fails_with "convert wants SRC DST" layerfs convert oci:a
	fails_with "No such file" layerfs convert "oci:$T/none:v1" "oci:$T/out:v1"
}
