# Several ranges in one request: where the host can, and where it cannot.
load ../lib/common
load ../lib/registry

FAR=10-1010,400000-400500,2000000-2300000

setup() {
	setup_test
	requires python3 curl jq
}

# wanted FIRST-END,...: of the layer itself.
wanted() {
	local range
	for range in ${1//,/ }; do
		tail -c "+$((${range%-*} + 1))" "$LAYER" |
			head -c $((${range#*-} - ${range%-*}))
	done | sha256sum
}

# got_parts REF FIRST-END,... [OPTION...]: the same, through the client; how many
# bytes came is in $T/count.
got_parts() {
	local ref=$1 ranges=$2
	shift 2
	regtool --idle "$@" parts "$ref" 0 "$ranges" >"$T/got" 2>"$T/count" || return
	sha256sum <"$T/got"
}

# singly FAULT: the host has it with several ranges; they come one by one.
singly() {
	start_fake "$2"
	faults "$FAKE" "{\"path\":\"blobs\",\"several\":true,\"times\":9,$1}"
	[ "$(got_parts "$FAKE/app:v1" "$FAR" --pause)" = "$(wanted "$FAR")" ] || return
	[ "$(requests "$2" '.range // "" | test(",")')" = 1 ] || return
	[ "$(cat "$T/count")" = "301500 bytes" ]
}

@test "several ranges come with one request, and nothing of what lies between" {
	start_fake
	[ "$(got_parts "$FAKE/app:v1" "$FAR")" = "$(wanted "$FAR")" ]
	[ "$(cat "$T/count")" = "301500 bytes" ]
	[ "$(requests fake '.path | test("blobs")')" = 1 ]
	[ "$(requests fake '.range == "bytes=10-1009,400000-400499,2000000-2299999"')" = 1 ]
	[ "$(got_parts "$FAKE/app:v1" 0-1,2-3,4-2999999)" = "$(wanted 0-1,2-3,4-2999999)" ]
	[ "$(got_parts "oci:$T/layout:v1" "$FAR")" = "$(wanted "$FAR")" ]
	[ "$(cat "$T/count")" = "301500 bytes" ]
}

@test "a reader that pauses gets every byte of every range once" {
	start_fake
	[ "$(got_parts "$FAKE/app:v1" "$FAR" --pause)" = "$(wanted "$FAR")" ]
	[ "$(requests fake '.path | test("blobs")')" = 1 ]
	[ "$(got_parts "oci:$T/layout:v1" "$FAR" --pause)" = "$(wanted "$FAR")" ]
}

@test "docker-registry sends several" {
	requires docker-registry
	make_storage
	[ "$(got_parts "$REGISTRY/app:v1" "$FAR")" = "$(wanted "$FAR")" ]
	[ "$(cat "$T/count")" = "301500 bytes" ]
}

@test "a host that sends all of the blob instead is left at once and asked for one at a time" {
	singly '"do":"norange"' whole
	[ "$(requests whole '.range != null')" = 4 ]
}

@test "so is one that refuses, whatever it says" {
	for code in 400 403 404 405 416 501; do
		singly "\"do\":\"status\",\"code\":$code" "refuses$code"
		[ "$(requests "refuses$code" '.range != null')" = 4 ]
	done
}

@test "an answer with one range is taken as far as it is right" {
	singly '"do":"single"' single
	[ "$(requests single '.range != null')" = 3 ]
	singly '"do":"merge"' merge
	start_fake small
	faults "$FAKE" '{"path":"blobs","do":"merge"}'
	[ "$(got_parts "$FAKE/app:v1" 5-10,100-200)" = "$(wanted 5-10,100-200)" ]
	[ "$(requests small '.range != null')" = 1 ]
}

@test "parts that are not what was asked for are not taken" {
	singly '"do":"boundary"' boundary
	singly '"do":"shift","by":1' shift
	singly '"do":"reorder"' reorder
	singly '"do":"overlap","by":300' overlap
	singly '"do":"heads"' heads
	for part in 0 1 2; do
		singly "\"do\":\"omit\",\"part\":$part" "omit$part"
	done
	# All that was wanted has come before it.
	singly '"do":"surplus"' surplus
	[ "$(requests surplus '.range != null')" = 1 ]
}

@test "parts that break off, wherever, are gone on with one at a time" {
	for after in 0 30 119 600 1150 1300 200000; do
		singly "\"do\":\"short\",\"after\":$after" "short$after"
		singly "\"do\":\"reset\",\"after\":$after" "reset$after"
	done
	start_fake stall
	faults "$FAKE" '{"path":"blobs","do":"stall","after":1150}'
	[ "$(got_parts "$FAKE/app:v1" "$FAR" --stall 500)" = "$(wanted "$FAR")" ]
	faults "$FAKE" '{"path":"blobs","do":"endless"}'
	[ "$(got_parts "$FAKE/app:v1" "$FAR")" = "$(wanted "$FAR")" ]
}

@test "small gaps come along where one range is asked for at a time" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"status","code":416,"several":true}'
	[ "$(got_parts "$FAKE/app:v1" 5-10,100-200,900000-900001)" = \
		"$(wanted 5-10,100-200,900000-900001)" ]
	[ "$(requests fake '.range == "bytes=5-199"')" = 1 ]
	[ "$(requests fake '.range == "bytes=900000-900000"')" = 1 ]
	[ "$(requests fake '.range != null')" = 3 ]
}

@test "a host that ignores ranges altogether is skipped through" {
	start_fake
	faults "$FAKE" '{"path":"blobs","do":"norange","times":9}'
	[ "$(got_parts "$FAKE/app:v1" "$FAR" --pause)" = "$(wanted "$FAR")" ]
	[ "$(requests fake '.path | test("blobs")')" = 2 ]
}

@test "who was redirected to and sends one at a time is asked so, without a detour" {
	start_fake away
	away=$FAKE
	faults "$away" '{"path":"blobs","do":"norange","several":true,"times":9}'
	start_fake
	faults "$FAKE" "{\"path\":\"blobs\",\"do\":\"redirect\",\"to\":\"http://$away\",\"times\":9}"
	[ "$(got_parts "$FAKE/app:v1" "$FAR")" = "$(wanted "$FAR")" ]
	[ "$(requests fake '.path | test("blobs")')" = 1 ]
	[ "$(requests away '.range != null')" = 4 ]
}
