"""POST a photograph, get it restored: ``curl --data-binary @dark.jpg localhost:8081 -o bright.jpg``.

One loaded network serves all threads. For a service of your own, put a proxy with TLS and limits before it.
"""

import argparse
import io
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image, UnidentifiedImageError

import restorect_edge

LARGEST = 50_000_000
"""Bytes of an upload."""


class Handler(BaseHTTPRequestHandler):
    """Restores what is posted."""

    restore: restorect_edge.Runtime

    def do_POST(self) -> None:
        """Answer with a JPEG, or with a sentence."""
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= LARGEST:
            return self.answer(413, "text/plain", f"send 1 to {LARGEST:,} bytes\n".encode())
        try:
            image = Image.open(io.BytesIO(self.rfile.read(length))).convert("RGB")
        except (UnidentifiedImageError, OSError):
            return self.answer(415, "text/plain", b"this is no image that can be read\n")
        stream = io.BytesIO()
        self.restore(image).save(stream, "JPEG", quality=92)
        return self.answer(200, "image/jpeg", stream.getvalue())

    def answer(self, code: int, kind: str, body: bytes) -> None:
        """Send a whole answer."""
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="an artifact's folder, or weights by name")
    parser.add_argument("--port", type=int, default=8081)
    args = parser.parse_args()
    with restorect_edge.load(args.weights, threads=1) as Handler.restore:
        print(f"http://127.0.0.1:{args.port}", flush=True)
        ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
