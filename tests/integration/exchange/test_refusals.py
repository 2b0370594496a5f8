"""What another try will not mend: told in words, at once, and without a secret."""

from __future__ import annotations

import json

import pytest
from tests.integration.exchange.conftest import AWS_SECRET, QUICK, drive_at, written
from tests.support.webdav import PASSWORD

from solar_model.errors import ConfigurationError, TransferError
from solar_model.pipeline.exchange import Exchange, open_exchange

RESULTS = "results_20240911_1415.csv"


def refusal(exchange: Exchange, tmp_path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        exchange.put(written(tmp_path, RESULTS, rows=3))
    return str(refused.value)


@pytest.fixture
def drive(drive_place):
    return drive_place.server


@pytest.mark.parametrize("place", ["http"], indirect=True)
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept the login"),
        (403, "may not do this"),
        (302, "sends us elsewhere"),
        (405, "must speak WebDAV"),
        (409, "no such folder"),
        (413, "too large"),
        (507, "full"),
        (418, "HTTP 418"),
    ],
)
def test_http_refusals(place, status, words, tmp_path):
    place.server.status = status
    told = refusal(place.open(), tmp_path)
    assert words in told and PASSWORD not in told
    assert place.server.seen == ["PUT"], "it was tried again"


@pytest.mark.parametrize("place", ["http"], indirect=True)
def test_a_checksum_of_the_servers_own_saves_reading_back(place, tmp_path):
    source = written(tmp_path, RESULTS)
    place.open().put(source)
    assert "GET" in place.server.seen
    place.server.seen.clear()
    place.server.digests = True
    place.open().put(source)
    assert set(place.server.seen) == {"PUT", "HEAD"}


@pytest.mark.parametrize("scheme", ["https", "gs", "s3", "gdrive", "file"])
def test_a_url_with_a_secret_is_refused_without_repeating_it(scheme):
    for url in (f"{scheme}://user:hunter2@host/folder", f"{scheme}://host/folder?token=hunter2"):
        with pytest.raises(ConfigurationError, match="connection") as refused:
            open_exchange(url)
        assert "hunter2" not in str(refused.value)


def test_without_tls_nothing_leaves_the_machine():
    with pytest.raises(ConfigurationError, match="https"):
        open_exchange("http://example.org/folder")


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("gs://bucket", "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"),
        ("gdrive://folder", "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"),
        ("s3://bucket", "AIRFLOW_CONN_AWS_DEFAULT"),
        ("https://host/folder", "AIRFLOW_CONN_SOLAR_HTTP_EXCHANGE"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "{not json hunter2",
        "hunter2",
        '{"conn_type": "x", "extra": "hunter2"}',
        '{"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": "hunter2"}}',
        '{"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": {"a": "hunter2"}}}',
    ],
)
def test_a_connection_that_cannot_be_read_is_named_but_not_shown(url, variable, text):
    if "keyfile_dict" in text and "GOOGLE" not in variable:
        return
    with pytest.raises(ConfigurationError, match=variable) as refused:
        open_exchange(url, lambda _: text)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_file_that_is_missing_is_named():
    text = '{"conn_type": "google_cloud_platform", "extra": {"key_path": "/nowhere/key.json"}}'
    with pytest.raises(ConfigurationError, match=r"/nowhere/key\.json"):
        open_exchange("gs://bucket", lambda _: text)


@pytest.mark.slow
def test_s3_without_a_bucket_or_with_a_wrong_key(s3_place, tmp_path):
    connections = s3_place.connections(s3_place.port)
    told = refusal(open_exchange("s3://nobodys-bucket", connections, QUICK), tmp_path)
    assert "no such bucket" in told and AWS_SECRET not in told


@pytest.mark.slow
def test_gcs_without_a_bucket(gcs_place, tmp_path):
    connections = gcs_place.connections(gcs_place.port)
    told = refusal(open_exchange("gs://nobodys-bucket", connections, QUICK), tmp_path)
    assert "no such bucket" in told


@pytest.mark.slow
def test_gcs_signed_links_need_a_key_and_are_served(gcs_place, account, tmp_path):
    from datetime import timedelta

    import requests

    source = written(tmp_path, RESULTS)
    gcs_place.open().put(source)
    connection = gcs_place.connection_through(gcs_place.port)
    del connection["extra"]["is_anonymous"]
    key = {**account, "token_uri": "https://oauth2.googleapis.com/token"}
    connection["extra"]["keyfile_dict"] = key
    exchange = open_exchange(gcs_place.url, lambda _: json.dumps(connection), QUICK)
    link = exchange.signed_link(RESULTS, timedelta(minutes=5))
    assert "X-Goog-Signature" in link
    assert requests.get(link, timeout=5).content == source.read_bytes()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ((403, "insufficientFilePermissions"), "Share the folder with it as Editor"),
        ((403, "storageQuotaExceeded"), "the drive is full"),
        ((403, "accessNotConfigured"), "not enabled"),
        ((401, "authError"), "refuses the credentials"),
        ((400, "invalid"), "400 invalid"),
    ],
)
def test_drive_refusals(drive_place, drive, failure, words, tmp_path):
    exchange = drive_place.open()
    exchange.list()
    drive.failures = [failure] * (3 if failure[0] == 401 else 1)  # with new tokens
    told = refusal(exchange, tmp_path)
    assert words in told
    assert "PRIVATE KEY" not in told


@pytest.mark.parametrize(
    "failure",
    [
        (429, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (503, "backendError"),
        (404, "notFound"),
    ],
)
def test_drive_failures_that_pass(drive_place, drive, failure, tmp_path):
    exchange = drive_place.open()
    exchange.list()
    drive.failures = [failure] * 3
    exchange.put(written(tmp_path, RESULTS))
    assert sorted(drive_place.names()) == [RESULTS, f"{RESULTS}.manifest.json"]
    drive.failures = [failure] * 4
    with pytest.raises(TransferError, match=str(failure[0])):
        exchange.put(written(tmp_path, RESULTS))


def test_drive_goes_on_with_an_upload_that_was_cut(drive_place, tmp_path):
    from tests.support.proxy import Fault, Proxy

    source = written(tmp_path, RESULTS)
    proxy = Proxy(drive_place.port)
    proxy.faults = [Fault("reset", after=150_000)]
    drive_place.open(proxy.port).put(source)
    proxy.close()
    of_file, of_manifest = drive_place.server.sessions.values()
    assert of_file.content == source.read_bytes()
    assert of_manifest.done


def test_drive_replaces_the_newest_and_removes_duplicates_that_somebody_left(
    drive_place, drive, tmp_path
):
    from tests.support.drive import Item

    exchange = drive_place.open()
    exchange.put(written(tmp_path, RESULTS, rows=1))
    [ours] = [item for item in drive.items.values() if item.name == RESULTS]
    old = Item(RESULTS, ours.parent, ours.drive, b"an old copy", changed=ours.changed - 60)
    drive.items[old.id] = old
    assert exchange.get(RESULTS, tmp_path / "there").rows == 1
    assert [stored.name for stored in exchange.list()] == [RESULTS]
    exchange.put(written(tmp_path, RESULTS, rows=2))
    left = [item for item in drive.items.values() if item.name == RESULTS]
    assert [item.id for item in left] == [ours.id], "links to the file stay good"


def test_drive_moves_to_the_bin_what_it_may_not_delete(drive_place, drive, tmp_path):
    exchange = drive_place.open()
    exchange.put(written(tmp_path, RESULTS))
    drive.may_delete = False
    exchange.delete(RESULTS)
    assert drive_place.names() == []
    assert all(item.trashed for item in drive.items.values() if item.content)


def test_drive_without_storage_of_its_own(drive, account, tmp_path):
    place = drive_at(drive, account, drive.folder(shared=False).id)
    told = refusal(place.open(), tmp_path)
    assert "Shared Drive" in told and account["client_email"] in told


def test_drive_that_is_not_shared_with_us(drive, account, tmp_path):
    told = refusal(drive_at(drive, account, "unknown").open(), tmp_path)
    assert account["client_email"] in told and "Share the folder" in told


def test_google_clock_and_key_are_told_apart(drive_place, drive, tmp_path):
    drive.clock_offset_s = 3600
    assert "clock is wrong" in refusal(drive_place.open(), tmp_path)
    drive.clock_offset_s = 0
    drive.keys_are_known = False
    assert "refuses the credentials" in refusal(drive_place.open(), tmp_path)
