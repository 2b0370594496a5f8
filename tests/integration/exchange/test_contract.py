"""What every exchange must do, whatever its store: each on a real server."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import requests
from tests.integration.exchange.conftest import KINDS, written
from tests.support.disks import no_file_larger_than

from solar_model.errors import InputError, TransferError
from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import LATEST_INPUT, NotInExchange
from solar_model.whole_files import sha256_of

pytestmark = pytest.mark.parametrize("place", KINDS, indirect=True)

NAME = "users_input_20240911_141500.csv"
EARLIER = "users_input_20240911_140000.csv"
RESULTS = "results_20240911_1415.csv"


def pair(*names: str) -> list[str]:
    return sorted(each for name in names for each in (name, f"{name}.manifest.json"))


def test_what_is_put_comes_back_the_same(place, tmp_path):
    source = written(tmp_path / "here")
    put = place.open().put(source)
    assert (put.uri, put.exchange) == (f"{place.url}/{NAME}", place.url)
    assert (put.rows, put.bytes) == (20_000, source.stat().st_size)
    got = place.open().get(NAME, tmp_path / "there")
    assert got.path.read_bytes() == source.read_bytes()
    assert got.sha256 == put.sha256 == sha256_of(source)
    assert Manifest.read(got.path) == Manifest.read(source)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == pair(NAME)


def test_putting_again_replaces_and_leaves_nothing_beside(place, tmp_path):
    place.open().put(written(tmp_path, RESULTS))
    source = written(tmp_path, RESULTS, rows=7)
    place.open().put(source)
    assert sorted(place.names()) == pair(RESULTS)
    got = place.open().get(RESULTS, tmp_path / "there")
    assert (got.rows, got.path.read_bytes()) == (7, source.read_bytes())


def test_the_latest_input_is_kept_beside_and_never_goes_back(place, tmp_path):
    exchange = place.open()
    exchange.put(written(tmp_path, NAME, rows=3))
    exchange.put(written(tmp_path, EARLIER, rows=2, tick="2024-09-11T14:00:00"))
    assert sorted(place.names()) == pair(NAME, EARLIER, LATEST_INPUT)
    latest = exchange.get(LATEST_INPUT, tmp_path / "there")
    assert (latest.rows, Manifest.read(latest.path).name) == (3, NAME)
    exchange.put(written(tmp_path, NAME, rows=4))
    assert exchange.get(LATEST_INPUT, tmp_path / "there").rows == 4


def test_whole_files_are_listed(place, tmp_path):
    exchange = place.open()
    assert exchange.list() == ()
    exchange.put(written(tmp_path, RESULTS))
    exchange.put(written(tmp_path, NAME, rows=3))
    stored = exchange.list()
    assert [each.name for each in stored] == [RESULTS, NAME, LATEST_INPUT]
    assert stored[0].size_bytes == (tmp_path / RESULTS).stat().st_size
    assert abs(stored[0].modified - datetime.now(tz=UTC)) < timedelta(minutes=1)
    exchange.store.delete(f"{RESULTS}.manifest.json")
    assert [each.name for each in exchange.list()] == [NAME, LATEST_INPUT]


def test_the_checksum_is_that_of_the_stored_bytes(place, tmp_path):
    exchange = place.open()
    source = written(tmp_path, RESULTS)
    exchange.put(source)
    told = exchange.store.stat(RESULTS).digest is not None
    assert told == (place.kind in ("gcs", "drive")), "others are read back"
    algorithm, value = exchange.checksum(RESULTS)
    assert value == hashlib.new(algorithm, source.read_bytes()).hexdigest()


def test_what_is_deleted_is_gone_and_deleting_again_is_fine(place, tmp_path):
    exchange = place.open()
    exchange.put(written(tmp_path, RESULTS))
    exchange.delete(RESULTS)
    exchange.delete(RESULTS)
    assert place.names() == []
    with pytest.raises(NotInExchange, match=RESULTS):
        exchange.get(RESULTS, tmp_path / "there")
    with pytest.raises(NotInExchange, match=RESULTS):
        exchange.checksum(RESULTS)


def test_a_damaged_file_is_refused_and_the_folder_stays_as_it_was(place, tmp_path):
    exchange = place.open()
    exchange.put(written(tmp_path, RESULTS))
    exchange.store.write(RESULTS, written(tmp_path / "other", RESULTS, rows=19_999))
    with pytest.raises(TransferError, match=f"{RESULTS}: .* where the manifest says"):
        exchange.get(RESULTS, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_full_disk_of_this_machine_is_not_taken_for_the_exchange(place, tmp_path):
    place.open().put(written(tmp_path / "from", RESULTS))
    here = tmp_path / "here"
    with no_file_larger_than(150_000), pytest.raises(TransferError) as told:
        place.open().get(RESULTS, here)
    assert str(told.value).startswith(f"{here}/{RESULTS} cannot be written: File")
    assert list(here.iterdir()) == []


def test_old_files_of_ours_are_removed_and_others_are_not(place, tmp_path):
    exchange = place.open()
    exchange.put(written(tmp_path, NAME, rows=3))
    exchange.put(written(tmp_path, RESULTS, rows=3))
    draft = f".{RESULTS}.manifest.json.{'a' * 32}.part"
    exchange.store.write(draft, written(tmp_path, RESULTS, rows=1))
    others = ["holiday.txt", "results_of_my_thesis.xlsx", "users_input_form.docx"]
    for name in others:
        exchange.store.write(name, written(tmp_path, RESULTS, rows=1))
    assert exchange.expire(timedelta(hours=1)) == 0
    assert exchange.expire(timedelta(seconds=-60)) == 7
    assert sorted(place.names()) == others


def test_only_a_plain_name_is_fetched(place, tmp_path):
    for name in ("../escape.csv", "a/b.csv", ""):
        with pytest.raises(InputError, match="plain file name"):
            place.open().get(name, tmp_path / "there")


def test_a_signed_link_is_fetched_without_an_account(place, tmp_path):
    exchange = place.open()
    source = written(tmp_path, RESULTS)
    exchange.put(source)
    link = exchange.signed_link(RESULTS, timedelta(minutes=5))
    if place.kind != "s3":
        assert link is None, "an anonymous account cannot sign, and the others know no links"
    else:
        assert requests.get(link, timeout=5).content == source.read_bytes()
