#!/usr/bin/env bats
# What one node learns of a plain image the others need not learn again: indexes and
# profiles published beside it, found, believed or not.  Debian's docker-registry,
# which has no referrers API.
load ../lib/common
load ../lib/fleet

INDEX=application/vnd.layerfs.index.v1
PROFILE=application/vnd.layerfs.profile.v1

setup() {
	setup_test
	requires root fuse docker-registry jq curl ref:python:gzip ref:nginx:gzip
	copy_storage python nginx
	start_registry "$T/storage"
	start_meter
	mkdir "$T/mnt"
	IMAGE=$METERED/python:gzip
	printf "$WAITS"'[publish]\ndelay_ms = 200\n' >"$T/ask.toml"
	printf "$WAITS"'[publish]\nmode = "on"\ndelay_ms = 200\n' >"$T/on.toml"
	for word in always never; do
		printf "$WAITS"'trust = "%s"\n' $word >"$T/$word.toml"
	done
}

import_numpy() {
	chroot "$1" python3 -c 'import numpy; print(numpy.arange(5).sum())'
}

# run_once NODE: mounts, imports numpy, unmounts.
run_once() {
	on "$1" mount "$IMAGE" "$T/mnt" &&
		[ "$(import_numpy "$T/mnt")" = 10 ] &&
		on "$1" unmount "$T/mnt"
}

since_reset() {
	meter_requests >/dev/null # writes the log out
	awk '/^# reset/ { n = 0; next } { line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }' "$T/log/requests"
}

# artifacts REPOSITORY TAG TYPE: those listed, by their digests.
artifacts() {
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://$REGISTRY/v2/$1/manifests/sha256-$(manifest_digest "$1" "$2")" |
		jq -r ".manifests[] | select(.artifactType == \"$3\").digest"
}

# there REPOSITORY TAG TYPE: those of them whose manifest is there.
there() {
	local d
	for d in $(artifacts "$@"); do
		! curl -sfI -o /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
			"http://$REGISTRY/v2/$1/manifests/$d" || echo "$d"
	done
}

lazy_layers() { on "$1" explain --json "$IMAGE" | jq '[.layer_list[] | select(.lazy)] | length'; }
format_of() { on "$1" explain --json "$IMAGE" | jq -r '.layer_list[0].format'; }

@test "one node reads it whole and publishes, the next one starts lazily, with the same tree" {
	start_node a
	on a mount "$IMAGE" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	settle
	a_bytes=$(meter_bytes) a_requests=$(meter_requests)
	"$top_srcdir/tests/bench/treedump.py" -c "$T/mnt" >"$T/a.tree"
	on a unmount "$T/mnt"
	run on a index "$IMAGE"
	echo "$output"
	[[ $output == published,* ]]
	[ "$(artifacts python gzip $INDEX | wc -l)" = 1 ]
	run on a index "$IMAGE"
	[[ $output == "known already: "* ]]
	stop_node a

	start_node b
	meter_reset
	on b mount "$IMAGE" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	settle
	b_bytes=$(meter_bytes)
	echo "# a: $a_bytes bytes in $a_requests requests; b: $b_bytes in $(meter_requests)" >&3
	[ "$b_bytes" -gt 0 ]
	[ $((b_bytes * 100)) -lt $((a_bytes * 40)) ]
	"$top_srcdir/tests/bench/treedump.py" -c "$T/mnt" >"$T/b.tree"
	diff -u "$T/a.tree" "$T/b.tree" | head -n 20
	cmp "$T/a.tree" "$T/b.tree"
	[ "$(lazy_layers b)" -ge 1 ]
}

@test "the index is found beside the tag, with no round trip of its own" {
	start_node a
	on a pull "$IMAGE"
	on a index "$IMAGE"
	stop_node a
	start_node b
	meter_reset
	on b pull --lazy "$IMAGE"
	since_reset >"$T/asked"
	cat "$T/asked"
	grep -q 'gzip-.*\.layerfs ' "$T/asked"
	not grep -q 'sha256-\|referrers' "$T/asked"
}

@test "without aliases it is found by who refers to the manifest" {
	printf "$WAITS"'[publish]\naliases = 0\n' >"$T/plain.toml"
	start_node a plain
	on a pull "$IMAGE"
	on a index "$IMAGE"
	stop_node a
	curl -sf "http://$REGISTRY/v2/python/tags/list" | not grep layerfs
	start_node b
	on b pull --lazy "$IMAGE"
	[ "$(lazy_layers b)" -ge 1 ]
}

@test "a node that may publishes by itself, index and profile, and says so" {
	start_node a on
	on a mount "$IMAGE" "$T/mnt"
	[ "$(import_numpy "$T/mnt")" = 10 ]
	on a unmount "$T/mnt"
	wait_for 60 eval '[ "$(artifacts python gzip $INDEX | wc -l)" = 1 ]'
	wait_for 60 eval '[ "$(artifacts python gzip $PROFILE | wc -l)" = 1 ]'
	wait_for 20 grep -q "its index is published" "$T/log/a"
	wait_for 20 grep -q "its profile is published" "$T/log/a"
	stop_node a

	# The next node publishes neither again, and starts by that profile.
	start_node b on
	run_once b
	grep -q "starts by a profile found beside it" "$T/log/b"
	sleep 2
	[ "$(artifacts python gzip $INDEX | wc -l)" = 1 ]
	[ "$(artifacts python gzip $PROFILE | wc -l)" = 1 ]
	not grep -q published "$T/log/b"
}

@test "nothing is written unless somebody says so" {
	start_node a
	run_once a
	wait_for 30 on a profile show "$IMAGE"
	sleep 2
	curl -sf "http://$REGISTRY/v2/python/tags/list" | not grep -E 'layerfs|sha256-'
	printf '[publish]\nmode = "off"\n' >"$T/off.toml"
	start_node b off
	fails_with 'the configuration says [publish] mode = "off"' on b index "$IMAGE"
}

@test "a profile that nobody knows is published by nobody, and whoever asked for it is told" {
	start_node a
	on a mount "$IMAGE" "$T/mnt"
	fails_with 'no profile of it is known' on a profile push "$IMAGE"
	fails_with 'no profile of it is known' on a --json profile push -q "$IMAGE"
	on a push "$IMAGE" | grep 'profile: nothing to publish: no profile of it is known'
	[ -z "$(artifacts python gzip $PROFILE)" ]
}

@test "ten nodes that publish at once leave one index, a profile that all use, and no error" {
	IMAGE=$REGISTRY/nginx:gzip
	for n in $(seq 10); do start_node "n$n"; done
	for n in $(seq 10); do on "n$n" pull -q "$IMAGE" >/dev/null; done
	# Every one has a profile of its own.
	for n in $(seq 10); do
		on "n$n" mount "$IMAGE" "$T/mnt"
		find "$T/mnt" -type f -size -64k | sort | sed -n "$((n * 7))p;$((n * 11))p" |
			xargs -d '\n' cat >/dev/null
		on "n$n" unmount "$T/mnt"
	done
	for n in $(seq 10); do
		wait_for 30 on "n$n" profile show "$IMAGE"
	done
	for what in "index" "push"; do
		for n in $(seq 10); do
			# shellcheck disable=SC2086
			RUN=$T/run.n$n start "push$n" "$(program layerfs)" \
				--run "$T/run.n$n" $what "$IMAGE"
		done
		for n in $(seq 10); do
			wait_for 100 eval "! is_running push$n"
			cat "$T/log/push$n"
			case $what in
			index) grep -qE '^(published|known)' "$T/log/push$n" ;;
			push) [ "$(cut -d: -f1,2 "$T/log/push$n" | grep -cE '^(index: known already|profile: (published|known))')" = 2 ] ;;
			esac
			not grep -q '^layerfs:' "$T/log/push$n"
			rm "$T/log/push$n"
		done
	done
	artifacts nginx gzip $INDEX
	artifacts nginx gzip $PROFILE
	[ "$(artifacts nginx gzip $INDEX | wc -l)" = 1 ]
	# Whoever lost and knows it has taken his back; who does not know, on a machine
	# that is slow enough, has not: publish.h.
	echo "# $(artifacts nginx gzip $PROFILE | wc -l) listed, $(there nginx gzip $PROFILE | wc -l) there" >&3
	[ "$(there nginx gzip $PROFILE | wc -l)" -ge 1 ]
	[ "$(there nginx gzip $PROFILE)" = "$(artifacts nginx gzip $PROFILE)" ]
	for n in $(seq 10); do stop_node "n$n"; done
	start_node b
	on b mount "$IMAGE" "$T/mnt"
	[ "$(lazy_layers b)" -ge 1 ]
	grep -q "starts by a profile found beside it" "$T/log/b"
}

@test "of two that did not see each other the one with the smaller digest stays, however they are listed" {
	start_bad_registry
	IMAGE=$BAD/nginx:gzip
	for n in 1 2; do
		start_node "n$n"
		on "n$n" mount "$IMAGE" "$T/mnt"
		find "$T/mnt" -type f -size -64k | sort | sed -n "$((n * 7))p" |
			xargs -d '\n' cat >/dev/null
		on "n$n" unmount "$T/mnt"
		wait_for 30 on "n$n" profile show "$IMAGE"
	done
	on n1 profile push "$IMAGE"
	first=$(artifacts nginx gzip $PROFILE)
	# The second one looks before the first is listed.
	rules 'manifests/sha256-[0-9a-f]*$ status 404 times=1'
	run on n2 profile push "$IMAGE"
	echo "$output"
	left=$(artifacts nginx gzip $PROFILE)
	echo "$first came first, $left stayed"
	case $output in
	published*)
		[ "$(wc -l <<<"$left")" = 2 ]
		[ "$(sort <<<"$left" | tail -n 1)" = "$first" ]
		;;
	known*) [ "$left" = "$first" ] ;;
	*) false ;;
	esac
}

@test "entries that somebody left without their manifests hide no index" {
	printf '[publish]\naliases = 0\n' >"$T/plain.toml"
	start_node a plain
	on a pull "$IMAGE"
	on a index "$IMAGE"
	stop_node a
	manifest=application/vnd.oci.image.manifest.v1+json list=application/vnd.oci.image.index.v1+json
	url=http://$REGISTRY/v2/python/manifests
	curl -sf -H "Accept: $manifest" "$url/$(artifacts python gzip $INDEX)" >"$T/artifact"
	curl -sf -H "Accept: $list" "$url/sha256-$(manifest_digest python gzip)" >"$T/list"
	# Six others are listed before it, and then taken away.
	for n in $(seq 6); do
		jq -jc ".annotations.n = \"$n\"" "$T/artifact" >"$T/other"
		other[n]=sha256:$(sha256sum "$T/other" | cut -d' ' -f1)
		curl -sf -X PUT -H "Content-Type: $manifest" --data-binary "@$T/other" "$url/${other[n]}"
		jq -c ".manifests = [.manifests[-1] + {digest: \"${other[n]}\", size: $(stat -c %s "$T/other")}] + .manifests" \
			"$T/list" >"$T/longer"
		mv "$T/longer" "$T/list"
	done
	curl -sf -X PUT -H "Content-Type: $list" --data-binary "@$T/list" "$url/sha256-$(manifest_digest python gzip)"
	for n in $(seq 6); do curl -sf -X DELETE "$url/${other[n]}"; done
	[ "$(artifacts python gzip $INDEX | wc -l)" = 7 ]
	[ "$(there python gzip $INDEX | wc -l)" = 1 ]
	start_node b
	on b pull --lazy "$IMAGE"
	[ "$(lazy_layers b)" -ge 1 ]
}

@test "an index is believed for a tag, for a digest only if the operator says so" {
	start_node a
	on a pull "$IMAGE"
	on a index "$IMAGE"
	stop_node a
	by_digest=$METERED/python@sha256:$(manifest_digest python gzip)
	for case in "ask $IMAGE yes" "ask $by_digest no" "always $by_digest yes" \
		"always $IMAGE yes" "never $IMAGE no" "never $by_digest no"; do
		read -r config ref believed <<<"$case"
		start_node b "$config"
		meter_reset
		on b pull --lazy "$ref"
		IMAGE=$ref
		echo "$case: $(format_of b), $(meter_bytes) bytes"
		if [ "$believed" = yes ]; then
			[ "$(lazy_layers b)" -ge 1 ]
		else
			[ "$(lazy_layers b)" = 0 ]
		fi
		[ "$config" != never ] || since_reset | not grep layerfs
		stop_node b
		rm -rf "$T/root.b"
	done
}

# tables REPOSITORY TAG: the index's blobs' digests.
tables() {
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/$1/manifests/$(artifacts "$1" "$2" $INDEX)" |
		jq -r '.layers[].digest' | cut -d: -f2
}

@test "a table that is damaged or gone costs laziness, nothing else" {
	start_node a
	on a pull "$IMAGE"
	on a index "$IMAGE"
	stop_node a
	for what in damaged gone; do
		for d in $(tables python gzip); do
			file=$T/storage/docker/registry/v2/blobs/sha256/${d:0:2}/$d/data
			if [ $what = damaged ]; then
				printf X | dd of="$file" bs=1 seek=200 conv=notrunc status=none
			else
				rm "$file"
			fi
		done
		start_node b
		on b mount "$IMAGE" "$T/mnt"
		[ "$(import_numpy "$T/mnt")" = 10 ]
		on b explain "$IMAGE"
		[ "$(lazy_layers b)" = 0 ]
		on b unmount "$T/mnt"
		stop_node b
		rm -rf "$T/root.b"
	done
}

@test "an alias that names something else is of no use" {
	type=application/vnd.oci.image.manifest.v1+json
	url=http://$REGISTRY/v2/python/manifests
	start_node a
	on a pull -q "$IMAGE"
	on a index "$IMAGE"
	alias=$(curl -sf "http://$REGISTRY/v2/python/tags/list" |
		jq -r '.tags[] | select(test("^gzip-.*layerfs$"))')
	stop_node a
	for what in image subject; do
		if [ $what = image ]; then
			curl -sf -H "Accept: $type" "$url/gzip" >"$T/other"
		else
			curl -sf -H "Accept: $type" "$url/$(artifacts python gzip $INDEX)" |
				jq -c ".subject.digest = \"sha256:$(printf %064d 7)\"" >"$T/other"
		fi
		curl -sf -X PUT -H "Content-Type: $type" --data-binary "@$T/other" "$url/$alias"
		start_node b
		on b mount "$IMAGE" "$T/mnt"
		[ "$(import_numpy "$T/mnt")" = 10 ]
		on b unmount "$T/mnt"
		stop_node b
		rm -rf "$T/root.b"
	done
}

@test "what is not there is remembered: no image pays for it twice" {
	start_node a
	on a pull -q "$IMAGE"
	since_reset >"$T/first"
	grep -c 'layerfs' "$T/first"
	on a rm "$IMAGE"
	meter_reset
	on a pull -q "$IMAGE"
	since_reset | not grep -E 'layerfs|sha256-|referrers'
}

@test "a registry that refuses is told of once, and left alone" {
	start_bad_registry
	rules 'blobs/uploads status 403 method=POST'
	IMAGE=$BAD/python:gzip
	fails_with "EACCES" "$(program pushtool)" blob "$BAD/python" /etc/hostname
	start_node a on
	fails_with "python:gzip: publishing: $BAD/python: upload of" on a index "$IMAGE"
	run_once a
	wait_for 30 grep -q "not tried again for a day" "$T/log/a"
	run_once a
	sleep 2
	[ "$(grep -c "not tried again for a day" "$T/log/a")" = 1 ]
}
