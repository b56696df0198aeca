#!/usr/bin/python3
"""deaf.py FOLDER [flush | TREE [NAME]] - a FUSE mount at FOLDER with a folder "mnt", a file
"file" and another, "disk", of 16 MiB that may be written, and what is in the folder TREE, of
which the kernel remembers nothing.  Says "mounted".  With "flush" no file there can be closed,
with NAME nothing of that name be found.  From SIGUSR1 on, "deaf", it answers nothing any more,
until SIGUSR2, "hears": then all that was asked.  Whoever asks meanwhile waits, whoever kills him.
"""
import ctypes, errno, os, signal, struct, sys

LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE = 1, 2, 3, 14, 15, 16
STATFS, RELEASE, FLUSH, INIT = 17, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 27, 28, 29, 36, 42
MS_NOSUID = 2
ROOT = 1
NODES = {(ROOT, b"file"): 2, (ROOT, b"mnt"): 3, (ROOT, b"disk"): 4}
FILES = {2: bytearray(b"{}\n\n"), 4: bytearray(16 << 20)}
libc = ctypes.CDLL(None, use_errno=True)


def mount(folder):
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % fuse
    if libc.mount(b"deaf", folder.encode(), b"fuse", MS_NOSUID, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return fuse


def attr(nodeid):
    mode, size = (0o100644, len(FILES[nodeid])) if nodeid in FILES else (0o40755, 0)
    return struct.pack("=QQQQQQIIIIIIIIII", nodeid, size, 8, 0, 0, 0, 0, 0, 0,
                       mode, 1, 0, 0, 0, 4096, 0)


def answer(op, nodeid, body):
    """What follows the header, or an errno."""
    if op == INIT:
        return struct.pack("=IIIIHHIIHHI7I", 7, 31, 65536, 0, 8, 8, 65536, 1, 0, 0, 0, *[0] * 7)
    if op == LOOKUP:
        node = NODES.get((nodeid, body.rstrip(b"\0")))
        return struct.pack("=QQQQII", node, 0, 0, 0, 0, 0) + attr(node) if node else errno.ENOENT
    if op == GETATTR:
        return struct.pack("=QII", 0, 0, 0) + attr(nodeid)
    if op in (OPEN, OPENDIR):
        return struct.pack("=QII", 0, 0, 0)
    if op == READ:
        off, size = struct.unpack_from("=8xQI", body)
        return bytes(FILES[nodeid][off:off + size])
    if op == WRITE:
        off, size = struct.unpack_from("=8xQI", body)
        FILES[nodeid][off:off + size] = body[40:40 + size]
        return struct.pack("=II", size, 0)
    if op == STATFS:
        return bytes(80)
    return b"" if op in (RELEASE, RELEASEDIR, READDIR, FLUSH) else errno.ENOSYS


def plant(folder, at):
    for entry in os.scandir(os.fsencode(folder)):
        node = NODES[at, entry.name] = len(NODES) + 2
        if entry.is_dir():
            plant(entry.path, node)
        else:
            with open(entry.path, "rb") as f:
                FILES[node] = f.read()


def reply(fuse, request):
    _, op, unique, nodeid = struct.unpack_from("=IIQQ", request)
    out = answer(op, nodeid, request[40:])
    if isinstance(out, int):
        os.write(fuse, struct.pack("=IiQ", 16, -out, unique))
    else:
        os.write(fuse, struct.pack("=IiQ", 16 + len(out), 0, unique) + out)


class Server:
    def __init__(self, fuse, lost, name):
        self.fuse, self.lost, self.name = fuse, lost, name
        self.is_deaf, self.unanswered = False, []

    def hears(self, op, body):
        return not self.is_deaf and op != self.lost and \
            not (op == LOOKUP and body.rstrip(b"\0") == self.name)

    def become_deaf(self, *_):
        self.is_deaf = True
        print("deaf", flush=True)

    def hear(self, *_):
        self.is_deaf = False
        self.lost = self.name = None
        while self.unanswered:
            reply(self.fuse, self.unanswered.pop(0))
        print("hears", flush=True)

    def serve(self):
        while True:
            request = os.read(self.fuse, 1 << 17)
            op, = struct.unpack_from("=4xI", request)
            if op in (FORGET, INTERRUPT, BATCH_FORGET):
                continue
            if self.hears(op, request[40:]):
                reply(self.fuse, request)
            else:
                self.unanswered.append(request)


def main():
    folder, *more = sys.argv[1:]
    lost = FLUSH if more == ["flush"] else None
    if more and lost is None:
        plant(more[0], ROOT)
    server = Server(mount(folder), lost, more[1].encode() if len(more) > 1 else None)
    signal.signal(signal.SIGUSR1, server.become_deaf)
    signal.signal(signal.SIGUSR2, server.hear)
    print("mounted", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
