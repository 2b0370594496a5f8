"""A cycle each of whose steps runs on another machine, and the machine before is gone."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.integration.exchange.conftest import KINDS
from tests.integration.exchange.test_whole_cycle import STEPS
from tests.support.tasks import attempt, connection_json, context_of

from solar_airflow import operators
from solar_model.errors import ConfigurationError
from solar_model.files import read_users
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.connections import variable
from solar_model.pipeline.references import FileReference
from solar_model.settings import settings

TICK = "2024-06-11T15:00:00"
HOUSEHOLDS = 50


class Machines:
    """Workers with work folders of their own; only the one that is at work exists."""

    def __init__(self, database, homes, monkeypatch) -> None:
        self.database = database
        self.homes = homes
        self.number = 0
        self._patch = monkeypatch
        monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
        monkeypatch.setenv("SOLAR_WEATHER", "0.9")

    @property
    def home(self):
        return self.homes / f"machine-{self.number}"

    def next(self, *, keep: bool = False) -> None:
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)
        self.number += 1
        self.resume()

    def resume(self) -> None:
        self._patch.setenv("SOLAR_HOME", str(self.home))
        settings.cache_clear()

    def cycle(self, *, each: bool, until: str = "insert_results") -> dict:
        """Run the steps, each on a machine of its own or all on one; what was handed over."""
        context = context_of(TICK)
        self.next()
        handover = operators.QueryHouseholdsOperator(task_id="query_households").execute(context)
        for task_id, operator in STEPS.items():
            if each:
                self.next()
            handover = attempt(operator, task_id, handover, context)
            if task_id == until:
                break
        return handover

    def stored(self) -> list[tuple]:
        with self.database.connect() as connection:
            return connection.execute(
                'SELECT "timestamp", user_id, generation_kwh, consumption_kwh, battery_soc_kwh '
                "FROM energy_data ORDER BY user_id"
            ).fetchall()


@pytest.fixture
def machines(database, tmp_path, monkeypatch):
    with database.connect() as connection:
        load_sample(connection, HOUSEHOLDS, seed=1)
    yield Machines(database, tmp_path / "homes", monkeypatch)
    settings.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_each_step_finds_what_the_one_before_left_behind(place, machines, monkeypatch):
    monkeypatch.setenv("SOLAR_EXCHANGES", place.url)
    if place.connection_id:
        account = json.dumps(place.connection_through(place.port))
        monkeypatch.setenv(variable(place.connection_id), account)
    machines.cycle(each=True)
    rows = machines.stored()
    assert len(rows) == len({user for _, user, *_ in rows}) == HOUSEHOLDS
    # the same numbers as where nothing had to travel
    machines.cycle(each=False)
    assert machines.stored() == rows


def test_a_folder_that_is_not_shared_is_called_by_its_name(machines):
    """Without SOLAR_EXCHANGES each machine has an exchange of its own."""
    with pytest.raises(
        ConfigurationError, match="set SOLAR_EXCHANGES to an object store"
    ) as caught:
        machines.cycle(each=True)
    assert "users_input_20240611_150000.csv" in str(caught.value)


def test_a_file_of_an_earlier_attempt_is_not_taken_for_the_one_handed_over(
    machines, folder_place, monkeypatch
):
    """The households have changed since this machine wrote a file of that name."""
    monkeypatch.setenv("SOLAR_EXCHANGES", folder_place.url)
    machines.cycle(each=False, until="validate_results")
    old = machines.home
    with machines.database.connect() as connection:
        connection.execute("UPDATE user_systems SET household_size = 9")
    machines.next(keep=True)
    handover = machines.cycle(each=False, until="upload_input")
    machines.number = int(old.name.rpartition("-")[2])
    machines.resume()
    attempt(STEPS["run_simulation"], "run_simulation", handover, context_of(TICK))
    [used] = old.rglob("work/*/users_input_20240611_150000.csv")
    assert set(read_users(used)["household_size"]) == {9}


def test_the_exchange_must_hold_what_was_handed_over(machines, folder_place, monkeypatch):
    from solar_model.errors import TransferError

    monkeypatch.setenv("SOLAR_EXCHANGES", folder_place.url)
    handover = machines.cycle(each=False, until="upload_input")
    handover["input"]["sha256"] = handover["uploaded"]["sha256"] = "0" * 64
    machines.next()
    with pytest.raises(TransferError, match="handed over"):
        attempt(STEPS["run_simulation"], "run_simulation", handover, context_of(TICK))
    assert FileReference(**handover["uploaded"]).path.is_file()
