"""A real HTTP runner for the tests that leave it as it was, and a request to make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runners import Runner, request_file


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    started = Runner(tmp_path_factory.mktemp("runner") / "state", "--max-size-mb", "1")
    yield started
    started.stop()


@pytest.fixture
def households(tmp_path: Path) -> Path:
    return request_file(tmp_path / "asked")
