"""From a snapshot of the operator's tables to the input file of the cycle."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from solar_model.community.households import fill_from_site
from solar_model.contracts import UsersInput, columns_of
from solar_model.errors import ConfigurationError
from solar_model.files import write_users
from solar_model.intake import split_households
from solar_model.manifest import Manifest
from solar_model.pipeline import quarantine, runs
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.pipeline.repetition import weather_of
from solar_model.pipeline.snapshot import Snapshot, take_snapshot
from solar_model.pipeline.work_folders import is_here
from solar_model.settings import Settings
from solar_model.ticks import input_file_name, timestamp_text

Connection = psycopg.Connection[Any]

log = logging.getLogger(__name__)


def write_input(
    connection: Connection, cycle: Cycle, snapshot: Snapshot, config: Settings
) -> tuple[FileReference, int]:
    """Write the contract's input file; set aside the households that break the contract.

    Parameters
    ----------
    connection : psycopg.Connection
        For the quarantine and the run's row; committed.
    cycle : Cycle
        The ticks.
    snapshot : Snapshot
        From :func:`take_snapshot`; where another worker has it, the database is asked again.
    config : Settings
        The site of households that name none, so that every runner reads the same, and the
        weather of ticks for which none is asked and none recorded.

    Returns
    -------
    file : FileReference
        The input file, with its manifest beside it, sorted by user.
    quarantined : int
        Households set aside.

    Raises
    ------
    ConfigurationError
        When nobody is left in a shard.
    """
    folder = Path(cycle.work_dir)
    if not all(is_here(file, folder) for file in (snapshot.households, snapshot.states)):
        log.info("Another worker has the households: asking the database again")
        snapshot = take_snapshot(
            connection,
            tick=cycle.tick_start,
            sql_file=config.households_sql,
            folder=folder,
            shard=cycle.shard,
            shards=cycle.shards,
        )
    good, rejected = read_households(folder / snapshot.households.name, config.households_sql)
    states = pl.read_csv(
        folder / snapshot.states.name, schema={"user_id": pl.String, "previous_soc_kwh": pl.Float64}
    )
    good = fill_from_site(_carry_states(good, states), config)
    path = folder / input_file_name(cycle.tick_start, cycle.part)
    write_users(good, path)
    manifest = Manifest.of(
        path,
        rows=len(good),
        tick=timestamp_text(cycle.tick_start),
        steps=cycle.steps,
        seed=cycle.seed,
        weather=weather_of(connection, cycle.ticks, cycle.weather, config.weather),
    )
    secret = config.seal_secret
    (manifest.sealed(secret) if secret else manifest).write(path)
    # a household with two systems is one; rows without a user are one each
    aside = rejected["user_id"].drop_nulls().n_unique() + rejected["user_id"].null_count()
    if cycle.run_id is not None:
        quarantine.store(connection, cycle.run_id, quarantine.INPUT, _keep_states(rejected, states))
        runs.record(
            connection,
            cycle.run_id,
            households_queried=len(good) + aside,
            households_quarantined=aside,
        )
        connection.commit()
    if cycle.shards > 1 and not len(good):
        raise ConfigurationError(
            f"shard {cycle.shard} of {cycle.shards} has no household that can be simulated. Set "
            "SOLAR_SHARDS to less: a hash deals the households out, and a shard is worth its tasks "
            "from some 10,000 of them on."
        )
    return FileReference.described(path.absolute().as_uri(), manifest), aside


def read_households(path: Path, sql_file: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the households of a snapshot: see :func:`solar_model.intake.split_households`.

    Raises
    ------
    InputError, ConfigurationError
        When the query lacks a column, or gives two of one name that differ.
    """
    # as text: what is no number must reach the contract's check, not stop the reader
    found = pl.read_csv(path, infer_schema=False)
    _require_one_meaning(found, sql_file)
    return split_households(found)


def _require_one_meaning(found: pl.DataFrame, sql_file: Path) -> None:
    """A column may be there twice, as with ``*`` beside it, when both are the same."""
    for copy in found.columns:
        name, is_copy, _ = copy.partition("_duplicated_")
        if not is_copy or name not in columns_of(UsersInput):
            continue
        differing = found.filter(pl.col(name).ne_missing(pl.col(copy)))
        if len(differing):
            first, second = (differing[column][0] or "nothing" for column in (name, copy))
            raise ConfigurationError(
                f"the household query {sql_file} gives two columns {name} that differ, such as "
                f"{first} and {second}. Name each column once, instead of * beside it."
            )


def _keep_states(rejected: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Note the batteries' states of those who are set aside, for when they are back."""
    aside = rejected.with_columns(known_id=pl.col("user_id").str.to_lowercase())
    own = (
        states.join(
            aside, left_on="user_id", right_on="known_id", how="semi", maintain_order="left"
        )
        .unique("user_id", keep="first")
        .select(
            known_id="user_id",
            household=pl.struct("user_id", battery_soc_kwh="previous_soc_kwh").struct.json_encode(),
        )
    )
    return aside.join(own, on="known_id", how="left", maintain_order="left")


def _carry_states(households: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Give batteries without a known state the one that the tick before left them in."""
    known = pl.col("battery_soc_kwh") if "battery_soc_kwh" in households.columns else pl.lit(None)
    carried = pl.when(pl.col("previous_soc_kwh").is_not_null()).then(
        # a smaller battery than a tick ago cannot hold more than it can hold
        pl.min_horizontal("previous_soc_kwh", "battery_capacity_kwh")
    )
    beside = households.join(states, on="user_id", how="left")
    if len(beside) > len(households):  # hardly ever, and to look for them beforehand takes long
        return _carry_states(households, states.unique("user_id", keep="first"))
    return (
        beside.with_columns(battery_soc_kwh=pl.coalesce(known, carried))
        .drop("previous_soc_kwh")
        # numbers sort faster than text, and text that is nearly in order is soon sorted
        .sort(pl.col("user_id").str.head(8).str.to_integer(base=16))
        .sort("user_id")
    )
