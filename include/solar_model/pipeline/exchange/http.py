"""A folder of a web server: WebDAV (RFC 4918), of which five methods are used.

``PUT``, ``GET``, ``HEAD`` and ``DELETE`` on ``https://HOST/FOLDER/NAME``, and ``PROPFIND`` of
depth 1 on the folder. A ``PUT`` must replace the file as one, as Nextcloud, nginx and Apache do.
The checksum of the content travels as ``Repr-Digest`` (RFC 9530); a server that returns it with
``HEAD`` is believed, from another the file is read back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

import requests
import urllib3

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.connections import Connection
from solar_model.pipeline.exchange.patience import CONNECT_S, Patience
from solar_model.pipeline.exchange.store import Digest, NotInExchange, Sink, Store, Stored
from solar_model.pipeline.exchange.trouble import BUSY, network_trouble

_CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"\bsha-256=:([A-Za-z0-9+/=]+):")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ASKED = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop>'
    b"<getcontentlength/><getlastmodified/></prop></propfind>"
)
_WORDS = {
    401: "the server does not accept the login of the connection solar_http_exchange. Set "
    "AIRFLOW_CONN_SOLAR_HTTP_EXCHANGE: login and password, or a token as password alone.",
    403: "the login of the connection solar_http_exchange may not do this. Give it the right to "
    "read, write, list and delete in the folder.",
    404: "there is no such folder. Make it, or correct SOLAR_EXCHANGES.",
    405: "the server does not let files be put, listed or deleted. It must speak WebDAV.",
    409: "there is no such folder. Make it, or correct SOLAR_EXCHANGES.",
    413: "the file is too large for the server. Raise its limit on the size of a request.",
    501: "the server does not let files be put, listed or deleted. It must speak WebDAV.",
    507: "the server is full. Make room, or shorten SOLAR_EXCHANGE_RETENTION.",
}


class HttpStore(Store):
    """Files in a folder of a web server.

    Parameters
    ----------
    url : str
        ``https://HOST/FOLDER``; without TLS only on this machine.
    connection : str or None
        Airflow's connection of type ``http``: login and password, or a bearer token as password
        without a login; ``verify`` in its extra is a file of certificate authorities.
    patience : Patience
        How long a server may be silent.
    """

    def __init__(self, url: str, connection: str | None, patience: Patience) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ConfigurationError(
                f"{url}: logins and households do not travel in the open. Use https://."
            )
        try:
            account = Connection.parse(connection) if connection else Connection("http")
        except (ValueError, TypeError):
            raise ConfigurationError(
                "the connection solar_http_exchange cannot be read. Set "
                "AIRFLOW_CONN_SOLAR_HTTP_EXCHANGE to Airflow's JSON form: "
                '{"conn_type": "http", "login": "USER", "password": "PASSWORD"}.'
            ) from None
        self.url = url
        self.server = f"{parts.scheme}://{parts.netloc}"
        self.ca_file = account.extra.get("verify") or None
        self._silence_s = patience.silence_s
        self._session = requests.Session()
        # sizes and checksums are those of the file, not of a compressed copy
        self._session.headers["Accept-Encoding"] = "identity"
        if account.login:
            self._session.auth = (account.login, account.password)
        elif account.password:
            self._session.auth = _Bearer(account.password)

    def write(self, name: str, source: Path) -> None:
        """Put a file."""
        with source.open("rb") as file:
            sha256 = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
            file.seek(0)
            self._request("PUT", name, data=file, headers={"Repr-Digest": f"sha-256=:{sha256}:"})

    def read(self, name: str, sink: Sink) -> None:
        """Get a file."""
        answer = self._request("GET", name, missing=name, stream=True)
        with self._errors(), answer:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                sink.write(chunk)

    def stat(self, name: str) -> Stored:
        """Describe a file."""
        headers = self._request("HEAD", name, missing=name).headers
        try:
            size = int(headers["Content-Length"])
            modified = parsedate_to_datetime(headers["Last-Modified"])
        except (KeyError, ValueError) as error:
            raise ConfigurationError(
                f"{self.url}: the server answers HEAD without Content-Length and Last-Modified"
            ) from error
        return Stored(name, size, modified, _digest(headers.get("Repr-Digest", "")))

    def list(self) -> Iterator[Stored]:
        """Describe every file of the folder."""
        answer = self._request("PROPFIND", "", data=_ASKED, headers={"Depth": "1"})
        try:
            responses = ElementTree.fromstring(answer.content).iter("{DAV:}response")
        except ElementTree.ParseError as error:
            raise ConfigurationError(f"{self.url}: {_WORDS[405]}") from error
        folder = unquote(urlsplit(self.url).path).rstrip("/")
        for response in responses:
            href = response.findtext("{DAV:}href", "").strip()
            path = unquote(urlsplit(href).path)
            size = response.findtext(".//{DAV:}getcontentlength")
            # a folder has no length
            if not size or path.rpartition("/")[0] != folder:
                continue
            written = response.findtext(".//{DAV:}getlastmodified")
            modified = parsedate_to_datetime(written) if written else datetime.now(tz=UTC)
            yield Stored(path.rpartition("/")[2], int(size), modified)

    def delete(self, name: str) -> None:
        """Remove a file."""
        try:
            self._request("DELETE", name, missing=name)
        except NotInExchange:
            return

    def _request(
        self, method: str, name: str, *, missing: str | None = None, **options: Any
    ) -> requests.Response:
        with self._errors():
            answer = self._session.request(
                method,
                f"{self.url}/{quote(name)}",
                timeout=(CONNECT_S, self._silence_s),
                # here and not in the session, where the environment would go before it
                verify=self.ca_file,
                # elsewhere, the login would travel along
                allow_redirects=False,
                **options,
            )
        if not 200 <= answer.status_code < 300:
            answer.close()
            raise self._told(answer.status_code, missing)
        return answer

    def _told(self, code: int, missing: str | None) -> SolarModelError:
        if code in (404, 410) and missing:
            return NotInExchange(f"{missing} is not in the exchange {self.url}")
        if code in BUSY:
            return TransferError(f"{self.url}: the server answered {code}")
        if 300 <= code < 400:
            return ConfigurationError(
                f"{self.url}: the server sends us elsewhere ({code}). Name the final address in "
                "SOLAR_EXCHANGES."
            )
        words = _WORDS.get(code, "the server refuses the request.")
        return ConfigurationError(f"{self.url}: {words} (HTTP {code})")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise network_trouble(error, self.url) from error


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _digest(header: str) -> Digest | None:
    found = _SHA256.search(header)
    if found is None:
        return None
    try:
        return Digest("sha256", base64.b64decode(found[1], validate=True).hex())
    except binascii.Error:
        return None
