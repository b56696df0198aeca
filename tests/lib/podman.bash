# podman with private folders, its additional layer store layerfs'; `load
# ../lib/podman` after containerd, which knows about Debian 13's.
# shellcheck shell=bash disable=SC2034,SC2154

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
