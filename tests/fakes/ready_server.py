"""An HTTP server with a list of answers for /readyz. Left out: everything else."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ReadyServer:
    """A server that answers each request with the next of `statuses`, and with the last one from then on."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.text = b"ok"
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = server.statuses.pop(0) if len(server.statuses) > 1 else server.statuses[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(server.text)

            def log_message(self, *_: object) -> None:
                """Nothing is written to the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/readyz"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
