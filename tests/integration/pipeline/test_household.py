"""One household: found by the beginning of its id, its days, its system."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.ledger import add_run

from solar_model.errors import ConfigurationError, InputError
from solar_model.pipeline import household
from solar_model.settings import PROJECT_ROOT
from solar_model.ticks import TICK

TICK_0 = datetime(2024, 6, 11, 12, 0, tzinfo=UTC)
ANNA = UUID("00a00000-0000-4000-8000-00000000000a")
BERT = UUID("00b00000-0000-4000-8000-00000000000b")
CARL = UUID("ff000000-0000-4000-8000-00000000000c")


def add_row(connection, tick, user_id, generation_kwh=1.0, source="SIMULATION"):
    connection.execute(
        """
        INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh,
            battery_soc_kwh, grid_import_kwh, grid_export_kwh, surplus_kwh, source)
        VALUES (%s, %s, %s, 0.25, 3, 0, 0.75, 0.75, %s)
        """,
        (tick, user_id, generation_kwh, source),
    )


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("00", [ANNA, BERT]),
        ("00A0", [ANNA]),
        ("00b00000-0000-4", [BERT]),
        (" ff000000-0000-4000-8000-00000000000c ", [CARL]),
        ("0f", []),
        ("", [ANNA, BERT, CARL]),
    ],
)
def test_a_household_is_found_by_the_beginning_of_its_id(connection, prefix, found):
    add_run(connection, TICK_0)
    add_run(connection, TICK_0 + TICK, status="failed")
    for user_id in (ANNA, BERT, CARL):
        add_row(connection, TICK_0, user_id)
    for user_id in (BERT, UUID("00000000-0000-4000-8000-00000000000d")):
        add_row(connection, TICK_0, user_id, source="METER")
    assert household.search(connection, prefix) == [str(user_id) for user_id in found]


def test_a_household_of_a_shard_that_failed_is_found_too(connection):
    add_run(connection, TICK_0)
    for user_id in (ANNA, BERT):
        add_row(connection, TICK_0, user_id)
    add_run(connection, TICK_0 + TICK, shard=0, shards=2, status="failed")
    add_run(connection, TICK_0 + TICK, shard=1, shards=2)
    for user_id in (BERT, CARL):
        add_row(connection, TICK_0 + TICK, user_id)
    assert household.search(connection, "") == [str(user_id) for user_id in (ANNA, BERT, CARL)]


@pytest.mark.parametrize("prefix", ["anna", "00%", "0" * 33])
def test_what_begins_no_id_is_said(connection, prefix):
    with pytest.raises(InputError, match="digits of a UUID"):
        household.search(connection, prefix)


def test_its_days_are_its_own_simulated_rows(connection):
    add_row(connection, TICK_0, ANNA, 1.5)
    add_row(connection, TICK_0, BERT, 9.0)
    add_row(connection, TICK_0 + TICK, ANNA, 7.0, source="METER")
    energy = household.history(connection, ANNA, TICK_0 - TICK, TICK_0 + TICK)["energy"]
    assert energy["tick"] == [int(TICK_0.timestamp()) + step * 900 for step in (-1, 0, 1)]
    assert energy["generation_kwh"] == [None, 1.5, None]
    assert energy["battery_soc_kwh"] == [None, 3.0, None]


@pytest.mark.parametrize("stored", [str(ANNA), str(ANNA).upper()])
def test_it_says_when_it_was_set_aside(connection, stored):
    run_id = add_run(connection, TICK_0)
    reasons = ["panel_count is -1, expected 0 or more"]
    connection.execute(
        "INSERT INTO quarantine (simulation_run_id, stage, user_id, reasons, row_values) "
        "VALUES (%s, 'input', %s, %s, %s)",
        (run_id, stored, reasons, Jsonb({})),
    )
    told = {"tick": int(TICK_0.timestamp()), "stage": "input", "reasons": reasons}
    assert household.history(connection, ANNA, TICK_0, TICK_0)["set_aside"] == [told]
    assert household.history(connection, BERT, TICK_0, TICK_0)["set_aside"] == []
    assert household.history(connection, ANNA, TICK_0 + TICK, TICK_0 + TICK)["set_aside"] == []
    connection.execute("UPDATE quarantine SET released_at = now()")
    assert household.history(connection, ANNA, TICK_0, TICK_0)["set_aside"] == []


def test_its_system_is_what_the_household_query_says(connection):
    connection.execute("CREATE TABLE users (id text)")
    connection.execute(
        "CREATE TABLE user_systems (user_id text, panel_wattage float8, panel_count int, "
        "battery_capacity_kwh float8, inverter_capacity_kw float8, household_size float8)"
    )
    connection.execute("INSERT INTO users VALUES (%s)", (str(ANNA).upper(),))
    connection.execute(
        "INSERT INTO user_systems VALUES (%s, NULL, 12, 10, 5, 3)", (str(ANNA).upper(),)
    )
    file = PROJECT_ROOT / "include" / "sql" / "households.sql"
    system = household.system(connection, ANNA, file)
    assert system is not None
    assert (system["panel_wattage"], system["panel_count"]) == (350.0, 12)
    assert household.system(connection, BERT, file) is None


def test_a_query_of_the_operators_may_hold_signs_and_may_not_write(connection, tmp_path):
    file = tmp_path / "query.sql"
    file.write_text("SELECT '{}100 %s' AS note, x AS user_id FROM (VALUES ('a'), ('b')) AS v (x);")
    assert household.system(connection, ANNA, file) is None
    file.write_text(f"SELECT '{{}}100 %s' AS note, '{ANNA}' AS user_id -- all\n;\n")
    assert household.system(connection, ANNA, file) == {
        "note": "{}100 %s",
        "user_id": str(ANNA),
    }
    connection.execute("CREATE SEQUENCE numbers")
    connection.commit()
    file.write_text("SELECT nextval('numbers') AS user_id")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        household.system(connection, ANNA, file)
    with pytest.raises(ConfigurationError, match="SOLAR_HOUSEHOLDS_SQL"):
        household.system(connection, ANNA, tmp_path / "none.sql")
