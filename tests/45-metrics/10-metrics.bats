# What monitoring systems are told, by whom it can be asked, and what it is not.
load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_faults_without_daemon
	requires setpriv
}

scrape() { curl -sf --max-time 60 --unix-socket "$RUN/metrics.sock" http://localhost/metrics; }
# metric NAME [LABEL=VALUE...]
metric() { scrape | "$top_srcdir/tests/lib/metrics.py" "$@"; }
is_more() { [ "$(metric "${@:2}")" -gt "$1" ]; }

@test "the text is one that Prometheus reads, with every metric of the manual" {
	start_daemon
	[ "$(metric)" = "$("$(program layerfsd)" --print-metrics | wc -l)" ]
	scrape | sed -n 's/^# TYPE \([^ ]*\) \(.*\)/\1 \2/p' | sort >"$T/told"
	"$(program layerfsd)" --print-metrics | cut -d' ' -f1,2 | sort >"$T/known"
	diff -u "$T/known" "$T/told"
}

@test "reads, hosts and mounts are counted" {
	start_daemon
	layerfs mount "$FAKE/kept:good" "$T/mnt"
	is_good "$T/mnt"
	[ "$(metric layerfs_mounts kind="$(layerfs --json ls | jq -r '.mounts[0].kind')")" = 1 ]
	[ "$(metric layerfs_images)" = 1 ]
	# A request is counted when it has ended, which readers do not wait for.
	wait_for 10 is_more 1 layerfs_host_requests_total "host=$FAKE" outcome=done
	wait_for 10 is_more 1000 layerfs_host_bytes_total "host=$FAKE"
	wait_for 10 is_more 0 layerfs_mount_fetched_bytes_total "reference=$FAKE/kept:good"
	[ "$(metric layerfs_http_first_byte_seconds_count)" -gt 1 ]
	[ "$(metric layerfs_store_present_bytes)" -gt 1000 ]
	[ "$(metric process_open_fds)" -gt 5 ]
	[ "$(metric process_resident_memory_bytes)" -gt 1000000 ]
	[ "$(metric layerfs_heap_bytes size=small)" -gt 100000 ]
	now=$(date +%s)
	[ $((now - $(metric process_start_time_seconds | xargs printf '%.0f'))) -lt 600 ]
}

@test "a host that fails is seen to" {
	STALL_MS=60000 start_impatient_daemon
	faults '{"path":"","do":"status","code":503,"times":1000}'
	fails_with 503 layerfs pull "$FAKE/kept:good"
	[ "$(metric layerfs_host_requests_total "host=$FAKE" outcome=failed)" -gt 0 ]
	wait_for 5 is_more 0 layerfs_host_failing_seconds "host=$FAKE"
	faults
	layerfs pull "$FAKE/kept:good"
	[ "$(metric layerfs_host_failing_seconds "host=$FAKE")" = 0 ]
}

@test "nobody but root may ask, whatever the socket's mode" {
	start_daemon
	[ "$(stat -c %a:%u "$RUN/metrics.sock")" = 600:0 ]
	let_others_in "$RUN/metrics.sock"
	run setpriv --reuid=65534 --clear-groups curl -s --max-time 60 \
		--unix-socket "$RUN/metrics.sock" http://localhost/metrics
	[ "$status" != 0 ]
	[ -z "$output" ]
	grep -q 'uid 65534 .* may not speak here' "$T/log/layerfsd"
	scrape >/dev/null
}

@test "another way, another method and a wrong request get no metrics" {
	local code
	start_daemon
	code() { curl -s -o /dev/null -w '%{http_code}' --unix-socket "$RUN/metrics.sock" "$@"; }
	[ "$(code http://localhost/)" = 404 ]
	[ "$(code http://localhost/metrics/../secrets)" = 404 ]
	[ "$(code -X POST -d x http://localhost/metrics)" = 405 ]
	[ "$(code -X PUT -T /etc/services http://localhost/metrics)" = 405 ]
	[ "$(code -I http://localhost/metrics)" = 200 ]
}

@test "a loopback address is asked for, another is refused" {
	port=$(free_port)
	printf '[metrics]\nsocket = 0\naddress = "127.0.0.1:%s"\n' "$port" >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	wait_port "$port"
	curl -sf "http://127.0.0.1:$port/metrics" | "$top_srcdir/tests/lib/metrics.py"
	[ ! -e "$RUN/metrics.sock" ]
	kill_worker
	wait_port "$port"
	curl -sf "http://127.0.0.1:$port/metrics" | "$top_srcdir/tests/lib/metrics.py"
	stop layerfsd
	sed -i 's/127.0.0.1/0.0.0.0/' "$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	wait_for 5 grep -q 'metrics: "0.0.0.0:.*" is no loopback address' "$T/log/layerfsd"
	answers
}

@test "who is slow or many keeps neither the daemon nor, for long, the next" {
	start_daemon
	cat >"$T/slow.py" <<-'PY'
		import socket, sys, time
		held = []
		for i in range(40):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    try:
		        s.send(b"GET /metrics HTTP/1.1\r\nX: ")
		    except OSError:
		        pass
		    held.append(s)
		open(sys.argv[2], "w").close()
		while True:
		    for s in held:
		        try:
		            s.send(b"y")
		        except OSError:
		            pass
		    time.sleep(0.5)
	PY
	start slow python3 "$T/slow.py" "$RUN/metrics.sock" "$T/ready"
	wait_for 10 test -e "$T/ready"
	layerfs mount "$FAKE/kept:good" "$T/mnt"
	is_good "$T/mnt"
	wait_for 15 scrape
}

@test "the socket outlives the worker, and restarts are counted" {
	start_daemon
	[ "$(metric layerfs_worker_restarts_total)" = 0 ]
	kill_worker
	[ "$(metric layerfs_worker_restarts_total)" = 1 ]
	kill_worker
	[ "$(metric layerfs_worker_restarts_total)" = 2 ]
}
