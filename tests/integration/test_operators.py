"""The operators on a real database, without Airflow's machinery around them."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from solar_airflow.cycle import CycleOperator
from solar_airflow.ending import CleanUpOperator, record_failure
from solar_airflow.operators import QueryHouseholdsOperator
from solar_model.errors import InputError, ResultsError
from solar_model.pipeline import runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.references import Cycle
from solar_model.pseudonyms import pseudonym
from solar_model.settings import load_settings
from solar_model.ticks import timestamp_text

USER = "0191e3a2-7c1d-7b5a-9f00-1a2b3c4d5e6f"
TICK = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)


@pytest.fixture
def query(database, monkeypatch, tmp_path):
    """Run the first task of a cycle with these parameters."""
    with database.connect() as connection:
        load_sample(connection, 3, seed=1)
    config = load_settings(home=tmp_path, seed=7)
    for module in ("cycle", "operators"):
        monkeypatch.setattr(f"solar_airflow.{module}.settings", lambda: config)
        monkeypatch.setattr(f"solar_airflow.{module}.open_database", lambda _: database.connect())

    def run(**params) -> dict:
        given = {"weather": None, "seed": None, "dry_run": False} | params
        dag_run = SimpleNamespace(
            run_id="manual", run_type="manual", logical_date=TICK, run_after=TICK
        )
        return QueryHouseholdsOperator(task_id="query_households").execute(
            {"params": given, "dag_run": dag_run}
        )

    return run


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("asked", "used"), [(None, 7), (0, 0), (5, 5)])
def test_the_seed_that_is_asked_for_is_used(query, dry_run, asked, used):
    handover = query(seed=asked, dry_run=dry_run)
    assert handover["cycle"]["seed"] == used
    assert handover["households"]["rows"] == 3


class NamesAUser(CycleOperator):
    """Finds something wrong with a user."""

    def step(self, *_):
        raise InputError("the household is broken", line=4, column="user_id", value=USER)


def test_who_is_in_trouble_is_told_by_a_pseudonym(query, database, monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
    handover = query()
    with pytest.raises(InputError, match=f"line 4.*{pseudonym(USER)}") as caught:
        NamesAUser(task_id="a_step", handover=handover).execute(
            {"dag_run": SimpleNamespace(run_type="manual", run_id="manual")}
        )
    task = SimpleNamespace(task_id="a_step")
    monkeypatch.setattr("solar_airflow.ending.open_database", lambda: database.connect())
    raw = InputError("the household is broken", column="user_id", value=USER)
    for error in (caught.value, raw):
        record_failure({"run_id": "manual", "task_instance": task, "exception": error})
    with database.connect() as connection:
        [(told,)] = connection.execute("SELECT error FROM simulation_runs").fetchall()
    assert pseudonym(USER) in told
    trace = "".join(traceback.format_exception(caught.value))
    assert USER not in told + trace + caplog.text


@pytest.mark.parametrize(
    ("ours", "since", "message"),
    [
        ({"shard": 1, "shards": 4}, {"shard": 1, "shards": 2}, "into 2 shards since"),
        ({"shard": 3, "shards": 4}, {"shard": 0, "shards": 2}, "into fewer shards since"),
        ({}, {}, "theirs has begun ticks of this run since"),
        ({"steps": 4}, {}, "has begun ticks of this run since"),
        ({}, {"steps": 4}, "has begun ticks of this run since"),
    ],
)
@pytest.mark.usefixtures("query")
def test_a_step_of_a_run_whose_rows_became_another_ones_says_so(database, ours, since, message):
    with database.connect() as connection:
        run_id = runs.start(connection, tick=TICK, airflow_run_id="ours", seed=7, **ours)
        cycle = Cycle(timestamp_text(TICK), run_id, 7, None, "work", **ours)
        runs.start(connection, tick=TICK, airflow_run_id="theirs", seed=7, **since)
    context = {"dag_run": SimpleNamespace(run_type="manual", run_id="ours")}
    with pytest.raises(ResultsError, match=f"{message}.*clear it from query_households on"):
        NamesAUser(task_id="a_step", handover={"cycle": cycle.to_dict()}).execute(context)


@pytest.mark.usefixtures("query")
def test_a_run_that_lost_shards_when_their_number_was_changed_fails(
    database, monkeypatch, tmp_path
):
    """Airflow removes their tasks, and calls what is left a success."""
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
    monkeypatch.setattr("solar_airflow.ending.open_database", lambda *_: database.connect())
    with database.connect() as connection:
        for shard in (0, 1):
            runs.start(connection, tick=TICK, airflow_run_id="ours", seed=7, shard=shard, shards=4)
        connection.execute("UPDATE simulation_runs SET status = 'completed' WHERE shard < 2")
    task = CleanUpOperator(task_id="clean_up")
    for _ in range(2):  # to clear this task alone helps nobody
        with pytest.raises(ResultsError, match=r"shards 2, 3 .*clear the run as a whole") as caught:
            task.execute({"dag_run": SimpleNamespace(run_id="ours")})
        record_failure({"run_id": "ours", "task_instance": task, "exception": caught.value})
    with database.connect() as connection:
        told = connection.execute("SELECT status::text, error FROM simulation_runs ORDER BY shard")
        assert told.fetchall() == 2 * [("completed", None)] + 2 * [
            ("failed", f"clean_up: {caught.value}")
        ]
