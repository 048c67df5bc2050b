"""The web app of the quickstart: `/` (a page, or text for curl), `/version` and `/health`, on 127.0.0.1:$PORT."""
# ruff: noqa: INP001, T201 - a program of its own

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from types import FrameType

PAGE = json.loads(Path("page.json").read_text(encoding="utf-8"))
REVISION = json.loads(Path(".release.json").read_text(encoding="utf-8"))["revision"]
STAGE = os.environ.get("PUSHBOT_STAGE", "nowhere")


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Answer one of the three paths."""
        if self.path == "/":
            kind = "html" if "text/html" in self.headers.get("Accept", "") else "plain"
            page = Path("public", "index.html" if kind == "html" else "index.txt").read_text(encoding="utf-8")
            self.answer(200, kind, Template(page).safe_substitute(revision=REVISION[:8], stage=STAGE))
        elif self.path == "/version":
            self.answer(200, "plain", REVISION + "\n")
        elif self.path == "/health":
            well = bool(PAGE.get("healthy", True))
            self.answer(200 if well else 500, "plain", f"{'ok' if well else 'sick'} {REVISION}\n")
        else:
            self.answer(404, "plain", "nothing here; try /, /version or /health\n")

    def answer(self, status: int, kind: str, text: str) -> None:
        """Send `text` as text/`kind`."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def leave(_number: int, _frame: FrameType | None) -> None:
    """End at once on TERM, as nothing here is worth finishing."""
    sys.exit(0)


def main() -> None:
    """Serve until told to end."""
    signal.signal(signal.SIGTERM, leave)
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer) as server:
        print(f"version {PAGE['version']} serves on port {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
