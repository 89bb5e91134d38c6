"""An HTTP server that answers 200 and 500. Left out: everything but GET."""

import json
from http.server import BaseHTTPRequestHandler


class Shop(BaseHTTPRequestHandler):
    """Every second answer is an error, as the app of the examples gives them."""

    answered = 0

    def do_GET(self) -> None:
        Shop.answered += 1
        body = json.dumps({"version": "2"}).encode()
        self.send_response(500 if Shop.answered % 2 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is written to the test's output."""
