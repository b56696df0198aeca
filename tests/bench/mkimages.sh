#!/bin/bash
# mkimages.sh - build real OCI images from Debian bookworm packages.
#
#   mkimages.sh [IMAGE ...]       default: all of them
#
# Every image but debian shares the debootstrap minbase layer.  A layer is a
# real overlayfs diff: packages are installed by apt in a chroot on an overlay
# mount, and the upper directory is turned into a tar by ocitool.py (whiteouts
# and opaque markers included).  The last layer of each image is small and
# holds /app/run.sh, the workload, which prints READY when the service answers.
#
# Result: $LAYERFS_TEST_DATA/oci/NAME   OCI layout, gzip layers, tag "latest"
#         $LAYERFS_TEST_DATA/layers/*.tar  the uncompressed layers
set -euo pipefail
. "$(dirname "$0")/lib.sh"
SUITE=bookworm
# The mirror that this machine's apt uses; on another release of Debian the same
# mirror has this one too.
. "$(dirname "$0")/../lib/apt.bash"
MIRROR=${MIRROR:-$(apt_uri '^[a-z]+$')}
SEC=${SEC:-$(apt_uri '^[a-z]+-security$')}
[ -n "$MIRROR" ] && [ -n "$SEC" ] || die "no Debian mirror among apt's sources: set MIRROR and SEC"
data_check_version
mkdir -p "$D"/{debs/partial,lists/partial,layers,oci,roots,work}
[ $# -gt 0 ] || set -- $ALL_IMAGES

MNT=
umount_root() {
    [ -n "$MNT" ] || return 0
    local m
    for m in var/cache/apt/archives var/lib/apt/lists dev proc ''; do
        if mountpoint -q "$MNT/$m"; then umount "$MNT/$m" || umount -l "$MNT/$m"; fi
    done
    rmdir "$MNT"; MNT=
}
trap umount_root EXIT

# mount_root LOWERS UPPER: overlay the layers, with apt's caches shared.
mount_root() {
    local upper=$2
    mkdir -p "$upper" "$D/work/w.$$"
    MNT=$(mktemp -d "$D/work/mnt.XXXXXX")
    mount -t overlay -o "lowerdir=$1,upperdir=$upper,workdir=$D/work/w.$$,index=off,metacopy=off,redirect_dir=off,xino=off" ovl "$MNT"
    mount -t proc proc "$MNT/proc"
    mount --bind /dev "$MNT/dev"
    mount --bind "$D/debs" "$MNT/var/cache/apt/archives"
    mount --bind "$D/lists" "$MNT/var/lib/apt/lists"
    cp /etc/resolv.conf "$MNT/etc/resolv.conf"
}
done_root() { rm -f "$MNT/etc/resolv.conf"; umount_root; rm -rf "$D/work/w.$$"; }

in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive chroot "$MNT" "$@"; }
apt_in() { in_root apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true \
    --no-install-recommends install "$@" >>"$D/work/apt.log" 2>&1; }

build_base() {
    [ -d "$D/roots/base" ] && return
    say "debootstrap base"
    rm -rf "$D/roots/base.tmp"
    debootstrap --variant=minbase --cache-dir="$D/debs" $SUITE "$D/roots/base.tmp" "$MIRROR" >"$D/work/debootstrap.log" 2>&1
    local r=$D/roots/base.tmp
    printf 'deb %s %s main\ndeb %s %s-updates main\ndeb %s %s-security main\n' \
        "$MIRROR" $SUITE "$MIRROR" $SUITE "$SEC" $SUITE >"$r/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$r/usr/sbin/policy-rc.d"; chmod 755 "$r/usr/sbin/policy-rc.d"
    echo 'Acquire::Languages "none";' >"$r/etc/apt/apt.conf.d/docker-no-languages"
    rm -rf "$r"/var/cache/apt/* "$r"/var/lib/apt/lists/* "$r"/var/log/*.log "$r"/var/log/apt "$r"/etc/resolv.conf
    mkdir -p "$r/var/cache/apt/archives/partial" "$r/var/lib/apt/lists/partial"
    rm -rf "${r:?}"/proc/* "${r:?}"/dev/*
    mv "$r" "$D/roots/base"
    python3 "$BENCH/ocitool.py" layer "$D/roots/base" "$D/layers/base.tar"
    MNT=; mount_root "$D/roots/base" "$D/work/scratch"
    in_root apt-get -qq update >>"$D/work/apt.log" 2>&1
    done_root; rm -rf "$D/work/scratch"
}

# step NAME LOWERS FUNC: run FUNC in an overlay, store roots/NAME, layers/NAME.tar
step() {
    local name=$1 lowers=$2 fn=$3 r=$D/roots/$1
    [ -f "$D/layers/$name.tar" ] && [ -d "$r" ] && return
    say "layer $name"
    rm -rf "$r"
    mount_root "$lowers" "$r"
    $fn
    rm -rf "$MNT"/tmp/* "$MNT"/var/log/*.log "$MNT"/var/log/apt "$MNT"/var/cache/apt/*.bin "$MNT"/var/cache/ldconfig/aux-cache
    done_root
    python3 "$BENCH/ocitool.py" layer "$r" "$D/layers/$name.tar.tmp"
    mv "$D/layers/$name.tar.tmp" "$D/layers/$name.tar"
}

app() { mkdir -p "$MNT/app"; cat >"$MNT/app/run.sh"; chmod 755 "$MNT/app/run.sh"; }

# --- the package layers ------------------------------------------------------
pkg_python()   { apt_in python3 python3-pip python3-venv python3-numpy python3-flask; }
pkg_node()     { apt_in nodejs; }
pkg_postgres() { apt_in postgresql-15; }
pkg_nginx()    { apt_in nginx; }
pkg_gcc()      { apt_in build-essential; }
pkg_openjdk()  { apt_in openjdk-17-jdk-headless; }
pkg_odd() {
    apt_in iputils-ping libcap2-bin attr
    # Many small files (as node_modules), hard links among them.
    python3 - "$MNT" <<'PY'
import os, random, sys
root = sys.argv[1] + "/srv/many"; rnd = random.Random(7); first = None
for a in range(200):
    for b in range(5):
        d = f"{root}/pkg{a:03}/lib{b}"; os.makedirs(d)
        for i in range(40):
            p = f"{d}/f{i:02}.js"
            with open(p, "wb") as f:
                f.write((f"// {a} {b} {i}\n" + "x = %d;\n" % rnd.getrandbits(32) * rnd.randrange(1, 60)).encode())
            if i % 10 == 0:
                os.link(p, f"{d}/hard{i:02}.js")
os.makedirs(sys.argv[1] + "/srv/opaque/sub"); os.makedirs(sys.argv[1] + "/srv/gone/sub")
for n in ("a", "b", "sub/c"):
    open(sys.argv[1] + "/srv/opaque/" + n, "w").write("lower\n")
    open(sys.argv[1] + "/srv/gone/" + n, "w").write("lower\n")
    os.makedirs(sys.argv[1] + "/srv/swap", exist_ok=True)
open(sys.argv[1] + "/srv/swap/file-to-dir", "w").write("was a file\n")
os.makedirs(sys.argv[1] + "/srv/swap/dir-to-file"); open(sys.argv[1] + "/srv/swap/dir-to-file/x", "w").write("x")
with open(sys.argv[1] + "/srv/big.bin", "wb") as f:          # half compressible, 64 MiB
    for i in range(1024):
        f.write(rnd.randbytes(32768)); f.write(bytes(32768))
PY
}

# --- the application layers --------------------------------------------------
app_python() { app <<'S'
#!/bin/sh
exec python3 -c 'import numpy,flask; print("READY", numpy.arange(5).sum())'
S
}
app_node() { app <<'S'
#!/bin/sh
exec node /app/server.js
S
    cat >"$MNT/app/server.js" <<'S'
const http = require('http');
const s = http.createServer((q, r) => r.end('hello\n')).listen(8080, '127.0.0.1', () =>
  http.get('http://127.0.0.1:8080/', r => r.on('data', () => {}).on('end', () => { console.log('READY'); s.close(); process.exit(0); })));
S
}
app_postgres() { app <<'S'
#!/bin/bash
set -e
P=/usr/lib/postgresql/15/bin; mkdir -p /tmp/pg; chown postgres /tmp/pg
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
cd /tmp
as $P/initdb -D /tmp/pg/data -A trust >/dev/null
as $P/pg_ctl -D /tmp/pg/data -o '-k /tmp -h ""' -l /tmp/pg/log -w start >/dev/null
[ "$(as $P/psql -h /tmp -At -d postgres -c 'select 1')" = 1 ] && echo READY
as $P/pg_ctl -D /tmp/pg/data -m immediate stop >/dev/null
S
}
app_nginx() { app <<'S'
#!/bin/bash
set -e
mkdir -p /var/log/nginx /run
nginx
exec 3<>/dev/tcp/127.0.0.1/80
printf 'GET / HTTP/1.0\r\nHost: x\r\n\r\n' >&3
read -r line <&3; case $line in *200*) echo READY;; *) echo "BAD $line";; esac
nginx -s quit
S
    # Whiteouts and an opaque directory over the package layer.
    rm -rf "$MNT"/usr/share/doc/nginx "$MNT"/usr/share/doc/nginx-common
    rm -rf "$MNT"/var/www/html; mkdir -p "$MNT"/var/www/html
    echo '<h1>hello</h1>' >"$MNT"/var/www/html/index.html
}
app_gcc() { app <<'S'
#!/bin/sh
cd /tmp && gcc -O2 -o hello /app/hello.c && ./hello
S
    printf '#include <stdio.h>\nint main(void){puts("READY");return 0;}\n' >"$MNT/app/hello.c"
}
app_openjdk() { app <<'S'
#!/bin/sh
exec java -cp /app Hello
S
    echo 'public class Hello { public static void main(String[] a) { System.out.println("READY " + System.getProperty("java.version")); } }' >"$MNT/app/Hello.java"
    in_root javac -d /app /app/Hello.java
}
app_odd() { app <<'S'
#!/bin/bash
set -e
n=$(find /srv/many -type f | wc -l)
[ "$n" = 44000 ]
cat /srv/many/pkg1*/lib3/f0*.js >/dev/null
getcap /usr/bin/ping | grep -q cap_net_raw
[ ! -e /srv/gone ] && [ "$(ls /srv/opaque)" = new ]
echo READY
S
    local s=$MNT/srv long uni
    rm -rf "$s/gone"                                   # whiteout of a directory
    rm -f "$MNT/usr/share/common-licenses/GPL-1"       # whiteout of a base-layer file
    rm -rf "$s/opaque"; mkdir "$s/opaque"; echo upper >"$s/opaque/new"   # opaque
    rm -f "$s/swap/file-to-dir"; mkdir "$s/swap/file-to-dir"; echo d >"$s/swap/file-to-dir/in"
    rm -rf "$s/swap/dir-to-file"; echo f >"$s/swap/dir-to-file"
    mkdir -p "$s/odd/dev"
    mknod "$s/odd/dev/null" c 1 3; mknod "$s/odd/dev/loop0" b 7 0; mkfifo "$s/odd/dev/fifo"
    long=$(printf 'long-name-%.0s' {1..20})
    mkdir -p "$s/odd/$long/$long"
    echo long >"$s/odd/$long/$long/${long}.txt"
    ln -s "$long/$long/${long}.txt" "$s/odd/long-symlink"
    ln "$s/odd/$long/$long/${long}.txt" "$s/odd/hardlink-to-long"
    for uni in $'na\u00efve-\u65e5\u672c\u8a9e-\U1F433' $'\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0444\u0430\u0439\u043b' $'tab\tnewline\nname' $'latin1-\xe9' ; do
        echo "$uni" >"$s/odd/$uni"
    done
    echo x >"$s/odd/xattrs"
    setfattr -n user.comment -v 'hello' "$s/odd/xattrs"
    setfattr -n user.binary -v 0x00ff80fe0a3d00 "$s/odd/xattrs"
    setfattr -n trusted.admin -v 1 "$s/odd/xattrs"
    mkdir "$s/odd/xdir"; setfattr -n user.dir -v yes "$s/odd/xdir"
    cp "$MNT/bin/true" "$s/odd/suid"; chmod 6755 "$s/odd/suid"
    chmod 1777 "$s/odd/xdir"; : >"$s/odd/empty"; chown 12345:54321 "$s/odd/empty"
    truncate -s 10M "$s/odd/sparse"
    touch -d '1971-02-03 04:05:06.789' "$s/odd/old"
    cp --reflink=never "$MNT/srv/many/pkg000/lib0/hard00.js" "$s/odd/copy"
    chmod 600 "$MNT/srv/many/pkg000/lib0/f00.js"       # copy-up breaks a hard link
}

# MORE names a file with further pkg_NAME and app_NAME functions.
# shellcheck disable=SC1090
[ -z "${MORE:-}" ] || . "$MORE"

build_base
for n in "$@"; do
    B=$D/roots/base L=$D/layers
    if [ "$n" = debian ]; then
        set_layers=("$L/base.tar")
        cmd='["/bin/sh","-c","echo READY"]'
    else
        step "$n-pkg" "$B" "pkg_$n"
        step "$n-app" "$D/roots/$n-pkg:$B" "app_$n"
        set_layers=("$L/base.tar" "$L/$n-pkg.tar" "$L/$n-app.tar")
        cmd='["/app/run.sh"]'
    fi
    if [ ! -f "$D/oci/$n/index.json" ]; then
        say "oci image $n"
        python3 "$BENCH/ocitool.py" image "$D/oci/$n" latest --cmd "$cmd" "${set_layers[@]}"
    fi
    say "$n: $(du -sh "$D/oci/$n" | cut -f1)"
done
