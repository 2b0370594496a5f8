"""The end of a log, however long it is."""

from __future__ import annotations

import tracemalloc

import pytest

from solar_stack.logs import last_lines
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.processes import Service

LONG = "a line like many others\n" * 1_000_000


@pytest.mark.parametrize("lines", [1, 3, 20])
def test_the_last_lines_are_those_of_the_whole_file(tmp_path, lines):
    log = tmp_path / "short.log"
    log.write_text("".join(f"line {number}\n" for number in range(5)))
    expected = [f"line {number}" for number in range(5)][-lines:]
    assert last_lines(log, lines).splitlines() == expected


def test_the_end_of_a_long_log_takes_little_memory(tmp_path):
    postgres = EmbeddedPostgres(tmp_path)
    service = Service(
        "postgres",
        [],
        log=postgres.log,
        record=tmp_path / "record",
        environment={},
        grace_seconds=1,
    )
    postgres.log.write_text(LONG + "last\nwords\n")
    for program in (postgres, service):
        tracemalloc.start()
        try:
            assert program.log_tail(2) == "last\nwords"
            assert tracemalloc.get_traced_memory()[1] < 1e6
        finally:
            tracemalloc.stop()


def test_a_long_line_shows_its_end(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("x" * 1_000_000 + " the end")
    assert last_lines(log, 5).endswith("the end")
