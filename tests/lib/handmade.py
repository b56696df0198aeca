"""Layers made by hand, so that what they say may be wrong: each is (blob, media type,
annotations, diff_id)."""
import gzip, hashlib, json, random, struct, tarfile, zlib

CHUNKED = "io.github.containers.zstd-chunked."
STARGZ = "containerd.io/snapshot/stargz/toc.digest"


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


# ---- layers

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
