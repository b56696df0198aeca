#!/usr/bin/env python3
"""images.py HOST:PORT COMMAND ... - small images of the tests' own, in a registry.

    push NAME...           box, pause, deep as REPOSITORY NAME:gzip
    mix TO FROM/LAYER...   an image made of other images' layers, as blobs are,
                           e.g. mix mix:1 box-zc:1/0 box:gzip/1
    append TO FROM FILE    an image with one more layer, the tar.gz in FILE
    layers REF             "DIGEST SIZE" of each layer
    chain REF              the chain ID of all its layers
    fetched REF LOG        "DIGEST SIZE BYTES REQUESTS" of each layer: what of it
                           was asked for, by netsim's log

box: a base with busybox and 8 MB of noise, and a top with 6 MB that changes the
base in every way.  pause: busybox alone, waiting.  deep: 128 layers.
"""
import gzip, hashlib, io, json, random, re, sys, tarfile, urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
APPLETS = "sh ls cat rm mkdir mv cp ln echo find sleep true touch tar stat sha256sum id test chmod".split()


# --- layers --------------------------------------------------------------------
class Layer:
    """A tar that is put together; every entry of it is old, and root's if nobody's."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=0o644, link="", owner=0, **pax):
        t = tarfile.TarInfo(name)
        t.type, t.mode, t.linkname, t.size, t.mtime = kind, mode, link, len(data), 1700000000
        t.uid = t.gid = owner
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


IMAGES = {"box": box, "pause": pause, "deep": deep}


# --- registry ------------------------------------------------------------------
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def request(method, url, data=None, kind="application/octet-stream"):
    r = urllib.request.Request(url, data=data, method=method)
    r.add_header("Content-Type", kind)
    r.add_header("Accept", MANIFEST)
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


def fetched(host, ref, log):
    repository = Repository(host, ref)
    asked = {layer["digest"]: [layer["size"], 0, 0] for layer in repository.manifest()["layers"]}
    for line in open(log):
        if line.startswith("# reset"):
            for a in asked.values():
                a[1:] = [0, 0]
        m = re.search(r"GET /v2/\S+/blobs/(sha256:[0-9a-f]{64})", line)
        if not m or m[1] not in asked:
            continue
        a = asked[m[1]]
        r = re.search(r"bytes=(\d+)-(\d*)", line)
        a[1] += int(r[2] or a[0] - 1) - int(r[1]) + 1 if r else a[0]
        a[2] += 1
    for d, a in asked.items():
        print(d, *a)


if __name__ == "__main__":
    {"push": push, "mix": mix, "append": append, "layers": layers, "chain": chain, "fetched": fetched}[sys.argv[2]](
        sys.argv[1], *sys.argv[3:])
