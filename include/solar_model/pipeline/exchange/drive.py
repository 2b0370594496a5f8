"""A folder of Google Drive, in somebody's own drive or in a Shared Drive.

Drive lets many files of one folder have the same name. Here a name is one file: the one that was
changed last counts, it is replaced in place, and any other of its name is removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any

import httplib2
from google.auth.exceptions import GoogleAuthError, TransportError
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient import discovery, discovery_cache
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload, MediaIoBaseDownload

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.exchange.google_account import GoogleAccount, refused
from solar_model.pipeline.exchange.patience import Patience
from solar_model.pipeline.exchange.store import Digest, NotInExchange, Sink, Store, Stored
from solar_model.pipeline.exchange.trouble import BUSY, network_trouble

SCOPE = "https://www.googleapis.com/auth/drive"

_CHUNK_BYTES = 8 << 20
_FIELDS = "id, name, size, modifiedTime, sha256Checksum"
# Without these two, everything in a Shared Drive is invisible.
_ALL_DRIVES = {"supportsAllDrives": True, "includeItemsFromAllDrives": True}
_RATE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"})
_FULL = frozenset(
    {"storageQuotaExceeded", "teamDriveFileLimitExceeded", "numChildrenInNonRootLimitExceeded"}
)
_GONE = frozenset({404, 410})


class DriveStore(Store):
    """Files in a folder.

    Parameters
    ----------
    folder_id : str
        The last part of the folder's address in the browser.
    connection : str or None
        Airflow's Google connection; ``drive_endpoint_url`` in its extra names another address of
        the service, such as a private one.
    patience : Patience
        How long a server may be silent.
    """

    def __init__(self, folder_id: str, connection: str | None, patience: Patience) -> None:
        self._account = GoogleAccount.of(connection, SCOPE)
        self._folder_id = folder_id
        self.url = f"gdrive://{folder_id}"
        description = json.loads(discovery_cache.get_static_doc("drive", "v3"))
        endpoint = self._account.extra.get("drive_endpoint_url")
        if endpoint:
            description["rootUrl"] = f"{endpoint.rstrip('/')}/"
            description["baseUrl"] = description["rootUrl"] + description["servicePath"]
        self.server = description["rootUrl"].rstrip("/")
        http = httplib2.Http(timeout=patience.silence_s)
        # in an upload, 308 is how Drive asks for the rest, not a redirect
        http.redirect_codes -= {308}
        self._service = discovery.build_from_document(
            description,
            http=AuthorizedHttp(self._account.credentials, http=http),
        )
        # uploads that were cut, to be resumed by the next attempt
        self._unfinished: dict[tuple[str, Path], Any] = {}

    def write(self, name: str, source: Path) -> None:
        """Upload in chunks, or go on with the upload of this file that was cut."""
        with self._errors():
            upload = self._unfinished.pop((name, source), None) or self._upload(name, source)
            try:
                done = None
                while done is None:
                    _, done = upload.next_chunk()
            except HttpError as error:
                # a session that has ended cannot be resumed
                if error.resp.status not in _GONE:
                    self._unfinished[name, source] = upload
                raise
            except Exception:
                self._unfinished[name, source] = upload
                raise
            for other in self._find(name):
                if other["id"] != done["id"]:
                    self._remove(other["id"])

    def read(self, name: str, sink: Sink) -> None:
        """Copy the bytes of a file."""
        with self._errors():
            content = self._service.files().get_media(
                fileId=self._the(name)["id"], supportsAllDrives=True
            )
            download = MediaIoBaseDownload(sink, content, chunksize=_CHUNK_BYTES)
            done = False
            while not done:
                _, done = download.next_chunk()

    def stat(self, name: str) -> Stored:
        """Describe a file."""
        with self._errors():
            return _stored(self._the(name))

    def list(self) -> Iterator[Stored]:
        """Describe every file of the folder."""
        with self._errors():
            seen = set()
            for item in self._search():
                if item["name"] not in seen:
                    seen.add(item["name"])
                    yield _stored(item)

    def delete(self, name: str) -> None:
        """Remove every file of that name."""
        with self._errors():
            for item in self._find(name):
                self._remove(item["id"])

    def preflight(self) -> None:
        """Look at the folder, at our rights in it, and at whose storage is used."""
        with self._errors():
            folder = self._folder
        if folder["mimeType"] != "application/vnd.google-apps.folder":
            raise ConfigurationError(
                f"{self.url}: {folder['name']!r} is not a folder. Take the last part of the "
                "folder's address in the browser."
            )
        if not folder.get("capabilities", {}).get("canAddChildren"):
            raise ConfigurationError(self._share("may not add files to the folder"))
        if self._account.email and "driveId" not in folder:
            raise ConfigurationError(self._no_quota)

    @property
    def _no_quota(self) -> str:
        return (
            f"{self.url}: the folder is in somebody's own drive, and the service account "
            f"{self._account.called} has no storage there: Drive refuses its files. Use a folder "
            "of a Shared Drive, or the credentials of a person."
        )

    def _share(self, problem: str) -> str:
        return (
            f"{self.url}: {self._account.called} {problem}. Share the folder with it as Editor, "
            "or make it a Content manager of the Shared Drive."
        )

    @cached_property
    def _folder(self) -> dict[str, Any]:
        request = self._service.files().get(
            fileId=self._folder_id,
            fields="id, name, mimeType, driveId, capabilities(canAddChildren)",
            supportsAllDrives=True,
        )
        try:
            folder: dict[str, Any] = request.execute()
        except HttpError as error:
            if error.resp.status == 404:
                raise ConfigurationError(
                    self._share("sees no such folder, or there is none")
                ) from error
            raise
        return folder

    def _search(self, condition: str = "") -> Iterator[dict[str, Any]]:
        """Files of the folder, the one that was changed last first."""
        drive_id = self._folder.get("driveId")
        where = {"corpora": "drive", "driveId": drive_id} if drive_id else {}
        files = self._service.files()
        request = files.list(
            q=f"'{self._folder_id}' in parents and trashed = false{condition}",
            fields=f"nextPageToken, files({_FIELDS})",
            orderBy="modifiedTime desc",
            pageSize=1000,
            **_ALL_DRIVES,
            **where,
        )
        while request is not None:
            page = request.execute()
            # a folder, or a document of Google's, has no size
            yield from (item for item in page["files"] if "size" in item)
            request = files.list_next(request, page)

    def _find(self, name: str) -> tuple[dict[str, Any], ...]:
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        return tuple(self._search(f" and name = '{quoted}'"))

    def _the(self, name: str) -> dict[str, Any]:
        found = self._find(name)
        if not found:
            raise NotInExchange(f"{name} is not in the exchange {self.url}")
        return found[0]

    def _upload(self, name: str, source: Path) -> Any:
        files = self._service.files()
        options = {
            # resumable even when it is one chunk: a lost answer can then be asked for again
            # instead of making a second file
            "media_body": MediaFileUpload(
                str(source),
                mimetype="application/octet-stream",
                chunksize=_CHUNK_BYTES,
                resumable=True,
            ),
            "fields": "id",
            "supportsAllDrives": True,
        }
        there = self._find(name)
        if there:
            return files.update(fileId=there[0]["id"], **options)
        return files.create(body={"name": name, "parents": [self._folder_id]}, **options)

    def _remove(self, file_id: str) -> None:
        files = self._service.files()
        try:
            files.delete(fileId=file_id, supportsAllDrives=True).execute()
        except HttpError as error:
            if error.resp.status == 404:
                return
            if error.resp.status != 403 or _reason(error) in _RATE:
                raise
            # a Content manager of a Shared Drive may only move files to the bin
            files.update(fileId=file_id, body={"trashed": True}, supportsAllDrives=True).execute()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except HttpError as error:
            raise self._told(error) from error
        except TransportError as error:
            raise network_trouble(error, self.url) from error
        except GoogleAuthError as error:
            raise refused(error, self.url) from None
        except (httplib2.HttpLib2Error, HTTPException, OSError) as error:
            raise network_trouble(error, self.url) from error

    def _told(self, error: HttpError) -> SolarModelError:
        code, reason = int(error.resp.status), _reason(error)
        if code in BUSY | _GONE or reason in _RATE:
            return TransferError(f"{self.url}: Drive answered {code} {reason}".rstrip())
        if reason in _FULL:
            if self._account.email and "driveId" not in self._folder:
                return ConfigurationError(self._no_quota)
            return ConfigurationError(
                f"{self.url}: the drive is full ({reason}). Make room, or shorten "
                "SOLAR_EXCHANGE_RETENTION."
            )
        if reason == "accessNotConfigured":
            return ConfigurationError(
                f"{self.url}: the Drive API is not enabled. Enable it in the Google Cloud project "
                "of the account."
            )
        if code == 401:
            return ConfigurationError(
                f"{self.url}: Drive refuses the credentials of the connection "
                "google_cloud_default. Make a new key and put it there."
            )
        if code == 403:
            return ConfigurationError(self._share(f"may not do this ({reason})"))
        return ConfigurationError(f"{self.url}: Drive refuses the request ({code} {reason})")


def _reason(error: HttpError) -> str:
    """Drive's keyword for what is wrong; its sentences may repeat the request."""
    try:
        return str(json.loads(error.content)["error"]["errors"][0]["reason"])
    except (ValueError, KeyError, TypeError, IndexError):
        return ""


def _stored(item: dict[str, Any]) -> Stored:
    sha256 = item.get("sha256Checksum")
    return Stored(
        name=item["name"],
        size_bytes=int(item["size"]),
        modified=datetime.fromisoformat(item["modifiedTime"]),
        digest=Digest("sha256", sha256) if sha256 else None,
    )
