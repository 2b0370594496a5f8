"""From the operator's tables to the input file: streamed, complete, and nobody lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import polars as pl
import pytest

from solar_model.contracts import ENERGY_COLUMNS
from solar_model.errors import ConfigurationError, InputError
from solar_model.files import read_users
from solar_model.manifest import Manifest
from solar_model.pipeline import households, quarantine, runs
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.repetition import seed_of, weather_of
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.settings import PROJECT_ROOT, load_settings

QUERY = PROJECT_ROOT / "include" / "sql" / "households.sql"
TICK = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def backend(connection):
    """The backend's tables with the columns that every backend has, ids as text."""
    connection.execute(
        """
        CREATE TABLE users (id text PRIMARY KEY);
        CREATE TABLE user_systems (
            user_id text, panel_wattage numeric, panel_count integer,
            battery_capacity_kwh numeric, inverter_capacity_kw numeric, household_size integer
        );
        """
    )
    connection.commit()
    return connection


def add(connection, user_id=None, system=(400, 10, 8, 4, 2)) -> str:
    user_id = user_id or str(uuid4())
    connection.execute("INSERT INTO users VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))
    connection.execute(
        "INSERT INTO user_systems VALUES (%s, %s, %s, %s, %s, %s)", (user_id, *system)
    )
    connection.commit()
    return user_id


def cycle(connection, folder, tick=TICK, weather=None) -> Cycle:
    run_id = runs.start(connection, tick=tick, airflow_run_id=f"test {tick}", seed=7)
    return Cycle(str(tick), run_id, 7, weather, str(folder))


def take(connection, folder, sql_file=QUERY, **more):
    """The input file of a tick, as rows by user."""
    this = cycle(connection, folder, **more)
    snapshot = take_snapshot(connection, tick=this.tick_start, sql_file=sql_file, folder=folder)
    config = load_settings(weather="0.8", households_sql=sql_file)
    file, quarantined = households.write_input(connection, this, snapshot, config)
    rows = {row["user_id"]: row for row in read_users(file.path).iter_rows(named=True)}
    return rows, quarantined, file, this


def store(connection, tick, states: dict[str, float]) -> None:
    """Complete a run of a tick with these states of charge."""
    run_id = runs.start(connection, tick=tick, airflow_run_id=f"store {tick}", seed=7)
    frame = pl.DataFrame({"user_id": list(states), "battery_soc_kwh": list(states.values())})
    rest = {name: 0.0 for name in ENERGY_COLUMNS if name != "battery_soc_kwh"}
    insert(
        connection,
        run_id,
        frame.with_columns(timestamp=pl.lit(tick).cast(pl.Datetime("us", "UTC"))).with_columns(
            **{name: pl.lit(value) for name, value in rest.items()}
        ),
    )


def test_nulls_become_the_stated_defaults_and_no_panels_means_not_taking_part(backend, tmp_path):
    user = add(backend, system=(None, 12, None, None, None))
    add(backend, system=(400, 0, 8, 4, 2))
    add(backend, system=(400, None, 8, 4, 2))
    rows, quarantined, file, this = take(backend, tmp_path)
    assert quarantined == 0
    assert list(rows) == [user]
    shown = {name: value for name, value in rows[user].items() if value is not None}
    assert shown == {
        "user_id": user,
        "panel_wattage": 350.0,
        "panel_count": 12,
        "battery_capacity_kwh": 0.0,
        "inverter_capacity_kw": 5.0,
        "household_size": 3.0,
        # of the site: whoever simulates the file needs no settings of ours
        "latitude": 36.1,
        "longitude": -79.95,
        "tilt_deg": 30.0,
        "azimuth_deg": 180.0,
        "timezone": "America/New_York",
    }
    assert file.name == "users_input_20240911_141500.csv"
    manifest = Manifest.read(file.path)
    manifest.verify(file.path)
    assert (manifest.rows, manifest.tick, manifest.seed) == (1, "2024-09-11T14:15:00", 7)
    assert manifest.weather == "0.8"
    assert this.tick_start == TICK


def test_the_case_of_an_id_does_not_lose_a_household(backend, tmp_path):
    user = add(backend)
    backend.execute("UPDATE user_systems SET user_id = upper(user_id)")
    backend.commit()
    store(backend, TICK - QUARTER, {user: 1.5})
    rows, *_ = take(backend, tmp_path)
    assert rows[user]["battery_soc_kwh"] == 1.5


def test_a_system_of_a_user_who_is_gone_does_not_take_part(backend, tmp_path):
    stays, gone = add(backend), add(backend)
    backend.execute("DELETE FROM users WHERE id = %s", (gone,))
    rows, quarantined, *_ = take(backend, tmp_path)
    assert list(rows) == [stays]
    assert quarantined == 0


def test_the_query_reads_optional_columns_where_the_table_has_them(backend, tmp_path):
    backend.execute(
        "ALTER TABLE user_systems ADD latitude float8, ADD longitude float8, "
        "ADD tilt_deg float8, ADD azimuth_deg float8, ADD timezone text"
    )
    user = add(backend)
    backend.execute(
        "UPDATE user_systems SET latitude = 52.5, longitude = 13.4, tilt_deg = 40, "
        "azimuth_deg = 270, timezone = 'Europe/Berlin'"
    )
    rows, *_ = take(backend, tmp_path)
    place = {n: rows[user][n] for n in ("latitude", "longitude", "tilt_deg", "azimuth_deg")}
    assert place == {"latitude": 52.5, "longitude": 13.4, "tilt_deg": 40.0, "azimuth_deg": 270.0}
    assert rows[user]["timezone"] == "Europe/Berlin"


def test_a_broken_household_is_set_aside_with_its_reasons_and_the_others_go_on(backend, tmp_path):
    good = add(backend)
    upper = add(backend, user_id=str(uuid4()).upper())
    twice = add(backend)
    add(backend, user_id=twice)
    broken = {
        add(backend, user_id="not-a-uuid"): "user_id",
        add(backend, system=(400, 10, -1, 4, 2)): "battery_capacity_kwh",
        add(backend, system=(400, 10, 8, 4, 0)): "household_size",
        add(backend, system=("NaN", 10, 8, 4, 2)): "panel_wattage",
        twice: "rows",
    }
    rows, quarantined, _, this = take(backend, tmp_path)
    assert set(rows) == {good, upper.lower()}
    stored = backend.execute(
        "SELECT user_id, reasons, row_values FROM quarantine WHERE simulation_run_id = %s "
        "AND stage = 'input'",
        (this.run_id,),
    ).fetchall()
    assert (len(stored), quarantined) == (len(broken) + 1, len(broken)), "two systems, one user"
    assert {user for user, *_ in stored} == set(broken)
    for user, reasons, values in stored:
        assert any(broken[user] in reason for reason in reasons), reasons
        assert values["user_id"] == user
    run = backend.execute(
        "SELECT households_queried, households_quarantined FROM simulation_runs WHERE id = %s",
        (this.run_id,),
    ).fetchone()
    assert run == (len(broken) + 2, quarantined)


def test_trying_again_does_not_set_aside_twice(backend, tmp_path):
    add(backend)
    add(backend, user_id="not-a-uuid")
    take(backend, tmp_path)
    take(backend, tmp_path)
    assert backend.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)


def test_batteries_start_where_the_tick_before_left_them(backend, tmp_path):
    known, fresh, shrunk = add(backend), add(backend), add(backend, system=(400, 10, 3, 4, 2))
    store(backend, TICK - QUARTER, {known: 5.123456, shrunk: 7.5})
    rows, *_ = take(backend, tmp_path)
    assert rows[known]["battery_soc_kwh"] == 5.123456
    assert rows[fresh]["battery_soc_kwh"] is None
    assert rows[shrunk]["battery_soc_kwh"] == 3.0


def test_running_an_old_tick_again_starts_from_the_state_before_it(backend, tmp_path):
    user = add(backend)
    for quarter, state in ((-2, 1.0), (-1, 2.0), (0, 3.0), (1, 4.0)):
        store(backend, TICK + quarter * QUARTER, {user: state})
    rows, *_ = take(backend, tmp_path)
    assert rows[user]["battery_soc_kwh"] == 2.0


def test_an_outage_does_not_reset_the_batteries(backend, tmp_path):
    user = add(backend)
    store(backend, TICK - timedelta(hours=5), {user: 1.5})
    rows, *_ = take(backend, tmp_path)
    assert rows[user]["battery_soc_kwh"] == 1.5


def test_a_household_whose_results_were_set_aside_keeps_its_state(backend, tmp_path):
    served, held = add(backend), add(backend)
    store(backend, TICK - 2 * QUARTER, {served: 3.0, held: 7.5})
    _, _, file, before = take(backend, tmp_path, tick=TICK - QUARTER)
    asked = read_users(file.path).filter(pl.col("user_id") == held)
    told = {"user_id": held, "timestamp": before.tick_start, "reasons": ["soc"], "raw": "{}"}
    rejected = pl.DataFrame([told | {"household": json.dumps(asked.to_dicts()[0])}] * 2)
    quarantine.store(backend, before.run_id, quarantine.RESULTS, rejected)
    store(backend, TICK - QUARTER, {served: 3.25})
    rows, *_ = take(backend, tmp_path)
    states = {user: row["battery_soc_kwh"] for user, row in rows.items()}
    assert states == {served: 3.25, held: 7.5}
    store(backend, TICK - QUARTER, {served: 3.25, held: 6.0})  # it was let out
    rows, *_ = take(backend, tmp_path)
    assert rows[held]["battery_soc_kwh"] == 6.0


def test_a_household_that_broke_the_contract_finds_its_battery_as_it_was(backend, tmp_path):
    served, held = add(backend), add(backend, str(uuid4()).upper())
    store(backend, TICK - 2 * QUARTER, {served: 3.0, held.lower(): 7.5})
    set_wattage = "UPDATE user_systems SET panel_wattage = %s WHERE user_id = %s"
    backend.execute(set_wattage, ("NaN", held))
    for quarters in (-1, 0):
        _, quarantined, *_ = take(backend, tmp_path, tick=TICK + quarters * QUARTER)
        assert quarantined == 1
        store(backend, TICK + quarters * QUARTER, {served: 3.25})
    backend.execute(set_wattage, (400, held))
    rows, quarantined, *_ = take(backend, tmp_path, tick=TICK + QUARTER)
    assert (rows[held.lower()]["battery_soc_kwh"], quarantined) == (7.5, 0)


def test_a_rerun_that_fails_does_not_reset_the_battery_of_who_had_been_set_aside(backend, tmp_path):
    served, held = add(backend), add(backend)
    store(backend, TICK - 2 * QUARTER, {served: 3.0, held: 7.5})
    backend.execute("UPDATE user_systems SET panel_wattage = 'NaN' WHERE user_id = %s", (held,))
    assert take(backend, tmp_path, tick=TICK - QUARTER)[1] == 1
    store(backend, TICK - QUARTER, {served: 3.25})
    backend.execute("UPDATE user_systems SET panel_wattage = 400 WHERE user_id = %s", (held,))
    *_, again = take(backend, tmp_path, tick=TICK - QUARTER)  # nobody is set aside any more
    runs.fail(backend, f"test {again.tick_start}", "no runner")
    rows, *_ = take(backend, tmp_path)
    states = {user: row["battery_soc_kwh"] for user, row in rows.items()}
    assert states == {served: 3.25, held: 7.5}


def test_who_was_set_aside_twice_in_a_tick_has_one_state(backend, tmp_path):
    served, held = add(backend), add(backend)
    store(backend, TICK - QUARTER, {served: 3.0})
    run_id = cycle(backend, tmp_path, tick=TICK - QUARTER).run_id
    for stage, state in ((quarantine.RESULTS, 5.0), (quarantine.INPUT, 7.5)):
        row = {"user_id": held, "timestamp": TICK - QUARTER, "reasons": ["x"], "raw": "{}"}
        left = json.dumps({"user_id": held, "battery_soc_kwh": state})
        quarantine.store(backend, run_id, stage, pl.DataFrame([row | {"household": left}]))
    rows, quarantined, *_ = take(backend, tmp_path)
    assert (rows[held]["battery_soc_kwh"], quarantined, len(rows)) == (7.5, 0, 2)


def test_of_a_long_day_only_the_tick_before_is_read(backend, tmp_path):
    users = [str(uuid4()) for _ in range(2000)]
    [(partition,)] = backend.execute("SELECT energy_data_partition(%s)", (TICK.date(),)).fetchall()
    for n in range(20, 0, -1):
        store(backend, TICK - n * QUARTER, dict.fromkeys(users, float(n)))
        if n == 19:  # as autovacuum does, early in the day
            backend.execute("ANALYZE energy_data")
            backend.commit()
    user = add(backend, users[7], system=(400, 10, 30, 4, 2))

    def scans() -> int:
        backend.execute("SELECT pg_stat_force_next_flush()")
        backend.commit()
        [(count,)] = backend.execute(
            "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = %s", (partition,)
        ).fetchall()
        backend.commit()
        return count

    before = scans()
    assert take(backend, tmp_path)[0][user]["battery_soc_kwh"] == 1.0
    assert scans() == before, "the whole day was read"


def test_the_file_is_in_the_order_of_the_users(backend, tmp_path):
    tails = ["ffff", "0000", "aaaa", "1111"]
    ids = [
        f"{head}-{tail}-4000-8000-000000000000"
        for head in ("c0ffee00", "0badcafe")
        for tail in tails
    ]
    for user in ids:
        add(backend, user)
    assert list(take(backend, tmp_path)[0]) == sorted(ids)


def test_looking_for_a_record_leaves_the_connection_ready_for_the_query(backend, tmp_path):
    add(backend)
    assert seed_of(backend, [TICK], None, 3) == 3
    take_snapshot(backend, tick=TICK, sql_file=QUERY, folder=tmp_path)
    run_id = runs.start(backend, tick=TICK, airflow_run_id="x", seed=5)
    runs.record(backend, run_id, weather="0.4")
    assert seed_of(backend, [TICK], None, 3) == 5
    runs.start(backend, tick=TICK + QUARTER, airflow_run_id="fails", seed=6)
    assert seed_of(backend, [TICK + QUARTER], None, 3) == 3, "nothing was computed with it"
    assert weather_of(backend, [TICK], None, "0.9") == "0.4"


def test_a_rerun_takes_the_recorded_weather_unless_told_otherwise(backend, tmp_path):
    add(backend)
    *_, file, this = take(backend, tmp_path, weather="0.4")
    assert Manifest.read(file.path).weather == "0.4"
    runs.record(backend, this.run_id, weather="stochastic")
    *_, file, _ = take(backend, tmp_path)
    assert Manifest.read(file.path).weather == "stochastic"
    runs.record(backend, this.run_id, weather={"clear_sky_index": 0.7})
    *_, file, _ = take(backend, tmp_path)
    assert Manifest.read(file.path).weather == {"clear_sky_index": 0.7}
    *_, file, _ = take(backend, tmp_path, weather="stochastic")
    assert Manifest.read(file.path).weather == "stochastic"


def test_the_query_can_be_replaced(backend, tmp_path):
    user = add(backend)
    own = tmp_path / "own.sql"
    own.write_text(
        "-- ours\nSELECT user_id, 300 AS panel_wattage, 4 AS panel_count, "
        "8 AS battery_capacity_kwh, 3 AS inverter_capacity_kw, 2 AS household_size, "
        "6.5 AS battery_soc_kwh FROM user_systems;\n-- the end; really\n"
    )
    store(backend, TICK - QUARTER, {user: 1.0})
    rows, *_ = take(backend, tmp_path, sql_file=own)
    assert (rows[user]["panel_count"], rows[user]["battery_soc_kwh"]) == (4, 6.5)


def test_the_query_may_begin_with_a_byte_order_mark(backend, tmp_path):
    user = add(backend)
    own = tmp_path / "own.sql"
    own.write_text(QUERY.read_text().replace("--", "-- ours:", 1), encoding="utf-8-sig")
    assert list(take(backend, tmp_path, sql_file=own)[0]) == [user]


def test_the_query_may_give_a_column_twice_when_both_are_the_same(backend, tmp_path):
    user = add(backend)
    own = tmp_path / "own.sql"
    own.write_text("SELECT id AS user_id, s.* FROM users JOIN user_systems s ON s.user_id = id")
    assert list(take(backend, tmp_path, sql_file=own)[0]) == [user]


def test_a_query_that_lacks_a_column_is_told_which(backend, tmp_path):
    own = tmp_path / "own.sql"
    own.write_text("SELECT user_id, panel_count FROM user_systems")
    with pytest.raises(InputError, match="panel_wattage, battery_capacity_kwh"):
        take(backend, tmp_path, sql_file=own)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"SELECT 1 FROM nowhere", "nowhere"),
        (b"SELEKT", "SELEKT"),
        (b"SELECT 'n/a'::float8 AS panel_wattage", "n/a"),
        (b"SELECT 1 / panel_count FROM user_systems", "division by zero"),
        (b"SELECT user_id INTO copied FROM user_systems", "INTO"),
        (b"SELECT *, 395 AS panel_wattage FROM user_systems", "differ, such as 400 and 395"),
        ("-- für uns\nSELECT 1".encode("latin-1"), "not in UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_query_that_cannot_run_is_named(backend, tmp_path, text, message):
    add(backend, system=(400, 0, 8, 4, 2))
    own = tmp_path / "own.sql"
    if text:
        own.write_bytes(text)
    with pytest.raises(ConfigurationError, match=message) as error:
        take(backend, tmp_path, sql_file=own)
    assert str(own) in str(error.value)


def test_the_query_cannot_change_the_database(backend, tmp_path):
    add(backend)
    own = tmp_path / "own.sql"
    own.write_text("DELETE FROM user_systems RETURNING user_id")
    with pytest.raises(ConfigurationError, match="read-only"):
        take(backend, tmp_path, sql_file=own)
    assert backend.execute("SELECT count(*) FROM user_systems").fetchone() == (1,)
