# Passwords, tokens and signed addresses: where they must not be found.
load ../lib/common
load ../lib/faults

PASSWORD=hush-4711-hush

setup_file() { hostile_images good; }

setup() {
	setup_test
	requires root fuse python3 curl jq
	mkdir "$T/mnt" "$T/out"
	FAKE=
}

login() { # USER:PASSWORD
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$FAKE" "$(printf %s "$1" | base64)" \
		>"$T/auth.json"
	export REGISTRY_AUTH_FILE=$T/auth.json
}

# Every secret that the registry was sent, a line each; and the password.
secrets() {
	printf '%s\n' "$PASSWORD" "$(printf 'me:%s' "$PASSWORD" | base64)" 'sig=hush'
	jq -r '.authorization // empty' "$T/log/requests" | cut -d' ' -f2 | sort -u
}

# nowhere FILE...: none of them holds a secret.
nowhere() {
	secrets >"$T/secrets"
	[ "$(wc -l <"$T/secrets")" -ge 3 ]
	not grep -rlaF -f "$T/secrets" "$@"
}

# All that can be asked, into $T/out.
ask_everything() {
	local what
	for what in version ls images stat "stat $REF" "inspect $REF" "explain $REF"; do
		# shellcheck disable=SC2086
		layerfs --json $what >"$T/out/${what%% *}.json" 2>&1
		# shellcheck disable=SC2086
		layerfs $what >"$T/out/${what%% *}" 2>&1
	done
	layerfs --json top --once --interval 1 >"$T/out/top"
	curl -sf --unix-socket "$RUN/metrics.sock" http://localhost/metrics >"$T/out/metrics"
}

everything_is_clean() {
	ask_everything
	nowhere "$T/log/layerfsd" "$T/out" "$RUN"/[!ms]* "$ROOT"/[!s]* "$ROOT/state.db"
	if grep -i authorization "$T/log/layerfsd"; then return 1; fi
	grep -qaF "$PASSWORD" "$ROOT/secrets" # where they are kept, and looked for well
}

@test "a password and its tokens are in no log, answer, metric or file but one" {
	start_fake --bearer "me:$PASSWORD"
	REF=$FAKE/kept:good
	start_daemon --log-level debug
	login "me:$PASSWORD"
	layerfs mount "$REF" "$T/mnt"
	is_good "$T/mnt"
	curl -sf -X POST "http://$FAKE/_expire"
	layerfs pull "$REF"
	kill_worker
	layerfs pull "$REF"
	everything_is_clean
	[ "$(stat -c %a:%u "$ROOT/secrets")" = 600:0 ]
}

@test "a login that only root may read is the daemon's where a command brings none" {
	start_fake --basic "me:$PASSWORD"
	login "me:$PASSWORD"
	unset REGISTRY_AUTH_FILE
	install -D -m 600 "$T/auth.json" "$T/etc/layerfs/auth.json"
	ROOT=$T/root RUN=$T/run
	start layerfsd unshare -m sh -c 'mount -t overlay -o "lowerdir=$0:/etc" etc /etc && exec "$@"' \
		"$T/etc" "$(program layerfsd)" --root "$ROOT" --run "$RUN"
	wait_daemon
	layerfs pull "$FAKE/kept:good"
	# To others it is none, and nothing that they have to know of.
	cp "$(program layerfs)" "$T/layerfs"
	let_others_in "$T/layerfs"
	fails_with "refused (401" nsenter -t "$(pid_of layerfsd)" -m \
		setpriv --reuid 65534 --clear-groups "$T/layerfs" \
		convert -n "$FAKE/kept:good" oci:/nowhere >"$T/out/said"
	not grep "your login" "$T/out/said"
}

@test "nor are they when the registry refuses them" {
	start_fake --bearer "me:another"
	REF=$FAKE/kept:good
	start_daemon --log-level debug
	login "me:$PASSWORD"
	layerfs pull "$REF" >"$T/out/pull" 2>&1 && false
	grep -q refused "$T/out/pull"
	layerfs --json inspect "$REF" >"$T/out/inspect" 2>&1 && false
	nowhere "$T/log/layerfsd" "$T/out"
	not grep -i authorization "$T/log/layerfsd"
}

@test "a signed address that refuses is named by its host alone" {
	start_fake
	storage=$FAKE FAKE=
	port=$(free_port)
	start fake2 "$top_srcdir/tests/lib/fakeregistry.py" "$port" "$IMAGES" "$T/log/requests2"
	wait_port "$port"
	FAKE=127.0.0.1:$port
	REF=$FAKE/kept:good
	faults "{\"path\":\"blobs\",\"do\":\"redirect\",\"to\":\"http://$storage/v2/x?sig=hush&a=\",\"times\":99}"
	start_impatient_daemon
	layerfs pull "$REF" >"$T/out/pull" 2>&1 && false
	grep -q "redirected from $FAKE" "$T/out/pull"
	not grep -rlaF 'sig=hush' "$T/log/layerfsd" "$T/out"
}

@test "what the worker writes is its own, also what the database keeps" {
	start_fake
	start_daemon
	layerfs pull "$FAKE/kept:good"
	[ "$(find "$ROOT" -mindepth 1 -name state.db | wc -l)" = 1 ]
	find "$ROOT" -mindepth 1 -perm /077 | tee "$T/open"
	[ ! -s "$T/open" ]
}

# The worker's memory holds them, so it is not to be had.
@test "the worker leaves no core, and nobody but root looks into it" {
	start_daemon
	layerfs ls # it has begun
	worker=$(worker_pid)
	[ "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$worker/limits")" = "0 0" ]
	[ "$(stat -c %u "/proc/$worker/mem")" = 0 ]
	run setpriv --reuid="$(stat -c %u "$ROOT")" --clear-groups cat "/proc/$worker/environ"
	[ "$status" != 0 ]
	mkdir "$T/core"
	OLD=$worker
	(cd "$T/core" && kill -ABRT "$worker")
	wait_for 20 is_new_worker
	[ -z "$(find "$T/core" "$ROOT" -type f -name 'core*')" ]
}
