"""A small WebDAV server: PUT, GET, HEAD, DELETE, PROPFIND, a login, and TLS when asked for."""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

LOGIN, PASSWORD = "solar", "webdav-hunter2"


class WebDav(ThreadingHTTPServer):
    """Keeps files below a folder; ``digests`` says whether HEAD returns a checksum."""

    daemon_threads = True

    def __init__(self, folder: Path, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.digests = False
        self.status: int | None = None
        self.clock_offset_s = 0.0
        self.seen: list[str] = []
        scheme = "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that was cut is what the tests are about

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: WebDav

    @property
    def place(self) -> Path:
        return self.server.folder / unquote(self.path).strip("/")

    def date_time_string(self, timestamp: float | None = None) -> str:
        now = time.time() + self.server.clock_offset_s if timestamp is None else timestamp
        return formatdate(now, usegmt=True)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) != int(self.headers["Content-Length"]):
            self.close_connection = True
            return
        if not self.allowed():
            return
        if not self.place.parent.is_dir():
            self.answer(409)
            return
        draft = self.place.with_name(f".{self.place.name}.{threading.get_ident()}")
        draft.write_bytes(body)
        draft.replace(self.place)
        self.answer(201)

    def do_GET(self) -> None:
        if self.allowed():
            if self.place.is_file():
                self.answer(200, self.place.read_bytes())
            else:
                self.answer(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        if self.allowed():
            there = self.place.is_file()
            self.place.unlink(missing_ok=True)
            self.answer(204 if there else 404)

    def do_PROPFIND(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.allowed():
            return
        if not self.place.is_dir():
            self.answer(404)
            return
        entries = [f"<d:response><d:href>{quote(self.path)}</d:href></d:response>"]
        for path in self.place.iterdir():
            if path.is_file():
                status = path.stat()
                entries.append(
                    f"<d:response><d:href>{self.path.rstrip('/')}/{quote(path.name)}</d:href>"
                    "<d:propstat><d:prop>"
                    f"<d:getcontentlength>{status.st_size}</d:getcontentlength>"
                    f"<d:getlastmodified>{formatdate(status.st_mtime, usegmt=True)}"
                    "</d:getlastmodified></d:prop></d:propstat></d:response>"
                )
        body = f'<d:multistatus xmlns:d="DAV:">{"".join(entries)}</d:multistatus>'
        self.answer(207, body.encode())

    def allowed(self) -> bool:
        self.server.seen.append(self.command)
        if self.server.status:
            self.answer(self.server.status)
            return False
        expected = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.answer(401)
            return False
        return True

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "https://elsewhere.example.org/")
        if status == 200:
            self.send_header("Last-Modified", formatdate(self.place.stat().st_mtime, usegmt=True))
            if self.server.digests:
                sha256 = base64.b64encode(hashlib.sha256(body).digest()).decode()
                self.send_header("Repr-Digest", f"sha-256=:{sha256}:")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass
