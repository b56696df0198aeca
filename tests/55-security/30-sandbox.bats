# What the worker, and whoever takes it over, cannot do.
load ../lib/common
load ../lib/faults

setup_file() { hostile_images good; }

setup() {
	setup_test
	requires python3
	[ -n "$(program sandboxtool 2>/dev/null)" ] || skip "requires a build with libseccomp"
	sandboxtool true || [ $? != 77 ] || skip "requires libseccomp and a kernel with filters"
}

sandboxtool() { "$(program sandboxtool)" "$@"; }

# call NAME [ARGUMENT...]: its errno ("0": it succeeded), or "killed".
call() {
	local status=0 out
	out=$(sandboxtool /usr/bin/python3 "$top_srcdir/tests/lib/syscall.py" "$@" 2>&1) || status=$?
	if [ $status = 159 ]; then # 128 + SIGSYS
		echo killed
	else
		echo "$out"
	fi
}

@test "what nobody does by mistake ends the process" {
	local name
	for name in ptrace process_vm_readv mount umount2 unshare setns bpf keyctl \
		setuid init_module pivot_root open_by_handle_at userfaultfd kexec_load \
		chroot mknodat open_tree move_mount perf_event_open; do
		[ "$(call $name 0 0 0 0 0)" = killed ] || { echo "$name: $(call $name 0 0 0 0 0)"; false; }
	done
}

@test "what is not known fails as on a kernel that lacks it" {
	local name
	for name in io_uring_setup fanotify_init clone3 personality vhangup 4711; do
		[ "$(call $name 0 0 0 0 0)" = ENOSYS ] || { echo "$name: $(call $name 0 0 0 0 0)"; false; }
	done
}

@test "sockets are local, of the internet, or ask for addresses" {
	[ "$(call socket 1 1 0)" = 0 ]   # AF_UNIX
	[ "$(call socket 2 1 0)" = 0 ]   # AF_INET
	[ "$(call socket 10 2 0)" = 0 ]  # AF_INET6
	[ "$(call socket 16 3 0)" = 0 ]  # AF_NETLINK, route
	[ "$(call socket 16 3 9)" = ENOSYS ]  # audit
	[ "$(call socket 17 3 3)" = ENOSYS ]  # AF_PACKET
	[ "$(call socket 40 1 0)" = ENOSYS ]  # AF_VSOCK
	[ "$(call socket 38 5 0)" = ENOSYS ]  # AF_ALG
}

@test "memory is written or executed, and no namespace is made by the way" {
	[ "$(call mmap 0 4096 3 34 -1 0)" = 0 ]
	[ "$(call mmap 0 4096 7 34 -1 0)" = ENOSYS ]
	[ "$(call mprotect 0 0 5)" = ENOSYS ]
	[ "$(call clone $((0x10000000)) 0 0 0 0)" = ENOSYS ] # CLONE_NEWUSER
	[ "$(call prctl 4 1 0 0 0)" = ENOSYS ]               # PR_SET_DUMPABLE
	[ "$(call ioctl 0 $((0x5412)) 0)" = ENOSYS ]         # TIOCSTI
}

# A credential helper may be anything.
@test "programs that the worker starts do their work" {
	requires skopeo openssl curl
	sandboxtool sh -c 'echo hello | tr a-z A-Z | { read -r x; [ "$x" = HELLO ]; }'
	sandboxtool bash -c 'x=$(date +%s); (( x > 0 )); wait'
	sandboxtool /usr/bin/python3 -c 'import subprocess, threading, json, ssl
t = threading.Thread(target=print); t.start(); t.join()
subprocess.run(["true"], check=True)'
	sandboxtool openssl rand -hex 16
	sandboxtool curl --version
	"$top_srcdir/tests/lib/fakeregistry.py" --make "$T/layout"
	sandboxtool skopeo inspect --raw "oci:$T/layout:v1" # Go
}

# The worker's own lines of /proc/PID/status.
status() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(worker_pid)/status"; }

@test "a system's worker has no capability, no new privileges, and the filter" {
	requires root fuse
	start_daemon
	layerfs ls # it has begun
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(status $set)" = 0000000000000000 ] || { status $set; false; }
	done
	[ "$(status NoNewPrivs)" = 1 ]
	[ "$(status Seccomp)" = 2 ]
	[ "$(status Groups)" = "" ]
	[ "$(awk '/^Uid:/ { print $2 * $3 * $4 * $5 }' "/proc/$(worker_pid)/status")" != 0 ]
	# A thread may end meanwhile.
	cat "/proc/$(worker_pid)"/task/*/status >"$T/threads" 2>/dev/null || true
	[ "$(grep -c '^Seccomp:	2$' "$T/threads")" -gt 10 ]
	not grep '^Seccomp:	[^2]' "$T/threads"
}

@test "the sandbox can be left out" {
	requires root fuse jq
	echo 'sandbox = 0' >"$T/layerfs.toml"
	start_daemon --config "$T/layerfs.toml"
	[ "$(status Seccomp)" = 0 ]
	answers
}

@test "a worker that is ended for what it did is said to be, and followed by another" {
	requires root fuse jq
	start_daemon
	OLD=$(worker_pid)
	kill -SYS "$OLD"
	wait_for 20 is_new_worker
	grep -q 'never makes: somebody may have taken it over' "$T/log/layerfsd"
}
