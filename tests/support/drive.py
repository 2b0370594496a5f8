"""As much of Google Drive v3 as the project speaks: a server that the real client is pointed at.

It signs in service accounts (and looks at their clock), hides Shared Drives from who does not
ask for them, gives service accounts no storage outside of them, lets names repeat, and keeps
what arrived of a resumable upload that was cut.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from google.auth import jwt

FOLDER = "application/vnd.google-apps.folder"
TOKEN = "ya29.drive-hunter2"
CLOCK_LIMIT_S = 600


@dataclass
class Item:
    """A file or a folder."""

    name: str
    parent: str | None
    drive: str | None
    content: bytes | None = None
    id: str = field(default_factory=lambda: uuid4().hex)
    changed: float = field(default_factory=time.time)
    trashed: bool = False
    writable: bool = True

    def described(self) -> dict[str, Any]:
        told = {
            "id": self.id,
            "name": self.name,
            "mimeType": FOLDER if self.content is None else "application/octet-stream",
            "parents": [self.parent],
            "modifiedTime": datetime.fromtimestamp(self.changed, tz=UTC).isoformat(
                timespec="milliseconds"
            ),
            "capabilities": {"canAddChildren": self.writable},
        }
        if self.drive:
            told["driveId"] = self.drive
        if self.content is not None:
            told["size"] = str(len(self.content))
            told["sha256Checksum"] = hashlib.sha256(self.content).hexdigest()
        return told


@dataclass
class Session:
    """A resumable upload: ``item`` is what it replaces, or what it will be."""

    item: Item
    size: int
    content: bytearray = field(default_factory=bytearray)
    done: bool = False


class Drive(ThreadingHTTPServer):
    """Keeps everything in memory.

    ``failures`` are answered first, one per request: ``(status, reason)``. ``may_delete`` False
    is a Content manager, who can only move files to the bin.
    """

    daemon_threads = True

    def __init__(self, public_key: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.public_key = public_key
        self.items: dict[str, Item] = {}
        self.sessions: dict[str, Session] = {}
        self.failures: list[tuple[int, str]] = []
        self.clock_offset_s = 0.0
        self.may_delete = True
        self.keys_are_known = True
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that was cut is what the tests are about

    def folder(self, *, shared: bool = True, writable: bool = True) -> Item:
        item = Item("exchange", None, "shared-drive" if shared else None, writable=writable)
        self.items[item.id] = item
        return item

    def files(self, folder: str) -> list[Item]:
        return [item for item in self.items.values() if item.parent == folder and not item.trashed]

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Drive

    def do_POST(self) -> None:
        path, body = self.begin()
        if path == "/token":
            self.sign_in(body)
        elif self.allowed() and path == "/resumable/upload/drive/v3/files":
            wanted = json.loads(body)
            folder = self.the(wanted["parents"][0])
            if folder and self.has_storage(folder):
                self.open_session(Item(wanted["name"], folder.id, folder.drive, b""))

    def do_PATCH(self) -> None:
        path, body = self.begin()
        if not self.allowed():
            return
        item = self.the(path.rpartition("/")[2])
        if item and "/upload/" in path:
            self.open_session(item)
        elif item:
            item.trashed = json.loads(body)["trashed"]
            self.answer(200, item.described())

    def do_PUT(self) -> None:
        path, body = self.begin()
        session = self.server.sessions.get(path.rpartition("/")[2])
        if session is None:
            self.refuse(404, "notFound")
            return
        if self.failing():
            return
        given = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", self.headers["Content-Range"])
        if given and given[1] and int(given[1]) == len(session.content):
            session.content += body
        if len(session.content) < session.size:
            reached = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
            self.answer(308, None, reached)
            return
        if not session.done:
            session.done = True
            session.item.content = bytes(session.content)
            session.item.changed = time.time()
            self.server.items[session.item.id] = session.item
        self.answer(200, session.item.described())

    def do_GET(self) -> None:
        path, _ = self.begin()
        if not self.allowed():
            return
        if path == "/drive/v3/files":
            self.search()
        elif item := self.the(path.rpartition("/")[2]):
            if self.query.get("alt") == "media":
                self.send(item)
            else:
                self.answer(200, item.described())

    def do_DELETE(self) -> None:
        path, _ = self.begin()
        if self.allowed() and (item := self.the(path.rpartition("/")[2])):
            if self.server.may_delete:
                del self.server.items[item.id]
                self.answer(204, None)
            else:
                self.refuse(403, "insufficientFilePermissions")

    def begin(self) -> tuple[str, bytes]:
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        size = int(self.headers.get("Content-Length", 0))
        body = b""
        with contextlib.suppress(ConnectionError):
            while len(body) < size and (some := self.rfile.read1(size - len(body))):
                body += some
        kind = self.query.get("uploadType")
        self.server.requests.append(f"{self.command} {parts.path}")
        if len(body) < size and self.command == "PUT":
            session = self.server.sessions.get(parts.path.rpartition("/")[2])
            if session:
                session.content += body[: len(body) // 1024 * 1024]
        if len(body) < size:
            raise ConnectionResetError
        return (f"/{kind}{parts.path}" if kind else parts.path), body

    def sign_in(self, body: bytes) -> None:
        assertion = parse_qs(body.decode())["assertion"][0]
        try:
            claims = jwt.decode(assertion, certs=self.server.public_key)
            known = self.server.keys_are_known
        except ValueError:
            known = False
        if not known:
            self.answer(400, {"error": "invalid_grant", "error_description": "Bad signature."})
        elif abs(claims["iat"] - time.time() - self.server.clock_offset_s) > CLOCK_LIMIT_S:
            told = "Invalid JWT: Token must be a short-lived token (60 minutes)"
            self.answer(400, {"error": "invalid_grant", "error_description": told})
        else:
            self.answer(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def allowed(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refuse(401, "authError")
            return False
        return not self.failing()

    def failing(self) -> bool:
        if not self.server.failures:
            return False
        self.refuse(*self.server.failures.pop(0))
        return True

    def the(self, file_id: str) -> Item | None:
        item = self.server.items.get(file_id)
        if item is None or (item.drive and self.query.get("supportsAllDrives") != "true"):
            self.refuse(404, "notFound")
            return None
        return item

    def has_storage(self, folder: Item) -> bool:
        if not folder.drive:
            self.refuse(403, "storageQuotaExceeded")
        elif not folder.writable:
            self.refuse(403, "insufficientFilePermissions")
        return bool(folder.drive and folder.writable)

    def open_session(self, item: Item) -> None:
        key = uuid4().hex
        size = int(self.headers["X-Upload-Content-Length"])
        self.server.sessions[key] = Session(item, size)
        host = self.headers["Host"]
        self.answer(200, {}, {"Location": f"http://{host}/upload/session/{key}"})

    def search(self) -> None:
        folder = re.search(r"'(\w+)' in parents", self.query["q"])
        name = re.search(r"name = '([^']+)'", self.query["q"])
        assert folder
        all_drives = (
            self.query.get("supportsAllDrives") == "true"
            and self.query.get("includeItemsFromAllDrives") == "true"
        )
        found = [
            item
            for item in self.server.files(folder[1])
            if (all_drives or not item.drive) and (not name or item.name == name[1])
        ]
        found.sort(key=lambda item: item.changed, reverse=True)
        first = int(self.query.get("pageToken", 0))
        # short pages, so that the second one is asked for
        page: dict[str, Any] = {"files": [item.described() for item in found[first : first + 3]]}
        if len(found) > first + 3:
            page["nextPageToken"] = str(first + 3)
        self.answer(200, page)

    def send(self, item: Item) -> None:
        content = item.content or b""
        first, last = 0, len(content) - 1
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            first, last = int(asked[1]), min(int(asked[2]), last)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def refuse(self, status: int, reason: str) -> None:
        error = {"code": status, "message": reason, "errors": [{"reason": reason}]}
        self.answer(status, {"error": error})

    def answer(
        self, status: int, body: dict[str, Any] | None, headers: dict[str, str] | None = None
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass
