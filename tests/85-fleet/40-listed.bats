#!/usr/bin/env bats
# Indexes and profiles beside an image on registries that list what refers to a manifest
# (the referrers API), the way two real ones do it: tests/lib/listingregistry.py.
load ../lib/common
load ../lib/fleet

INDEX=application/vnd.layerfs.index.v1
PROFILE=application/vnd.layerfs.profile.v1

setup() {
	setup_test
	requires root fuse docker-registry jq curl python3 ref:nginx:gzip
	copy_storage nginx
	start_registry "$T/storage"
	mkdir "$T/mnt"
	printf "$WAITS"'[publish]\naliases = 0\n' >"$T/ask.toml"
}

# start_listing [OPTION...]: in front of the registry; sets $IMAGE.
start_listing() {
	local port
	port=$(free_port)
	LISTING=127.0.0.1:$port
	start listing "$top_srcdir/tests/lib/listingregistry.py" "$@" "$port" "$REGISTRY" \
		"$T/log/asked"
	wait_port "$port"
	IMAGE=$LISTING/nginx:gzip
}

# listed: the types of what the registry lists on all its pages, as they are.
listed() {
	local page d
	page=/v2/nginx/referrers/sha256:$(manifest_digest nginx gzip)
	while [ -n "$page" ]; do
		curl -sf -D "$T/head" "http://$LISTING$page" >"$T/page"
		for d in $(jq -r '.manifests[]?.digest' "$T/page"); do
			curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
				"http://$LISTING/v2/nginx/manifests/$d" | jq -r .artifactType
		done
		page=$(sed -n 's/^Link: <\(.*\)>.*/\1/p' "$T/head")
	done | sort
}

no_tag_was_written() { not grep -P '^PUT\t.*/manifests/(?!sha256:)' "$T/log/asked"; }

# run_and_read NODE NUMBER: a start that reads files of its own.
run_and_read() {
	on "$1" mount "$IMAGE" "$T/mnt"
	find "$T/mnt" -type f -size -64k | sort | sed -n "$(($2 * 7))p;$(($2 * 11))p" |
		xargs -d '\n' cat >/dev/null
	on "$1" unmount "$T/mnt"
	wait_for 30 on "$1" profile show "$IMAGE"
}

found_by_the_next() {
	start_node b
	on b pull --lazy "$IMAGE"
	[ "$(on b explain --json "$IMAGE" | jq '[.layer_list[] | select(.lazy)] | length')" -ge 1 ]
	stop_node b
	rm -rf "$T/root.b"
}

@test "what is published is listed there and found by the next node, without a tag" {
	for option in --page=1000 --page=1 --terse; do
		start_listing $option
		start_node a
		run_and_read a 1
		run on a index "$IMAGE"
		[[ $output == published,* ]]
		run on a index "$IMAGE"
		[[ $output == "known already: "* ]]
		on a profile push "$IMAGE"
		grep -q "its index is published" "$T/log/a"
		grep -q "its profile is published" "$T/log/a"
		[ "$(listed | tr '\n' ' ')" = "$INDEX $PROFILE " ]
		no_tag_was_written
		stop_node a
		found_by_the_next
		stop listing || true
		rm -rf "$T/root.a" "$T/log/asked"
	done
}

@test "ten nodes that publish at once leave one index there, and a profile" {
	for option in --page=3 --terse; do
		start_listing $option
		for n in $(seq 10); do start_node "n$n"; done
		for n in $(seq 10); do run_and_read "n$n" "$n"; done
		for n in $(seq 10); do
			start "push$n" "$(program layerfs)" --run "$T/run.n$n" push "$IMAGE"
		done
		for n in $(seq 10); do
			wait_for 100 eval "! is_running push$n"
			cat "$T/log/push$n"
			[ "$(cut -d: -f1,2 "$T/log/push$n" | grep -cE '^(index|profile): (published|known)')" = 2 ]
			rm "$T/log/push$n"
		done
		listed >"$T/left"
		echo "# $(grep -c $PROFILE "$T/left") profiles left" >&3
		[ "$(uniq "$T/left" | tr '\n' ' ')" = "$INDEX $PROFILE " ]
		[ "$(grep -c $INDEX "$T/left")" = 1 ]
		no_tag_was_written
		for n in $(seq 10); do
			stop_node "n$n"
			rm -rf "$T/root.n$n"
		done
		found_by_the_next
		stop listing || true
		rm "$T/log/asked"
	done
}
