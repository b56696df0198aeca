#!/usr/bin/env python3
"""layouttree.py LAYOUT OUT

The regular files of an OCI layout's image, applied layer by layer with nothing
of layerfs: contents below OUT, and `sha256sum -c` lines on stdout.  Names with
a newline or a backslash are left out.
"""
import hashlib, json, os, shutil, sys, tarfile


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def layers(layout):
    def load(digest):
        with open(blob(layout, digest)) as f:
            return json.load(f)

    with open(os.path.join(layout, "index.json")) as f:
        d = json.load(f)
    while "manifests" in d:
        d = load(d["manifests"][0]["digest"])
    return [blob(layout, l["digest"]) for l in d["layers"]]


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def whiteout(out, folder, name):
    if name == ".wh..wh..opq":
        for n in os.listdir(os.path.join(out, folder)):
            remove(os.path.join(out, folder, n))
    else:
        remove(os.path.join(out, folder, name[4:]))


def apply(layer, out):
    made = {}
    with tarfile.open(layer) as t:
        members = t.getmembers()
        for m in members:
            folder, name = os.path.split(os.path.normpath(m.name))
            if name.startswith(".wh.") and os.path.isdir(os.path.join(out, folder)):
                whiteout(out, folder, name)
        for m in members:
            path = os.path.normpath(m.name)
            to = os.path.join(out, path)
            if os.path.basename(path).startswith(".wh."):
                continue
            if m.isdir():
                if not os.path.isdir(to) or os.path.islink(to):
                    remove(to)
                    os.makedirs(to)
                continue
            remove(to)
            if m.isreg() or m.islnk():
                os.makedirs(os.path.dirname(to), exist_ok=True)
                with open(to, "wb") as f:
                    shutil.copyfileobj(t.extractfile(m), f)


def main():
    layout, out = sys.argv[1:]
    for layer in layers(layout):
        apply(layer, out)
    for folder, folders, files in os.walk(out):
        folders.sort()
        for n in sorted(files):
            path = os.path.relpath(os.path.join(folder, n), out)
            if "\n" in path or "\\" in path:
                continue
            with open(os.path.join(out, path), "rb") as f:
                print("%s  %s" % (hashlib.file_digest(f, "sha256").hexdigest(), path))


main()
