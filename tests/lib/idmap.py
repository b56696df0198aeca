#!/usr/bin/env python3
"""idmap.py SOURCE TARGET INSIDE:OUTSIDE:COUNT: mounts SOURCE on TARGET with other owners."""
import ctypes
import os
import signal
import struct
import sys

AT_FDCWD, AT_EMPTY_PATH, CLONE_NEWUSER = -100, 0x1000, 0x10000000
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH, MOUNT_ATTR_IDMAP = 1, 4, 0x100000
libc = ctypes.CDLL(None, use_errno=True)


def checked(what, result):
    if result < 0:
        sys.exit(f"idmap.py: {what}: {os.strerror(ctypes.get_errno())}")
    return result


def user_namespace(line):
    """A descriptor of a namespace that maps so."""
    ready, done = os.pipe()
    pid = os.fork()
    if pid == 0:
        checked("unshare", libc.unshare(CLONE_NEWUSER))
        os.write(done, b".")
        signal.pause()
    os.read(ready, 1)
    for name in "uid_map", "gid_map":
        with open(f"/proc/{pid}/{name}", "w") as f:
            f.write(line)
    fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return fd


def main(source, target, ids):
    tree = checked("open_tree", libc.syscall(
        OPEN_TREE, AT_FDCWD, source.encode(), OPEN_TREE_CLONE))
    attr = struct.pack("QQQQ", MOUNT_ATTR_IDMAP, 0, 0, user_namespace(ids.replace(":", " ")))
    checked("mount_setattr", libc.syscall(
        MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attr, ctypes.c_size_t(len(attr))))
    checked("move_mount", libc.syscall(
        MOVE_MOUNT, tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH))


main(*sys.argv[1:])
