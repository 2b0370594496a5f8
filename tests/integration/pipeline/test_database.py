"""The schema goes up and down, and a backend's plain client can use energy_data."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from solar_model.pipeline.database import downgrade, upgrade

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
    module = __import__(driver)
    engine = sa.create_engine(
        f"postgresql+{driver}://", creator=lambda: module.connect(database.conninfo)
    )
    with Session(engine) as session:
        row = model(
            user_id=uuid4(),
            timestamp=datetime(2024, 9, 11, 14, 15, tzinfo=UTC),
            generation_kwh=1.0,
            consumption_kwh=0.25,
            surplus_kwh=0.75,
            source=source,
        )
        session.add(row)
        session.commit()
        assert session.scalars(sa.select(model.surplus_kwh)).all() == [0.75]
    engine.dispose()
