"""Good files, spoiled in every named way at places drawn by chance: nothing is accepted wrongly."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.corruptions import (
    CORRUPTIONS,
    INPUT,
    PAGE,
    QUARANTINED,
    READ,
    REFUSED,
    REPAIRED,
    RESULTS,
    markdown,
)
from tests.support.spoiling import Table
from tests.unit.community.systems import user_ids

from solar_model import run_simulation
from solar_model.errors import InputError, SolarModelError
from solar_model.files import read_results, read_users
from solar_model.pipeline import gate, quarantine, runs
from solar_model.pipeline.suite import Asked

pytestmark = pytest.mark.slow

TICK = datetime(2024, 6, 11, 17, 15, tzinfo=UTC)
HOUSEHOLDS = 60
LIMIT = 0.05

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
several = settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Files of a tick, every household with a battery, so that no two can be mistaken."""
    folder = tmp_path_factory.mktemp("good")
    users, results = folder / "users.csv", folder / "results.csv"
    users.write_text(
        "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,"
        "household_size,battery_soc_kwh,latitude,longitude,timezone\n"
        + "".join(
            f"{user},400,12,9,5,{1 + i % 4},{3 + i / 100:.2f},36.1,-79.9,America/New_York\n"
            for i, user in enumerate(user_ids(HOUSEHOLDS))
        )
    )
    run_simulation(users, results, start_time=str(TICK), weather=1.0, seed=1)
    return SimpleNamespace(
        folder=folder,
        users=read_users(users),
        results=read_results(results),
        text={RESULTS: results.read_text(), INPUT: users.read_text()},
    )


def spoil(good, corruption, seed: int):
    table = Table.of(good.text[corruption.file], random.Random(seed))
    content = corruption.spoil(table)
    content = table.text() if content is None else content
    path = good.folder / "spoiled.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, table


def says(message: str, corruption, table: Table) -> None:
    lines = [f"line {row + 2}" for row in table.hurt]
    for part in corruption.says:
        wanted = lines if part == "{line}" else [part]
        assert any(one in message for one in wanted), (part, message[:1000])


def of(file: str):
    return pytest.mark.parametrize(
        "corruption", [one for one in CORRUPTIONS if one.file == file], ids=lambda one: one.name
    )


@of(RESULTS)
@few
@given(seed=seeds)
def test_spoiled_results_end_as_the_table_says(good, corruption, seed):
    path, table = spoil(good, corruption, seed)
    asked = Asked(HOUSEHOLDS, [TICK])
    try:
        verdict = gate.judge(path, good.users, asked, LIMIT)
    except InputError as error:
        assert corruption.outcome == REFUSED, error
        assert "spoiled.csv" in str(error)
        says(str(error), corruption, table)
        return
    if verdict.refusal:
        assert corruption.outcome == REFUSED, verdict.refusal
        assert "spoiled.csv" in verdict.refusal
        assert len(verdict.refusal) < 10_000
        says(verdict.refusal, corruption, table)
        return
    aside = verdict.quarantined
    if len(aside):
        assert corruption.outcome == QUARANTINED, aside["reasons"].to_list()
        assert set(aside["line"] - 2) == table.hurt
        for reasons in aside["reasons"]:
            says(" | ".join(reasons), corruption, table)
    else:
        assert corruption.outcome in (REPAIRED, READ)
        assert [repair.name for repair in verdict.repairs] == list(corruption.says)
    # nothing is accepted wrongly: what is left is what was computed
    kept = good.results.filter(~pl.col("user_id").is_in(aside["user_id"].to_list()))
    assert verdict.accepted.equals(kept)


@of(INPUT)
@several
@given(seed=seeds)
def test_spoiled_input_ends_as_the_table_says(good, corruption, seed):
    path, table = spoil(good, corruption, seed)
    output = good.folder / "of_spoiled.csv"
    output.unlink(missing_ok=True)
    try:
        users = read_users(path)
    except SolarModelError as error:
        assert corruption.outcome == REFUSED, error
        assert "spoiled.csv" in str(error)
        assert len(str(error)) < 10_000
        says(str(error), corruption, table)
        with pytest.raises(SolarModelError):
            run_simulation(path, output, start_time=str(TICK), weather=1.0, seed=1)
        assert not output.exists()
        return
    assert corruption.outcome in (REPAIRED, READ)
    assert users.equals(good.users)


def test_what_postgres_cannot_hold_is_kept_as_far_as_it_can(good, connection):
    run_id = runs.start(connection, tick=TICK, airflow_run_id="manual", seed=1)
    for name in ("NUL bytes", "a million characters"):
        [corruption] = [c for c in CORRUPTIONS if (c.name, c.file) == (name, RESULTS)]
        path, _ = spoil(good, corruption, 1)
        verdict = gate.judge(path, good.users, Asked(HOUSEHOLDS, [TICK]), LIMIT)
        quarantine.store(connection, run_id, quarantine.RESULTS, verdict.quarantined)
        connection.commit()
        [(reasons, values)] = connection.execute(
            "SELECT reasons, row_values FROM quarantine"
        ).fetchall()
        assert "consumption_kwh" in str(reasons)
        assert len(str(reasons) + str(values)) < 5_000


def test_there_are_many_ways_and_each_has_a_name_of_its_own():
    assert len(CORRUPTIONS) >= 40
    assert len({(one.file, one.name) for one in CORRUPTIONS}) == len(CORRUPTIONS)


def test_the_page_in_the_docs_is_up_to_date():
    assert PAGE.read_text() == markdown(), "run: python -m tests.support.corruptions"
