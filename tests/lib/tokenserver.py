#!/usr/bin/env python3
"""tokenserver.py PORT KEY.pem CERT.pem SERVICE ISSUER USER:PASSWORD [LIFE_S]

A token server for docker-registry: GET or POST, Basic authentication, grants what
is asked for.  RS256 signatures by the openssl command.  One line on stdout for each
token given."""
import base64, json, os, subprocess, sys, time, urllib.parse

import httpserver

port, key, cert, service, issuer, user = sys.argv[1:7]
life = int(sys.argv[7]) if len(sys.argv) > 7 else 300
with open(cert) as f:
    der = "".join(f.read().split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].split())


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def access(scope):
    kind, rest = scope.split(":", 1)
    name, actions = rest.rsplit(":", 1)
    return {"type": kind, "name": name, "actions": actions.split(",")}


def sign(scopes, subject):
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    body = {"iss": issuer, "sub": subject, "aud": service, "exp": now + life, "nbf": now - 10, "iat": now,
            "jti": os.urandom(8).hex(), "access": [access(s) for s in scopes]}
    text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(),
                          stdout=subprocess.PIPE, check=True)
    return text + "." + b64(done.stdout)


class Handler(httpserver.Handler):
    def reply(self, status, body, headers={}):
        self.send_response(status)
        for k, v in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        auth = self.headers.get("Authorization", "")
        if not auth.startswith("Basic ") or base64.b64decode(auth[6:]).decode() != user:
            return self.reply(401, b"{}", {"WWW-Authenticate": 'Basic realm="token"'})
        scopes = [s for v in query.get("scope", []) for s in v.split()]
        token = sign(scopes, user.split(":")[0])
        print("token", *scopes, flush=True)  # before anybody has it
        self.reply(200, json.dumps({"token": token, "expires_in": life}).encode())


httpserver.serve(port, Handler)
