"""Fixtures of the tests of the community model."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.unit.community.open_meteo_server import OpenMeteoServer

from solar_model.community.weather.open_meteo import OpenMeteo


@pytest.fixture
def server() -> Iterator[OpenMeteoServer]:
    with OpenMeteoServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def weather(server: OpenMeteoServer) -> OpenMeteo:
    return OpenMeteo(server.url, pause_s=0.02, answer_timeout_s=0.3)
