"""TLS is checked, and what is wrong with it is told."""

from __future__ import annotations

import json

import pytest
from tests.integration.exchange.conftest import QUICK, written
from tests.support.certificates import self_signed
from tests.support.webdav import LOGIN, PASSWORD, WebDav

from solar_model.errors import ConfigurationError
from solar_model.pipeline.exchange import Exchange, open_exchange

RESULTS = "results_20240911_1415.csv"


def opened(url: str, **extra: str) -> Exchange:
    connection = {"conn_type": "http", "login": LOGIN, "password": PASSWORD, "extra": extra}
    return open_exchange(url, lambda _: json.dumps(connection), QUICK)


@pytest.fixture
def serve(tmp_path):
    servers = []

    def serve(**certificate: float) -> tuple[str, str]:
        context, trusted = self_signed(tmp_path, **certificate)
        servers.append(WebDav(tmp_path, context))
        return servers[-1].url, str(trusted)

    yield serve
    for server in servers:
        server.close()


def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(serve, tmp_path):
    url, trusted = serve()
    source = written(tmp_path / "here", RESULTS)
    opened(url, verify=trusted).put(source)
    got = opened(url, verify=trusted).get(RESULTS, tmp_path / "there")
    assert got.path.read_bytes() == source.read_bytes()


def test_a_certificate_that_nobody_knows_is_refused(serve, tmp_path):
    url, _ = serve()
    with pytest.raises(ConfigurationError, match=r"not trusted \(self.signed certificate\)"):
        opened(url).put(written(tmp_path / "here", RESULTS))


def test_a_certificate_that_has_expired_is_refused(serve, tmp_path):
    url, trusted = serve(days=-1)
    with pytest.raises(ConfigurationError, match=r"not trusted \(certificate has expired\)"):
        opened(url, verify=trusted).put(written(tmp_path / "here", RESULTS))


def test_a_certificate_of_another_name_is_refused(serve, tmp_path):
    url, trusted = serve()
    url = url.replace("127.0.0.1", "localhost")
    with pytest.raises(ConfigurationError, match="not trusted"):
        opened(url, verify=trusted).put(written(tmp_path / "here", RESULTS))
