#!/usr/bin/env python3
"""hostile.py FOLDER - an OCI layout with one good image and many hostile ones.

Each image is a function below; its name, with "-" for "_", is the image's tag.
A hostile table of contents is the one its manifest names: only what it says is
wrong.  FOLDER/sums has the good image's files, for sha256sum -c.
"""
import gzip, hashlib, io, json, os, random, struct, sys, tarfile, zlib

OCI = "application/vnd.oci.image."
CHUNKED = "io.github.containers.zstd-chunked."
STARGZ = "containerd.io/snapshot/stargz/toc.digest"
GIB = 1 << 30
images = {}


def image(f):
    images[f.__name__.replace("_", "-")] = f


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# ---- zstd by hand: raw blocks are enough, and run-length blocks are bombs

BLOCK = 1 << 17


def frame(size, blocks):
    # one segment, 8 bytes of content size
    return struct.pack("<IBQ", 0xFD2FB528, 0xE0, size) + b"".join(
        (last | kind << 1 | n << 3).to_bytes(3, "little") + data for last, kind, n, data in blocks)


def zstd(data):
    parts = [data[i:i + BLOCK] for i in range(0, len(data), BLOCK)] or [b""]
    return frame(len(data), [(i == len(parts) - 1, 0, len(p), p) for i, p in enumerate(parts)])


def run(byte, size):
    """`size` times the byte, claiming a window of 128 KiB"""
    n = size // BLOCK
    head = struct.pack("<IBB", 0xFD2FB528, 0, 7 << 3)
    return head + b"".join((((i == n - 1) | 2 | BLOCK << 3).to_bytes(3, "little") + byte) for i in range(n))


def skippable(data):
    return struct.pack("<II", 0x184D2A50, len(data)) + data


# ---- layers: (blob, media type, annotations, diff_id)

def contents(name, size):
    return random.Random(name).randbytes(size)


class Chunked:
    """A zstd:chunked layer; entries may be added that lie."""

    def __init__(self):
        self.blob, self.entries = bytearray(), []

    def add(self, kind, name, **more):
        self.entries.append({"type": kind, "name": name, "mode": 0o755 if kind == "dir" else 0o644, **more})

    def file(self, name, data, chunk=65536, **more):
        at, last = [], len(self.entries)
        for i in range(0, len(data), chunk):
            part = data[i:i + chunk]
            begin = len(self.blob)
            self.blob += zstd(part)
            at.append({"offset": begin, "endOffset": len(self.blob), "chunkOffset": i,
                       "chunkSize": len(part), "chunkDigest": sha(part)})
        self.add("reg", name, size=len(data), digest=sha(data), **(at[0] if at else {}))
        for a in at[1:]:
            self.entries.append({"type": "chunk", "name": name, **a})
        if at:
            self.entries[last]["endOffset"] = at[-1]["endOffset"]
        self.entries[last].update(more)

    def finish(self, toc=None, says=None, packed=None):
        toc = json.dumps({"version": 1, "entries": self.entries}).encode() if toc is None else toc
        packed = packed or zstd(toc)
        if not self.blob:
            self.blob += zstd(b"\0" * 1024)
        at, n = len(self.blob) + 8, says or len(toc)
        self.blob += skippable(packed)
        footer = struct.pack("<7Q", at, len(packed), n, 1, 0, 0, 0) + b"GNUlInUx"
        self.blob += skippable(footer)
        return bytes(self.blob), "layer.v1.tar+zstd", {
            CHUNKED + "manifest-checksum": sha(packed),
            CHUNKED + "manifest-position": "%d:%d:%d:1" % (at, len(packed), n)}, sha(b"")


def chunked(*entries, **more):
    c = Chunked()
    for kind, name, *rest in entries:
        c.add(kind, name, **(rest[0] if rest else {}))
    return c.finish(**more)


def member(data, extra=b""):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = struct.pack("<4BI2B", 31, 139, 8, 4 if extra else 0, 0, 0, 255)
    if extra:
        head += struct.pack("<H", len(extra)) + extra
    return head + z.compress(data) + z.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def estargz(entries, blob=b"", toc=None):
    toc = json.dumps({"version": 1, "entries": entries}).encode() if toc is None else toc
    head = tarfile.TarInfo("stargz.index.json")
    head.size = len(toc)
    blob = blob or member(b"\0" * 512)
    at = len(blob)
    blob += member(head.tobuf() + toc + b"\0" * (-len(toc) % 512) + b"\0" * 1024)
    blob += struct.pack("<4BI2BH", 31, 139, 8, 4, 0, 0, 255, 26) + b"SG" + struct.pack("<H", 22) \
        + b"%016xSTARGZ" % at + b"\1\0\0\xff\xff" + b"\0" * 8
    return blob, "layer.v1.tar+gzip", {STARGZ: sha(toc)}, sha(b"")


def tar(*entries, end=b"\0" * 1024):
    out = b""
    for name, kind, link, data in entries:
        t = tarfile.TarInfo(name)
        t.type, t.linkname, t.size, t.mode = kind, link, len(data), 0o644
        out += t.tobuf(tarfile.PAX_FORMAT) + data + b"\0" * (-len(data) % 512)
    return out + end


def plain(data, diff_id=None):
    return gzip.compress(data, 1, mtime=0), "layer.v1.tar+gzip", {}, diff_id or sha(data)


def plain_zstd(packed):
    return packed, "layer.v1.tar+zstd", {}, sha(b"")



# ---- the good image

GOOD = {"big": 400000, "etc/one": 3000, "etc/two": 70000, "etc/three": 1}


@image
def good():
    c = Chunked()
    c.add("dir", "etc")
    for name, size in GOOD.items():
        c.file(name, contents(name, size))
    packed = contents("old/four", 5000)
    one = member(packed)
    old = estargz([{"type": "dir", "name": "old/", "mode": 0o755},
                   {"type": "reg", "name": "old/four", "mode": 0o644, "size": len(packed), "offset": 0,
                    "digest": sha(packed), "chunkDigest": sha(packed)}], one)
    return [c.finish(), old, plain(tar(("plain", tarfile.REGTYPE, "", contents("plain", 9000))))]


# ---- tables of contents: names

@image
def parent():
    return chunked(("reg", "../outside", {"size": 0}))


@image
def parent_inside():
    return chunked(("dir", "a"), ("reg", "a/../../outside", {"size": 0}))


@image
def parent_estargz():
    return estargz([{"type": "reg", "name": "../outside", "size": 0}])


@image
def absolute():
    return chunked(("dir", "/etc"), ("reg", "/etc/passwd", {"size": 0}))


@image
def nul_name():
    return chunked(("reg", "a\0b", {"size": 0}))


@image
def newline_name():
    return chunked(("reg", "a\nb", {"size": 0}), ("symlink", "c\n", {"linkName": "\n"}))


@image
def long_name():
    return chunked(("reg", "n" * 256, {"size": 0}))


@image
def deep():
    return chunked(("dir", "/".join("d" * 2000)))


@image
def duplicate():
    c = Chunked()
    c.file("twice", b"first")
    c.file("twice", b"second")
    return c.finish()


@image
def duplicate_kinds():
    return chunked(("dir", "a"), ("reg", "a/b", {"size": 0}), ("symlink", "a", {"linkName": "/etc"}))


# ---- tables of contents: links

@image
def link_cycle():
    return chunked(("hardlink", "a", {"linkName": "b"}), ("hardlink", "b", {"linkName": "a"}))


@image
def link_self():
    return chunked(("hardlink", "a", {"linkName": "a"}))


@image
def link_folder():
    return chunked(("dir", "d"), ("hardlink", "d/again", {"linkName": "d"}))


@image
def link_outside():
    return chunked(("hardlink", "a", {"linkName": "../../etc/shadow"}))


@image
def under_file():
    return chunked(("reg", "a", {"size": 0}), ("reg", "a/b", {"size": 0}))


@image
def under_symlink():
    return chunked(("symlink", "a", {"linkName": "/etc"}), ("reg", "a/passwd", {"size": 0}))


@image
def symlink_loop():
    return chunked(("symlink", "a", {"linkName": "b"}), ("symlink", "b", {"linkName": "a"}),
                   ("reg", "a/c", {"size": 0}))


# ---- tables of contents: ranges

def lying(**lies):
    c = Chunked()
    c.file("first", contents("first", 1000))
    c.file("liar", contents("liar", 1000))
    c.entries[-1].update(lies)
    c.file("last", contents("last", 1000))
    return c.finish()


@image
def overlap():
    return lying(offset=0)


@image
def outside():
    return lying(offset=1 << 40, endOffset=(1 << 40) + 1000)


@image
def end_outside():
    return lying(endOffset=1 << 40)


@image
def uncovered():
    return lying(chunkSize=900)


@image
def too_covered():
    return lying(chunkSize=1100)


@image
def huge_size():
    return lying(size=1 << 62, chunkSize=1 << 62)


@image
def negative():
    return lying(size=-1)


@image
def no_digest():
    return lying(digest="", chunkDigest="")


@image
def wrong_chunk():
    other = sha(b"other")
    return lying(digest=other, chunkDigest=other)


@image
def bomb_chunk():
    """The frame holds a GiB, the table says 1000 bytes."""
    c = Chunked()
    c.file("first", contents("first", 1000))
    begin = len(c.blob)
    c.blob += run(b"\0", GIB)
    c.add("reg", "bomb", size=1000, offset=begin, endOffset=len(c.blob), chunkSize=1000,
          digest=sha(b"\0" * 1001), chunkDigest=sha(b"\0" * 1001))
    return c.finish()


@image
def short_chunk():
    c = Chunked()
    begin = len(c.blob)
    c.blob += zstd(b"x" * 10)
    c.add("reg", "short", size=1000, offset=begin, endOffset=len(c.blob), chunkSize=1000,
          digest=sha(b"x" * 1000), chunkDigest=sha(b"x" * 1000))
    return c.finish()


@image
def no_frame():
    c = Chunked()
    c.blob += b"this is no zstd frame"
    c.add("reg", "none", size=1000, offset=0, endOffset=21, chunkSize=1000,
          digest=sha(b"x" * 1000), chunkDigest=sha(b"x" * 1000))
    return c.finish()


# ---- tables of contents: size and shape

@image
def million():
    return chunked(*[("reg", "%d/%d" % (i // 1000, i), {"size": 0}) for i in range(1000000)])


@image
def says_gib():
    return chunked(("dir", "a"), says=GIB)


@image
def toc_bomb():
    """A GiB of blanks, said to be 100 bytes."""
    return Chunked().finish(toc=b"", says=100, packed=run(b" ", GIB))


@image
def toc_blank():
    """As much as is allowed, and nothing in it."""
    return Chunked().finish(toc=b"", says=128 << 20, packed=run(b" ", 128 << 20))


@image
def toc_bomb_estargz():
    return estargz([], toc=b'{"version":1,"entries":[' + b" " * (200 << 20) + b"]}")


@image
def toc_cut():
    return Chunked().finish(toc=b'{"version":1,"entries":[{"type":"dir","na')


@image
def toc_html():
    return Chunked().finish(toc=b"<html>log in</html>")


@image
def toc_nested():
    return Chunked().finish(toc=b'{"version":1,"x":' + b"[" * 100000 + b"]" * 100000 + b"}")


@image
def toc_version():
    return Chunked().finish(toc=b'{"version":7,"entries":[]}')


@image
def huge_xattr():
    return chunked(("reg", "a", {"size": 0, "xattrs": {"user.x": "eHh4" * 30000}}))


@image
def many_xattrs():
    return chunked(("reg", "a", {"size": 0, "xattrs": {"user.%d" % i: "eHh4" * 100 for i in range(3000)}}))


@image
def devices():
    return chunked(("char", "null", {"devMajor": 1, "devMinor": 3}), ("fifo", "pipe"),
                   ("block", "disk", {"devMajor": 8, "devMinor": 0}), ("reg", "suid", {"size": 0, "mode": 0o4755}))


# ---- plain layers

@image
def tar_parent():
    return plain(tar(("../outside", tarfile.REGTYPE, "", b"x")))


@image
def tar_link_cycle():
    return plain(tar(("a", tarfile.LNKTYPE, "b", b""), ("b", tarfile.LNKTYPE, "a", b"")))


@image
def tar_under_symlink():
    return plain(tar(("a", tarfile.SYMTYPE, "/etc", b""), ("a/passwd", tarfile.REGTYPE, "", b"x")))


@image
def tar_cut():
    return plain(tar(("a", tarfile.REGTYPE, "", b"x" * 5000), end=b"")[:2000])


@image
def tar_noise():
    return plain(contents("noise", 4096))


@image
def tar_wrong_diff_id():
    return plain(tar(("a", tarfile.REGTYPE, "", b"x")), diff_id=sha(b"other"))


@image
def gzip_noise():
    return contents("noise", 4096), "layer.v1.tar+gzip", {}, sha(b"")


@image
def gzip_bomb():
    """A file of 8 TiB, of which the blob brings a quarter GiB."""
    t = tarfile.TarInfo("bomb")
    t.size = 8 << 40
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = z.compress(t.tobuf(tarfile.GNU_FORMAT))
    for i in range(256):
        packed += z.compress(bytes(1 << 20))
    return packed + z.flush(), "layer.v1.tar+gzip", {}, sha(b"")


@image
def pax_bomb():
    """An extended header of a GiB."""
    t = tarfile.TarInfo("././@PaxHeader")
    t.type, t.size = tarfile.XHDTYPE, GIB
    return plain_zstd(zstd(t.tobuf(tarfile.GNU_FORMAT)) + run(b"1", GIB))


# ---- the layout

class Layout:
    def __init__(self, folder):
        self.folder, self.names = folder, []
        os.makedirs(os.path.join(folder, "blobs", "sha256"))

    def put(self, data, kind, **more):
        digest = sha(data)
        with open(os.path.join(self.folder, "blobs", "sha256", digest[7:]), "wb") as f:
            f.write(data)
        return {"mediaType": OCI + kind, "digest": digest, "size": len(data), **more}

    def add(self, name, layers):
        layers = layers if isinstance(layers, list) else [layers]
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": [diff_id for *_, diff_id in layers]}}).encode()
        manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                    "config": self.put(config, "config.v1+json"),
                    "layers": [self.put(blob, kind, annotations=notes) for blob, kind, notes, _ in layers]}
        self.names.append(self.put(json.dumps(manifest).encode(), "manifest.v1+json",
                                   annotations={"org.opencontainers.image.ref.name": name}))

    def finish(self):
        for name, value in ("index.json", {"schemaVersion": 2, "manifests": self.names}), \
                           ("oci-layout", {"imageLayoutVersion": "1.0.0"}):
            with open(os.path.join(self.folder, name), "w") as f:
                json.dump(value, f)


def main():
    layout = Layout(sys.argv[1])
    for name in sys.argv[2:] or images:
        layout.add(name, images[name]())
    layout.finish()
    with open(os.path.join(sys.argv[1], "sums"), "w") as f:
        for name, size in {**GOOD, "old/four": 5000, "plain": 9000}.items():
            f.write("%s  %s\n" % (sha(contents(name, size))[7:], name))


main()
