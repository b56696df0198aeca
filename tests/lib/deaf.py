#!/usr/bin/python3
"""deaf.py FOLDER [flush] - a FUSE mount at FOLDER with a folder "mnt", a file "file" and
another, "disk", of 16 MiB that may be written, of which the kernel remembers nothing.  Says
"mounted".  With "flush" no file there can be closed.  From SIGUSR1 on, "deaf", it answers
nothing any more.  Whoever asks waits until it is killed.
"""
import ctypes, errno, os, signal, struct, sys

LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE = 1, 2, 3, 14, 15, 16
STATFS, RELEASE, FLUSH, INIT = 17, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR, BATCH_FORGET = 27, 28, 29, 42
MS_NOSUID = 2
NODES = {b"file": 2, b"mnt": 3, b"disk": 4}
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
        node = NODES.get(body.rstrip(b"\0"))
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


def serve(fuse, hears):
    while True:
        request = os.read(fuse, 1 << 17)
        _, op, unique, nodeid = struct.unpack_from("=IIQQ", request)
        if op in (FORGET, BATCH_FORGET) or not hears(op):
            continue
        out = answer(op, nodeid, request[40:])
        if isinstance(out, int):
            os.write(fuse, struct.pack("=IiQ", 16, -out, unique))
        else:
            os.write(fuse, struct.pack("=IiQ", 16 + len(out), 0, unique) + out)


def main():
    deaf = []

    def become_deaf(*_):
        deaf.append(True)
        print("deaf", flush=True)

    lost = FLUSH if sys.argv[2:] == ["flush"] else None
    fuse = mount(sys.argv[1])
    signal.signal(signal.SIGUSR1, become_deaf)
    print("mounted", flush=True)
    serve(fuse, lambda op: not deaf and op != lost)


if __name__ == "__main__":
    main()
