#!/usr/bin/env bats
# A registry that misbehaves while a mounted image is read: what is wrong is
# dropped, counted and fetched again; what stays wrong is EIO and a line in the
# log; the mount lives.

load ../lib/common
load ../lib/faults

setup_file() { hostile_images; }

setup() {
	setup_faults
	mount_patiently good
	DATA='"path":"app/blobs","ranged":true'
}

teardown() { teardown_faults; }

# What comes in the end is waited for, however long this machine takes for it.
mount_patiently() { layerfs mount --unreachable=wait:5m "$FAKE/app:$1" "$T/mnt"; }

counter() { layerfs --json stat | jq ".counters.$1"; }

# The chunk of a small file: its digest is the file's.
digest_of() { awk -v f="$1" '$2 == f { print "sha256:" $1 }' "$IMAGES/sums"; }

# never FAULT: the registry does so until patience is at its end: EIO.
never() {
	layerfs unmount "$T/mnt"
	layerfs mount "$FAKE/app:good" "$T/mnt"
	faults "$1"
	eio "$T/mnt/etc/one"
	recovers
}

# The registry behaves again, and so does the mount when the chunk that failed
# has rested.
recovers() {
	faults
	wait_for 10 is_good "$T/mnt"
}

# survives FAULT: one such answer, then right ones: every byte is right.
survives() {
	faults "$1"
	is_good "$T/mnt"
	grep -qE '"action": "(corrupt|short|norange|status|reset|stall|redirect|shift|part|html)"' "$T/log/requests"
}

@test "one wrong answer is dropped, counted and fetched again" {
	survives "{$DATA,\"do\":\"corrupt\",\"at\":100,\"times\":1}"
	[ "$(counter fetch_corrupt)" -gt 0 ]
	[ "$(counter read_errors)" = 0 ]
}

@test "what stays wrong is EIO, the log names all of it, other files are read" {
	layer=$(layerfs --json stat "$FAKE/app:good" | jq -r '.layer_list[0].layer')
	faults "{\"path\":\"app/blobs/$layer\",\"ranged\":true,\"do\":\"corrupt\",\"at\":100,\"times\":99}"
	eio "$T/mnt/etc/one"
	[ "$(counter fetch_corrupt)" -gt 0 ]
	[ "$(counter read_errors)" -gt 0 ]
	line=$(grep 'etc/one' "$T/log/layerfsd")
	[[ $line == *"$FAKE/app:good"*"$layer"*"$(digest_of etc/one)"* ]]
	[ "$(sha256sum <"$T/mnt/old/four")" = "$(digest_of old/four | cut -d: -f2)  -" ]
	[ "$(mount_count)" = 1 ]
	recovers
}

@test "a body that ends early is asked for again" {
	survives "{$DATA,\"do\":\"short\",\"after\":100,\"times\":2}"
}

@test "a range that is ignored is read through" {
	survives "{$DATA,\"do\":\"norange\",\"times\":99}"
}

@test "another range than was asked for is not believed" {
	survives "{$DATA,\"do\":\"shift\",\"by\":1,\"times\":1}"
}

@test "less than was asked for is asked for again" {
	survives "{$DATA,\"do\":\"part\",\"bytes\":1000,\"times\":3}"
}

@test "a range that the registry says is outside is EIO, later right" {
	never "{$DATA,\"do\":\"status\",\"code\":416,\"times\":99}"
}

@test "a connection reset in the middle is made again" {
	survives "{$DATA,\"do\":\"reset\",\"after\":1000,\"times\":2}"
}

@test "a connection that says nothing more is given up and made again" {
	survives "{$DATA,\"do\":\"stall\",\"after\":1000,\"times\":1}"
}

@test "a web page instead of a range is not taken for data" {
	never "{$DATA,\"do\":\"html\",\"times\":99}"
}

@test "data that lies on another host is fetched there" {
	port=$(free_port)
	start other "$top_srcdir/tests/lib/fakeregistry.py" "$port" "$IMAGES" \
		"$T/log/other-requests"
	wait_port "$port"
	survives "{$DATA,\"do\":\"redirect\",\"to\":\"http://127.0.0.1:$port\",\"times\":99}"
	grep -q app/blobs "$T/log/other-requests"
}

@test "redirects in a circle end" {
	never "{$DATA,\"do\":\"redirect\",\"to\":\"http://$FAKE\",\"times\":999}"
}


# ---- chunks that a vouched-for table describes wrongly

# lies IMAGE FILE: the file is EIO, the others are right, memory stays small.
lies() {
	layerfs unmount "$T/mnt"
	mount_patiently "$1"
	eio "$T/mnt/$2"
	grep -F "$FAKE/app:$1: /$2" "$T/log/layerfsd" | grep 'layer sha256:.* chunk sha256:'
	is_instrumented || [ "$(worker_peak_mib)" -lt 100 ]
	[ ! -e "$T/mnt/first" ] || [ "$(wc -c <"$T/mnt/first")" = 1000 ]
}

@test "a chunk of another digest is never served" { lies wrong-chunk liar; }
@test "a chunk that unpacks to a GiB is cut off" { lies bomb-chunk bomb; }
@test "a chunk that unpacks to less is refused" { lies short-chunk short; }
@test "a chunk that is no frame is refused" { lies no-frame none; }
