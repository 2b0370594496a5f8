"""The backend's view: a client that knows the mission's seven columns, and the systems of users."""

from __future__ import annotations

import enum
import re
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from solar_model import run_simulation
from solar_model.files import read_results
from solar_model.pipeline import households, runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_model.ticks import TICK, timestamp_text

NOON = datetime(2024, 6, 11, 17, 0, tzinfo=UTC)
HOUSEHOLDS = 20


class Base(DeclarativeBase):
    pass


class Source(enum.Enum):
    SIMULATION = "SIMULATION"
    METER = "METER"


class EnergyData(Base):
    """What a backend knows of the table."""

    __tablename__ = "energy_data"
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), primary_key=True)
    generation_kwh: Mapped[float]
    consumption_kwh: Mapped[float]
    surplus_kwh: Mapped[float]
    source: Mapped[Source] = mapped_column(sa.Enum(Source, name="energy_source"), primary_key=True)
    simulation_run_id: Mapped[UUID | None]


class EnergyDataAsText(Base):
    """The same, by a client that maps the source as text."""

    __table__ = sa.Table(
        "energy_data",
        sa.MetaData(),
        *(
            sa.Column(c.name, c.type, primary_key=c.primary_key)
            for c in EnergyData.__table__.c
            if c.name != "source"
        ),
        sa.Column("source", sa.String, primary_key=True),
    )


def engine_of(database, driver="psycopg") -> sa.Engine:
    module = __import__(driver)
    return sa.create_engine(
        f"postgresql+{driver}://", creator=lambda: module.connect(database.conninfo)
    )


@pytest.fixture
def session(database):
    engine = engine_of(database)
    with Session(engine) as session:
        yield session
    engine.dispose()


def meter(user_id: UUID, timestamp: datetime = NOON, **changed) -> EnergyData:
    numbers = {"generation_kwh": 1.0, "consumption_kwh": 0.25, "surplus_kwh": 0.75} | changed
    return EnergyData(user_id=user_id, timestamp=timestamp, source=Source.METER, **numbers)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize(
    ("model", "source"),
    [
        (EnergyData, Source.METER),
        (EnergyData, Source.SIMULATION),
        (EnergyDataAsText, "METER"),
        (EnergyDataAsText, "SIMULATION"),
    ],
)
def test_a_backend_that_knows_only_its_columns_writes_and_reads(database, driver, model, source):
    engine = engine_of(database, driver)
    with Session(engine) as session:
        row = model(
            user_id=uuid4(),
            timestamp=NOON,
            generation_kwh=1.0,
            consumption_kwh=0.25,
            surplus_kwh=0.75,
            source=source,
        )
        session.add(row)
        session.commit()
        ours = sa.select(model.surplus_kwh).where(model.source == source)
        assert session.scalars(ours).all() == [0.75]
        others = sa.select(model.surplus_kwh).where(model.source != source)
        assert session.scalars(others).all() == []
    engine.dispose()


@pytest.fixture
def community(connection, tmp_path):
    """A backend's tables with a community; ``tick`` runs a cycle's steps for a tick."""
    load_sample(connection, HOUSEHOLDS, seed=1)

    def tick(start: datetime = NOON) -> tuple[str, int]:
        folder = tmp_path / uuid4().hex
        run_id = runs.start(connection, tick=start, airflow_run_id=folder.name, seed=7)
        cycle = Cycle(timestamp_text(start), run_id, 7, "0.9", str(folder))
        config = load_settings(home=tmp_path)
        snapshot = take_snapshot(
            connection, tick=start, sql_file=config.households_sql, folder=folder
        )
        given, set_aside = households.write_input(connection, cycle, snapshot, config)
        results = folder / "results.csv"
        run_simulation(given.path, results, start_time=start, weather=0.9, seed=7)
        insert(connection, run_id, read_results(results), seed=7)
        return run_id, set_aside

    return tick


def users(connection) -> list[UUID]:
    return [user for (user,) in connection.execute("SELECT id FROM users ORDER BY id")]


def rows_of(connection, user: UUID) -> list[tuple]:
    return connection.execute(
        'SELECT "timestamp", generation_kwh, consumption_kwh, battery_soc_kwh FROM energy_data '
        "WHERE user_id = %s AND source = 'SIMULATION' ORDER BY 1",
        (user,),
    ).fetchall()


def test_the_backend_reads_counts_and_keeps_its_meters_beside_our_rows(
    community, connection, session
):
    one, other = users(connection)[:2]
    stranger = uuid4()  # a meter of somebody who has no panels
    session.add_all([meter(one), meter(stranger), meter(one, NOON - timedelta(days=400))])
    session.commit()
    run_id, _ = community()
    # also after ours, also for a quarter that has a row of ours, and once more with other numbers
    session.add(meter(other))
    session.commit()
    correction = upsert(EnergyData).values(
        user_id=one,
        timestamp=NOON,
        source=Source.METER,
        generation_kwh=2.0,
        consumption_kwh=0.25,
        surplus_kwh=1.75,
    )
    session.execute(
        correction.on_conflict_do_update(
            index_elements=["user_id", "timestamp", "source"],
            set_={
                "generation_kwh": correction.excluded.generation_kwh,
                "surplus_kwh": correction.excluded.surplus_kwh,
            },
        )
    )
    session.commit()

    again, _ = community()  # the tick once more: ours are replaced, the meters stay
    assert again == run_id
    counted = dict(
        session.execute(
            sa.select(EnergyData.source, sa.func.count()).group_by(EnergyData.source)
        ).all()
    )
    assert counted == {Source.SIMULATION: HOUSEHOLDS, Source.METER: 4}
    ours = session.scalars(
        sa.select(EnergyData).where(EnergyData.source == Source.SIMULATION)
    ).all()
    assert {row.simulation_run_id for row in ours} == {UUID(run_id)}
    assert {row.timestamp for row in ours} == {NOON}
    assert all(
        abs(row.surplus_kwh - (row.generation_kwh - row.consumption_kwh)) < 1e-6 for row in ours
    )
    metered = session.scalars(
        sa.select(EnergyData.generation_kwh).where(
            EnergyData.source == Source.METER, EnergyData.user_id == one
        )
    ).all()
    assert sorted(metered) == [1.0, 2.0]


def test_the_same_reading_twice_is_refused_not_doubled(session):
    user = uuid4()
    session.add(meter(user))
    session.commit()
    session.expunge_all()
    session.add(meter(user, generation_kwh=9.0))
    with pytest.raises(sa.exc.IntegrityError):
        session.commit()


def test_a_meter_that_writes_while_a_days_first_tick_begins_is_waited_for(
    database, connection, session
):
    """Its row is in the partition afterwards, whoever was first."""
    session.add(meter(uuid4()))
    session.flush()  # written, not committed
    made: list[str] = []

    def begin_the_day() -> None:
        with database.connect() as own:
            made.extend(own.execute("SELECT energy_data_partition('2024-06-11')").fetchone())

    day = threading.Thread(target=begin_the_day)
    day.start()
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND query LIKE '%energy_data_partition%' AND pid <> pg_backend_pid()"
    )
    while day.is_alive() and connection.execute(waiting).fetchone() == (0,):
        connection.commit()
    session.commit()
    day.join(30)
    assert made == ["energy_data_20240611"]
    assert connection.execute("SELECT count(*) FROM energy_data_20240611").fetchone() == (1,)


def test_a_user_with_two_systems_is_set_aside_with_the_reason_and_the_others_are_served(
    community, connection
):
    twice, *others = users(connection)
    connection.execute("INSERT INTO user_systems (user_id, panel_count) VALUES (%s, 4)", (twice,))
    connection.commit()
    _, set_aside = community()
    assert set_aside == 1
    found = connection.execute("SELECT user_id, reasons FROM quarantine").fetchall()
    assert {user for user, _ in found} == {str(twice)}
    assert all("expected once" in reason for _, [reason] in found)
    assert rows_of(connection, twice) == []
    assert all(len(rows_of(connection, user)) == 1 for user in others)


def documented(word: str) -> list[str]:
    """Statements of the documentation in which there is a word."""
    page = (PROJECT_ROOT / "docs/backend.md").read_text()
    blocks = re.findall(r"```sql\n(.*?)```", page, re.S)
    return [block for block in blocks if word in block]


def test_the_queries_of_the_documentation_give_a_household_its_day_and_its_months(
    community, connection
):
    community()
    [(_, generation, consumption, _)] = rows_of(connection, users(connection)[0])
    [block] = documented("a household's day")
    named = re.sub(r"user_id = '[^']+'", f"user_id = '{users(connection)[0]}'", block)
    day, months, _ = named.split(";\n")
    local = datetime(2024, 6, 11, 19, 0)  # in Berlin
    [(*known, surplus)] = connection.execute(day).fetchall()
    assert known == [local, generation, consumption]
    assert surplus == pytest.approx(generation - consumption)
    assert connection.execute(months).fetchall() == [
        (datetime(2024, 6, 1), 1, generation, consumption)
    ]


def test_the_query_of_the_documentation_makes_two_systems_one_household(
    community, connection, tmp_path, monkeypatch
):
    [statement] = documented("user_systems")
    query = tmp_path / "households.sql"
    query.write_text(statement)
    monkeypatch.setenv("SOLAR_HOUSEHOLDS_SQL", str(query))
    twice = users(connection)[0]
    community()
    [(_, before, *_)] = rows_of(connection, twice)
    connection.execute(
        "INSERT INTO user_systems SELECT * FROM user_systems WHERE user_id = %s", (twice,)
    )
    connection.commit()
    _, set_aside = community()
    [(_, after, *_)] = rows_of(connection, twice)
    assert set_aside == 0
    assert after == pytest.approx(2 * before, rel=0.05) and before > 0


def test_a_user_who_leaves_keeps_the_past_and_gets_nothing_more(community, connection):
    leaving, staying = users(connection)[:2]
    community()
    connection.execute("DELETE FROM users WHERE id = %s", (leaving,))
    connection.commit()
    community(NOON + TICK)
    assert [start for start, *_ in rows_of(connection, leaving)] == [NOON]
    assert [start for start, *_ in rows_of(connection, staying)] == [NOON, NOON + TICK]
    community()  # run again, the past is that of those who are there
    assert rows_of(connection, leaving) == []


def test_a_user_who_comes_in_the_middle_of_a_day_changes_nobody_elses_numbers(
    community, connection
):
    somebody = users(connection)[0]
    community()
    community(NOON + TICK)
    before = rows_of(connection, somebody)
    coming = uuid4()
    connection.execute("INSERT INTO users VALUES (%s)", (coming,))
    connection.execute(
        "INSERT INTO user_systems (user_id, panel_count, battery_capacity_kwh) VALUES (%s, 9, 10)",
        (coming,),
    )
    connection.commit()
    community(NOON + TICK)
    assert rows_of(connection, somebody) == before
    community(NOON + 2 * TICK)
    [(first, *_, half), (second, *_, carried)] = rows_of(connection, coming)
    assert (first, second) == (NOON + TICK, NOON + 2 * TICK)
    # from half a battery, by no more than a quarter of an hour can do
    assert abs(half - 5) <= 5 * 0.25 and abs(carried - half) <= 5 * 0.25


def test_a_system_that_changes_counts_from_the_next_tick_on(community, connection):
    [(user, capacity)] = connection.execute(
        "SELECT user_id, battery_capacity_kwh FROM user_systems "
        "WHERE battery_capacity_kwh > 4 ORDER BY user_id LIMIT 1"
    ).fetchall()
    community()
    before = rows_of(connection, user)
    connection.execute(
        "UPDATE user_systems SET battery_capacity_kwh = 1, panel_count = 2 * panel_count, "
        "inverter_capacity_kw = 100 WHERE user_id = %s",
        (user,),
    )
    connection.commit()
    community(NOON + TICK)
    past, (_, generation, _, state) = rows_of(connection, user)
    assert [past] == before and before[0][3] > 1
    # a smaller battery cannot hold more than it can hold
    assert state <= 1 < capacity
    assert generation > 1.5 * past[1]
    connection.execute("UPDATE user_systems SET panel_count = 0 WHERE user_id = %s", (user,))
    connection.commit()
    community(NOON + 2 * TICK)
    assert len(rows_of(connection, user)) == 2
