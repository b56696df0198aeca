#!/usr/bin/python3
"""grpcpeer.py SOCKET SCENE [ARGUMENT...] - peers of grpctool's server.

A scene is a function below.  What it finds wrong ends it with a traceback; what
it prints, the test compares.  The C core (grpcio) plays the clients that keep
the rules, h2 and bare sockets those that do not."""
import os, socket, struct, sys, threading, time

path = sys.argv[1]
TOOL = "/test.Tool/"


# --- grpcio ------------------------------------------------------------------

def channel(**options):
    import grpc
    limit = 32 << 20
    return grpc.insecure_channel("unix:" + path, options=[
        ("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit),
        *options.items()])


def unary(c, method, request, **kw):
    return c.unary_unary(TOOL + method)(request, timeout=kw.pop("timeout", 30), **kw)


def status_of(call):
    """(code's number, text) of a call that fails."""
    import grpc
    try:
        call()
    except grpc.RpcError as e:
        return e.code().value[0], e.details()
    return 0, ""


def wait_until(what):
    """What is the server's to do; for a minute."""
    for _ in range(1200):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def echo(text):
    print(unary(channel(), "Echo", text.encode()).decode())


def big():
    c = channel()
    message = os.urandom(12 << 20)
    assert unary(c, "Echo", message) == message
    code, text = status_of(lambda: unary(c, "Echo", bytes(20 << 20)))
    assert code == 8 and "16 MiB" in text, (code, text)
    assert unary(c, "Echo", b"still here") == b"still here"


def texts():
    c = channel()
    for text in ("plain", "50 % of Grüße\n\x01", "", "x" * 1024):
        assert status_of(lambda: unary(c, "Fail", b"9 " + text.encode())) == (9, text), text
    assert status_of(lambda: unary(c, "Fail", b"16 no")) == (16, "no")


def unimplemented():
    import grpc
    c = channel()
    assert status_of(lambda: unary(c, "Nothing", b""))[0] == 12
    assert status_of(lambda: unary(c, "Echo", b"x" * 4000, compression=grpc.Compression.Gzip))[0] == 12
    assert unary(c, "Echo", b"x") == b"x"


def metadata():
    print(unary(channel(), "Metadata", b"",
                metadata=[("traceparent", "00-1"), ("b-bin", b"\0\1"), ("traceparent", "00-2")]).decode(), end="")


def stream():
    got = list(channel().unary_stream(TOOL + "Stream")(b"3000 1000", timeout=30))
    assert [m[:1] for m in got] == [b"%c" % (97 + i % 26) for i in range(3000)]
    assert {len(m) for m in got} == {1000}
    assert list(channel().unary_stream(TOOL + "Stream")(b"0 0", timeout=30)) == []


def slow_stream():
    """More than may be queued, to a reader that takes its time."""
    n = 0
    for m in channel().unary_stream(TOOL + "Stream")(b"300 100000", timeout=60):
        n += len(m)
        time.sleep(0.002)
    assert n == 30000000, n


def parallel():
    c = channel()
    calls = [c.unary_unary(TOOL + "Echo").future(b"%d" % i, timeout=30) for i in range(2000)]
    assert [f.result() for f in calls] == [b"%d" % i for i in range(2000)]


def cancel(log):
    c = channel()
    f = c.unary_unary(TOOL + "Sleep").future(b"20000")
    wait_until(lambda: "asleep 20000" in open(log).read())
    f.cancel()
    assert unary(c, "Echo", b"x") == b"x"


def deadline():
    c = channel()
    assert unary(c, "Echo", b"x") == b"x"  # from now on a call takes no time to get there
    code, _ = status_of(lambda: unary(c, "Sleep", b"20000", timeout=2))
    assert code == 4, code


def outlive():
    """The answer of a call that a process did not live to give."""
    print(unary(channel(), "Outlive", b"", timeout=60).decode())


def sleep(ms):
    import grpc
    code, text = status_of(lambda: print(unary(channel(), "Sleep", ms.encode()).decode()))
    print(code)


# --- h2 ----------------------------------------------------------------------

class Raw:
    """A connection whose every frame is ours."""

    def __init__(self, window=None):
        import h2.config, h2.connection, h2.settings
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.settimeout(20)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False))
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        self.data, self.fields, self.reset, self.frames = {}, {}, {}, 0
        self.goaway, self.left = False, b""

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def headers(self, method="POST", path=TOOL + "Echo", authority="localhost",
                type="application/grpc", more=()):
        h = [(":method", method), (":scheme", "http"), (":path", path)]
        h += [(":authority", authority)] if authority is not None else []
        return h + ([("content-type", type)] if type else []) + [("te", "trailers"), *more]

    def call(self, body=b"", end=True, **kw):
        sid = self.h2.get_next_available_stream_id()
        self.h2.send_headers(sid, self.headers(**kw))
        if body is not None:
            self.h2.send_data(sid, body, end_stream=end)
        self.flush()
        self.data[sid], self.fields[sid] = b"", {}
        return sid

    def events(self, got):
        """Frame by frame: h2 takes what may well follow a GOAWAY, a stream's trailers,
        for an error, and would lose what came with them."""
        import h2.exceptions
        self.left += got
        while len(self.left) >= 9:
            n = 9 + int.from_bytes(self.left[:3], "big")
            if len(self.left) < n:
                return
            frame, self.left = self.left[:n], self.left[n:]
            try:
                yield from self.h2.receive_data(frame)
            except h2.exceptions.ProtocolError:
                if not self.goaway:
                    raise

    def pump(self):
        import h2.events as ev
        got = self.sock.recv(65536)
        for e in self.events(got):
            if isinstance(e, ev.DataReceived):
                self.frames += 1
                self.data[e.stream_id] += e.data
            elif isinstance(e, (ev.ResponseReceived, ev.TrailersReceived)):
                self.fields[e.stream_id].update({bytes(k).decode() if isinstance(k, bytes) else k:
                                                 v.decode() if isinstance(v, bytes) else v for k, v in e.headers})
            elif isinstance(e, ev.StreamEnded):
                self.reset.setdefault(e.stream_id, None)
            elif isinstance(e, ev.StreamReset):
                self.reset[e.stream_id] = e.error_code
            elif isinstance(e, ev.ConnectionTerminated):
                self.goaway = True
        try:
            self.flush()
        except OSError:
            pass
        return bool(got)

    def wait(self, sid):
        while sid not in self.reset:
            assert self.pump(), "the connection closed"
        return self.fields[sid]


def framed(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


def authorities():
    for a in ("localhost", "", path, "unix:" + path, path.replace("/", "%2F"), None):
        r = Raw()
        sid = r.call(framed(b"hi"), authority=a)
        assert r.wait(sid).get("grpc-status") == "0", (a, r.fields[sid], r.reset)
        assert r.data[sid] == framed(b"hi")


def refusals():
    def status(field, body=framed(b"hi"), **kw):
        r = Raw()
        return r.wait(r.call(body, **kw)).get(field)
    assert status(":status", method="GET") == "405"
    assert status(":status", type="application/json") == "415"
    assert status(":status", type=None) == "415"
    assert status(":status", type="application/grpcx") == "415"
    assert status("grpc-status", type="application/grpc+proto") == "0"
    assert status("grpc-status", path="/no") == "12"
    assert status("grpc-status", path="no\x01") == "12"
    assert status("grpc-status", body=b"") == "13"
    assert status("grpc-status", body=framed(b"hi")[:-1]) == "13"
    assert status("grpc-status", body=framed(b"hi") * 2) == "12"
    assert status("grpc-status", body=framed(b"hi", 1)) == "12"
    assert status("grpc-status", body=framed(b"hi", 7)) == "13"
    assert status("grpc-status", body=struct.pack(">BI", 0, 1 << 31)) == "8"
    assert status("grpc-status", more=[("grpc-timeout", "1x")]) == "3"
    assert status("grpc-status", more=[("grpc-timeout", "99999999H")]) == "0"
    assert status("grpc-status", path=TOOL + "Sleep", body=framed(b"9000"), more=[("grpc-timeout", "100m")]) == "4"
    assert status("grpc-status", more=[("x-%d" % i, "y" * 1000) for i in range(40)]) == "8"


def early():
    """What is answered before the request has ended says so, and stops it."""
    r = Raw()
    sid = r.call(framed(b"hi")[:3], end=False, path="/no")
    assert r.wait(sid)["grpc-status"] == "12"
    while r.reset[sid] is None:
        assert r.pump()
    assert r.reset[sid] == 0
    sid = r.call(framed(b"hi"))
    assert r.wait(sid)["grpc-status"] == "0"


def tiny_windows():
    import h2.settings
    r = Raw(window=7)
    sid = r.call(framed(b"250 2000"), path=TOOL + "Stream")
    while len(r.data[sid]) < 7:
        assert r.pump()
    for i in range(1000):
        r.h2.increment_flow_control_window(7, sid)
        r.h2.increment_flow_control_window(7)
        r.flush()
        while len(r.data[sid]) < 14 + 7 * i:
            assert r.pump()
    r.h2.increment_flow_control_window(1000000, sid)
    r.h2.increment_flow_control_window(1000000)
    r.flush()
    assert r.wait(sid)["grpc-status"] == "0"
    want = b"".join(framed(bytes([97 + i % 26]) * 2000) for i in range(250))
    assert r.data[sid] == want
    assert r.frames >= 1000, r.frames


def hoard():
    """Requests that never end hold 64 MiB of a connection, and no more."""
    r = Raw()
    sids = [r.call(framed(b"")[:1] + struct.pack(">I", 12 << 20), end=False) for _ in range(8)]
    left = {sid: 12 << 20 for sid in sids}
    while left:
        for sid in list(left):
            if sid in r.reset:
                del left[sid]
                continue
            n = min(left[sid] - 1, r.h2.local_flow_control_window(sid), 16384)
            if n > 0:
                r.h2.send_data(sid, bytes(n))
                left[sid] -= n
            elif left[sid] == 1:
                del left[sid]
        r.flush()
        if not any(r.h2.local_flow_control_window(sid) for sid in left):
            assert r.pump()
    over = [sid for sid in sids if sid in r.reset]
    assert 2 <= len(over) <= 4, over
    assert all(r.fields[sid]["grpc-status"] == "8" for sid in over), r.fields
    for sid in set(sids) - set(over):
        r.h2.reset_stream(sid, 8)
    sid = r.call(framed(b"hi"))
    assert r.wait(sid)["grpc-status"] == "0"


def stalled_readers(n):
    """Readers that grant no window; others are answered, before and behind whom they stay."""
    stalled = []
    for _ in range(int(n)):
        r = Raw(window=0)
        sid = r.call(framed(b"250 2000"), path=TOOL + "Stream")
        while not r.fields[sid]:
            assert r.pump()
        stalled.append(r)
    c = channel()
    for i in range(100):
        assert unary(c, "Echo", b"%d" % i) == b"%d" % i
    assert all(is_open(r.sock) for r in stalled)


def stall(seconds):
    """One of them, for so long; what it says when the connection ends."""
    r = Raw(window=0)
    sid = r.call(framed(b"250 2000"), path=TOOL + "Stream")
    while not r.fields[sid]:
        assert r.pump()
    print("stalled", flush=True)
    r.sock.settimeout(float(seconds))
    try:
        while r.pump():
            pass
        print("goaway" if r.goaway else "closed")
    except socket.timeout:
        print("open")


# --- bare --------------------------------------------------------------------

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(20)
    return s


def is_closed(s):
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


def is_open(s):
    s.settimeout(0)
    try:
        while s.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def garbage():
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, os.urandom(1000),
                 PREFACE + os.urandom(5000), PREFACE[:-1] + b"x",
                 PREFACE + frame(0, 0, 0, b"x"), PREFACE + frame(4, 0, 0, b"x"),
                 PREFACE + frame(4) + frame(1, 4, 1, b"\xff" * 50),
                 PREFACE + frame(4) + frame(9, 4, 1, b"x")):
        s = connect()
        try:
            s.sendall(junk)
        except BrokenPipeError:
            pass
        assert is_closed(s), junk[:40]
    for _ in range(50):
        connect().close()
    echo("fine")


def half_open():
    """Neither nothing nor half a preface keeps a connection."""
    start = time.monotonic()
    socks = [connect() for _ in range(3)]
    socks[1].sendall(PREFACE[:10])
    socks[2].sendall(PREFACE)
    idle = Raw()
    assert all(is_closed(s) for s in socks)
    assert time.monotonic() - start > 4
    sid = idle.call(framed(b"hi"))
    assert idle.wait(sid)["grpc-status"] == "0"


def idle():
    """A connection that was never used, and one that was greeted."""
    s, r = connect(), Raw()
    r.pump()
    print("connected", flush=True)
    r.sock.settimeout(None)
    while r.pump():
        pass
    s.close()


def too_many():
    held = [Raw() for _ in range(64)]
    for r in held:
        r.pump()
    assert is_closed(connect())
    assert held[0].wait(held[0].call(framed(b"hi")))["grpc-status"] == "0"
    held[1].sock.close()
    wait_until(lambda: status_of(lambda: echo("fine"))[0] == 0)


def floods():
    """What is sent without end and never read ends the connection."""
    def flood(once):
        s = connect()
        s.sendall(PREFACE + frame(4))
        s.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                s.sendall(once)
                sent += len(once)
        except (BrokenPipeError, ConnectionResetError):
            return sent
        except socket.timeout:
            return sent  # it is not read any more
        raise AssertionError("all was taken of %r" % once[:20])
    flood(frame(6, 0, 0, b"12345678") * 1000)
    flood(frame(4, 0, 0, struct.pack(">HI", 3, 100)) * 1000)
    flood(frame(1, 0, 1, b"") + frame(9, 0, 1, b"") * 1000)
    echo("fine")


def resets(n):
    """Calls that are reset at once do not pile up."""
    r = Raw()
    try:
        for i in range(int(n)):
            sid = r.call(framed(b"60000"), path=TOOL + "Sleep")
            r.h2.reset_stream(sid, 8)
        while r.pump():
            pass
    except ConnectionError:
        pass
    echo("fine")


globals()[sys.argv[2]](*sys.argv[3:])
