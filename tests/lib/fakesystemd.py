#!/usr/bin/env python3
"""fakesystemd.py [--socket NAME=PATH]... [--no-store] PIDFILE COMMAND...

What systemd does for a service of Type=notify: opens its sockets, keeps the
descriptors of its store, gives both to each process of it, and starts it again
when it died.  SIGTERM and SIGHUP go to the service.  A line for each message
and event on stdout; "heard: N" when all that was sent before the N-th SIGUSR1 has one.
"""
import argparse, array, ctypes, os, signal, socket, sys, time

KCMP, KCMP_FILE = 312, 0
libc = ctypes.CDLL(None, use_errno=True)


def say(*words):
    """One write: the service writes to the same file."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def same_file(a, b):
    me = os.getpid()
    return libc.syscall(KCMP, me, me, KCMP_FILE, a, b) == 0


def is_name(name):
    return 0 < len(name) < 256 and all(" " < c < "\x7f" and c != ":" for c in name)


class Store:
    """fd_store of systemd's service.c: a list of named descriptors."""

    def __init__(self, limit):
        self.limit, self.entries = limit, []

    def add(self, name, fd):
        if any(same_file(fd, f) for _, f in self.entries):
            say("store: has it already:", name)
            os.close(fd)
        elif len(self.entries) >= self.limit:
            say("store: full:", name)
            os.close(fd)
        else:
            self.entries.insert(0, (name, fd))

    def remove(self, name):
        for n, fd in self.entries:
            if n == name:
                os.close(fd)
        self.entries = [(n, fd) for n, fd in self.entries if n != name]


class Service:
    def __init__(self, options):
        self.options = options
        self.store = Store(0 if options.no_store else 16384)
        self.sockets = [self.listen(*s.split("=", 1)) for s in options.socket]
        self.notify_path = "\0fakesystemd-%d" % os.getpid()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notify.bind(self.notify_path)
        self.notify.settimeout(0.02)
        self.pid = 0
        self.asked, self.heard = 0, 0

    @staticmethod
    def listen(name, path):
        if os.path.exists(path):
            os.unlink(path)
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        os.chmod(path, 0o600)
        s.listen(64)
        return name, s

    def given(self):
        return [(n, s.fileno()) for n, s in self.sockets] + self.store.entries

    def become(self):
        given = self.given()
        # Out of the way of the numbers that they get.
        for i, (_, fd) in enumerate(given):
            os.dup2(fd, 1000 + i, inheritable=False)
        for i in range(len(given)):
            os.dup2(1000 + i, 3 + i, inheritable=True)
        os.closerange(3 + len(given), 1000 + len(given))
        env = dict(os.environ, NOTIFY_SOCKET="@" + self.notify_path[1:])
        if given:
            env.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)),
                       LISTEN_FDNAMES=":".join(n for n, _ in given))
        os.execve(self.options.command[0], self.options.command, env)

    def start(self):
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.become()
            finally:
                os._exit(203)
        with open(self.options.pidfile + ".new", "w") as f:
            f.write("%d\n" % self.pid)
        os.rename(self.options.pidfile + ".new", self.options.pidfile)
        say("started:", self.pid, "given:", *(n for n, _ in self.given()))

    def on_message(self, text, sender, fds):
        if sender != self.pid:  # NotifyAccess=main
            say("not of the main process:", sender, text)
            return
        fields = dict(l.split("=", 1) for l in text.split("\n") if "=" in l)
        name = fields.get("FDNAME", "stored")
        say("said:", text.replace("\n", " "))
        if not is_name(name):
            say("store: bad name:", repr(name))
        elif fields.get("FDSTORE") == "1":
            if fields.get("FDPOLL") != "0":
                say("store: polled:", name)
            for fd in fds:
                self.store.add(name, os.dup(fd))
        elif fields.get("FDSTOREREMOVE") == "1":
            self.store.remove(name)
        for fd in fds:
            os.close(fd)

    def receive(self):
        """False: nothing was there."""
        try:
            data, anc, _, _ = self.notify.recvmsg(4096, 4096)
        except (socket.timeout, BlockingIOError):
            return False
        fds, sender = array.array("i"), 0
        for level, kind, value in anc:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(value[: len(value) - len(value) % fds.itemsize])
            elif kind == socket.SCM_CREDENTIALS:
                sender = array.array("i", value)[0]
        self.on_message(data.decode(), sender, list(fds))
        return True

    def run(self):
        self.start()
        while True:
            asked = self.asked
            if not self.receive() and asked > self.heard:
                self.heard = asked
                say("heard:", asked)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                continue
            while self.drain():
                pass
            say("ended:", os.waitstatus_to_exitcode(status))
            if status == 0:
                return
            self.pid = 0
            time.sleep(0.1)
            self.start()

    def drain(self):
        """What the dead had said; its pid is known no more to the kernel."""
        self.notify.setblocking(False)
        try:
            return self.receive()
        finally:
            self.notify.settimeout(0.02)

    def note_asked(self):
        self.asked += 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--socket", action="append", default=[])
    p.add_argument("--no-store", action="store_true")
    p.add_argument("pidfile")
    p.add_argument("command", nargs=argparse.REMAINDER)
    service = Service(p.parse_args())
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda n, _: service.pid and os.kill(service.pid, n))
    signal.signal(signal.SIGUSR1, lambda *_: service.note_asked())
    service.run()


main()
