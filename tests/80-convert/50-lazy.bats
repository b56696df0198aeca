# layerfs mounts what was converted lazily.
load ../lib/common
load ../lib/convert

setup() {
	setup_test
	requires root fuse docker-registry jq image:odd
	mkdir -p "$T/own"
	serve_storage own "$T/own" false
	start_meter
	printf '%s\n' '[fetch]' 'guess_percent = 0' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
}

@test "a mount fetches tables, a read its file; the tree is the source's" {
	layerfs convert -q "oci:$(layout odd):latest" "$REGISTRY/odd:v1"
	mkdir "$T/new" "$T/old"
	meter_reset
	layerfs mount "$METERED/odd:v1" "$T/new"
	cat "$T/new/etc/os-release" >/dev/null
	[ "$(meter_bytes)" -lt 12000000 ]
	layerfs explain --json "$METERED/odd:v1" >"$T/explained"
	[ "$(jq -r '[.layer_list[].lazy] | map(tostring) | join(" ")' "$T/explained")" = "true true false" ]
	layerfs mount "oci:$(layout odd):latest" "$T/old"
	same_tree "$T/old" "$T/new"
}
