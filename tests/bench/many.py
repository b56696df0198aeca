#!/usr/bin/env python3
"""many.py COMMAND ... - what many.sh measures.

    images FOLDER N             N images, layouts FOLDER/1 ..., of one small layer
    tree FOLDER ENTRIES         one layout whose layer has so many entries
    mounts LAYERFS FOLDER N TO  mounts each on TO/NUMBER, one after the other;
                                prints what the first and the last took
    starts LAYERFS N TO REF...  N times at once: `mount --rw` of the references in
                                turn, /bin/true in it, unmount; prints the times
    costs PID...                memory, descriptors, threads of processes
"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time

OCI = "application/vnd.oci.image."


# ---- images -------------------------------------------------------------------

def put_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def put_image(layout, tar, author=""):
    """An image of one gzip layer."""
    os.makedirs(f"{layout}/blobs/sha256")
    layer = put_blob(layout, gzip.compress(tar, 1, mtime=0))
    config = put_blob(layout, json.dumps({
        "architecture": "amd64", "os": "linux", "author": author, "config": {},
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]}}).encode())
    manifest = put_blob(layout, json.dumps({
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": {"mediaType": OCI + "config.v1+json", **config},
        "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", **layer}]}).encode())
    with open(f"{layout}/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI + "manifest.v1+json", **manifest}]}, f)
    with open(f"{layout}/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(text), 1700000000
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def images(folder, n):
    tar = make_tar((f"etc/{k}", f"{k}\n".encode() * 100) for k in range(20))
    for i in range(1, int(n) + 1):
        put_image(f"{folder}/{i}", tar, str(i))


def tree(folder, entries):
    put_image(folder, make_tar(
        (f"d{i // 1000}/file-{i}", b"" if i % 10 else f"{i}\n".encode())
        for i in range(int(entries))))


# ---- mounts one after the other -----------------------------------------------

def milliseconds(took):
    """The least and the median."""
    took = sorted(1000 * t for t in took)
    return took[0], took[len(took) // 2]


def mounts(layerfs, folder, n, to):
    n, took = int(n), []
    for i in range(1, n + 1):
        os.mkdir(f"{to}/{i}")
        began = time.monotonic()
        subprocess.run([*layerfs.split(), "mount", f"oci:{folder}/{i}", f"{to}/{i}"],
                       stdout=subprocess.DEVNULL, check=True)
        took.append(time.monotonic() - began)
    some = min(20, n // 2)
    first, last = milliseconds(took[1:1 + some]), milliseconds(took[-some:])
    for i in range(1, n + 1):
        with open(f"{to}/{i}/etc/7", encoding="ascii") as f:
            assert f.readline() == "7\n"
    print(f"mounts 2 to {some + 1}: least {first[0]:.2f} ms, median {first[1]:.2f} ms")
    print(f"mounts {n - some + 1} to {n}: least {last[0]:.2f} ms ({last[0] / first[0]:.2f}x), "
          f"median {last[1]:.2f} ms ({last[1] / first[1]:.2f}x)")


# ---- starts at once -----------------------------------------------------------

class Start(threading.Thread):
    def __init__(self, layerfs, ref, target):
        super().__init__()
        self.layerfs, self.ref, self.target = layerfs.split(), ref, target
        self.mounted = self.took = 0.0
        self.failure = None

    def run(self):
        began = time.monotonic()
        for command in ([*self.layerfs, "mount", "--rw", self.ref, self.target],
                        ["chroot", self.target, "/bin/true"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self.failure = f"{' '.join(command)}: {done.stderr.strip()}"
                return
            self.mounted = self.mounted or time.monotonic() - began
        self.took = time.monotonic() - began


def starts(layerfs, n, to, *refs):
    all_of_them = []
    for i in range(int(n)):
        os.mkdir(f"{to}/{i}")
        all_of_them.append(Start(layerfs, refs[i % len(refs)], f"{to}/{i}"))
    began = time.monotonic()
    for s in all_of_them:
        s.start()
    for s in all_of_them:
        s.join()
    total = time.monotonic() - began
    failures = [s.failure for s in all_of_them if s.failure]
    took = sorted(s.took for s in all_of_them if not s.failure)
    print(f"{n} starts: {total:.2f} s in all, {len(failures)} failed"
          + (f"; each {took[0]:.2f} to {took[-1]:.2f} s, median {took[len(took) // 2]:.2f} s; "
             f"mounted after {max(s.mounted for s in all_of_them):.2f} s at most" if took else ""))
    for failure in failures[:5]:
        print("  " + failure)
    sys.exit(bool(failures))


# ---- what processes take ------------------------------------------------------

def smaps(pid):
    """KiB resident: all, anonymous, of files."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        of = {line.split()[0]: int(line.split()[1]) for line in f if " kB" in line}
    return of["Rss:"], of["Anonymous:"], of["Rss:"] - of["Anonymous:"]


def costs(*pids):
    for pid in pids:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            name = f.read().strip()
        rss, anonymous, files = smaps(pid)
        print(f"{name} {pid}: {rss / 1024:.1f} MiB resident "
              f"({anonymous / 1024:.1f} anonymous, {files / 1024:.1f} of files), "
              f"{len(os.listdir(f'/proc/{pid}/fd'))} descriptors, "
              f"{len(os.listdir(f'/proc/{pid}/task'))} threads")


if __name__ == "__main__":
    {"images": images, "tree": tree, "mounts": mounts, "starts": starts,
     "costs": costs}[sys.argv[1]](*sys.argv[2:])
