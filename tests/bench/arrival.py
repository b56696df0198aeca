#!/usr/bin/env python3
"""arrival.py LAYOUT PROFILE - how much of a plain gzip image has to come before what its
start reads is there, if its files could be used before their layer is whole.

PROFILE is from `layerfs profile export` of a start of that layout (include/layerfs/profile.h).
Prints the share of all bytes of the layers,
  any order   each layer up to the last file that is read of it
  in order    the upper layers whole, for only then it is known what they hide or
              replace; of the lowest up to the last file that is read of it
"""
import bisect, json, struct, sys, tarfile, tempfile, zlib

HEADER, DIGEST, FILE, ENTRY, RANGE, BLOCK = 128, 32, 8, 16, 16, 4096


def reads(path):
    """(layer, name, bytes of it up to the last that is read) of each entry."""
    b = open(path, "rb").read()
    n_layers, n_files, n_entries = struct.unpack_from("<III", b, 12)
    n_ranges, = struct.unpack_from("<I", b, 80)
    files_at = HEADER + DIGEST * n_layers
    entries_at = files_at + FILE * n_files
    names = b[entries_at + ENTRY * n_entries + RANGE * n_ranges:]
    files, at, last = [], 0, {}
    for i in range(n_files):
        layer, shared, added, _ = struct.unpack_from("<HHHH", b, files_at + FILE * i)
        last[layer] = last.get(layer, b"")[:shared] + names[at:at + added]
        at += added
        files.append((layer, last[layer].decode("utf-8", "surrogateescape")))
    for i in range(n_entries):
        number, first, n = struct.unpack_from("<III", b, entries_at + ENTRY * i)
        yield *files[number], (first + n) * BLOCK


class Layer:
    def __init__(self, blob):
        inflate, self.size, plain = zlib.decompressobj(31), 0, 0
        self.plain_at, self.blob_at, self.content_at = [], [], {}
        with tempfile.TemporaryFile() as tar:
            for piece in iter(lambda: blob.read(32 << 10), b""):
                plain += tar.write(inflate.decompress(piece))
                self.size += len(piece)
                self.plain_at.append(plain)
                self.blob_at.append(self.size)
            tar.seek(0)
            for m in tarfile.open(fileobj=tar, mode="r:"):
                name = m.name.removeprefix("./")
                if m.isreg():
                    self.content_at[name] = m.offset_data
                elif m.islnk():
                    self.content_at[name] = self.content_at[m.linkname.removeprefix("./")]

    def blob_bytes(self, name, n):
        i = bisect.bisect_left(self.plain_at, self.content_at[name] + n)
        return self.blob_at[min(i, len(self.blob_at) - 1)]


def main(layout, profile):
    def blob(digest):
        return open(f"{layout}/blobs/sha256/{digest.removeprefix('sha256:')}", "rb")
    manifest = json.load(blob(json.load(open(f"{layout}/index.json"))["manifests"][0]["digest"]))
    layers = [Layer(blob(d["digest"])) for d in manifest["layers"]]
    needed = [0] * len(layers)
    for layer, name, n in reads(profile):
        needed[layer] = max(needed[layer], layers[layer].blob_bytes(name, n))
    total, upper = sum(x.size for x in layers), sum(x.size for x in layers[1:])
    print(f"any order {sum(needed) / total:.2f}, in order {(needed[0] + upper) / total:.2f}")


if len(sys.argv) != 3:
    raise SystemExit(__doc__)
main(*sys.argv[1:])
