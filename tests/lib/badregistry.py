#!/usr/bin/env python3
"""badregistry.py PORT UPSTREAM RULES [LOG] - a registry that misbehaves as told.

Forwards HTTP to UPSTREAM (HOST:PORT), except where a line of the file RULES, read
anew for each request, says otherwise; the first that matches decides:

  PATTERN ACTION [ARGUMENT] [times=N] [after=N] [method=M]

PATTERN is a regular expression searched in the path.  times=N: only the first N
matching requests; after=N: not the first N.  Actions:

  status CODE [HEADER:VALUE ...]  answers so, with an empty body
  short N      the headers promise all, the body ends after N bytes
  corrupt N    the byte at N of the body is another one
  stall N      nothing more after N bytes, the connection stays
  close        closes without an answer
  norange      answers a range request with 200 and the whole body
  redirect URL 307 to URL (then the path)
  delay S      waits S seconds first
  slow N       N bytes a second

LOG takes a line per request: method, path, Range, Authorization's scheme, what
was done."""
import http.client, os, re, sys, threading, time

import httpserver

port, upstream, rules_path = sys.argv[1:4]
log = open(sys.argv[4], "a", buffering=1) if len(sys.argv) > 4 else None
HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te"}
seen, lock = {}, threading.Lock()


def read_rules():
    f = open(rules_path)
    st = os.fstat(f.fileno())  # new rules count anew
    for number, line in enumerate(f):
        words = line.split()
        if words and not line.startswith("#"):
            options = dict(w.split("=", 1) for w in words[2:] if re.match(r"(times|after|method)=", w))
            yield (st.st_ino, st.st_mtime_ns, number), words[0], words[1], [w for w in words[2:] if w.split("=")[0] not in options], options


def find_rule(method, path):
    for key, pattern, action, arguments, options in read_rules():
        if not re.search(pattern, path) or options.get("method", method) != method:
            continue
        with lock:
            seen[key] = seen.get(key, 0) + 1
            n = seen[key]
        after = int(options.get("after", 0))
        if after < n <= after + int(options.get("times", 1 << 60)):
            return action, arguments
    return "forward", []


class Handler(httpserver.Handler):
    def handle_any(self):
        action, arguments = find_rule(self.command, self.path)
        if log:
            log.write("\t".join([self.command, self.path, self.headers.get("Range", "-"),
                                 self.headers.get("Authorization", "-").split()[0], action]) + "\n")
        if action == "close":
            self.close_connection = True
        elif action == "status":
            self.answer(int(arguments[0]), [a.split(":", 1) for a in arguments[1:]])
        elif action == "redirect":
            self.answer(307, [("Location", arguments[0] + self.path)])
        else:
            if action == "delay":
                time.sleep(float(arguments[0]))
            self.forward(action, int(arguments[0]) if action in ("short", "corrupt", "stall", "slow") else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def answer(self, status, headers):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.skip_body()

    def forward(self, action, n):
        up = http.client.HTTPConnection(upstream, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP
                   and not (action == "norange" and k.lower() == "range")}
        up.request(self.command, self.path, self.read_body() or None, headers)
        r = up.getresponse()
        self.send_response(r.status)
        for k, v in r.getheaders():
            if k.lower() not in HOP | {"date", "server"}:
                self.send_header(k, v)
        if r.getheader("Content-Length") is None and self.command != "HEAD" and r.status not in (204, 304):
            self.send_header("Connection", "close")
        self.end_headers()
        self.body(r, action, n)
        up.close()

    def body(self, r, action, n):
        at = 0
        while part := r.read(min(65536, max(1, n // 10)) if action == "slow" else 65536):
            if action == "corrupt" and at <= n < at + len(part):
                part = part[:n - at] + bytes([part[n - at] ^ 0xFF]) + part[n - at + 1:]
            if action in ("short", "stall") and at + len(part) > n:
                self.wfile.write(part[:n - at])
                self.wfile.flush()
                if action == "stall":
                    time.sleep(3600)
                self.close_connection = True
                return
            self.wfile.write(part)
            at += len(part)
            if action == "slow":
                time.sleep(len(part) / n)


httpserver.serve(port, Handler)
