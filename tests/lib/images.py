#!/usr/bin/env python3
"""images.py HOST:PORT COMMAND ... - small images of the tests' own, in a registry.

    push NAME...           one of those below each, as REPOSITORY NAME:gzip
    mix TO FROM/LAYER...   an image made of other images' layers, as blobs are,
                           e.g. mix mix:1 box-zc:1/0 box:gzip/1
    append TO FROM FILE    an image with one more layer, the tar.gz in FILE
    layers REF             "DIGEST SIZE" of each layer
    chain REF              the chain ID of all its layers
    fetched REF LOG        "DIGEST SIZE BYTES REQUESTS DIFFERENT" of each layer: what
                           of it was asked for, by netsim's log; of bytes that were
                           asked for twice, as what is late is, once in DIFFERENT

box: a base with busybox and 8 MB of noise, and a top with 6 MB that changes the
base in every way.  pause: busybox alone, waiting.  deep: 128 layers.  strange,
twice, below: tars as few programs write them.
"""
import gzip, hashlib, io, json, random, re, sys, tarfile, urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
APPLETS = "sh ls cat rm mkdir mv cp ln echo find sleep true touch tar stat sha256sum id test chmod".split()


# --- layers --------------------------------------------------------------------
class Layer:
    """A tar that is put together; every entry of it is old, and root's if nobody's."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape")

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=0o644, link="", owner=0, mtime=1700000000, device=(0, 0), **pax):
        t = tarfile.TarInfo(name)
        t.type, t.mode, t.linkname, t.size, t.mtime = kind, mode, link, len(data), mtime
        t.uid = t.gid = owner
        t.devmajor, t.devminor = device
        t.pax_headers = pax
        self.tar.addfile(t, io.BytesIO(data))
        return self

    def dir(self, *names):
        for n in names:
            self.add(n, tarfile.DIRTYPE, mode=0o755)
        return self

    def file(self, name, text):
        return self.add(name, data=text if isinstance(text, bytes) else text.encode())

    def whiteout(self, name):
        folder, _, base = name.rpartition("/")
        return self.add(f"{folder}/.wh.{base}" if folder else ".wh." + base, mode=0)

    def bytes(self):
        # Without tarfile's padding to 10 KiB, which skopeo's zstd:chunked loses.
        end = self.tar.offset + 2 * tarfile.BLOCKSIZE
        self.tar.close()
        return self.out.getvalue()[:end]


def noise(seed, n):
    return random.Random(seed).randbytes(n)


def busybox(layer):
    layer.dir("bin", "etc", "proc", "sys", "dev", "tmp", "root", "run")
    layer.add("bin/busybox", data=open("/bin/busybox", "rb").read(), mode=0o755)
    for a in APPLETS:
        layer.add("bin/" + a, tarfile.SYMTYPE, link="busybox", mode=0o777)
    return layer.file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")


def box():
    base = busybox(Layer()).dir("data", "data/gone", "data/opaque", "data/swap")
    for i in range(8):
        base.file(f"data/noise{i}", noise(i, 1 << 20))
    base.file("data/changed", "old\n").file("data/removed", "old\n")
    base.file("data/gone/a", "old\n").file("data/opaque/old", "old\n").file("data/swap/file", "old\n")
    base.add("data/link", tarfile.LNKTYPE, link="data/changed")
    top = Layer().dir("data", "more").file("data/changed", "new\n").whiteout("data/removed")
    top.whiteout("data/gone").dir("data/opaque").add("data/opaque/.wh..wh..opq", mode=0)
    top.file("data/opaque/new", "new\n").dir("data/swap").dir("data/swap/file").file("data/swap/file/in", "new\n")
    top.add("more/db", tarfile.DIRTYPE, mode=0o700, owner=70)
    top.add("more/db/conf", data=b"mine\n", mode=0o600, owner=70)
    for i in range(6):
        top.file(f"more/noise{i}", noise(100 + i, 1 << 20))
    return [base, top], ["/bin/sh"]


def pause():
    return [busybox(Layer())], ["/bin/sleep", "86400"]


def deep():
    layers = [busybox(Layer()).dir("deep").file("deep/top", "0\n")]
    for n in range(1, 128):
        layer = Layer().dir("deep").file("deep/top", f"{n}\n").file(f"deep/{n}", f"{n}\n")
        if n % 10 == 0:
            layer.whiteout(f"deep/{n - 5}")
        layers.append(layer)
    return layers, ["/bin/sh"]


def strange():
    base = Layer().add("./", tarfile.DIRTYPE, mode=0o700, owner=7)
    base.dir("t", "usr", "usr/lib", "d", "d/sub", "gone", "old").file("usr/lib/old", "old\n")
    # Times and modes.
    base.add("t/before", data=b"x", mtime=-5).add("t/half-before", data=b"x", mtime=-5.5)
    base.add("t/before-dir", tarfile.DIRTYPE, mode=0o755, mtime=-86400)
    base.add("t/before-link", tarfile.SYMTYPE, link="x", mode=0o777, mtime=-1)
    base.add("t/late", data=b"x", mtime=1 << 33).add("t/too-late", data=b"x", mtime=1 << 34)
    base.add("t/link", tarfile.SYMTYPE, link="nowhere", mode=0o600, owner=5)
    base.add("t/suid", data=b"x", mode=0o6755, owner=9).add("t/bits", data=b"x", mode=0o107644)
    # Names.
    base.file("t/" + "n" * 255, "n\n").file("t/caf\udce9", "latin\n").file("t/a\nb", "line\n")
    base.file("/t/absolute", "1\n").file("t//double", "2\n").file("./t/./dots", "3\n")
    base.file("no/folder/has/been/named", "4\n")
    # Kinds.
    base.add("t/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3)).add("t/pipe", tarfile.FIFOTYPE)
    base.add("t/disk", tarfile.BLKTYPE, mode=0o660, owner=6, device=(7, 0))
    base.add("t/xattrs", data=b"x", **{"SCHILY.xattr.user.a": "b=c", "SCHILY.xattr.user.empty": "",
                                       "SCHILY.xattr.user.large": "l" * 2000, "SCHILY.xattr.trusted.x": "y"})
    # Hard links.
    base.file("t/one", "one\n").add("t/two", tarfile.LNKTYPE, link="t/one", mode=0o600, owner=3, mtime=1600000000)
    base.add("t/three", tarfile.LNKTYPE, link="./t/two", mode=0o4755, owner=4)
    base.add("t/of-link", tarfile.LNKTYPE, link="t/link", mode=0o777, owner=8)
    base.add("t/with", data=b"x").add("t/with-xattr", tarfile.LNKTYPE, link="t/with", **{"SCHILY.xattr.user.late": "v"})
    # Through a link.
    base.dir("t/f-d").add("t/alias", tarfile.SYMTYPE, link="f-d").file("t/alias/more", "more\n")
    base.add("lib", tarfile.SYMTYPE, link="usr/lib").add("t/up", tarfile.SYMTYPE, link="../../../usr").file("t/up/through", "x\n")
    # Holes.
    base.add("t/sparse", data=b"2\n0\n3\n8192\n5\n".ljust(512, b"\0") + b"abcdefgh",
             **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "t/holes", "GNU.sparse.realsize": "20000"})
    base.file("d/a", "a\n").file("d/sub/b", "b\n").file("gone/c", "c\n").file("old/d", "d\n").file("t/plain", "p\n")
    base.add("own", tarfile.DIRTYPE, mode=0o750, owner=11, **{"SCHILY.xattr.user.own": "x"}).file("own/old", "o\n")
    top = Layer().whiteout("nothing").whiteout("t/nothing")
    # What is hidden, and is there again.
    top.file("d/new", "new\n").add("d/.wh..wh..opq", mode=0).dir("d/sub").file("d/sub/new", "new\n")
    top.file("old/e", "e\n").whiteout("old/d")
    top.file("own/new", "n\n")
    top.file("t/null", "now a file\n").file("t/f-d", "a file again\n").dir("t/d-f").file("t/d-f/in", "in\n")
    top.add("t/new", data=b"n").add("t/newer", tarfile.LNKTYPE, link="t/new")
    top.add("t/hidden", tarfile.CHRTYPE, device=(0, 0)).add("t/one", tarfile.CHRTYPE, device=(0, 0))
    return [base, top], ["/bin/sh"]


def twice():
    base = Layer().dir("t")
    base.file("t/twice", "first\n").file("t/twice", "second, and longer\n")
    base.file("t/linked", "kept\n").add("t/keeps", tarfile.LNKTYPE, link="t/linked").file("t/linked", "new\n")
    base.file("t/f-d", "was a file\n").dir("t/f-d").file("t/f-d/in", "in\n")
    base.dir("t/d-f").file("t/d-f/in", "in\n").file("t/d-f", "now a file\n")
    base.add("t/l-d", tarfile.SYMTYPE, link="f-d").dir("t/l-d").file("t/l-d/in", "own\n")
    base.add("t/d-d", tarfile.DIRTYPE, mode=0o700, owner=1).file("t/d-d/in", "in\n").add("t/d-d", tarfile.DIRTYPE, mode=0o711, owner=2)
    return [base], ["/bin/sh"]


def below_link():
    base = Layer().dir("usr", "usr/lib").file("usr/lib/old", "old\n").add("lib", tarfile.SYMTYPE, link="usr/lib")
    return [base, Layer().file("lib/new", "new\n")], ["/bin/sh"]


IMAGES = {"box": box, "pause": pause, "deep": deep, "strange": strange, "twice": twice, "below": below_link}


# --- registry ------------------------------------------------------------------
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def request(method, url, data=None, kind="application/octet-stream"):
    r = urllib.request.Request(url, data=data, method=method)
    r.add_header("Content-Type", kind)
    r.add_header("Accept", f"{MANIFEST}, {INDEX}")
    return urllib.request.urlopen(r)


class Repository:
    def __init__(self, host, ref):
        self.name, _, self.tag = ref.rpartition(":")
        self.url = f"http://{host}/v2/{self.name}"

    def blob(self, d):
        return request("GET", f"{self.url}/blobs/{d}").read()

    def manifest(self):
        return json.load(request("GET", f"{self.url}/manifests/{self.tag}"))

    def diff_ids(self):
        return json.loads(self.blob(self.manifest()["config"]["digest"]))["rootfs"]["diff_ids"]

    def put_blob(self, data):
        at = request("POST", f"{self.url}/blobs/uploads/", b"").headers["Location"]
        request("PUT", f"{at}&digest={digest(data)}", data)
        return {"digest": digest(data), "size": len(data)}

    def put_image(self, layers, diff_ids, cmd):
        config = self.put_blob(json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": cmd, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
        request("PUT", f"{self.url}/manifests/{self.tag}", json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **config}, "layers": layers}).encode(), MANIFEST)


def push(host, *names):
    for name in names:
        to = Repository(host, name + ":gzip")
        layers, cmd = IMAGES[name]()
        tars = [layer.bytes() for layer in layers]
        to.put_image([{"mediaType": LAYER, **to.put_blob(gzip.compress(t, 6, mtime=0))} for t in tars],
                     [digest(t) for t in tars], cmd)


def mix(host, ref, *parts):
    to, layers, diff_ids = Repository(host, ref), [], []
    for part in parts:
        source, _, n = part.rpartition("/")
        source = Repository(host, source)
        layer = source.manifest()["layers"][int(n)]
        to.put_blob(source.blob(layer["digest"]))
        layers.append(layer)
        diff_ids.append(source.diff_ids()[int(n)])
    to.put_image(layers, diff_ids, ["/bin/sh"])


def append(host, ref, base, path):
    """As a commit does: the blobs are in TO's repository already, or are copied."""
    to, source = Repository(host, ref), Repository(host, base)
    layers, blob = source.manifest()["layers"], open(path, "rb").read()
    for layer in layers:
        to.put_blob(source.blob(layer["digest"]))
    to.put_image(layers + [{"mediaType": LAYER, **to.put_blob(blob)}],
                 source.diff_ids() + [digest(gzip.decompress(blob))], ["/bin/sh"])


# --- counting --------------------------------------------------------------------
def layers(host, ref):
    for layer in Repository(host, ref).manifest()["layers"]:
        print(layer["digest"], layer["size"])


def chain(host, ref):
    first, *rest = Repository(host, ref).diff_ids()
    for diff_id in rest:
        first = digest(f"{first} {diff_id}".encode())
    print(first)


def ranges_of(line, size):
    """[first, end) of each range that a line of netsim's log asks for."""
    m = re.search(r"bytes=([-\d,]+)", line)
    for first, _, last in (r.partition("-") for r in (m[1] if m else "0-").split(",")):
        yield int(first), int(last or size - 1) + 1


def count_different(ranges):
    n = seen = 0
    for first, end in sorted(ranges):
        n += max(0, end - max(first, seen))
        seen = max(seen, end)
    return n


def fetched(host, ref, log):
    sizes = {layer["digest"]: layer["size"] for layer in Repository(host, ref).manifest()["layers"]}
    asked = {d: [] for d in sizes}
    for line in open(log):
        if line.startswith("# reset"):
            asked = {d: [] for d in sizes}
        m = re.search(r"GET /v2/\S+/blobs/(sha256:[0-9a-f]{64})", line)
        if m and m[1] in asked:
            asked[m[1]].append(list(ranges_of(line, sizes[m[1]])))
    for d, requests in asked.items():
        ranges = [r for request in requests for r in request]
        print(d, sizes[d], sum(end - first for first, end in ranges), len(requests), count_different(ranges))


if __name__ == "__main__":
    {"push": push, "mix": mix, "append": append, "layers": layers, "chain": chain, "fetched": fetched}[sys.argv[2]](
        sys.argv[1], *sys.argv[3:])
