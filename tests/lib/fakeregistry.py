#!/usr/bin/env python3
"""fakeregistry.py [OPTION...] PORT LAYOUT LOG - a small OCI registry that misbehaves as told.
fakeregistry.py --make LAYOUT            - writes a layout with one small image "v1".

Serves the folder LAYOUT under any repository's name.  LOG gets a JSON line for
each request: method, path, range, authorization, headers, status, action.

  --basic USER:PASSWORD    asks for Basic authentication
  --bearer USER:PASSWORD   asks for tokens of its own /token; "-" grants anonymous ones
  --token-life S           what it says of them (300)
  --referrers N            has the referrers API, N in a page, and takes manifests; the
                           types that are asked for it does not look at

PUT /_faults with a JSON list replaces the faults; the first that matches a request
decides, and is used up after its `times`:

  {"path": REGEX, "do": ACTION, "times": N, "ranged": BOOL, "several": BOOL, ...}
    status       code, headers {}, text    that answer
    short        after N                   the body ends early, the connection too
    reset        after N                   the connection is reset; after null: no answer
    stall        after N                   silence, the connection stays
    trickle      after N, every S          a byte now and then
    loris        every S                   a line of the head now and then
    endless                                all that was asked for, and more without end
    late         by S                      the right answer, after a while
    corrupt      at N                      one byte is another
    norange                                200 and everything for a range
    shift        by N                      206 for another range
    part         bytes N                   206 for less than was asked for
   and of several ranges in one request
    single                                 206 for the first alone
    merge                                  206 for all from the first to the last
    boundary                               another than the head says
    reorder                                the last part first
    overlap      by N                      each part begins so much too early
    omit         part N                    one is not there
    surplus                                a part more
    heads                                  no end to the first part's head
    redirect     to URL, code              there, with the path appended
    html                                   200 and a web page
    type         type                      another Content-Type
    await        connections N, for S      an answer when so many are open, which is
                                           waited for (60 s); else 503

POST /_expire makes every token given so far worthless.
"""
import argparse, base64, fcntl, hashlib, itertools, json, os, random, re, secrets, socket, struct, termios, threading
import time, urllib.parse

import httpserver


def make_layout(folder):
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs)

    def put(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as f:
            f.write(data)
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data), **more}

    layer = random.Random(1).randbytes(3_000_000)
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [put(layer, "application/vnd.oci.image.layer.v1.tar")]}
    amd64 = put(json.dumps(manifest).encode(), manifest["mediaType"],
                platform={"os": "linux", "architecture": "amd64"})
    index = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                            "manifests": [amd64]}).encode(), "application/vnd.oci.image.index.v1+json")
    named = lambda d, name: {**d, "annotations": {"org.opencontainers.image.ref.name": name}}
    with open(os.path.join(folder, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [named(amd64, "v1"), named(index, "many")]}, f)
    with open(os.path.join(folder, "oci-layout"), "w") as f:
        json.dump({"imageLayoutVersion": "1.0.0"}, f)


class State:
    def __init__(self, options):
        self.options, self.faults, self.tokens, self.referrers = options, [], set(), {}
        self.lock, self.log = threading.Lock(), open(options.log, "a", buffering=1)
        self.opened, self.open = threading.Condition(), 0

    def count_open(self, change):
        with self.opened:
            self.open += change
            self.opened.notify_all()

    def await_open(self, connections, seconds):
        with self.opened:
            return self.opened.wait_for(lambda: self.open >= connections, timeout=seconds)

    def fault_for(self, path, wanted):
        ranged, several = wanted is not None, "," in (wanted or "")
        with self.lock:
            for f in self.faults:
                if f.get("times", 1) and re.search(f["path"], path) and (
                        f.get("ranged", ranged), f.get("several", several)) == (ranged, several):
                    f["times"] = f.get("times", 1) - 1
                    return f
        return {"do": "serve"}


class Handler(httpserver.Handler):
    def setup(self):
        super().setup()
        self.state.count_open(1)

    def finish(self):
        super().finish()
        self.state.count_open(-1)

    def note(self, status, action):
        self.state.log.write(json.dumps({
            "method": self.command, "path": self.path, "range": self.headers.get("Range"),
            "authorization": self.headers.get("Authorization"), "headers": dict(self.headers),
            "status": status, "action": action}) + "\n")

    def answer(self, status, body=b"", headers={}, kind="application/json", action="serve"):
        self.note(status, action)
        self.send_response(status)
        for k, v in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            for one in v if isinstance(v, list) else [v]:
                self.send_header(k, one)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, headers={}):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), headers)

    # ---- who may

    def login(self):
        return base64.b64decode(self.headers.get("Authorization", "Basic ").split(" ", 1)[1]).decode()

    def is_allowed(self):
        o, auth = self.state.options, self.headers.get("Authorization", "")
        if o.basic:
            return auth.startswith("Basic ") and self.login() == o.basic
        if o.bearer:
            return auth.startswith("Bearer ") and auth[7:] in self.state.tokens
        return True

    def challenge(self):
        if self.state.options.basic:
            return 'Basic realm="fake"'
        return 'Bearer realm="http://%s/token",service="fake",scope="repository:%s:pull"' % (
            self.headers["Host"], self.path.split("/v2/")[1].rsplit("/", 2)[0])

    def give_token(self, query):
        o = self.state.options
        grown = query.get("refresh_token", [""])[0] == "refresh-" + o.bearer
        if o.bearer != "-" and not grown and not (self.headers.get("Authorization") and self.login() == o.bearer):
            return self.error(401, "UNAUTHORIZED", "wrong password")
        token = secrets.token_urlsafe(12)
        self.state.tokens.add(token)
        self.answer(200, json.dumps({"token": token, "expires_in": o.token_life}).encode())

    # ---- what there is

    def find(self, kind, name):
        folder = self.state.options.layout
        if kind == "manifests" and not name.startswith("sha256:"):
            with open(os.path.join(folder, "index.json")) as f:
                named = {m["annotations"]["org.opencontainers.image.ref.name"]: m for m in json.load(f)["manifests"]}
            name = named.get(name, {}).get("digest", "")
        try:
            with open(os.path.join(folder, "blobs", "sha256", name.removeprefix("sha256:")), "rb") as f:
                return f.read()
        except OSError:
            return None

    # A multipart/byteranges body.
    def join_parts(self, ranges, data, fault):
        do, size, end = fault["do"], len(data), b"\r\n--PARTS--\r\n"
        if do == "heads":
            return b"--PARTS\r\n" + b"X-More: 1\r\n" * 10000
        if do == "shift":
            ranges = [(first + fault["by"], last + fault["by"]) for first, last in ranges]
        if do == "overlap":
            ranges = [(max(first - fault["by"], 0), last) for first, last in ranges]
        if do == "reorder":
            ranges = ranges[::-1]
        if do == "omit":
            ranges = ranges[:fault["part"]] + ranges[fault["part"] + 1:]
        if do == "surplus":
            ranges = ranges + ranges[-1:]
        return b"".join(
            b"\r\n--PARTS\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (
                first, last, size) + data[first:last + 1] for first, last in ranges) + end

    def serve(self, kind, data, fault):
        do, size, first, last = fault["do"], len(data), 0, len(data) - 1
        wanted = self.headers.get("Range", "")
        ranges = [(int(a), min(int(b), size - 1)) for a, b in re.findall(r"(\d+)-(\d+)", wanted)]
        asked = len(ranges) == 1 or do in ("single", "merge")
        headers, status = {}, 200
        mime = "application/octet-stream" if kind == "blobs" else json.loads(data)["mediaType"]
        if asked and do != "norange":
            (first, last), status = ranges[0], 206
            if do == "merge":
                last = ranges[-1][1]
            if do == "shift":
                first, last = first + fault["by"], last + fault["by"]
            if do == "part":
                last = min(last, first + fault["bytes"] - 1)
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, size)
        body = bytearray(data[first:last + 1])
        if len(ranges) > 1 and not asked and do != "norange":
            status, body = 206, bytearray(self.join_parts(ranges, data, fault))
            mime = "multipart/byteranges; boundary=" + ("OTHER" if do == "boundary" else "PARTS")
        if do == "corrupt":
            body[fault["at"]] ^= 1
        if do in ("short", "reset", "stall", "trickle", "loris", "endless"):
            return self.break_off(status, {"Content-Type": mime, **headers}, body, fault)
        if do == "late":
            time.sleep(fault["by"])
        self.answer(status, body, headers, fault.get("type", mime), do)

    def drip(self, pieces, every):
        try:
            for piece in pieces:
                self.wfile.write(piece)
                time.sleep(every)
        except OSError:
            pass  # whoever asked has left

    def wait_until_taken(self):
        """By the other end: what is still here goes with a connection that is reset."""
        until = time.monotonic() + 20
        while time.monotonic() < until and self.bytes_unsent():
            time.sleep(0.01)

    def bytes_unsent(self):
        return struct.unpack("i", fcntl.ioctl(self.connection, termios.TIOCOUTQ, bytes(4)))[0]

    def break_off(self, status, headers, body, fault):
        do, after = fault["do"], fault.get("after")
        self.note(status, do)
        self.close_connection = True
        size = {"Transfer-Encoding": "chunked"} if do == "endless" else {"Content-Length": str(len(body))}
        if do == "loris":
            self.send_response(status)
            self.flush_headers()
            return self.drip([b"X-More: 1\r\n"] * 300, fault["every"])
        if do == "endless":
            after = len(body)
        if after is not None:
            self.send_response(status)
            for k, v in {**size, **headers}.items():
                self.send_header(k, v)
            self.end_headers()
            if do == "endless":
                self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
                return self.drip(itertools.repeat(b"1000\r\n" + bytes(4096) + b"\r\n"), 0)
            self.wfile.write(body[:after])
            self.wait_until_taken()
        if do == "trickle":
            self.drip([bytes([b]) for b in body[after:after + 300]], fault["every"])
        if do == "stall":
            time.sleep(30)
        if do == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def list_referrers(self, subject, query):
        size, first = self.state.options.referrers, int(query.get("first", ["0"])[0])
        all = self.state.referrers.get(subject, [])
        text = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                           "manifests": all[first:first + size]}).encode()
        more = {"Link": '<%s?first=%d>; rel="next"' % (self.path.split("?")[0], first + size)}
        self.answer(200, text, more if first + size < len(all) else {})

    def take_manifest(self, text):
        digest, manifest = "sha256:" + hashlib.sha256(text).hexdigest(), json.loads(text)
        subject = manifest.get("subject", {}).get("digest")
        with self.state.lock:
            self.state.referrers.setdefault(subject, []).append({
                "mediaType": manifest["mediaType"], "digest": digest, "size": len(text),
                "artifactType": manifest.get("artifactType", "")})
        self.answer(201, b"", {"OCI-Subject": subject} if subject else {})

    # ---- requests

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/token":
            return self.give_token(urllib.parse.parse_qs(url.query))
        fault = self.state.fault_for(self.path, self.headers.get("Range"))
        do = fault["do"]
        if do == "status":
            return self.answer(fault["code"], fault.get("text", "").encode(), fault.get("headers", {}), action=do)
        if do == "await" and not self.state.await_open(fault["connections"], fault.get("for", 60)):
            return self.answer(503, action=do)
        if do == "html":
            return self.answer(200, b"<html>please log in to the network</html>", kind="text/html", action=do)
        if do == "redirect":
            return self.answer(fault.get("code", 307), b"", {"Location": fault["to"] + url.path}, action=do)
        if not self.is_allowed():
            return self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": self.challenge()})
        if self.state.options.referrers and "/referrers/" in url.path:
            return self.list_referrers(url.path.rsplit("/", 1)[1], urllib.parse.parse_qs(url.query))
        parts = re.fullmatch(r"/v2/.+/(manifests|blobs)/([^/]+)", url.path)
        data = self.find(*parts.groups()) if parts else None
        if data is None:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        self.serve(parts[1], data, fault)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.read_body().decode()
        if self.path == "/_expire":
            self.state.tokens.clear()
            return self.answer(204)
        self.give_token(urllib.parse.parse_qs(body))

    def do_PUT(self):
        if "/manifests/" in self.path:
            return self.take_manifest(self.read_body())
        self.state.faults = json.loads(self.read_body())
        self.answer(204)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--make", action="store_true")
    p.add_argument("--basic", default="")
    p.add_argument("--bearer", default="")
    p.add_argument("--token-life", type=int, default=300)
    p.add_argument("--referrers", type=int, default=0)
    p.add_argument("words", nargs="+")
    o = p.parse_args()
    if o.make:
        return make_layout(o.words[0])
    port, o.layout, o.log = o.words
    Handler.state = State(o)
    httpserver.serve(port, Handler)


if __name__ == "__main__":
    main()
