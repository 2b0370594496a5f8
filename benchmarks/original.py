"""The way this pipeline was first designed, as it was meant: rows, and a loop for each of them.

``read_sql`` into pandas and ``to_csv`` out of it; one pvlib ``ModelChain`` per household; checks
in Python, row by row; an object of the ORM from each row of ``iterrows``. It is measured on as
many households as it can finish and scaled up linearly, which flatters it: memory does not scale.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import DateTime, Float, String, Uuid, create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.apart import Measured, apart, timed
from solar_stack.show import step

CHAIN_HOUSEHOLDS = 100

_QUERY = """
SELECT us.user_id, us.panel_wattage, us.panel_count, us.battery_capacity_kwh,
       us.inverter_capacity_kw, us.household_size
FROM user_systems AS us JOIN users AS u ON u.id = us.user_id
WHERE us.panel_count > 0
"""
_ENERGIES = ("generation_kwh", "consumption_kwh", "grid_import_kwh", "grid_export_kwh")


class _Base(DeclarativeBase):
    pass


class EnergyData(_Base):
    """A row of ``energy_data`` as an object."""

    __tablename__ = "energy_data"

    timestamp: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    generation_kwh: Mapped[float] = mapped_column(Float)
    consumption_kwh: Mapped[float] = mapped_column(Float)
    surplus_kwh: Mapped[float] = mapped_column(Float)
    source: Mapped[str] = mapped_column(String)
    simulation_run_id: Mapped[uuid.UUID] = mapped_column(Uuid)


def measure(info: str, folder: Path, households: int, tick: datetime) -> dict[str, Any]:
    """The original way through a cycle of some households.

    Parameters
    ----------
    info : str
        Connection URI of the solar database.
    folder : path
        For the files.
    households : int
        Size of the community.
    tick : datetime.datetime
        A tick that the database holds no rows of.

    Returns
    -------
    dict
        ``households``; the seconds of each task, ``run_simulation`` scaled up from
        ``CHAIN_HOUSEHOLDS``; ``peak_mib`` of the tasks without the simulation.
    """
    from benchmarks.pipeline import cycle, settle
    from benchmarks.server import Server
    from solar_model.pipeline.references import FileReference

    with step(f"The original way: {households:,} households"):
        apart(lambda: settle(info, households))
        _, handover = cycle(Server(info), tick, upto="download_results")
        given, results = (FileReference(**handover[name]).path for name in ("input", "downloaded"))
        tasks, path = apart(lambda: data_path(info, folder, results))
        at = tick.isoformat()
        _, chains = apart(lambda: model_chains(given, CHAIN_HOUSEHOLDS, at, 1, 1))
    simulation_s = chains["total_s"] * households / CHAIN_HOUSEHOLDS
    return {
        "households": households,
        "tasks": {**tasks, "run_simulation_s": simulation_s},
        "peak_mib": path["peak_mib"],
    }


def data_path(info: str, folder: Path, results_file: Path) -> Measured:
    """Every step but the simulation, whose results are given.

    Parameters
    ----------
    info : str
        Connection URI of the solar database.
    folder : path
        For the files.
    results_file : path
        Results of as many households as the database holds, of a tick that it has no rows of.
    """
    measured: Measured = {}
    engine = create_engine(info.replace("://", "+psycopg2://", 1))
    with timed(measured, "query_households"):
        users = pd.read_sql(text(_QUERY), engine)
    with timed(measured, "write_input_csv"):
        users.to_csv(folder / "users_input.csv", index=False)
    with timed(measured, "upload_input"):
        _copy(folder / "users_input.csv", folder / "uploaded.csv")
    with timed(measured, "download_results"):
        _copy(results_file, folder / "downloaded.csv")
    with timed(measured, "validate_results"):
        results = pd.read_csv(folder / "downloaded.csv")
        _validate(results, users)
    with timed(measured, "insert_results"):
        _insert(engine, results)
    engine.dispose()
    return measured


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _validate(results: pd.DataFrame, users: pd.DataFrame) -> None:
    wanted = {str(user) for user in users["user_id"]}
    errors = []
    for _, row in results.iterrows():
        try:
            uuid.UUID(row["user_id"])
            datetime.fromisoformat(row["timestamp"])
        except ValueError as error:
            errors.append(str(error))
        if row["user_id"] not in wanted:
            errors.append(f"unknown user {row['user_id']}")
        if any(pd.isna(row[name]) or row[name] < 0 for name in _ENERGIES):
            errors.append(f"bad energy of {row['user_id']}")
        if abs(row["generation_kwh"] - row["consumption_kwh"] - row["surplus_kwh"]) > 0.001:
            errors.append(f"bad surplus of {row['user_id']}")
    if errors or len(results) != len(wanted):
        raise ValueError(f"{len(errors)} errors in the results: {errors[:3]}")


def _insert(engine: object, results: pd.DataFrame) -> None:
    run_id = uuid.uuid4()
    with Session(engine) as session:
        session.bulk_save_objects(
            [
                EnergyData(
                    timestamp=datetime.fromisoformat(f"{row['timestamp']}+00:00"),
                    user_id=uuid.UUID(row["user_id"]),
                    generation_kwh=float(row["generation_kwh"]),
                    consumption_kwh=float(row["consumption_kwh"]),
                    surplus_kwh=float(row["surplus_kwh"]),
                    source="SIMULATION",
                    simulation_run_id=run_id,
                )
                for _, row in results.iterrows()
            ]
        )
        session.commit()


def model_chains(users: Path, households: int, start: str, steps: int, steps_per_call: int) -> None:
    """Generation by one pvlib ModelChain per household, under a clear sky."""
    from pvlib.location import Location
    from pvlib.modelchain import ModelChain
    from pvlib.pvsystem import Array, FixedMount, PVSystem

    times = pd.date_range(pd.to_datetime(start, utc=True), periods=steps, freq="15min")
    calls = [times[first : first + steps_per_call] for first in range(0, steps, steps_per_call)]
    for _, row in pd.read_csv(users, nrows=households).iterrows():
        dc_w = row["panel_wattage"] * row["panel_count"]
        array = Array(
            FixedMount(row["tilt_deg"], row["azimuth_deg"]),
            module_parameters={"pdc0": dc_w, "gamma_pdc": -0.0037},
            temperature_model_parameters={"noct": 49.0, "module_efficiency": 0.19},
        )
        inverter = {"pdc0": row["inverter_capacity_kw"] * 1000.0 / 0.96}
        place = Location(row["latitude"], row["longitude"])
        chain = ModelChain(
            PVSystem([array], inverter_parameters=inverter),
            place,
            aoi_model="physical",
            spectral_model="no_loss",
            temperature_model="noct_sam",
        )
        for call in calls:
            chain.run_model(place.get_clearsky(call).assign(temp_air=20.0, wind_speed=1.0))
