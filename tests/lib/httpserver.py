"""What the tests' HTTP servers share."""
import http.server, sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def log_message(self, *a):
        pass

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def skip_body(self):
        """To be called behind an answer that came first: who is hung up on while he
        still sends may not see it.  He may hang up himself."""
        left = int(self.headers.get("Content-Length", 0))
        while left > 0 and (part := self.rfile.read(min(left, 65536))):
            left -= len(part)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        # A client may go away; all else is a fault of the server's.
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, address)


def serve(port, handler):
    Server(("127.0.0.1", int(port)), handler).serve_forever()
