# The log as lines of JSON.
load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_faults_without_daemon
	STALL_MS=60000 start_impatient_daemon 'log_format = "json"'
}

# Lines of an event, from either process.
events() { jq -c "select(.event == \"$1\")" "$T/log/layerfsd"; }

@test "every line is an object, with the event and its fields" {
	layerfs mount "$FAKE/kept:good" "$T/mnt"
	faults '{"path":"blobs","do":"status","code":503,"times":1000}'
	dd if="$T/mnt/$(cut -c67- "$IMAGES/sums" | tail -1)" of=/dev/null || true
	layerfs unmount "$T/mnt"
	fails_with nothing layerfs pull "$FAKE/kept:nothing"
	kill_worker
	jq -es 'all(.time and .level and .process and .event and .message)' "$T/log/layerfsd"
	[ "$(events serving | jq -r .root | sort -u)" = "$ROOT" ]
	[ "$(events mounted | jq -r .target)" = "$T/mnt" ]
	[ "$(events layer_made | jq -r .layer | sort)" = "$(layerfs --json inspect "$FAKE/kept:good" |
		jq -r '.manifest.layers[].digest' | sort)" ]
	events layer_made | jq -es 'map(.format) | index("zstd:chunked") and index("tar+gzip")'
	events layer_made | jq -es 'all((.inodes | tonumber) > 1 and (.milliseconds | test("^[0-9]+$")))'
	[ "$(events unmounted | jq -r .reference)" = "$FAKE/kept:good" ]
	# It may have seen that nothing is mounted any more before it was told.
	[ "$(events request_failed | jq -r '.operation + " " + .code' |
		grep -vx 'unmount ENOENT')" = "pull ENOENT" ]
	[ "$(events worker_ended | jq -r .how)" = "signal 9" ]
	"$(program layerfsd)" --print-events | cut -d' ' -f1 >"$T/known"
	[ -z "$(jq -r .event "$T/log/layerfsd" | sort -u | grep -vxF -f "$T/known")" ]
}

@test "another format is refused by name" {
	layerfs ls # it has begun, and takes SIGTERM
	stop layerfsd
	echo 'log_format = "xml"' >"$T/layerfs.toml"
	fails_with 'log format "xml" is not text or json' \
		"$(program layerfsd)" --config "$T/layerfs.toml" --root "$ROOT" --run "$RUN"
}
