#!/usr/bin/env python3
"""randomreads.py TREE TRUTH STOP [SEED]

Reads at random places of random files of TREE, by pread and mapped, and compares
with TRUTH, until the file STOP is there.  Prints how many reads it made; each
that failed or differed is a line before, and the exit status 1.
"""
import mmap, os, random, sys

tree, truth, stop = sys.argv[1:4]
random.seed(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
files = [os.path.relpath(os.path.join(d, n), truth) for d, _, ns in os.walk(truth) for n in ns]
files = [f for f in files if os.path.getsize(os.path.join(truth, f)) > 0]
reads = wrong = 0


def read(path, off, size, is_mapped):
    fd = os.open(path, os.O_RDONLY)
    try:
        if not is_mapped:
            return os.pread(fd, size, off)
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
            return m[off : off + size]
    finally:
        os.close(fd)


while not os.path.exists(stop):
    f = random.choice(files)
    length = os.path.getsize(os.path.join(truth, f))
    off, size = random.randrange(length), random.choice((1, 512, 4096, 65536, 1 << 20))
    is_mapped = random.random() < 0.3
    reads += 1
    try:
        got = read(os.path.join(tree, f), off, size, is_mapped)
    except OSError as e:
        got = e
    if got != read(os.path.join(truth, f), off, size, False):
        wrong += 1
        print("wrong:", f, off, size, "mapped" if is_mapped else "read", got if isinstance(got, OSError) else "")
print(reads, "reads")
sys.exit(wrong > 0)
