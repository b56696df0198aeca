# top: rates from what the daemon counted, on a terminal and off it.
load ../lib/common
load ../lib/fake

setup() {
	setup_test
	requires jq
}

# answer AT_MS READS FETCHED
answer() {
	cat <<-JSON
		{"ok": true, "at_ms": $1, "mounts": [{"id": "a", "users": 3,
		 "reference": "r:1", "targets": ["/mnt/x"], "reads": $2,
		 "waits": 0, "fetched": $3, "waiting": 1, "oldest_wait_ms": 1500,
		 "errors": 0, "state": "waiting"}]}
	JSON
}

@test "a picture shows rates, who waits and for how long" {
	start_fake "{\"top\": [$(answer 5000 100 1048576)]}"
	split layerfs top --once --interval 1
	[ "$status" = 0 ]
	[ "$(head -1 <<<"$out" | tr -s ' ')" = \
		"STATE READS/S WAITS/S FETCHED/S FETCHED WAITING OLDEST ERRORS REFERENCE SEEN AT" ]
	[ "$(tail -1 <<<"$out" | tr -s ' ')" = \
		"waiting 0 0 0 B 1.0 MiB 1 1.5 s 0 r:1 /mnt/x and 2 more" ]
}

@test "what is no interval is refused" {
	fails_with "--interval 0" layerfs top --interval 0
	fails_with "--interval x" layerfs top --interval x
}

@test "a daemon that is not there is said to be" {
	fails_with "no daemon" layerfs top --once
}
