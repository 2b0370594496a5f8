"""A bucket of Google Cloud Storage."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import urllib3
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import storage

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.exchange.google_account import GoogleAccount, refused
from solar_model.pipeline.exchange.patience import CONNECT_S, Patience
from solar_model.pipeline.exchange.store import Digest, NotInExchange, Sink, Store, Stored
from solar_model.pipeline.exchange.trouble import BUSY, network_trouble

# Else the client asks, in a thread of its own, for facts about the bucket that only traces need,
# and that our account has no right to.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class GcsStore(Store):
    """Objects below a prefix of a bucket.

    Parameters
    ----------
    bucket, prefix : str
        Where; the prefix may be empty.
    connection : str or None
        Airflow's Google connection; ``storage_endpoint_url`` in its extra names another address
        of the service, such as a private one.
    patience : Patience
        How long a server may be silent.
    """

    def __init__(
        self, bucket: str, prefix: str, connection: str | None, patience: Patience
    ) -> None:
        self._account = GoogleAccount.of(connection, SCOPE)
        endpoint = self._account.extra.get("storage_endpoint_url")
        self._client = storage.Client(
            project=self._account.project,
            credentials=self._account.credentials,
            client_options={"api_endpoint": endpoint} if endpoint else None,
        )
        self._bucket = self._client.bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""
        # one policy of retries for every store, and it is not the client's
        self._call: dict[str, Any] = {"retry": None, "timeout": (CONNECT_S, patience.silence_s)}
        self.url = f"gs://{bucket}/{prefix}".rstrip("/")
        self.server = endpoint or "https://storage.googleapis.com"

    def write(self, name: str, source: Path) -> None:
        """Upload; an object is replaced only when the upload is complete."""
        with self._errors():
            self._blob(name).upload_from_filename(str(source), checksum="md5", **self._call)

    def read(self, name: str, sink: Sink) -> None:
        """Copy the bytes of an object."""
        with self._errors(name):
            self._blob(name).download_to_file(sink, checksum=None, raw_download=True, **self._call)

    def stat(self, name: str) -> Stored:
        """Describe an object."""
        with self._errors(name):
            blob = self._blob(name)
            blob.reload(**self._call)
            return self._stored(blob)

    def list(self) -> Iterator[Stored]:
        """Describe every object directly below the prefix."""
        with self._errors():
            for blob in self._client.list_blobs(
                self._bucket, prefix=self._prefix, delimiter="/", **self._call
            ):
                if blob.name != self._prefix:
                    yield self._stored(blob)

    def delete(self, name: str) -> None:
        """Remove an object."""
        with self._errors():
            try:
                self._blob(name).delete(**self._call)
            except exceptions.NotFound:
                return

    def signed_link(self, name: str, lifetime: timedelta) -> str | None:
        """A V4 signed URL; only an account with a key of its own can sign one."""
        if not hasattr(self._account.credentials, "sign_bytes"):
            return None
        link: str = self._blob(name).generate_signed_url(version="v4", expiration=lifetime)
        return link

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(self._prefix + name)

    def _stored(self, blob: Any) -> Stored:
        # an object composed of others has no MD5
        md5 = blob.md5_hash and base64.b64decode(blob.md5_hash).hex()
        return Stored(
            name=blob.name.removeprefix(self._prefix),
            size_bytes=blob.size,
            modified=blob.updated,
            digest=Digest("md5", md5) if md5 else None,
        )

    @contextmanager
    def _errors(self, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except exceptions.GoogleAPICallError as error:
            raise self._told(error, name) from error
        except TransportError as error:
            raise network_trouble(error, self.url) from error
        except GoogleAuthError as error:
            raise refused(error, self.url) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise network_trouble(error, self.url) from error

    def _told(self, error: exceptions.GoogleAPICallError, name: str | None) -> SolarModelError:
        code = int(error.code or 0)
        if code == 404 and name is not None:
            return NotInExchange(f"{name} is not in the exchange {self.url}")
        # "Provided MD5 hash … doesn't match": the bytes were damaged on the way
        if code in BUSY or "MD5 hash" in str(error.message):
            return TransferError(f"{self.url}: the store answered {code}")
        if code == 404:
            return ConfigurationError(
                f"{self.url}: there is no such bucket. Make it, or correct SOLAR_EXCHANGES."
            )
        if code in (401, 403):
            return ConfigurationError(
                f"{self.url}: the store refuses {self._account.called} ({code}). Give it the role "
                "Storage Object User (roles/storage.objectUser) on the bucket."
            )
        return ConfigurationError(f"{self.url}: the store refuses the request ({code})")
