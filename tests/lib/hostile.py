#!/usr/bin/env python3
"""hostile.py FOLDER - an OCI layout with one good image and many hostile ones.

Each image is a function below; its name, with "-" for "_", is the image's tag.
A hostile table of contents is the one its manifest names: only what it says is
wrong.  FOLDER/sums has the good image's files, for sha256sum -c.
"""
import json, os, sys, tarfile, zlib
from handmade import Chunked, chunked, contents, estargz, member, plain, plain_zstd, run, sha, tar, zstd

OCI = "application/vnd.oci.image."
GIB = 1 << 30
images = {}


def image(f):
    images[f.__name__.replace("_", "-")] = f


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
