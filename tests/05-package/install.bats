# What `make install` puts in place works from there.
load ../lib/common

setup() {
	setup_test
	requires make
	PREFIX=$T/prefix
}

install_into() { # MAKE-VARIABLE...
	make -s -C "$top_builddir" install "$@" >"$T/log/install" 2>&1
}

@test "the programs run from where they are installed" {
	install_into prefix="$PREFIX"
	[ -x "$PREFIX/bin/layerfs" ]
	[ -x "$PREFIX/sbin/layerfsd" ]
	[[ $("$PREFIX/bin/layerfs" --version) == layerfs\ * ]]
	[ "$("$PREFIX/bin/layerfs" --version | cut -d' ' -f2)" = \
		"$("$PREFIX/sbin/layerfsd" --version | cut -d' ' -f2)" ]
}

@test "the command starts the daemon that was installed with it" {
	requires fuse jq ps
	install_into prefix="$PREFIX"
	export LAYERFS_RUN=$T/run LAYERFS_ROOT=$T/root
	fails_with "127.0.0.1:1/a:b" "$PREFIX/bin/layerfs" pull 127.0.0.1:1/a:b
	worker=$("$PREFIX/bin/layerfs" --json version | jq .daemon.pid)
	ps -o ppid= -p "$worker" >"$T/pid/layerfsd"
	STARTED+=(layerfsd)
	[ "$(readlink "/proc/$worker/exe")" = "$(readlink -f "$PREFIX/sbin/layerfsd")" ]
}

# links_of FILE...: "FILE TARGET" of what documents point to in the source.
links_of() {
	grep -oHE '\]\([^):#]+' "$@" | sed 's/:](/ /'
}

@test "what documents point to is distributed with them" {
	# Where it is built from what was distributed already, that is what is looked at.
	dist=$top_srcdir
	if [ -e "$top_srcdir/.git" ]; then
		dist=$T/dist
		make -s -C "$top_builddir" distdir distdir="$dist" >"$T/log/dist" 2>&1
	fi
	links_of "$dist"/*.md "$dist"/docs/*.md >"$T/links"
	[ "$(wc -l <"$T/links")" -gt 10 ]
	while read -r file target; do
		[ -e "${file%/*}/$target" ] || echo "$file: $target"
	done <"$T/links" >"$T/missing"
	diff /dev/null "$T/missing"
}

@test "everything goes below DESTDIR, and uninstall takes it away" {
	install_into DESTDIR="$T/dest" prefix=/usr sysconfdir=/etc
	[ "$(ls "$T/dest")" = usr ]
	find "$T/dest" -type f | sed "s|$T/dest||" | sort >"$T/files"
	grep -qx /usr/sbin/layerfsd "$T/files"
	grep -qx /usr/include/layerfs/control.h "$T/files"
	grep -qx /usr/share/bash-completion/completions/layerfs "$T/files"
	grep -qx /usr/lib/sysusers.d/layerfs.conf "$T/files"
	! command -v scdoc >/dev/null || grep -qx /usr/share/man/man1/layerfs.1 "$T/files"
	make -s -C "$top_builddir" uninstall DESTDIR="$T/dest" prefix=/usr >/dev/null
	[ -z "$(find "$T/dest" -type f)" ]
}
