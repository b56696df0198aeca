#!/usr/bin/env python3
"""fakeregistry.py [OPTION...] PORT LAYOUT LOG - a small OCI registry that misbehaves as told.
fakeregistry.py --make LAYOUT            - writes a layout with one small image "v1".

Serves the folder LAYOUT under any repository's name.  LOG gets a JSON line for
each request: method, path, range, authorization, headers, status, action.

  --basic USER:PASSWORD    asks for Basic authentication
  --bearer USER:PASSWORD   asks for tokens of its own /token; "-" grants anonymous ones
  --token-life S           what it says of them (300)

PUT /_faults with a JSON list replaces the faults; the first that matches a request
decides, and is used up after its `times`:

  {"path": REGEX, "do": ACTION, "times": N, "ranged": BOOL, ...}
    status       code, headers {}, text    that answer
    short        after N                   the body ends early, the connection too
    reset        after N                   the connection is reset; after null: no answer
    stall        after N                   silence, the connection stays
    corrupt      at N                      one byte is another
    norange                                200 and everything for a range
    shift        by N                      206 for another range
    part         bytes N                   206 for less than was asked for
    redirect     to URL, code              there, with the path appended
    html                                   200 and a web page
    type         type                      another Content-Type

POST /_expire makes every token given so far worthless.
"""
import argparse, base64, hashlib, http.server, json, os, random, re, secrets, socket, struct, threading
import time, urllib.parse


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
        self.options, self.faults, self.tokens = options, [], set()
        self.lock, self.log = threading.Lock(), open(options.log, "a", buffering=1)

    def fault_for(self, path, ranged):
        with self.lock:
            for f in self.faults:
                if f.get("times", 1) and re.search(f["path"], path) and f.get("ranged", ranged) == ranged:
                    f["times"] = f.get("times", 1) - 1
                    return f
        return {"do": "serve"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def log_message(self, *a):
        pass

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

    def serve(self, kind, data, fault):
        do, size, first, last = fault["do"], len(data), 0, len(data) - 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        headers, status = {}, 200
        mime = "application/octet-stream" if kind == "blobs" else json.loads(data)["mediaType"]
        if asked and do != "norange":
            first, last, status = int(asked[1]), min(int(asked[2]), size - 1), 206
            if do == "shift":
                first, last = first + fault["by"], last + fault["by"]
            if do == "part":
                last = min(last, first + fault["bytes"] - 1)
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, size)
        body = bytearray(data[first:last + 1])
        if do == "corrupt":
            body[fault["at"]] ^= 1
        if do in ("short", "reset", "stall"):
            return self.break_off(status, headers, body, fault)
        self.answer(status, body, headers, fault.get("type", mime), do)

    def break_off(self, status, headers, body, fault):
        self.note(status, fault["do"])
        self.close_connection = True
        if fault["after"] is not None:
            self.send_response(status)
            for k, v in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(k, v)
            self.end_headers()
            self.wfile.write(body[:fault["after"]])
            time.sleep(0.05)
        if fault["do"] == "stall":
            time.sleep(30)
        if fault["do"] == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    # ---- requests

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/token":
            return self.give_token(urllib.parse.parse_qs(url.query))
        fault = self.state.fault_for(self.path, "Range" in self.headers)
        do = fault["do"]
        if do == "status":
            return self.answer(fault["code"], fault.get("text", "").encode(), fault.get("headers", {}), action=do)
        if do == "html":
            return self.answer(200, b"<html>please log in to the network</html>", kind="text/html", action=do)
        if do == "redirect":
            return self.answer(fault.get("code", 307), b"", {"Location": fault["to"] + url.path}, action=do)
        if not self.is_allowed():
            return self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": self.challenge()})
        parts = re.fullmatch(r"/v2/.+/(manifests|blobs)/([^/]+)", url.path)
        data = self.find(*parts.groups()) if parts else None
        if data is None:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        self.serve(parts[1], data, fault)

    do_HEAD = do_GET

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def do_POST(self):
        body = self.read_body()
        if self.path == "/_expire":
            self.state.tokens.clear()
            return self.answer(204)
        self.give_token(urllib.parse.parse_qs(body))

    def do_PUT(self):
        self.state.faults = json.loads(self.read_body())
        self.answer(204)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--make", action="store_true")
    p.add_argument("--basic", default="")
    p.add_argument("--bearer", default="")
    p.add_argument("--token-life", type=int, default=300)
    p.add_argument("words", nargs="+")
    o = p.parse_args()
    if o.make:
        return make_layout(o.words[0])
    port, o.layout, o.log = o.words
    Handler.state = State(o)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
