"""Fixtures of the tests of the community model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.open_meteo import OpenMeteoServer, serving

from solar_model.community.weather.open_meteo import OpenMeteo


@pytest.fixture
def server() -> Iterator[OpenMeteoServer]:
    with serving() as server:
        yield server


@pytest.fixture
def weather(server: OpenMeteoServer) -> OpenMeteo:
    return OpenMeteo(server.url, pause_s=0.02, answer_timeout_s=0.3)
