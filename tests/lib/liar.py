#!/usr/bin/env python3
"""liar.py HOST:PORT REF LIE [alone] - in place of the index that a node has published
beside REF, under the alias that nodes ask for first, one that lies about every layer;
alone: the right one is gone.

    digests   each file's bytes have other digests
    digest    the last chunk of each layer alone has
    ranges    each chunk lies where another of its length does, or of nearly that
"""
import json, platform, struct, subprocess, sys

from images import MANIFEST, Repository, request

# include/layerfs/layer_index.h
HEADER, OBJECT, CHUNK, ZEROS = "<8sII32sQQQIIII8x", "<QII", "<QIIIB3x", 3
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


class Index:
    def __init__(self, data):
        self.head = list(struct.unpack_from(HEADER, data))
        frame = self.head[5]
        at = struct.calcsize(HEADER)
        self.tables = bytearray(zstd(data[at:at + frame], "-d"))
        self.windows = data[at + frame:]
        n_objects, n_chunks = self.head[7], self.head[8]
        self.chunks_at = n_objects * struct.calcsize(OBJECT)
        self.digests_at = self.chunks_at + n_chunks * struct.calcsize(CHUNK)
        self.n_chunks = n_chunks

    def chunk(self, n):
        return self.chunks_at + n * struct.calcsize(CHUNK)

    def bytes(self):
        frame = zstd(bytes(self.tables), "-19", "--no-check")
        self.head[5], self.head[6] = len(frame), len(self.tables)
        return struct.pack(HEADER, *self.head) + frame + self.windows


def digests(x, only=None):
    number = 0
    for n in range(x.n_chunks):
        codec = struct.unpack_from(CHUNK, x.tables, x.chunk(n))[4]
        if codec == ZEROS:
            continue
        if only is None or n == only:
            x.tables[x.digests_at + 32 * number] ^= 1
        number += 1


def ranges(x):
    rows = {n: list(struct.unpack_from(CHUNK, x.tables, x.chunk(n))) for n in range(x.n_chunks)}
    by_length = sorted((n for n in rows if rows[n][4] != ZEROS), key=lambda n: rows[n][2])
    for a, b in zip(by_length[::2], by_length[1::2]):
        rows[a][2], rows[b][2] = rows[b][2], rows[a][2]
        struct.pack_into(CHUNK, x.tables, x.chunk(a), *rows[b])
        struct.pack_into(CHUNK, x.tables, x.chunk(b), *rows[a])


def falsify(data, lie):
    x = Index(data)
    lie(x)
    return x.bytes()


def main(host, ref, lie, *alone):
    image = Repository(host, ref)
    alias = f"{image.tag}-{ARCH[platform.machine()]}.layerfs"
    answer = request("GET", f"{image.url}/manifests/{alias}")
    index = json.load(answer)
    for layer in index["layers"]:
        layer.update(image.put_blob(falsify(image.blob(layer["digest"]), LIES[lie])))
    request("PUT", f"{image.url}/manifests/{alias}", json.dumps(index).encode(), MANIFEST)
    if alone:
        request("DELETE", f"{image.url}/manifests/" + answer.headers["Docker-Content-Digest"])


LIES = {"digests": digests, "digest": lambda x: digests(x, x.n_chunks - 1), "ranges": ranges}
main(*sys.argv[1:])
