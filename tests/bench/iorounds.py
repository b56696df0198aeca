#!/usr/bin/env python3
"""iorounds.py ROUNDS NAME=FOLDER... - the same reads of every folder in turn.

The folders show one image.  Every test is run of one after the other, ROUNDS
times, and the least time counts; the first folder's is 1.  "cold" is after the
caches were dropped, with the data on the local disk; "warm" the second time.
Medians would do on a quiet machine; with others about, the least is what was
disturbed least.
"""
import os
import random
import subprocess
import sys
import time

PROGRAMS = "/usr/bin/tar /usr/bin/find /usr/bin/cat /usr/bin/dd /lib/*-linux-gnu/libc.so.6"
SMALL, SMALL_FILES = 65536, 3000


def shell(command):
    began = time.monotonic()
    subprocess.run(command, shell=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - began


def drop():
    shell(f"sync; echo 3 >/proc/sys/vm/drop_caches; cat {PROGRAMS}")


class Image:
    """Which files of it are read."""

    def __init__(self, folder):
        files = []
        for at, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(at, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    files.append((os.path.getsize(path), os.path.relpath(path, folder)))
        self.size, self.big = max(files)
        self.has_imports = os.path.isdir(os.path.join(folder, "usr/lib/python3/dist-packages/numpy"))
        self.small = sorted(p for size, p in files if size < SMALL)[:SMALL_FILES]

    def find(self, folder):
        return shell(f"find {folder} -xdev -printf '%s %m %U %T@\\n'")

    def tar(self, folder):
        return shell(f"cd {folder} && tar cf - --one-file-system . | cat")

    def sequential(self, folder):
        return shell(f"dd if={folder}/{self.big} of=/dev/null bs=1M")

    def imports(self, folder):
        return shell(f"PYTHONDONTWRITEBYTECODE=1 chroot {folder} python3 -c 'import numpy, flask'")

    def files(self, folder):
        began = time.monotonic()
        for path in self.small:
            fd = os.open(os.path.join(folder, path), os.O_RDONLY)
            os.read(fd, SMALL)
            os.close(fd)
        return time.monotonic() - began

    def random(self, folder, reads=3000):
        fd = os.open(os.path.join(folder, self.big), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        positions = random.Random(7)
        began = time.monotonic()
        for _ in range(reads):
            os.pread(fd, 4096, positions.randrange(self.size // 4096) * 4096)
        took = time.monotonic() - began
        os.close(fd)
        return took


def main():
    rounds = int(sys.argv[1])
    targets = dict(a.split("=", 1) for a in sys.argv[2:])
    image = Image(next(iter(targets.values())))
    tests = [("find", image.find), ("tar", image.tar),
             ("open, read, close", image.files), ("4k random", image.random),
             ("sequential", image.sequential)]
    if image.has_imports:
        tests.append(("python imports", image.imports))
    took = {}
    for _ in range(rounds):
        for name, run in tests:
            for target, folder in targets.items():
                drop()
                took.setdefault((name, "cold", target), []).append(run(folder))
                took.setdefault((name, "warm", target), []).append(run(folder))
    first = next(iter(targets))
    print("| | " + first + ", s | " + " | ".join(list(targets)[1:]) + " |")
    print("|---" * (len(targets) + 1) + "|")
    for name, _ in tests:
        for how in ("cold", "warm"):
            base = min(took[name, how, first])
            ratios = [f"{min(took[name, how, t]) / base:.2f}" for t in list(targets)[1:]]
            print(f"| {name} {how} | {base:.4f} | " + " | ".join(ratios) + " |")


main()
