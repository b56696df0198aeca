# podman with private folders, its additional layer store layerfs'; `load
# ../lib/podman` after containerd, which knows about Debian 13's.
# shellcheck shell=bash disable=SC2034,SC2154

# A configuration by which nothing is fetched that nobody reads: for who counts.
without_guesses() { printf '%s\n' '[fetch]' 'guess_percent = 0' >"$1"; }

# start_podman [STORE]: with the layer store mounted there, or with none.
start_podman() {
	[ "${RELEASE-}" != trixie ] || [ ${#INSIDE[@]} -gt 0 ] || open_trixie
	mkdir -p "$T/podman/tmp"
	cat >"$T/storage.conf" <<-TOML
		[storage]
		driver = "overlay"
		graphroot = "$T/podman/root"
		runroot = "$T/podman/run"
		[storage.options]
		additionallayerstores = [${1:+"\"$1:ref\""}]
	TOML
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$T/policy.json"
}

# registries.conf wants each port by name.
podman() {
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' \
		${REGISTRY-} ${METERED-} >"$T/registries.conf"
	timeout -k 5 120 "${INSIDE[@]}" env \
		CONTAINERS_STORAGE_CONF="$T/storage.conf" \
		CONTAINERS_REGISTRIES_CONF="$T/registries.conf" \
		TMPDIR="$T/podman/tmp" \
		podman --tmpdir "$T/podman/tmp" --runtime runc \
		--cgroup-manager cgroupfs --events-backend none "$@"
}

# On the test machines nobody may raise a limit.
podman_run() {
	podman run --rm --network none --log-driver none \
		--ulimit nofile=1024:4096 --ulimit nproc=1024:4096 "$@"
}

# --- images of images.bash, through the meter ---------------------------------

# box-zc:1 with the annotations by which podman 5 asks for layers, and a second
# tag of it.
lazy_image() {
	local tag
	IMAGE=$METERED/box-zc:toc SAME=$METERED/box-zc:same
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$REGISTRY/v2/box-zc/manifests/1" |
		sed 's/io\.containers\.zstd/io.github.containers.zstd/g' >"$T/manifest"
	for tag in toc same; do
		curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
			--data-binary "@$T/manifest" "http://$REGISTRY/v2/box-zc/manifests/$tag"
	done
}

# What a container of box must see.
box_is_right() {
	[ "$(podman_run "$1" /bin/sh -c 'cat data/changed; ls data/removed data/gone 2>&1;
		ls data/opaque data/swap/file; echo written >data/new; cat data/new data/link
		sha256sum <more/noise3')" = \
		"$(printf '%s\n' new "ls: data/removed: No such file or directory" \
		"ls: data/gone: No such file or directory" \
		data/opaque: new '' data/swap/file: in written old \
		"$(python3 -c 'import random, hashlib; print(hashlib.sha256(random.Random(103).randbytes(1 << 20)).hexdigest())')  -")" ]
}

# How often podman uses layers, as the store has counted.
uses() { sqlite3 "$ROOT/state.db" 'SELECT coalesce(sum(uses), 0) FROM layer_use'; }
