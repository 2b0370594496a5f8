"""A bucket of Amazon S3 or of a store that speaks its language."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.connections import Connection
from solar_model.pipeline.exchange.patience import CONNECT_S, Patience
from solar_model.pipeline.exchange.store import NotInExchange, Sink, Store, Stored
from solar_model.pipeline.exchange.trouble import BUSY, network_trouble

_CHUNK_BYTES = 1 << 20
_PASSING = frozenset(
    {"RequestTimeout", "SlowDown", "InternalError", "BadDigest", "XAmzContentSHA256Mismatch"}
)
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_REFUSED = (
    "{url}: the store refuses the credentials of the connection aws_default ({code}). They need "
    "s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below it."
)
_WORDS = {
    "NoSuchBucket": "{url}: there is no such bucket. Make it, or correct SOLAR_EXCHANGES.",
    "RequestTimeTooSkewed": "{url}: the store refuses requests because this machine's clock is "
    "wrong. Switch on time synchronisation (NTP).",
    "InvalidAccessKeyId": "{url}: the store does not know the access key of the connection "
    "aws_default. Has it been deleted?",
    "SignatureDoesNotMatch": "{url}: the secret key of the connection aws_default is not the one "
    "of its access key.",
    "ExpiredToken": "{url}: the session token of the connection aws_default has expired.",
    "QuotaExceeded": "{url}: the store is full. Make room, or shorten SOLAR_EXCHANGE_RETENTION.",
}


class S3Store(Store):
    """Objects below a prefix of a bucket.

    Parameters
    ----------
    bucket, prefix : str
        Where; the prefix may be empty.
    connection : str or None
        Airflow's connection of type ``aws``: login is the access key, password the secret key;
        ``region_name``, ``endpoint_url``, ``aws_session_token`` and ``verify`` (a file of
        certificate authorities) are read from its extra. Without one, the environment is asked
        as Amazon's tools do.
    patience : Patience
        How long a server may be silent.
    """

    def __init__(
        self, bucket: str, prefix: str, connection: str | None, patience: Patience
    ) -> None:
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        try:
            parts = Connection.parse(connection) if connection else Connection("aws")
        except (ValueError, TypeError):
            raise ConfigurationError(
                "the connection aws_default cannot be read. Set AIRFLOW_CONN_AWS_DEFAULT to "
                'Airflow\'s JSON form: {"conn_type": "aws", "login": "ACCESS KEY", "password": '
                '"SECRET KEY", "extra": {"region_name": "eu-central-1"}}.'
            ) from None
        endpoint = parts.extra.get("endpoint_url") or None
        self.ca_file = parts.extra.get("verify") or None
        try:
            self._client = boto3.session.Session(
                aws_access_key_id=parts.login or None,
                aws_secret_access_key=parts.password or None,
                aws_session_token=parts.extra.get("aws_session_token"),
                region_name=parts.extra.get("region_name") or "us-east-1",
            ).client(
                "s3",
                endpoint_url=endpoint,
                verify=self.ca_file,
                config=Config(
                    connect_timeout=CONNECT_S,
                    read_timeout=patience.silence_s,
                    # one policy of retries for every store, and it is not the client's
                    retries={"total_max_attempts": 1},
                    # stores that only resemble Amazon's know no other checksums
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path" if endpoint else "auto"},
                ),
            )
        except (exceptions.BotoCoreError, ValueError) as error:
            raise ConfigurationError(
                f"{self.url}: the connection aws_default cannot be used "
                f"({type(error).__name__}). Look at its endpoint_url and region_name."
            ) from error
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.server = self._client.meta.endpoint_url

    def write(self, name: str, source: Path) -> None:
        """Upload in one request, which the store refuses when the bytes are not ours."""
        with source.open("rb") as file, self._errors():
            sha256 = hashlib.file_digest(file, "sha256").digest()
            file.seek(0)
            self._client.put_object(
                Body=file,
                ChecksumSHA256=base64.b64encode(sha256).decode(),
                **self._key(name),
            )

    def read(self, name: str, sink: Sink) -> None:
        """Copy the bytes of an object."""
        with self._errors(name):
            body = self._client.get_object(**self._key(name))["Body"]
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                sink.write(chunk)

    def stat(self, name: str) -> Stored:
        """Describe an object."""
        with self._errors(name):
            head = self._client.head_object(**self._key(name))
        # The checksum it may tell is the one it was given, which not every store holds against
        # the bytes: they are read back.
        return Stored(name, head["ContentLength"], head["LastModified"])

    def list(self) -> Iterator[Stored]:
        """Describe every object directly below the prefix."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._errors():
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"):
                for item in page.get("Contents", ()):
                    if item["Key"] != self._prefix:
                        name = item["Key"].removeprefix(self._prefix)
                        yield Stored(name, item["Size"], item["LastModified"])

    def delete(self, name: str) -> None:
        """Remove an object."""
        with self._errors():
            self._client.delete_object(**self._key(name))

    def signed_link(self, name: str, lifetime: timedelta) -> str | None:
        """A presigned URL."""
        with self._errors():
            link: str = self._client.generate_presigned_url(
                "get_object", Params=self._key(name), ExpiresIn=int(lifetime.total_seconds())
            )
        return link

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + name}

    @contextmanager
    def _errors(self, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except exceptions.ClientError as error:
            raise self._told(error, name) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise ConfigurationError(
                f"{self.url}: there are no credentials. Set AIRFLOW_CONN_AWS_DEFAULT, with the "
                "access key as login and the secret key as password."
            ) from error
        except (exceptions.BotoCoreError, OSError) as error:
            raise network_trouble(error, self.url) from error

    def _told(self, error: exceptions.ClientError, name: str | None) -> SolarModelError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _MISSING and name is not None:
            return NotInExchange(f"{name} is not in the exchange {self.url}")
        if status in BUSY or code in _PASSING:
            return TransferError(f"{self.url}: the store answered {status} {code}")
        if code in _WORDS:
            return ConfigurationError(_WORDS[code].format(url=self.url))
        if status in (401, 403):
            return ConfigurationError(_REFUSED.format(url=self.url, code=code))
        return ConfigurationError(f"{self.url}: the store refuses the request ({status} {code})")
