#!/usr/bin/env python3
"""listingregistry.py [OPTION...] PORT UPSTREAM [LOG] - a registry with the referrers API.

Forwards HTTP to UPSTREAM (HOST:PORT), which has none, and lists what refers to a
manifest of all manifests that it saw pass.  As CUE's ociserver does it: sorted by digest,
filtered by artifactType, null where there is none, and a push is answered with OCI-Subject.

  --page N   N entries in an answer, and a Link to the next
  --terse    as `crane registry serve` does it (go-containerregistry 0.21.9): unfiltered, in
             any order, of each the type of its config, and a push is answered as any other

LOG takes a line per request: method, path, status."""
import argparse, hashlib, http.client, json, random, re, threading, urllib.parse

import httpserver

parser = argparse.ArgumentParser()
parser.add_argument("--page", type=int, default=1000)
parser.add_argument("--terse", action="store_true")
parser.add_argument("words", nargs="+")
options = parser.parse_args()
port, upstream, *log = options.words
log = open(log[0], "a", buffering=1) if log else None
HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}
manifests, lock = {}, threading.Lock()  # (repository, digest) -> (subject, entry)


def entry_of(text, digest):
    m = json.loads(text)
    kind = m.get("config", {}).get("mediaType", "")
    return m.get("subject", {}).get("digest"), {
        "mediaType": m["mediaType"], "digest": digest, "size": len(text),
        "artifactType": kind if options.terse else m.get("artifactType") or kind}


def entries(repository, subject, kind):
    with lock:
        found = [e for (r, _), (s, e) in manifests.items() if (r, s) == (repository, subject)]
    if options.terse:
        return random.sample(found, len(found))
    return sorted((e for e in found if kind in (None, e["artifactType"])), key=lambda e: e["digest"])


class Handler(httpserver.Handler):
    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        list_of = re.fullmatch(r"/v2/(.+)/referrers/(.+)", url.path)
        if list_of:
            self.list_referrers(*list_of.groups(), dict(urllib.parse.parse_qsl(url.query)))
        else:
            self.forward(re.fullmatch(r"/v2/(.+)/manifests/(.+)", url.path))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def list_referrers(self, repository, subject, query):
        all, at = entries(repository, subject, query.get("artifactType")), int(query.get("at", 0))
        some = all[at:at + options.page]
        text = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                           "manifests": some if some or options.terse else None}).encode()
        headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        if "artifactType" in query and not options.terse:
            headers["OCI-Filters-Applied"] = "artifactType"
        if at + options.page < len(all):
            headers["Link"] = '<%s?%s>; rel="next"' % (
                self.path.split("?")[0], urllib.parse.urlencode({**query, "at": at + options.page}))
        self.answer(200, headers, text)

    def answer(self, status, headers, text):
        if log:
            log.write("%s\t%s\t%d\n" % (self.command, self.path, status))
        self.send_response(status)
        for k, v in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def forward(self, manifest):
        up = http.client.HTTPConnection(upstream, timeout=60)
        sent = self.read_body()
        up.request(self.command, self.path, sent or None, {k: v for k, v in self.headers.items() if k.lower() not in HOP})
        r = up.getresponse()
        headers = {k: v for k, v in r.getheaders() if k.lower() not in HOP}
        if manifest and r.status < 300:
            headers.update(self.note(manifest[1], manifest[2], sent))
        self.answer(r.status, headers, r.read())
        up.close()

    def note(self, repository, name, sent):
        digest = "sha256:" + hashlib.sha256(sent).hexdigest()
        with lock:
            if self.command == "DELETE":
                manifests.pop((repository, name), None)
            if self.command != "PUT":
                return {}
            subject, entry = manifests[repository, digest] = entry_of(sent, digest)
        return {"OCI-Subject": subject} if subject and not options.terse else {}


httpserver.serve(port, Handler)
