#!/usr/bin/env python3
"""zstdchunked.py - a second opinion on what layerfs convert wrote, and layouts for it.

  zstdchunked.py check LAYOUT TAG [SOURCE TAG]
      Of every layer of every manifest: digest, diff_id of what all frames give,
      footer, table of contents, each chunk's and file's digest, and the tar that
      tar-split and the files make.  With SOURCE: config and diff_ids are the same.
      Prints a line a layer: DIGEST table|frames ENTRIES CHUNKS.
  zstdchunked.py files LAYOUT TAG N
      The files with contents of the N-th layer as they lie in its blob: PATH END.
  zstdchunked.py index LAYOUT TAG NAME=LAYOUT:TAG@OS/ARCH[/VARIANT] ...
      A layout with an index of those images, an attestation beside each.
  zstdchunked.py grow LAYOUT TAG NEW
      Another image there: the first with one file more in its first layer.
  zstdchunked.py docker LAYOUT TAG
      The image's manifest with docker's media types instead.
  zstdchunked.py cut LAYOUT TAG SOURCE TAG BYTES
      A small image: of each of the other's layers what comes first.
  zstdchunked.py rewrite LAYOUT TAG config|layer N
      A layout whose N-th diff_id, or layer's blob, is wrong (digests above it right).
"""
import base64, ctypes, ctypes.util, gzip, hashlib, io, json, os, struct, sys, tarfile

P = "io.github.containers.zstd-chunked."
NAME = "org.opencontainers.image.ref.name"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
Z = ctypes.CDLL(ctypes.util.find_library("zstd"))
for f in ("ZSTD_decompress", "ZSTD_findFrameCompressedSize"):
    getattr(Z, f).restype = ctypes.c_size_t
Z.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong


def sha(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def frames(blob):
    """(offset, plain bytes) of each frame that is not skippable."""
    at, start = 0, ctypes.cast(ctypes.c_char_p(blob), ctypes.c_void_p).value
    while at < len(blob):
        n = Z.ZSTD_findFrameCompressedSize(ctypes.c_void_p(start + at), ctypes.c_size_t(len(blob) - at))
        assert 0 < n <= len(blob) - at, f"no frame at {at}"
        if blob[at + 1:at + 4] != b"\x2a\x4d\x18":
            yield at, plain(blob[at:at + n])
        at += n


def plain(frame):
    size = Z.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    if size > 1 << 40:  # not said: a table's
        return unpack_stream(frame)
    out = ctypes.create_string_buffer(size or 1)
    n = Z.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(len(frame)))
    assert n == size, f"frame of {len(frame)} bytes"
    return out.raw[:size]


def unpack_stream(frame):
    import subprocess
    return subprocess.run(["zstd", "-dc"], input=frame, stdout=subprocess.PIPE, check=True).stdout


CRC = []
for i in range(256):
    c = i
    for _ in range(8):
        c = c >> 1 ^ (0xd800000000000000 if c & 1 else 0)
    CRC.append(c)


def crc64(b):
    c = 0xffffffffffffffff
    for x in b:
        c = CRC[(c ^ x) & 255] ^ c >> 8
    return struct.pack(">Q", c ^ 0xffffffffffffffff)


class Layout:
    def __init__(self, path):
        self.path = path

    def blob(self, digest):
        with open(f"{self.path}/blobs/sha256/{digest[7:]}", "rb") as f:
            b = f.read()
        assert sha(b) == digest, f"{digest} has {sha(b)}"
        return b

    def put(self, b):
        os.makedirs(f"{self.path}/blobs/sha256", exist_ok=True)
        with open(f"{self.path}/blobs/sha256/{sha(b)[7:]}", "wb") as f:
            f.write(b)
        return {"digest": sha(b), "size": len(b)}

    def put_json(self, j):
        return self.put(json.dumps(j).encode())

    def index(self):
        with open(f"{self.path}/index.json") as f:
            return json.load(f)

    def find(self, tag):
        for m in self.index()["manifests"]:
            if m.get("annotations", {}).get(NAME) == tag:
                return m
        raise SystemExit(f"{self.path} has no {tag}")

    def name(self, tag, descriptor):
        try:
            j = self.index()
        except FileNotFoundError:
            j = {"schemaVersion": 2, "manifests": []}
        j["manifests"] = [m for m in j["manifests"] if m.get("annotations", {}).get(NAME) != tag]
        j["manifests"].append({**descriptor, "annotations": {NAME: tag}})
        with open(f"{self.path}/index.json", "w") as f:
            json.dump(j, f)
        with open(f"{self.path}/oci-layout", "w") as f:
            json.dump({"imageLayoutVersion": "1.0.0"}, f)

    def manifests(self, tag):
        d = self.find(tag)
        j = json.loads(self.blob(d["digest"]))
        if "manifests" not in j:
            return [j]
        assert j["mediaType"] == INDEX
        for m in j["manifests"]:
            assert m["mediaType"] == MANIFEST and m["size"] == len(self.blob(m["digest"])), m
        return [json.loads(self.blob(m["digest"])) for m in j["manifests"]]


def part(blob, position):
    off, n, plain_len = (int(x) for x in position.split(":")[:3])
    text = plain(blob[off:off + n])
    assert struct.unpack("<II", blob[off - 8:off]) == (0x184d2a50, n)
    assert len(text) == plain_len, (len(text), plain_len)
    return blob[off:off + n], text


def check_footer(blob, a):
    assert struct.unpack("<II", blob[-72:-64]) == (0x184d2a50, 64)
    assert blob[-8:] == b"GNUlInUx"
    toc = [int(x) for x in a[P + "manifest-position"].split(":")]
    split = [int(x) for x in a[P + "tarsplit-position"].split(":")]
    assert list(struct.unpack("<7Q", blob[-64:-8])) == toc + split


def check_table(layer, blob, by_offset, diff_id):
    a = layer["annotations"]
    check_footer(blob, a)
    assert a[P + "manifest-checksum"] == a["io.containers.zstd-chunked.manifest-checksum"]
    assert a[P + "manifest-position"] == a["io.containers.zstd-chunked.manifest-position"]
    packed, text = part(blob, a[P + "manifest-position"])
    assert sha(packed) == a[P + "manifest-checksum"]
    toc = json.loads(text)
    packed, split = part(blob, a[P + "tarsplit-position"])
    assert sha(packed) == toc["tarSplitDigest"]
    assert toc["version"] == 1
    files, n_chunks = {}, 0
    entries = toc["entries"]
    for i, e in enumerate(entries):
        assert e["type"] in ("dir", "reg", "symlink", "hardlink", "char", "block", "fifo", "chunk"), e
        if e["type"] != "reg" or not e.get("size"):
            continue
        chunks = [e]
        while i + len(chunks) < len(entries) and entries[i + len(chunks)]["type"] == "chunk":
            assert entries[i + len(chunks)]["name"] == e["name"]
            chunks.append(entries[i + len(chunks)])
        n_chunks += len(chunks)
        got, at, ends = [], 0, [c["offset"] for c in chunks[1:]] + [e["endOffset"]]
        for c, end in zip(chunks, ends):
            b = by_offset[c["offset"]]
            assert c["offset"] < end
            if len(chunks) > 1:
                assert c.get("chunkOffset", 0) == at and c["chunkSize"] == len(b), c
                assert c["chunkDigest"] == sha(b), c
                assert (c.get("chunkType") == "zeros") == (not b.strip(b"\0")) or len(b) < 1024, c
            got.append(b)
            at += len(b)
        got = b"".join(got)
        assert len(got) == e["size"] and sha(got) == e["digest"], e
        files[e["name"]] = got
    tar, position, sampled = hashlib.sha256(), 0, 0
    for line in split.splitlines():
        s = json.loads(line)
        assert s["position"] == position
        position += 1
        if s["type"] == 2:
            tar.update(base64.b64decode(s["payload"]))
        elif s.get("size"):
            tar.update(files[s["name"]])
            assert len(files[s["name"]]) == s["size"]
            if sampled < 1 << 19:  # slow in here
                sampled += s["size"]
                assert base64.b64decode(s["payload"]) == crc64(files[s["name"]]), s["name"]
    assert "sha256:" + tar.hexdigest() == diff_id, "tar-split does not give the tar"
    return len([e for e in entries if e["type"] != "chunk"]), n_chunks


def check_layer(lay, layer, diff_id):
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    blob = lay.blob(layer["digest"])
    assert layer["size"] == len(blob)
    tar, by_offset = hashlib.sha256(), {}
    for at, b in frames(blob):
        tar.update(b)
        by_offset[at] = b
    assert "sha256:" + tar.hexdigest() == diff_id, "frames do not give the tar"
    if P + "manifest-checksum" not in layer.get("annotations", {}):
        print(layer["digest"], "frames", 0, 0)
        return
    print(layer["digest"], "table", *check_table(layer, blob, by_offset, diff_id))


def check(path, tag, source=None, source_tag=None):
    lay = Layout(path)
    for i, m in enumerate(lay.manifests(tag)):
        assert m["mediaType"] == MANIFEST
        assert m["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
        config = json.loads(lay.blob(m["config"]["digest"]))
        if source:
            assert Layout(source).manifests(source_tag)[i]["config"]["digest"] == m["config"]["digest"]
        diff_ids = config["rootfs"]["diff_ids"]
        assert len(diff_ids) == len(m["layers"])
        for layer, d in zip(m["layers"], diff_ids):
            check_layer(lay, layer, d)


def files(path, tag, n):
    lay = Layout(path)
    layer = lay.manifests(tag)[0]["layers"][int(n)]
    toc = json.loads(part(lay.blob(layer["digest"]), layer["annotations"][P + "manifest-position"])[1])
    for e in sorted((e for e in toc["entries"] if "endOffset" in e), key=lambda e: e["endOffset"]):
        print(os.path.normpath(e["name"]), e["endOffset"])


def copy(src, digest, dst):
    b = Layout(src).blob(digest)
    dst.put(b)
    return b


def index(path, tag, *specs):
    out, entries = Layout(path), []
    for s in specs:
        ref, platform = s.rsplit("@", 1)
        src, src_tag = ref.rsplit(":", 1)
        d = Layout(src).find(src_tag)
        m = json.loads(copy(src, d["digest"], out))
        for b in [m["config"]] + m["layers"]:
            copy(src, b["digest"], out)
        p = dict(zip(("os", "architecture", "variant"), platform.split("/")))
        entries.append({"mediaType": MANIFEST, "digest": d["digest"], "size": d["size"], "platform": p,
                        "annotations": {"org.example.note": platform}})
        a = out.put_json({"schemaVersion": 2, "about": d["digest"]})
        entries.append({"mediaType": MANIFEST, **a, "platform": {"os": "unknown", "architecture": "unknown"},
                        "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                        "vnd.docker.reference.digest": d["digest"]}})
    j = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": {"org.example.index": "yes"}}
    out.name(tag, {"mediaType": INDEX, **out.put_json(j)})


def grow(path, tag, new):
    out = Layout(path)
    m = json.loads(out.blob(out.find(tag)["digest"]))
    c = json.loads(out.blob(m["config"]["digest"]))
    tar = io.BytesIO(gzip.decompress(out.blob(m["layers"][0]["digest"])))
    with tarfile.open(fileobj=tar, mode="a") as t:
        more = tarfile.TarInfo("more")
        more.size = 5
        t.addfile(more, io.BytesIO(b"more\n"))
    c["rootfs"]["diff_ids"][0] = sha(tar.getvalue())
    m["layers"][0].update(out.put(gzip.compress(tar.getvalue(), 1, mtime=0)))
    m["config"].update(out.put_json(c))
    out.name(new, {"mediaType": MANIFEST, **out.put_json(m)})


def first_of(tar, size):
    """The first entries of a tar, about so many bytes of them, and its end."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as t:
        at = next((m.offset for m in t if m.offset_data + m.size > size), None)
    return tar if at is None else tar[:at] + bytes(2 * tarfile.BLOCKSIZE)


def cut(path, tag, source, source_tag, size):
    out, src = Layout(path), Layout(source)
    m = src.manifests(source_tag)[0]
    c = json.loads(src.blob(m["config"]["digest"]))
    for i, layer in enumerate(m["layers"]):
        tar = first_of(gzip.decompress(src.blob(layer["digest"])), int(size))
        c["rootfs"]["diff_ids"][i] = sha(tar)
        layer.update(out.put(gzip.compress(tar, 6, mtime=0)))
    m["config"].update(out.put_json(c))
    out.name(tag, {"mediaType": MANIFEST, **out.put_json(m)})


def docker(path, tag):
    out = Layout(path)
    m = json.loads(out.blob(out.find(tag)["digest"]))
    kind = "application/vnd.docker."
    m["mediaType"] = kind + "distribution.manifest.v2+json"
    m["config"]["mediaType"] = kind + "container.image.v1+json"
    for x in m["layers"]:
        x["mediaType"] = kind + "image.rootfs.diff.tar.gzip"
    out.name(tag, {"mediaType": m["mediaType"], **out.put_json(m)})


def rewrite(path, tag, what, n):
    out, n = Layout(path), int(n)
    m = json.loads(out.blob(out.find(tag)["digest"]))
    if what == "config":
        c = json.loads(out.blob(m["config"]["digest"]))
        c["rootfs"]["diff_ids"][n] = "sha256:" + "1" * 64
        m["config"].update(out.put_json(c))
        out.name(tag, {"mediaType": MANIFEST, **out.put_json(m)})
    else:
        name = f"{path}/blobs/sha256/{m['layers'][n]['digest'][7:]}"
        b = bytearray(open(name, "rb").read())
        b[len(b) // 2] ^= 1
        os.unlink(name)  # it may be a link to another's
        open(name, "wb").write(b)


if len(sys.argv) < 4 or sys.argv[1] not in ("check", "cut", "docker", "files", "grow", "index", "rewrite"):
    raise SystemExit(__doc__)
globals()[sys.argv[1]](*sys.argv[2:])
