"""Serve a folder on this machine: python web_demo/serve.py build/web [port]."""

import functools
import http.server
import sys
from pathlib import Path
from typing import Final

PORT: Final = 8765


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with the types that browsers require of modules and wasm; never kept in a cache."""

    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
    }

    def end_headers(self) -> None:
        """Add that the browser has to ask again."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""


def main() -> int:
    """Serve until interrupted."""
    if len(sys.argv) not in (2, 3) or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("error: give a folder and, if wanted, a port: serve.py build/web 8765\n")
        return 2
    port = sys.argv[2] if len(sys.argv) == 3 else PORT
    handler = functools.partial(Handler, directory=sys.argv[1])
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except (OSError, OverflowError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "must be 0 to 65535"
        sys.stderr.write(f"error: port {port}: {problem}. Use another one: `make web PORT=9000`.\n")
        return 2
    with server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl+C ends it)\n")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
