#!/usr/bin/python3
"""stress.py SOCKET FOLDER SECONDS THREADS [REF]

Many clients of a snapshotter at once, on few names.  Each makes random calls, also
such as must fail; REF, HOST:PORT/NAME:TAG, is pulled layer by layer among them.
Whatever happens to the worker meanwhile, each call must end with OK or with a code
that containerd's snapshotters give, and whenever all pause:

  - the parent of what is listed is listed, and committed
  - the mounts of what is active or a view can be mounted and read
  - it is the only one of its name

At the end everything is removed.  One line says how many calls ended how; status 1,
and why on standard error, when something is wrong.
"""
import collections, hashlib, json, random, sys, threading, time, urllib.request
import grpc
from snapshotmounts import Mounted, tree, write
from snapshots import ACTIVE, COMMITTED, M, OPTION, Refused, Snapshots

KEYS = [f"key-{n}" for n in range(6)]
NAMES = [f"name-{n}" for n in range(6)]
CHAIN = "containerd.io/snapshot.ref"
STARGZ = "containerd.io/snapshot/remote/stargz."
ACCEPT = "application/vnd.oci.image.manifest.v1+json"
PAUSE_S, PATIENCE_S = 5, 60
LEGAL = {
    "prepare": "ALREADY_EXISTS NOT_FOUND INVALID_ARGUMENT",
    "view": "ALREADY_EXISTS NOT_FOUND INVALID_ARGUMENT",
    "commit": "ALREADY_EXISTS NOT_FOUND FAILED_PRECONDITION",
    "remove": "NOT_FOUND FAILED_PRECONDITION",
    "mounts": "NOT_FOUND FAILED_PRECONDITION",
    "stat": "NOT_FOUND", "usage": "NOT_FOUND", "update": "NOT_FOUND",
    "infos": "", "cleanup": "",
}


def layers_of(ref):
    """(digest, chain id) of each layer."""
    host, _, rest = ref.partition("/")
    name, _, tag = rest.partition(":")

    def get(path):
        r = urllib.request.Request(f"http://{host}/v2/{name}/{path}", headers={"Accept": ACCEPT})
        return json.load(urllib.request.urlopen(r))
    manifest = get("manifests/" + tag)
    chain, out = "", []
    for layer, diff in zip(manifest["layers"], get("blobs/" + manifest["config"]["digest"])["rootfs"]["diff_ids"]):
        chain = diff if not chain else "sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest()
        out.append((layer["digest"], chain))
    return out


class Client(Snapshots):
    """Waits for a worker that is away, and repeats what that did not take."""

    def call(self, method, request, reply=M.Empty, stream=False):
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return super().call(method, request, reply, stream)
            except Refused as e:
                if e.code != "UNAVAILABLE" or time.monotonic() > until:
                    raise
            self.retries = getattr(self, "retries", 0) + 1
            time.sleep(0.05)

    def infos(self, *filters):
        replies = self.call("List", M.ListRequest(filters=filters), M.ListResponse, stream=True)
        return [i for r in replies for i in r.info]


class Stress:
    def __init__(self, socket, threads, ref):
        self.socket, self.ref = socket, ref
        self.layers = layers_of(ref) if ref else []
        self.ended, self.wrong = collections.Counter(), []
        self.lock, self.stop, self.barrier = threading.Lock(), False, threading.Barrier(threads + 1)

    def client(self):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50),
                   ("grpc.max_reconnect_backoff_ms", 200)]
        return Client(grpc.insecure_channel("unix:" + self.socket, options), "", "")

    def note(self, what):
        with self.lock:
            self.ended[what] += 1

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)

    # --- random calls ---
    def ask(self, c, method, *args, **kw):
        """None, and complains, unless the call ends as it may."""
        begun = time.monotonic()
        try:
            r = getattr(c, method)(*args, **kw)
            self.note(method + " OK")
            return r if r is not None else True
        except Refused as e:
            self.note(f"{method} {e.code}")
            if e.code not in LEGAL[method].split():
                self.complain(f"{method}{args}: {e} after {time.monotonic() - begun:.1f} s")

    def pull(self, c, rnd):
        parent = ""
        for digest, chain in self.layers:
            label = {CHAIN: chain, STARGZ + "reference": self.ref, STARGZ + "digest": digest}
            self.ask(c, "prepare", rnd.choice(KEYS), parent, label)
            found = self.ask(c, "infos", f'labels."{CHAIN}"=={chain},parent=="{parent}"')
            if not found:
                return
            parent = rnd.choice(found).name

    def parent(self, c, rnd):
        if rnd.random() < 0.5:
            return rnd.choice(NAMES + [""])
        return rnd.choice([i.name for i in self.ask(c, "infos") or []] + [""])

    def act(self, c, rnd):
        key = rnd.choice(KEYS + NAMES[:1])
        kind = rnd.choices(["prepare", "view", "commit", "remove", "remove_any", "mounts", "stat", "usage",
                            "update", "infos", "cleanup", "pull"],
                           [20, 10, 12, 15, 8, 10, 5, 5, 3, 3, 3, 6])[0]
        if kind in ("prepare", "view"):
            self.ask(c, kind, key, self.parent(c, rnd))
        elif kind == "commit":
            self.ask(c, kind, rnd.choice(NAMES), key)
        elif kind == "remove_any":
            self.ask(c, "remove", self.parent(c, rnd) or key)
        elif kind == "update":
            self.ask(c, kind, key, {OPTION + "x": "1"})
        elif kind in ("infos", "cleanup"):
            self.ask(c, kind)
        elif kind == "pull":
            self.pull(c, rnd)
        else:
            self.ask(c, kind, key)

    def work(self, seed):
        rnd, c = random.Random(seed), self.client()
        while not self.stop:
            until = time.monotonic() + PAUSE_S
            while time.monotonic() < until:
                try:
                    self.act(c, rnd)
                except Exception as e:
                    self.complain(f"{type(e).__name__}: {e}")
            self.barrier.wait()  # all pause
            self.barrier.wait()
        self.note_retries(c)

    def note_retries(self, c):
        with self.lock:
            self.ended["retries"] += getattr(c, "retries", 0)

    # --- while all pause ---
    def check(self, c):
        infos = self.ask(c, "infos") or []
        kinds = {i.name: i.kind for i in infos}
        if len(kinds) != len(infos):
            self.complain(f"names are there twice: {sorted(i.name for i in infos)}")
        for i in infos:
            if i.parent and kinds.get(i.parent) != COMMITTED:
                self.complain(f"the parent {i.parent} of {i.name} is {kinds.get(i.parent)}")
            if i.kind != COMMITTED:
                self.look(c, i)
        self.note("checked")

    def look(self, c, info):
        try:
            with Mounted(c.mounts(info.name)) as d:
                names = tree(d)
                if info.kind == ACTIVE:
                    write(d + "/mine", info.name)
                self.note(f"mounted {'full' if names else 'empty'}")
        except (Refused, OSError) as e:
            self.complain(f"{info.name} on {info.parent}: {e}")

    def remove_all(self, c):
        """Leaf by leaf.  A worker that dies may have removed one, and not said so: the
        next one does not find it."""
        before = None
        while names := {i.name: i.parent for i in self.ask(c, "infos") or []}:
            if names == before:
                self.complain(f"{sorted(names)} cannot be removed")
                return
            for name in names.keys() - names.values():
                self.ask(c, "remove", name)
            before = names
        self.ask(c, "cleanup")

    def run(self, seconds, threads):
        c = self.client()
        for n in range(threads):
            threading.Thread(target=self.work, args=(n,)).start()
        until = time.monotonic() + seconds
        while not self.stop:
            self.barrier.wait()
            self.check(c)
            self.stop = time.monotonic() > until or len(self.wrong) > 20
            self.barrier.wait()
        self.remove_all(c)


def main():
    socket, Mounted.folder, seconds, threads, *ref = sys.argv[1:]
    s = Stress(socket, int(threads), *ref or [None])
    s.run(int(seconds), int(threads))
    print("# " + ", ".join(f"{what}: {n}" for what, n in sorted(s.ended.items())))
    for w in s.wrong[:40]:
        print(w, file=sys.stderr)
    return 1 if s.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
