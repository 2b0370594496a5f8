"""A bad network between us and each store: the file arrives once and whole, or the next one has it.

The proxy does to the next connections what the test says, then passes everything untouched.
"""

from __future__ import annotations

import dataclasses
import logging
import time

import pytest
from tests.integration.exchange.conftest import NETWORKED, QUICK, written
from tests.integration.exchange.test_contract import pair
from tests.support.proxy import Fault

from solar_model.errors import ConfigurationError, TransferError
from solar_model.pipeline.exchange import put_to_first

RESULTS = "results_20240911_1415.csv"
pytestmark = pytest.mark.slow

ROWS = 20_000
HALF = 150_000
PASSING = {
    "cut after half the bytes": [Fault("reset", after=HALF)],
    "cut at once, twice": [Fault("reset"), Fault("reset")],
    "500 three times and then well": [Fault("busy")] * 3,
    "the answer is lost": [Fault("lost", after=HALF)],
    "damaged on the way": [Fault("damage_up", after=HALF)],
    "silent": [Fault("silent")],
    "slow": [Fault("slow")],
}
PASSING_BACK = {
    "cut after half the bytes": [Fault("truncate", after=HALF)],
    "500 three times and then well": [Fault("busy")] * 3,
    "damaged on the way": [Fault("damage_down", after=HALF)],
    "silent": [Fault("silent")],
}


def holds_it_once(place, source, folder) -> bool:
    got = place.open().get(RESULTS, folder)
    return sorted(place.names()) == pair(RESULTS) and got.path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
@pytest.mark.parametrize("fault", PASSING)
def test_what_is_put_through_a_fault_arrives_once(place, proxy, fault, tmp_path, caplog):
    source = written(tmp_path, RESULTS, rows=ROWS)
    proxy.faults = list(PASSING[fault])
    with caplog.at_level(logging.WARNING):
        place.open(proxy.port).put(source)
    assert not proxy.faults, "the fault did not happen"
    assert ("attempt 1 failed" in caplog.text) == (fault != "slow")
    assert holds_it_once(place, source, tmp_path / "there")


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
@pytest.mark.parametrize("fault", PASSING_BACK)
def test_what_is_fetched_through_a_fault_is_whole(place, proxy, fault, tmp_path, caplog):
    source = written(tmp_path, RESULTS, rows=ROWS)
    place.open().put(source)
    proxy.faults = list(PASSING_BACK[fault])
    with caplog.at_level(logging.WARNING):
        got = place.open(proxy.port).get(RESULTS, tmp_path / "there")
    assert not proxy.faults, "the fault did not happen"
    assert "attempt 1 failed" in caplog.text
    assert got.path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
def test_a_file_of_many_chunks_is_cut_in_its_second_one_and_arrives_once(place, proxy, tmp_path):
    source = written(tmp_path, RESULTS, rows=700_000)
    assert source.stat().st_size > 10 << 20
    proxy.faults = [Fault("reset", after=9 << 20)]
    patience = dataclasses.replace(QUICK, silence_s=10)
    place.open(proxy.port, patience).put(source)
    assert not proxy.faults, "the fault did not happen"
    assert holds_it_once(place, source, tmp_path / "there")


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
def test_an_exchange_that_stays_away_is_followed_by_the_next(
    place, proxy, folder_place, tmp_path, caplog
):
    source = written(tmp_path, RESULTS, rows=ROWS)
    proxy.refuse()
    begin = time.monotonic()
    put = put_to_first(
        [place.url_through(proxy.port), folder_place.url],
        source,
        place.connections(proxy.port),
        QUICK,
    )
    assert time.monotonic() - begin < QUICK.budget_s
    assert put.exchange == folder_place.url
    assert "does not take" in caplog.text and "refused" in caplog.text
    assert sorted(folder_place.names()) == pair(RESULTS)


@pytest.mark.parametrize("place", ["http"], indirect=True)
def test_a_server_that_never_answers_uses_up_its_time_and_no_more(place, proxy, tmp_path):
    proxy.faults = [Fault("silent")] * 50
    patience = dataclasses.replace(QUICK, attempts=50, budget_s=2, silence_s=0.5)
    begin = time.monotonic()
    with pytest.raises(TransferError, match=r"given up after \d attempts"):
        place.open(proxy.port, patience).put(written(tmp_path, RESULTS))
    assert proxy.connections < 6
    assert time.monotonic() - begin < 4


def test_when_nobody_takes_it_each_reason_is_told(tmp_path):
    source = written(tmp_path, RESULTS)
    file = tmp_path / "no folder"
    file.write_text("")
    wrong = f"{file.as_uri()}/below"
    with pytest.raises(ConfigurationError, match=r"no exchange took .*ftp.* \| .*no%20folder"):
        put_to_first(["ftp://host/folder", wrong], source, patience=QUICK)
    away = "http://127.0.0.1:9/folder"
    with pytest.raises(TransferError, match=r"127\.0\.0\.1:9.*refused"):
        put_to_first(["ftp://host/folder", away], source, patience=QUICK)
