#!/usr/bin/env python3
"""multirange.py HOST:PORT NAME LOG [PROFILE REPOSITORY:TAG] - what several ranges in a
request (multipart/byteranges) bring, of a real registry.

LOG is netsim's (-L) of a start: the ranges that it asked for, in their order.  They are
fetched again from the registry at HOST:PORT over netsim, once in each way, by turns, each
time on new connections that are all opened at once; the clock runs from there to the last
byte.  With the profile (`layerfs profile export`) of that zstd:chunked image also without
the gaps between its files: each request asks for the parts of its range that are needed.
First it is proved that the parts are what the same ranges are one by one.

NETS="5:1000 50:100" (ONE_WAY_MS:MBIT), ROUNDS=5, NETSIM.  Prints a row for each way:
requests, MiB, and for each net the median and all rounds, in seconds."""
import bisect, json, os, re, selectors, socket, statistics, struct, subprocess, sys, time
import urllib.request

CONNECTIONS = 16  # to one host (registry.h), each for one request at a time
NETS = os.environ.get("NETS", "5:1000 50:100").split()
ROUNDS = int(os.environ.get("ROUNDS", 5))
PORT = 5077


# ---- what is asked for: requests are (path, [(first, last), ...])

def ranges_of(log):
    for line in open(log):
        m = re.search(r"GET (/v2/\S+/blobs/\S+) .*\| (?:bytes=)?(\d+)-(\d+)", line)
        if m:
            yield m[1], [(int(m[2]), int(m[3]))]


def grouped(requests, k):
    """k of them in each, of one blob."""
    out, open_of = [], {}
    for path, ranges in requests:
        if path not in open_of or len(out[open_of[path]][1]) >= k:
            open_of[path] = len(out)
            out.append((path, []))
        out[open_of[path]][1].extend(ranges)
    return out


def shared(requests, n):
    """All of them in n requests, or one for each blob if that is more."""
    k = -(-len(requests) // n)
    while len(grouped(requests, k)) > max(n, len({path for path, _ in requests})):
        k += 1
    return grouped(requests, k)


# ---- without the gaps

def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as r:
        return r.read()


def profile_reads(path):
    """(layer, name, first byte, end) of each entry: include/layerfs/profile.h."""
    b = open(path, "rb").read()
    n_layers, n_files, n_entries = struct.unpack_from("<III", b, 12)
    n_ranges, = struct.unpack_from("<I", b, 80)
    entries = 128 + 32 * n_layers + 8 * n_files
    at, last, files = entries + 16 * (n_entries + n_ranges), {}, []
    for i in range(n_files):
        layer, same, added, _ = struct.unpack_from("<HHHH", b, 128 + 32 * n_layers + 8 * i)
        last[layer] = last.get(layer, b"")[:same] + b[at:at + added]
        at += added
        files.append((layer, last[layer].decode("utf-8", "surrogateescape")))
    for i in range(n_entries):
        number, first, n = struct.unpack_from("<III", b, entries + 16 * i)
        yield *files[number], first * 4096, (first + n) * 4096


def chunks_of(url, layer):
    """{name: [(first byte of the file, blob offset, blob end)]} by podman's table."""
    position = next(v for k, v in layer["annotations"].items() if k.endswith("zstd-chunked.manifest-position"))
    off, size = map(int, position.split(":")[:2])
    table = get(f"{url}/blobs/{layer['digest']}", Range=f"bytes={off}-{off + size - 1}")
    out, links = {}, []
    for e in json.loads(subprocess.run(["zstd", "-dc"], input=table, capture_output=True, check=True).stdout)["entries"]:
        name = e["name"].strip("/")
        if e["type"] == "reg" and e.get("size"):
            out[name] = [(0, e["offset"], e["endOffset"])]
        elif e["type"] == "chunk":
            start, off, end = out[name][-1]
            out[name][-1:] = [(start, off, e["offset"]), (e["chunkOffset"], e["offset"], end)]
        elif e["type"] == "hardlink":
            links.append((name, e["linkName"].strip("/")))
    return out | {name: out[to] for name, to in links if to in out}


def needed(host, reference, profile):
    """{path: [(first, last), ...]}, sorted, neighbours joined."""
    repository, tag = reference.rsplit(":", 1)
    url = f"http://{host}/v2/{repository}"
    layers = json.loads(get(f"{url}/manifests/{tag}", Accept="application/vnd.oci.image.manifest.v1+json"))["layers"]
    chunks = [chunks_of(url, layer) for layer in layers]
    parts = [set() for _ in layers]
    for layer, name, first, end in profile_reads(profile):
        of = chunks[layer].get(name, [])
        starts = [start for start, _, _ in of]
        for i in range(max(bisect.bisect_right(starts, first) - 1, 0), bisect.bisect_left(starts, end)):
            parts[layer].add(of[i][1:])
    out = {}
    for layer, p in zip(layers, parts):
        joined = out[f"/v2/{repository}/blobs/{layer['digest']}"] = []
        for off, end in sorted(p):
            if joined and off <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], end - 1)
            else:
                joined.append((off, end - 1))
    return out


def without_gaps(requests, parts):
    """Ranges of which nothing is known (tables) stay."""
    for path, [(first, last)] in requests:
        inside = [(max(a, first), min(b, last)) for a, b in parts.get(path, []) if a <= last and b >= first]
        yield path, inside or [(first, last)]


# ---- fetching

def head_of(host, path, ranges):
    text = ",".join(f"{first}-{last}" for first, last in ranges)
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={text}\r\n\r\n".encode()


class Connection:
    def __init__(self, host, todo):
        self.host, self.todo = host, todo
        self.s = socket.socket()
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.setblocking(False)
        self.s.connect_ex(("127.0.0.1", PORT))
        self.head, self.left = b"", 0

    def ask(self):
        if not self.todo:
            return False
        self.s.sendall(head_of(self.host, *self.todo.pop(0)))
        self.head, self.left = b"", None
        return True

    def take(self, n, buffer):
        """Of an answer; true at its end."""
        if self.left is None:
            self.head += buffer[:n]
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 206"):
                sys.exit(f"multirange.py: {head[:80]}")
            self.left = int(re.search(rb"content-length: (\d+)", head, re.I)[1]) - len(body)
        else:
            self.left -= n
        return self.left == 0


def fetch(host, requests, n_connections):
    """Seconds, and bytes that came."""
    todo, buffer, came = list(requests), bytearray(1 << 20), 0
    start = time.monotonic()
    with selectors.DefaultSelector() as ready:
        for _ in range(n_connections):
            ready.register((c := Connection(host, todo)).s, selectors.EVENT_WRITE, c)
        while ready.get_map():
            for key, events in ready.select():
                c = key.data
                if events & selectors.EVENT_READ:
                    n = c.s.recv_into(buffer)
                    came += n
                    if n == 0:
                        sys.exit("multirange.py: the connection ended")
                    if not c.take(n, buffer):
                        continue
                ready.unregister(c.s)
                if c.ask():
                    ready.register(c.s, selectors.EVENT_READ, c)
                else:
                    c.s.close()
    return time.monotonic() - start, came


def prove(host, requests):
    """The parts of one request with several ranges are the bytes of each."""
    path, ranges = max(requests, key=lambda r: len(r[1]))
    url, text = f"http://{host}{path}", ",".join(f"{a}-{b}" for a, b in ranges)
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": f"bytes={text}"})) as r:
        kind, body = r.headers["Content-Type"], r.read()
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", kind)[1].encode()
    at = 0
    for first, last in ranges:
        head = body.index(b"\r\n\r\n", at) + 4
        n = last - first + 1
        assert b"--" + boundary in body[at:head] and f"bytes {first}-{last}/".encode() in body[at:head]
        assert body[head:head + n] == get(url, Range=f"bytes={first}-{last}"), (first, last)
        at = head + n
    print(f"{len(ranges)} ranges in one request: the same bytes, {len(body) - sum(b - a + 1 for a, b in ranges)} more around them")


# ---- the ways

def ways_of(requests, parts):
    n = CONNECTIONS
    yield f"{n} connections, one range a request", n, requests
    for m in (24, 32):
        yield f"{m}, one", m, requests
    for k in (2, 4, 8):
        yield f"{n}, {k} ranges", n, grouped(requests, k)
    for m in (n, 8, 4, 2, 1):
        yield f"{m}, all", m, shared(requests, m)
    if parts is not None:
        exact = list(without_gaps(requests, parts))
        yield f"{n}, each without its gaps", n, exact
        yield f"{n}, all without gaps", n, shared(exact, n)


def main(host, name, log, profile=None, reference=None):
    requests = list(ranges_of(log))
    parts = needed(host, reference, profile) if profile else None
    ways = list(ways_of(requests, parts))
    prove(host, grouped(requests, 8))
    seconds, came = {}, {}
    for net in NETS:
        ms, mbit = net.split(":")
        netsim = subprocess.Popen([os.environ["NETSIM"], "-l", f"127.0.0.1:{PORT}", "-t", host, "-d", ms, "-b", mbit])
        time.sleep(0.5)
        for _ in range(ROUNDS):
            for way, n, todo in ways:
                s, came[way] = fetch(host, todo, n)
                seconds.setdefault((way, net), []).append(s)
        netsim.terminate()
        netsim.wait()
    print(f"\n{name}; load {os.getloadavg()[0]:.1f}\n\n| connections, ranges in a request | requests, MiB | " +
          " | ".join(NETS) + " |\n|---|---|" + "---|" * len(NETS))
    for way, _, todo in ways:
        cells = [f"{statistics.median(t):.2f} ({', '.join(f'{s:.2f}' for s in t)})" for net in NETS for t in [seconds[way, net]]]
        print(f"| {way} | {len(todo)}, {came[way] / 2**20:.1f} | " + " | ".join(cells) + " |")


if len(sys.argv) not in (4, 6):
    raise SystemExit(__doc__)
main(*sys.argv[1:])
