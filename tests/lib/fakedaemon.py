#!/usr/bin/env python3
"""A layerfsd that only speaks: the control protocol of layerfs/control.h with
the answers of a script, so that the command can be tried against any daemon,
also a broken one.

    fakedaemon.py --root DIR --run DIR

$FAKE_SCRIPT names a JSON file: {OP: [STEP, ...], ...}.  A step is a message to
send as it is, or one of
    {"$raw": TEXT}      these bytes
    {"$fill": N}        N bytes of "x", no newline
    {"$close": true}    close the connection now
    {"$tree": DIR}      beside the next message: a detached copy of DIR's mount
    {"$files": N}       beside the next message: N descriptors of /dev/null
    {"$wait": FILE}     wait until the file exists
An op without steps answers {"ok": true}.  "$start" are steps of the daemon
itself: {"$say": TEXT} on standard error, {"$exit": N}, {"$listen_as": UID} (as
root: the socket is that user's in the eyes of who connects).

RUN/requests holds what was asked, a line each, with "fds": what the descriptors
name, and a line {"closed": true} for each connection that the client closed;
RUN/starts a line for each start, RUN/pid the process.
"""
import array
import ctypes
import json
import os
import socket
import sys
import threading
import time

SYS_OPEN_TREE = 428
OPEN_TREE_CLONE = 1
O_CLOEXEC = 0o2000000
AT_FDCWD = -100


def argument(name):
    return sys.argv[sys.argv.index(name) + 1]


def clone_mount(folder):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_OPEN_TREE, AT_FDCWD, folder.encode(),
                      OPEN_TREE_CLONE | O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), folder)
    return fd


class Daemon:
    def __init__(self, run, script):
        self.run = run
        self.script = script
        self.lock = threading.Lock()

    def note(self, what):
        with self.lock, open(self.run + "/requests", "a") as f:
            f.write(json.dumps(what) + "\n")

    def send(self, peer, data, fds):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                   array.array("i", fds))] if fds else []
        sent = peer.sendmsg([data], rights)
        peer.sendall(data[sent:])
        for fd in fds:
            os.close(fd)
        fds.clear()

    def answer(self, peer, op):
        fds = []
        for step in self.script.get(op, [{"ok": True}]):
            if "$close" in step:
                return False
            if "$tree" in step:
                fds.append(clone_mount(step["$tree"]))
            elif "$files" in step:
                fds += [os.open("/dev/null", os.O_RDONLY)
                        for _ in range(step["$files"])]
            elif "$wait" in step:
                while not os.path.exists(step["$wait"]):
                    time.sleep(0.02)
            elif "$raw" in step:
                self.send(peer, step["$raw"].encode(), fds)
            elif "$fill" in step:
                self.send(peer, b"x" * step["$fill"], fds)
            else:
                self.send(peer, json.dumps(step).encode() + b"\n", fds)
        return True

    def requests(self, peer):
        """Each line, with what its descriptors name."""
        data, names = b"", []
        while True:
            part, rights, _, _ = peer.recvmsg(65536, 1024)
            for _, _, raw in rights:
                for fd in array.array("i", raw):
                    names.append(os.readlink("/proc/self/fd/%d" % fd))
                    os.close(fd)
            if not part:
                return
            data += part
            while b"\n" in data:
                line, data = data.split(b"\n", 1)
                yield json.loads(line), names
                names = []

    def serve(self, peer):
        try:
            with peer:
                for request, names in self.requests(peer):
                    self.note({**request, "fds": names})
                    if not self.answer(peer, request["op"]):
                        return
                self.note({"closed": True})
        except (BrokenPipeError, ConnectionResetError):
            self.note({"closed": True})


def main():
    run = argument("--run")
    with open(os.environ.get("FAKE_SCRIPT", "/dev/null")) as f:
        script = json.loads(f.read() or "{}")
    os.makedirs(run, exist_ok=True)
    with open(run + "/starts", "a") as f:
        f.write(" ".join(sys.argv[1:]) + "\n")
    listen_as = os.geteuid()
    for step in script.get("$start", []):
        listen_as = step.get("$listen_as", listen_as)
        if "$say" in step:
            print(step["$say"], file=sys.stderr, flush=True)
        if "$exit" in step:
            sys.exit(step["$exit"])
    with open(run + "/pid", "w") as f:
        f.write("%d\n" % os.getpid())
    os.chdir(run)  # a socket's address is short
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("control.sock.new")
    us = os.geteuid()
    os.seteuid(listen_as)
    listener.listen(16)
    os.seteuid(us)
    os.rename("control.sock.new", "control.sock")
    daemon = Daemon(run, script)
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=daemon.serve, args=(peer,),
                         daemon=True).start()


if __name__ == "__main__":
    main()
