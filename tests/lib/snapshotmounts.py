"""What the snapshots API says to mount, mounted as containerd does, and looked into."""
import ctypes, errno, os, time

LIBC = ctypes.CDLL(None, use_errno=True)
FLAGS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024,
         "bind": 4096, "rbind": 4096 | 16384, "rw": 0}


class Mounted:
    """A snapshot's mounts, in place while the block runs."""
    folder, count = None, 0

    def __init__(self, mounts):
        Mounted.count += 1
        self.mounts, self.at = mounts, f"{self.folder}/m{Mounted.count}"

    def __enter__(self):
        os.mkdir(self.at)
        for m in self.mounts:
            mount(m, self.at)
        return self.at

    def __exit__(self, *_):
        for _ in self.mounts:
            unmount(self.at)
        os.rmdir(self.at)


def unmount(at):
    """Somebody else on the machine may look at it for a moment."""
    until = time.monotonic() + 60
    while LIBC.umount2(at.encode(), 0) != 0:
        if ctypes.get_errno() != errno.EBUSY or time.monotonic() > until:
            raise OSError(ctypes.get_errno(), "umount " + at)
        time.sleep(0.05)


def mount(m, at):
    """As containerd mounts: options of more than a page become relative."""
    flags, data, here = 0, [], "."
    for o in m.options:
        if o in FLAGS:
            flags |= FLAGS[o]
        else:
            data.append(o)
    if sum(map(len, data)) > 4000:
        i = next(i for i, o in enumerate(data) if o.startswith("lowerdir="))
        lowers = data[i][len("lowerdir="):].split(":")
        here = os.path.commonpath(lowers)
        data[i] = "lowerdir=" + ":".join(os.path.relpath(l, here) for l in lowers)
    back = os.getcwd()
    os.chdir(here)
    try:
        call_mount(m, at, flags, data)
        if flags & FLAGS["bind"] and flags & FLAGS["ro"]:
            call_mount(m, at, flags | 32, [])
    finally:
        os.chdir(back)


def call_mount(m, at, flags, data):
    if LIBC.mount(m.source.encode(), at.encode(), m.type.encode(), flags, ",".join(data).encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {m.type} {m.options}")


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read()


def tree(d):
    return sorted(os.path.relpath(os.path.join(p, n), d)
                  for p, dirs, files in os.walk(d) for n in dirs + files)
