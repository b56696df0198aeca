# What systemd/layerfsd.service leaves the daemon is enough: the same limits without
# systemd.
load ../lib/common
load ../lib/images

setup() {
	setup_test
	requires root fuse jq systemd-analyze setpriv docker-registry ref:debian-zc:zstdchunked
	UNIT=$top_srcdir/systemd/layerfsd.service.in
	[ -n "$(program sandboxtool 2>/dev/null)" ] || skip "requires a build with libseccomp"
	start_registry
	mkdir "$T/mnt" "$T/upper"
	REF=$REGISTRY/debian-zc:zstdchunked
}

# set_of NAME: the call's names of a group, and of the groups in it.
calls_of() {
	local word
	for word; do
		case $word in
		@*)
			# shellcheck disable=SC2046
			calls_of $(systemd-analyze syscall-filter --no-pager "$word" 2>/dev/null |
				sed -n 's/^    \([-@a-z0-9_]*\)$/\1/p') ;;
		*) echo "$word" ;;
		esac
	done
}

value_of() { sed -n "s/^$1=//p" "$UNIT" | tr '\n' ' '; }

# Calls that systemd refuses whole, as their flags lie in memory, where it restricts what
# else they could do.
is_refused() {
	case $1 in
	openat2) [[ $(value_of RestrictSUIDSGID) == yes* ]] ;;
	clone3) [ -n "$(value_of RestrictNamespaces)" ] ;;
	*) false ;;
	esac
}
allowed_calls() {
	local name
	calls_of $(value_of SystemCallFilter) | sort -u |
		while read -r name; do is_refused "$name" || echo "$name"; done
}

# start_limited_daemon: as the service has it.
start_limited_daemon() {
	local calls capabilities
	mapfile -t calls < <(allowed_calls | sed 's/^/-c\n/')
	[ ${#calls[@]} -gt 200 ]
	capabilities=$(value_of CapabilityBoundingSet | tr 'A-Z' 'a-z' | sed 's/ *$//; s/cap_/+/g; s/ /,/g')
	ROOT=$T/root RUN=$T/run
	start layerfsd setpriv --no-new-privs --bounding-set="-all,$capabilities" \
		"$(program sandboxtool)" "${calls[@]}" \
		"$(program layerfsd)" --root "$ROOT" --run "$RUN"
	wait_daemon
}

@test "the limits are there" {
	start_limited_daemon
	[ "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$(pid_of layerfsd)/status")" = 1 ]
	[ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$(pid_of layerfsd)/status")" = 2 ]
	[ "$(awk '/^CapBnd:/ { print $2 }' "/proc/$(pid_of layerfsd)/status")" != 000001ffffffffff ]
	[ "$(awk '/^CapEff:/ { print $2 }' "/proc/$(worker_pid)/status")" = 0000000000000000 ]
}

@test "images are pulled, mounted, written to, and unmounted" {
	start_limited_daemon
	layerfs mount --rw --upper "$T/upper" "$REF" "$T/mnt"
	echo changed >>"$T/mnt/etc/debian_version"
	chown 1234:1234 "$T/mnt/etc/hostname" || chown 1234:1234 "$T/mnt/etc/passwd"
	chmod 4755 "$T/mnt/bin/ls"
	mv "$T/mnt/etc/apt" "$T/mnt/etc/apt2"
	rm -r "$T/mnt/usr/share/doc"
	mknod "$T/mnt/null" c 1 3
	setcap cap_net_raw+ep "$T/mnt/usr/bin/perl"
	[ ! -e "$T/mnt/usr/share/doc" ]
	[ "$(stat -c %a "$T/mnt/bin/ls")" = 4755 ]
	layerfs unmount "$T/mnt"
	[ "$(stat -c %F "$T/upper/usr/share/doc")" = "character special file" ]
	layerfs mount "$REF" "$T/mnt"
	sha256sum "$T/mnt/bin/ls"
	OLD=$(worker_pid)
	kill -KILL "$OLD"
	cat "$T/mnt/usr/bin/perl" >/dev/null
	layerfs unmount "$T/mnt"
	layerfs rm "$REF"
	stop layerfsd
	[ -z "$(mounts_under "$T")" ]
}

@test "an end in order leaves nothing mounted" {
	mkdir "$T/rw"
	start_limited_daemon
	layerfs mount "$REF" "$T/mnt"
	layerfs mount --rw "$REF" "$T/rw"
	stop layerfsd
	cat "$T/log/layerfsd"
	[ -z "$(mounts_under "$T")" ]
	not grep 'left behind' "$T/log/layerfsd"
}

@test "what is wrong is repaired, and the kernel forgets it" {
	start_limited_daemon
	layerfs pull -q "$REF"
	flip "$ROOT/data"
	layerfs mount "$REF" "$T/mnt"
	cp -a "$T/mnt" "$T/copy"
	layerfs verify --repair | grep ", 1 wrong"
	[ "$(layerfs --json verify | jq .wrong)" = 0 ]
	not diff -rq --no-dereference "$T/mnt" "$T/copy" >"$T/differ"
	[ "$(grep -c '^Files ' "$T/differ")" = 1 ]
	layerfs unmount "$T/mnt"
}

@test "the score of systemd-analyze security does not get worse" {
	mkdir "$T/units"
	sed "s|@sbindir[@]/layerfsd|$(program layerfsd)|" "$UNIT" >"$T/units/layerfsd.service"
	systemd-analyze security --help | grep -q -- --offline || skip "requires systemd 250"
	systemd-analyze security --no-pager --offline=true --threshold=54 "$T/units/layerfsd.service"
}
