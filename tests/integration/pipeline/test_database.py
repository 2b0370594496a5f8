"""The schema goes up and down, and a backend's plain client can use energy_data."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from solar_model.contracts import Results, columns_of
from solar_model.pipeline.schema import downgrade, upgrade

TABLES = {"energy_data", "simulation_runs", "quarantine", "transfer_log"}


def relations(connection) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p')"
    )
    return {name for (name,) in rows}


def test_upgrade_makes_the_tables_and_downgrade_removes_every_trace(empty_database):
    with empty_database.connect() as connection:
        before = types_and_functions(connection)
        upgrade(empty_database.conninfo)
        assert relations(connection) >= TABLES
        downgrade(empty_database.conninfo, "base")
        assert relations(connection) == {"solar_schema_version"}
        assert types_and_functions(connection) == before
    upgrade(empty_database.conninfo)
    with empty_database.connect() as connection:
        assert relations(connection) >= TABLES


def types_and_functions(connection) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            """
            SELECT 'type', typname FROM pg_type
            WHERE typnamespace = current_schema()::regnamespace AND typtype = 'e'
            UNION ALL
            SELECT 'function', proname FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace
            """
        ).fetchall()
    )


def test_upgrading_twice_changes_nothing(database, connection):
    before = relations(connection)
    upgrade(database.conninfo)
    assert relations(connection) == before


def test_the_columns_say_what_the_contract_says_of_them(connection):
    comments = dict(
        connection.execute(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = 'energy_data'::regclass AND attnum > 0 AND NOT attisdropped"
        ).fetchall()
    )
    for name, column in columns_of(Results).items():
        unit = " [kWh]" if column.metadata["unit"] == "kWh" else ""
        assert comments.pop(name) == f"{column.description}{unit}"
    assert set(comments) == {"source", "simulation_run_id"}
    assert all(comments.values())


def test_a_days_partition_takes_over_rows_that_came_before_it(connection):
    meter = (uuid4(), datetime(2024, 9, 11, 14, 15, tzinfo=UTC))
    connection.execute(
        'INSERT INTO energy_data (user_id, "timestamp", generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, %s, 1, 2, -1, 'METER')",
        meter,
    )
    names = [
        connection.execute("SELECT energy_data_partition('2024-09-11')").fetchone()[0]
        for _ in range(2)
    ]
    assert names == ["energy_data_20240911"] * 2
    stored = connection.execute('SELECT user_id, "timestamp" FROM energy_data_20240911').fetchall()
    assert stored == [meter]
    assert connection.execute("SELECT count(*) FROM energy_data_default").fetchone() == (0,)


def test_a_new_day_waits_for_nobody_who_holds_another_day(database, connection):
    with database.connect() as reader:
        reader.execute("SELECT energy_data_partition('2024-09-10')")
        reader.commit()
        reader.execute("LOCK TABLE energy_data_20240910 IN SHARE MODE")
        connection.execute("SET LOCAL lock_timeout = '1s'")
        [(made,)] = connection.execute("SELECT energy_data_partition('2024-09-11')").fetchall()
    assert made == "energy_data_20240911"
