#!/usr/bin/env bats
# SOCI's tables, as the tool wrote them (src/format/testdata), found beside an image
# and read as they are: by the annotation of a manifest, by who refers to it.

load ../lib/common
load ../lib/soci

DATA=$top_srcdir/src/format/testdata

# What is shown of the layer where nothing lies beside its image.
setup_file() {
	local BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/first
	setup_test
	requires root fuse docker-registry jq curl
	mkdir -p "$T/storage" "$T/mnt"
	start_registry "$T/storage"
	soci_index image box:1 "$DATA/soci-one.blob"
	start_daemon
	layerfs mount "$REGISTRY/box:1" "$T/mnt"
	[ "$(layerfs --json explain "$REGISTRY/box:1" | jq -r '.layer_list[0].format')" = tar+gzip ]
	tree "$T/mnt" >"$BATS_FILE_TMPDIR/tree"
	teardown_test
}

tree() { "$top_srcdir/tests/bench/treedump.py" -c "$1"; }

setup() {
	setup_test
	mkdir -p "$T/storage" "$T/mnt"
	start_registry "$T/storage"
	start_meter
	soci_index image box:1 "$DATA/soci-one.blob"
	LAYER=sha256:$(sha256sum "$DATA/soci-one.blob" | cut -d' ' -f1)
	printf '[index]\nwait_ms = 30000\n[fetch]\nguess_percent = 0\n' >"$T/toml"
	start_daemon --config "$T/toml"
}

# layers REF FILTER: what explain says of each.
layers() { layerfs --json explain "$METERED/$1" | jq -c ".layer_list | map($2)"; }

# bytes_of_layer: how many of its bytes were asked for.
bytes_of_layer() {
	meter requests >/dev/null # writes the log out
	awk -v layer="$LAYER" '
		/^# reset/ { n = 0 }
		index($0, "/blobs/" layer) {
			n += match($0, /bytes=[0-9]+-[0-9]+/) ? bytes(substr($0, RSTART + 6, RLENGTH - 6)) : 180089
		}
		function bytes(r, part) { split(r, part, "-"); return part[2] - part[1] + 1 }
		END { print n + 0 }' "$T/log/requests"
}

is_right() { tree "$T/mnt" | diff "$BATS_FILE_TMPDIR/tree" -; }

@test "an index that refers to the manifest is found, and the layer read lazily" {
	soci_index create box:1 "$LAYER=$DATA/soci-one.ztoc"
	layerfs mount "$METERED/box:1" "$T/mnt"
	[ "$(layers box:1 '[.format, .lazy, .reason]')" = '[["soci",true,""]]' ]
	[ "$(bytes_of_layer)" = 0 ]
	tar -xOzf "$DATA/soci-one.blob" srv/text39 | cmp - "$T/mnt/srv/text39"
	bytes=$(bytes_of_layer)
	echo "$bytes of 180089 bytes for one file"
	[ "$bytes" -gt 0 ]
	[ $((bytes * 2)) -lt 180089 ]
	is_right
}

@test "an index that the manifest names is found, by tag and by digest" {
	soci_index convert box:1 soci "$LAYER=$DATA/soci-one.ztoc"
	layerfs mount "$METERED/box:soci" "$T/mnt"
	[ "$(layers box:soci '[.format, .lazy]')" = '[["soci",true]]' ]
	is_right
	layerfs unmount "$T/mnt"
	manifest=$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://$REGISTRY/v2/box/manifests/soci" | jq -r '.manifests[0].digest')
	layerfs rm "$METERED/box:soci"
	layerfs mount "$METERED/box@$manifest" "$T/mnt"
	[ "$(layers "box@$manifest" .format)" = '["soci"]' ]
}

@test "an index that refers to a manifest is not believed for a digest" {
	soci_index create box:1 "$LAYER=$DATA/soci-one.ztoc"
	manifest=$(curl -sfI -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/box/manifests/1" | tr -d '\r' |
		awk 'tolower($1) == "docker-content-digest:" { print $2 }')
	layerfs mount "$METERED/box@$manifest" "$T/mnt"
	[ "$(layers "box@$manifest" .format)" = '["tar+gzip"]' ]
}

@test "a layer without a table is read whole, and the reason said" {
	soci_index image two:1 "$DATA/soci-one.blob" "$DATA/soci-named.blob"
	soci_index create two:1 "$LAYER=$DATA/soci-one.ztoc"
	layerfs mount "$METERED/two:1" "$T/mnt"
	[ "$(layers two:1 '[.format, .lazy, .reason]')" = \
		'[["soci",true,""],["tar+gzip",false,"the index beside the image has no table of it"]]' ]
}

@test "a damaged table is refused, and the layer read whole" {
	cp "$DATA/soci-one.ztoc" "$T/ztoc"
	printf '\377\377\377' | dd of="$T/ztoc" conv=notrunc bs=1 seek=8 status=none
	soci_index create box:1 "$LAYER=$T/ztoc"
	layerfs mount "$METERED/box:1" "$T/mnt"
	layers box:1 '[.format, .lazy, .reason]' | tee "$T/said"
	jq -e '.[0] | .[0] == "tar+gzip" and .[1] == false and (.[2] | test("zTOC"))' "$T/said"
	is_right
}

@test "a table of another blob is refused, and the layer read whole" {
	soci_index create box:1 "$LAYER=$DATA/soci-named.ztoc"
	layerfs mount "$METERED/box:1" "$T/mnt"
	layers box:1 '[.format, .reason]' | tee "$T/said"
	jq -e '.[0] | .[0] == "tar+gzip" and (.[1] | test("it is of a blob of"))' "$T/said"
	is_right
}

@test "bytes that a span's digest does not vouch for are never shown, and cost the table its name" {
	# the first span's: its text is in the table
	digest=$(grep -aoE -m1 'sha256:[0-9a-f]{64}' "$DATA/soci-one.ztoc" | tail -n 1)
	sed "s/$digest/sha256:$(printf '0%.0s' {1..64})/" "$DATA/soci-one.ztoc" >"$T/ztoc"
	not cmp -s "$DATA/soci-one.ztoc" "$T/ztoc"
	soci_index create box:1 "$LAYER=$T/ztoc"
	layerfs mount "$METERED/box:1" "$T/mnt"
	[ "$(layers box:1 .format)" = '["soci"]' ]
	failed=0
	tar -C "$DATA" -tzf "$DATA/soci-one.blob" | grep -v '/$\|\.wh\.' >"$T/names"
	while read -r name; do
		tar -xOzf "$DATA/soci-one.blob" "$name" >"$T/right" 2>/dev/null || continue
		[ -f "$T/mnt/$name" ] || continue
		if timeout 20 cat "$T/mnt/$name" >"$T/shown" 2>/dev/null; then
			cmp "$T/right" "$T/shown"
		else
			failed=$((failed + 1))
		fi
	done <"$T/names"
	echo "$failed files cannot be read"
	[ "$failed" -gt 0 ]

	# Nor is that table used again.
	wait_for 30 says_lie
	layerfs unmount "$T/mnt"
	# The kernel may not have let go of it yet: 85-fleet/20-liars.bats.
	wait_for 30 layerfs mount "$METERED/box:1" "$T/mnt"
	[ "$(layers box:1 .format)" = '["tar+gzip"]' ]
	is_right
}

says_lie() { layers box:1 .lie | jq -e 'all(. != null)'; }
