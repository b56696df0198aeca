# The units agree with what layerfsd does.
load ../lib/common

# The installed unit, pointing at the programs of the build folder.
units() {
	mkdir -p "$T/units"
	cp "$top_srcdir"/systemd/*.socket "$T/units/"
	sed "s|@sbindir[@]/layerfsd|$(program layerfsd)|" \
		"$top_srcdir/systemd/layerfsd.service.in" >"$T/units/layerfsd.service"
}

@test "systemd finds nothing wrong with the units" {
	requires systemd-analyze
	units
	# It knows the manual of the system only, not the one in the build folder.
	run systemd-analyze verify --man=no "$T"/units/*.{service,socket}
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$(grep -F "$T/units" <<<"$output")" ]
}

@test "the service's command line is one that layerfsd takes" {
	units
	line=$(sed -n 's/^ExecStart=//p' "$T/units/layerfsd.service")
	$line --version | grep -q '^layerfsd '
	dir=$(sed 's/.*--run //' <<<"$line")
	for name in control snapshotter cri; do
		unit=$(grep -l "^FileDescriptorName=$name$" "$T"/units/*.socket)
		grep -q "^ListenStream=$dir/$name.sock$" "$unit"
		grep -q "^SocketMode=0600$" "$unit"
	done
}

# are_open N: somebody listens on so many.
are_open() { [ "$(grep -c '^Listening on ' "$T/log/layerfsd")" = "$1" ]; }

@test "layerfsd takes the socket that systemd opened, with who already waits" {
	requires systemd-socket-activate fuse jq
	mkdir "$T/run"
	start layerfsd systemd-socket-activate -l "$T/run/control.sock" \
		"$(program layerfsd)" --root "$T/root" --run "$T/run"
	wait_for 20 are_open 1
	inode=$(stat -c %i "$T/run/control.sock")
	[ "$(layerfs --json version | jq -r .daemon.run)" = "$T/run" ]
	[ "$(stat -c %i "$T/run/control.sock")" = "$inode" ]
}

@test "sockets that systemd opened are told apart by name" {
	requires root systemd-socket-activate fuse jq
	mkdir "$T/run"
	start layerfsd systemd-socket-activate -l "$T/run/c" -l "$T/run/a" -l "$T/run/b" \
		--fdname=cri:control:snapshotter \
		"$(program layerfsd)" --root "$T/root" --run "$T/run"
	wait_for 20 are_open 3
	ln -s a "$T/run/control.sock"
	[ "$(layerfs --json version | jq -r .daemon.run)" = "$T/run" ]
	[ ! -e "$T/run/cri.sock" ]
	[ ! -e "$T/run/snapshotter.sock" ]
}

@test "the service is one whose mounts outlive its process" {
	units
	for line in Type=notify NotifyAccess=main Restart=on-failure \
		StartLimitIntervalSec=0 OOMPolicy=continue; do
		grep -qx "$line" "$T/units/layerfsd.service"
	done
	grep -qx 'ExecReload=.*/layerfsd --check' "$T/units/layerfsd.service"
	grep -qx 'ExecReload=/bin/kill -HUP $MAINPID' "$T/units/layerfsd.service"
	[ "$(sed -n 's/^FileDescriptorStoreMax=//p' "$T/units/layerfsd.service")" -ge 10000 ]
}
