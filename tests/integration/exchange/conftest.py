"""Each kind of exchange on a real server of its own, reached directly or through a bad network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support import servers
from tests.support.drive import Drive
from tests.support.proxy import Proxy
from tests.support.webdav import LOGIN, PASSWORD, WebDav

from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import Exchange, Patience, open_exchange

BUCKET = "community"
AWS_SECRET = "aws-hunter2"
QUICK = Patience(attempts=4, first_pause_s=0.02, budget_s=20, silence_s=1)
NETWORKED = [
    "http",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("gcs", "s3", "drive")),
]
KINDS = ["folder", *NETWORKED]


@dataclass
class Place:
    """An exchange to be, empty and the test's own.

    ``connections_through`` gives the connections that reach the server by a port; ``url_through``
    the URL; ``names`` lists what the server holds, repeated names included.
    """

    kind: str
    port: int
    url_through: Callable[[int], str]
    connection_id: str
    connection_through: Callable[[int], dict[str, Any]]
    names: Callable[[], list[str]]
    server: Any = None

    @property
    def url(self) -> str:
        return self.url_through(self.port)

    def connections(self, port: int) -> Callable[[str], str | None]:
        text = json.dumps(self.connection_through(port))
        return lambda wanted: text if wanted == self.connection_id else None

    def open(self, port: int | None = None, patience: Patience = QUICK) -> Exchange:
        port = port or self.port
        return open_exchange(self.url_through(port), self.connections(port), patience)


def written(
    folder: Path,
    name: str = "users_input_20240911_141500.csv",
    *,
    rows: int = 20_000,
    tick: str = "2024-09-11T14:15:00",
) -> Path:
    """A file with its manifest; 20,000 rows are 300 kB."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("user_id\n" + "".join(f"household-{row:05}\n" for row in range(rows)))
    Manifest.of(path, rows=rows, tick=tick, steps=1, seed=1, weather=0.9).write(path)
    return path


@pytest.fixture(scope="session")
def account() -> dict[str, str]:
    """Key of a service account; ``public_key`` is what a server checks it with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": "lab",
        "private_key_id": "1",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "client_email": "solar@lab.iam.gserviceaccount.com",
        "public_key": key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    }


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[int]:
    with servers.gcs(BUCKET) as port:
        yield port


@pytest.fixture(scope="session")
def s3_server() -> Iterator[int]:
    with servers.s3(BUCKET, AWS_SECRET) as port:
        yield port


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """The place of the kind that the test is parametrised with."""
    place: Place = request.getfixturevalue(f"{request.param}_place")
    return place


@pytest.fixture
def folder_place(tmp_path: Path) -> Place:
    folder = tmp_path / "an exchange"
    return Place(
        "folder",
        0,
        lambda _: folder.as_uri(),
        "",
        lambda _: {},
        lambda: [path.name for path in folder.iterdir()],
        folder,
    )


@pytest.fixture
def gcs_place(gcs_server: int) -> Place:
    prefix = f"cycle/{uuid4().hex}"

    def names() -> list[str]:
        listing = f"http://127.0.0.1:{gcs_server}/storage/v1/b/{BUCKET}/o"
        found = requests.get(listing, {"prefix": prefix}, timeout=5).json()
        return [item["name"].rpartition("/")[2] for item in found.get("items", [])]

    return Place(
        "gcs",
        gcs_server,
        lambda _: f"gs://{BUCKET}/{prefix}",
        "google_cloud_default",
        lambda port: {
            "conn_type": "google_cloud_platform",
            "extra": {
                "is_anonymous": True,
                "project": "lab",
                "storage_endpoint_url": f"http://127.0.0.1:{port}",
            },
        },
        names,
    )


@pytest.fixture
def s3_place(s3_server: int) -> Place:
    prefix = f"cycle/{uuid4().hex}"

    def names() -> list[str]:
        client = servers.s3_client(s3_server, AWS_SECRET)
        found = client.list_object_versions(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"].rpartition("/")[2] for item in found.get("Versions", [])]

    return Place(
        "s3",
        s3_server,
        lambda _: f"s3://{BUCKET}/{prefix}",
        "aws_default",
        lambda port: {
            "conn_type": "aws",
            "login": "solar",
            "password": AWS_SECRET,
            "extra": {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"},
        },
        names,
    )


@pytest.fixture
def drive_place(account: dict[str, str]) -> Iterator[Place]:
    server = Drive(account["public_key"].encode())
    yield drive_at(server, account, server.folder().id)
    server.close()


def drive_at(server: Drive, account: dict[str, str], folder: str) -> Place:
    return Place(
        "drive",
        server.server_port,
        lambda _: f"gdrive://{folder}",
        "google_cloud_default",
        lambda port: {
            "conn_type": "google_cloud_platform",
            "extra": {
                "keyfile_dict": json.dumps({**account, "token_uri": f"{server.url}/token"}),
                "drive_endpoint_url": f"http://127.0.0.1:{port}",
            },
        },
        lambda: [item.name for item in server.files(folder)],
        server,
    )


@pytest.fixture
def http_place(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "web" / "an exchange"
    folder.mkdir(parents=True)
    server = WebDav(folder.parent)
    yield Place(
        "http",
        server.server_port,
        lambda port: f"http://127.0.0.1:{port}/an%20exchange",
        "solar_http_exchange",
        lambda _: {"conn_type": "http", "login": LOGIN, "password": PASSWORD},
        lambda: [path.name for path in folder.iterdir()],
        server,
    )
    server.close()


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    """A bad network between us and the place's server."""
    proxy = Proxy(place.port)
    yield proxy
    proxy.close()
