"""``solar doctor``: finds what is wrong with real databases and exchanges, in words."""

from __future__ import annotations

import json

import pytest
from tests.integration.exchange.conftest import AWS_SECRET, KINDS, NETWORKED, drive_at
from tests.integration.test_cli_db import uri
from tests.support.proxy import Proxy
from tests.support.webdav import PASSWORD
from typer.testing import CliRunner

from solar_model.cli import app
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.connections import variable
from solar_model.pipeline.schema import downgrade
from solar_model.settings import settings

pytestmark = pytest.mark.slow


@pytest.fixture
def configured(database, monkeypatch):
    """Sets a healthy database and the exchange of a place; gives what ``solar doctor`` says."""
    with database.connect() as connection:
        load_sample(connection, 3, seed=1)
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(database.conninfo))
    monkeypatch.setenv("COLUMNS", "1000")

    def doctor(place, *, port: int | None = None, url: str | None = None) -> tuple[int, str]:
        monkeypatch.setenv("SOLAR_EXCHANGES", url or place.url_through(port or place.port))
        if place.connection_id:
            connection = json.dumps(place.connection_through(port or place.port))
            monkeypatch.setenv(variable(place.connection_id), connection)
        settings.cache_clear()
        done = CliRunner().invoke(app, ["doctor"])
        assert "hunter2" not in done.output and "PRIVATE KEY" not in done.output
        return done.exit_code, done.output

    yield doctor
    settings.cache_clear()


@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_a_healthy_exchange_is_healthy_and_left_as_it_was(configured, place):
    code, told = configured(place)
    assert (code, "✗" in told) == (0, False), told
    assert "household query runs" in told and "a file goes there and back" in told
    assert place.names() == []


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
def test_a_server_that_is_away(configured, place):
    proxy = Proxy(place.port)
    proxy.close()
    code, told = configured(place, port=proxy.port)
    assert code == 1 and "refused" in told


def test_a_bucket_that_is_missing(configured, gcs_place, s3_place):
    for place, url in ((gcs_place, "gs://nobodys"), (s3_place, "s3://nobodys/prefix")):
        code, told = configured(place, url=url)
        assert code == 1 and "there is no such bucket. Make it" in told


def test_an_account_that_is_missing(configured, s3_place, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    through = s3_place.connection_through
    s3_place.connection_through = lambda port: {**through(port), "login": "", "password": ""}
    code, told = configured(s3_place)
    assert code == 1 and "there are no credentials. Set AIRFLOW_CONN_AWS_DEFAULT" in told


def test_drive_folders_that_will_not_do(configured, drive_place, account):
    drive = drive_place.server
    email = account["client_email"]
    for folder, words in (
        (drive.folder(shared=False).id, "has no storage there"),
        (drive.folder(writable=False).id, "may not add files to the folder"),
        ("nowhere", "sees no such folder"),
    ):
        code, told = configured(drive_at(drive, account, folder))
        assert code == 1 and words in told and email in told


def test_a_clock_that_is_wrong(configured, http_place):
    http_place.server.clock_offset_s = 600
    code, told = configured(http_place)
    assert code == 1 and "clock is 10 minutes behind" in told
    http_place.server.clock_offset_s = -600
    assert "clock is 10 minutes ahead" in configured(http_place)[1]


def test_a_login_that_is_wrong(configured, http_place):
    http_place.connection_through = lambda _: {"conn_type": "http", "password": f"old-{PASSWORD}"}
    code, told = configured(http_place)
    assert code == 1 and "does not accept the login" in told


def test_a_folder_that_is_none(configured, folder_place):
    folder_place.server.write_text("a file")
    code, told = configured(folder_place)
    assert code == 1 and "a folder it may write to" in told


def test_a_schema_that_is_missing(configured, folder_place, database):
    downgrade(database.conninfo, "base")
    code, told = configured(folder_place)
    assert code == 1 and "Run `solar db upgrade`" in told


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT nothing FROM nowhere", "cannot run the household query"),
        ("SELECT user_id, panel_count FROM user_systems", "columns are missing"),
        ("SELECT *, 1 AS panel_wattage FROM user_systems", "two columns panel_wattage that differ"),
        (
            "SELECT user_id, -1 AS panel_wattage, panel_count, battery_capacity_kwh, "
            "inverter_capacity_kw, household_size FROM user_systems",
            "nobody that can be simulated; of 3 the first: panel_wattage is -1",
        ),
    ],
)
def test_a_query_that_does_not_fit(
    configured, folder_place, tmp_path, monkeypatch, statement, words
):
    query = tmp_path / "households.sql"
    query.write_text(statement)
    monkeypatch.setenv("SOLAR_HOUSEHOLDS_SQL", str(query))
    code, told = configured(folder_place)
    assert code == 1 and words in told


def test_a_query_that_gives_a_column_twice_and_finds_nobody(
    configured, folder_place, tmp_path, monkeypatch
):
    query = tmp_path / "households.sql"
    query.write_text("SELECT user_id, s.* FROM user_systems s WHERE false")
    monkeypatch.setenv("SOLAR_HOUSEHOLDS_SQL", str(query))
    code, told = configured(folder_place)
    assert code == 1 and "finds nobody" in told


def test_nobody_with_panels(configured, folder_place, database):
    with database.connect() as connection:
        connection.execute("UPDATE user_systems SET panel_count = 0")
    code, told = configured(folder_place)
    assert code == 1 and "finds nobody" in told


def test_a_database_that_is_away(configured, folder_place, monkeypatch):
    away = "postgresql://solar:hunter2@127.0.0.1:9/solar"
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", away)
    code, told = configured(folder_place)
    assert code == 1 and "Postgres cannot be reached" in told
    monkeypatch.delenv("AIRFLOW_CONN_SOLAR_DB")
    code, told = configured(folder_place)
    assert code == 1 and "Set AIRFLOW_CONN_SOLAR_DB" in told


def test_secrets_of_the_tests_would_be_noticed():
    assert all("hunter2" in secret for secret in (AWS_SECRET, PASSWORD))


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_variable_that_is_misspelt(configured, place, monkeypatch):
    monkeypatch.setenv("SOLAR_SHARD", "4")
    code, told = configured(place)
    assert code == 1 and "SOLAR_SHARD is no setting. Did you mean SOLAR_SHARDS?" in told


@pytest.mark.parametrize("place", ["folder"], indirect=True)
@pytest.mark.parametrize(
    ("weather", "code", "words"),
    [
        ("sunny", 1, "this is no weather; found 'sunny'"),
        ("file:/nowhere.epw", 1, "/nowhere.epw"),
        ("open-meteo,0.8", 1, "Cycles use"),
        ("0.8", 0, "tells the weather of now"),
    ],
)
def test_weather_that_cannot_be_had(configured, place, monkeypatch, weather, code, words):
    monkeypatch.setenv("SOLAR_WEATHER", weather)
    monkeypatch.setenv("SOLAR_OPEN_METEO_URL", "http://127.0.0.1:1")
    found, told = configured(place)
    assert (found, words in told) == (code, True), told
