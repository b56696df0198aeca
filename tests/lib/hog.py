#!/usr/bin/python3
"""hog.py CGROUP - takes memory of the cgroup that it is in until the kernel kills
somebody there for want of it; ends then, or with status 1 where it took 4 GiB in vain.
"""
import os, sys


def kills(folder):
    for name in "memory.oom_control", "memory.events":
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path) as f:
                return dict(line.split() for line in f)["oom_kill"]


def main():
    before, taken = kills(sys.argv[1]), []
    while kills(sys.argv[1]) == before:
        if len(taken) == 4096:
            sys.exit(1)
        taken.append(b"x" * (1 << 20))


main()
