"""A hub on this machine, as friendly or as hostile as its paths say."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZES = b'"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 1376, "vocab_size": 32000'
CONFIG = b'{"model_type": "llama", ' + SIZES + b"}"


class _Answers(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.split("/")[2]
        with suppress(BrokenPipeError, ConnectionResetError):  # the client has had enough, as it should
            getattr(self, f"_{name.replace('-', '_')}", self._fine)()

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fine(self) -> None:
        self._send(200, CONFIG)

    def _missing(self) -> None:
        self._send(404)

    def _private(self) -> None:
        self._send(401)

    def _broken(self) -> None:
        self._send(500)

    def _moved(self) -> None:
        self._send(307, Location="/api/resolve-cache/fine/config.json")

    def _elsewhere(self) -> None:
        self._send(302, Location="http://169.254.169.254/latest/meta-data/")

    def _loops(self) -> None:
        self._send(302, Location=self.path)

    def _not_json(self) -> None:
        self._send(200, b"<!doctype html><title>Sign in</title>")

    def _not_text(self) -> None:
        self._send(200, b"\xff\xfe\x00")

    def _bomb(self) -> None:
        self._send(200, gzip.compress(b" " * 100_000_000), Content_Encoding="gzip")

    def _huge(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b" " * 65536)

    def _slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def _slow_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X: y\r\n")
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def fake_hub() -> Iterator[tuple[str, list[str]]]:
    """The origin of a running fake, and the list of the paths that it was asked for."""
    answers = type("Answers", (_Answers,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
