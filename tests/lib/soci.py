#!/usr/bin/env python3
"""soci.py layers FOLDER - blobs of layers, of all that layers can hold: one.gz, the
                        same as plain.tar, and smaller ones: members.gz (several
                        gzip members), named.gz (a header with a file's name)
soci.py HOST:PORT COMMAND ... - SOCI indexes of zTOCs that are there already.

    image REF BLOB...             an image of these layers
    create REF LAYER=FILE...      v1, as `soci create` and `soci push` do: an
                                  index whose subject is REF's manifest, in the
                                  fallback tag where the registry needs one
    convert REF TAG LAYER=FILE... v2, as `soci convert` does: TAG is an OCI index
                                  of the manifest that names its SOCI index, and
                                  of that
    tables REF                    "LAYER ZTOC" of each that v1's fallback tag has
    blob REF DIGEST               its bytes

LAYER is the digest of the layer that the zTOC in FILE is of."""
import gzip, json, sys, tarfile, urllib.error

from images import INDEX, LAYER, MANIFEST, Layer, Repository, digest, noise, request

SOCI = "application/vnd.amazon.soci.index.v%d+json"
OF_LAYER = "com.amazon.soci.image-layer-digest"


# --- layers --------------------------------------------------------------------
def odd(noise_bytes, texts):
    """What layers hold."""
    x = Layer().dir("srv", "srv/odd", "srv/opaque", "srv/odd/" + "long-" * 30)
    x.file("srv/odd/small", "small\n").file("srv/odd/empty", "")
    x.file("srv/odd/noise", noise(1, noise_bytes))
    x.add("srv/odd/suid", data=b"suid\n", mode=0o6755, owner=70000)
    x.add("srv/odd/hardlink", tarfile.LNKTYPE, link="srv/odd/small")
    x.add("srv/odd/symlink", tarfile.SYMTYPE, link="../odd/small", mode=0o777)
    x.add("srv/odd/fifo", tarfile.FIFOTYPE)
    x.add("srv/odd/xattrs", data=b"x\n", **{"SCHILY.xattr.user.text": "value",
          "SCHILY.xattr.user.binary": "\0\x01=\n", "SCHILY.xattr.user.empty": ""})
    x.add("srv/odd/time", data=b"t\n", mtime="1700000000.123456789")
    x.file("srv/odd/" + "long-" * 30 + "/" + "name-" * 40, "long\n")
    x.file("srv/odd/caf\u00e9", "utf-8\n").file("srv/odd/latin-\udce9", "no utf-8\n")
    x.whiteout("srv/gone").add("srv/opaque/.wh..wh..opq", mode=0).file("srv/opaque/new", "new\n")
    for i in range(texts):
        x.file(f"srv/text{i}", "".join(f"line {n * (i + 3)} of {i}\n" for n in range(300)))
    return x.bytes()


def layers(folder):
    def save(name, data):
        open(f"{folder}/{name}", "wb").write(data)
    tar, small = odd(140 << 10, 40), odd(4 << 10, 2)
    save("plain.tar", tar)
    save("one.gz", gzip.compress(tar, 6, mtime=0))
    save("members.gz", b"".join(gzip.compress(small[at:at + 9000], 6, mtime=0) for at in range(0, len(small), 9000)))
    with gzip.GzipFile("layer.tar", "wb", 6, open(f"{folder}/named.gz", "wb"), mtime=0) as f:
        f.write(small)


def image(host, ref, *paths):
    to, all, diff_ids = Repository(host, ref), [], []
    for data in (open(p, "rb").read() for p in paths):
        zipped = data[:2] == b"\x1f\x8b"
        diff_ids.append(digest(gzip.decompress(data) if zipped else data))
        all.append({"mediaType": LAYER if zipped else LAYER.removesuffix("+gzip"), **to.put_blob(data)})
    to.put_image(all, diff_ids, ["/bin/sh"])


# --- indexes -------------------------------------------------------------------
def text(o):
    return json.dumps(o).encode()


def put_manifest(to, ref, data, kind):
    """Whether the registry knows what a subject is."""
    answer = request("PUT", f"{to.url}/manifests/{ref}", data, kind)
    return "OCI-Subject" in answer.headers


def descriptor(data, kind=MANIFEST, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def put_index(to, version, tables, subject=None):
    """The SOCI index's bytes."""
    def put(pair):
        layer, _, path = pair.partition("=")
        return {"mediaType": "application/octet-stream", **to.put_blob(open(path, "rb").read()),
                "annotations": {OF_LAYER: layer, "com.amazon.soci.span-size": "4194304",
                                "com.amazon.soci.image-layer-mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}}
    index = {"schemaVersion": 2, "mediaType": MANIFEST,
             "config": {"mediaType": SOCI % version, **to.put_blob(b"{}")},
             "layers": [put(pair) for pair in tables],
             "annotations": {"com.amazon.soci.build-tool-identifier": "AWS SOCI CLI v0.2"}}
    return text(index | ({"subject": subject} if subject else {}))


def fallback(to, manifest):
    return digest(manifest).replace(":", "-")


def create(host, ref, *tables):
    to = Repository(host, ref)
    manifest = request("GET", f"{to.url}/manifests/{to.tag}").read()
    index = put_index(to, 1, tables, descriptor(manifest))
    if put_manifest(to, digest(index), index, MANIFEST):
        return
    tag, old = fallback(to, manifest), []
    try:
        old = json.load(request("GET", f"{to.url}/manifests/{tag}"))["manifests"]
    except urllib.error.HTTPError as e:
        if e.code != 404:
            raise
    put_manifest(to, tag, text({"schemaVersion": 2, "mediaType": INDEX, "manifests": old + [
        descriptor(index, artifactType=SOCI % 1)]}), INDEX)


def convert(host, ref, tag, *tables):
    to = Repository(host, ref)
    manifest = to.manifest()
    platform = {"architecture": "amd64", "os": "linux"}
    index = put_index(to, 2, tables)
    manifest["annotations"] = {"com.amazon.soci.index-digest": digest(index)}
    manifest = text(manifest)
    put_manifest(to, digest(index), index, MANIFEST)
    put_manifest(to, digest(manifest), manifest, MANIFEST)
    put_manifest(to, tag, text({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        descriptor(manifest, platform=platform),
        descriptor(index, artifactType=SOCI % 2, platform=platform, annotations={
            "com.amazon.soci.image-manifest-digest": digest(manifest)})]}), INDEX)


def tables(host, ref):
    to = Repository(host, ref)
    manifest = request("GET", f"{to.url}/manifests/{to.tag}").read()
    for x in json.load(request("GET", f"{to.url}/manifests/{fallback(to, manifest)}"))["manifests"]:
        for t in json.load(request("GET", f"{to.url}/manifests/{x['digest']}"))["layers"]:
            print(t["annotations"][OF_LAYER], t["digest"])


def blob(host, ref, d):
    sys.stdout.buffer.write(Repository(host, ref).blob(d))


if __name__ == "__main__":
    if sys.argv[1] == "layers":
        layers(sys.argv[2])
    else:
        {"image": image, "create": create, "convert": convert, "tables": tables,
         "blob": blob}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
