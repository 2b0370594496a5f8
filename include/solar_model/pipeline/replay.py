"""Replay: a run computed again from what was recorded of it, and held against what is stored."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from solar_model import __version__
from solar_model.contracts import Results, columns_of
from solar_model.errors import ConfigurationError, InputError, TransferError
from solar_model.files import read_results
from solar_model.manifest import Manifest
from solar_model.pipeline import quarantine
from solar_model.pipeline.connections import Lookup
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.repetition import in_spans
from solar_model.scratch import scratch_folder
from solar_model.settings import Settings
from solar_model.simulation import run_simulation
from solar_model.ticks import TICK, parse_tick, ticks_from
from solar_model.whole_files import sha256_of

Connection = psycopg.Connection[Any]

_KEY = ["timestamp", "user_id"]
_VALUES = [name for name in columns_of(Results) if name not in _KEY]


@dataclass(frozen=True)
class Recorded:
    """What the ledger says of a run that has stored something."""

    id: str
    tick: datetime
    steps: int
    seed: int
    weather: Any
    model_version: str
    exchange: str
    input_file: str
    input_sha256: str
    results_sha256: str
    stored: bool
    dropped: bool


@dataclass(frozen=True)
class Replay:
    """What came out when a run was computed again.

    Attributes
    ----------
    run : Recorded
        The run.
    sha256 : str
        Of the results file that the replay wrote.
    rows : int
        Rows of ``energy_data`` that were held against it.
    differences : tuple of str
        What differs, in words; empty when the bytes are identical and the rows are those.
    """

    run: Recorded
    sha256: str
    rows: int
    differences: tuple[str, ...]

    @property
    def other_version(self) -> bool:
        """Whether another version of the model computed the run, which explains a difference."""
        return self.run.model_version != __version__

    def __str__(self) -> str:
        name = f"run {self.run.id} of {self.run.tick:%Y-%m-%d %H:%M} UTC"
        if not self.differences:
            return (
                f"{name}: identical, SHA-256 {self.sha256}; {self.rows:,} rows of energy_data "
                "are those of the replay"
            )
        explained = (
            f" (it was computed by version {self.run.model_version} of the model, this is "
            f"{__version__}: that may explain it)"
            if self.other_version
            else ""
        )
        return f"{name}: not what is stored{explained}: {'; '.join(self.differences)}"


def replay(
    connection: Connection,
    run_id: str,
    config: Settings,
    connections: Lookup,
    *,
    progress: Callable[[str], object] = lambda _: None,
) -> Replay:
    """Compute a run again from its recorded input, seed and weather, and compare.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    run_id : str
        Row of ``simulation_runs``.
    config : Settings
        Where inputs lie.
    connections : callable
        Of the exchanges.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    InputError
        When there is no such run, it has stored nothing, its day was dropped, or ticks that it
        computed together with this one were run again since.
    TransferError
        When its input is not there any more; says where it was looked for.
    """
    run = _recorded(connection, run_id)
    with scratch_folder("replay") as folder:
        progress("looking for its input")
        given = _find_input(run, config, connections, folder)
        asked = Manifest.read(given)
        progress("computing it again")
        weather = _weather(connection, run, asked)
        results = folder / "replay" / "results.csv"
        run_simulation(given, results, asked.steps, asked.tick, weather, run.seed)
        progress("comparing")
        sha256 = sha256_of(results)
        stored = _stored(connection, run)
        aside = quarantine.set_aside(connection, run.id)
        differences = list(_differences(read_results(results), stored, run, aside))
    if sha256 != run.results_sha256:
        differences.insert(0, f"SHA-256 is {sha256}, recorded was {run.results_sha256}")
    return Replay(run, sha256, len(stored), tuple(differences))


def sample(
    connection: Connection, *, since: datetime, until: datetime, count: int, seed: int
) -> list[str]:
    """Some of the runs that stored something in a span of time.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    since, until : datetime.datetime
        When the runs ended; the second excluded.
    count : int
        How many; all, when there are fewer.
    seed : int
        The same seed draws the same runs.
    """
    with connection.transaction():
        found = connection.execute(
            """
            SELECT id::text FROM simulation_runs
            WHERE finished_at >= %s AND finished_at < %s
              AND status::text IN ('completed', 'degraded') AND results_sha256 IS NOT NULL
              AND to_regclass('energy_data_' || to_char(tick, 'YYYYMMDD')) IS NOT NULL
            ORDER BY tick, shard
            """,
            (since, until),
        ).fetchall()
    ids = [run_id for (run_id,) in found]
    return random.Random(f"{seed} {since.isoformat()}").sample(ids, min(count, len(ids)))


def _recorded(connection: Connection, run_id: str) -> Recorded:
    try:
        UUID(run_id)
    except ValueError:
        raise InputError(
            "this is no run", value=run_id, expected="the id of a row of simulation_runs"
        ) from None
    with connection.transaction(), connection.cursor(row_factory=class_row(Recorded)) as cursor:
        run = cursor.execute(
            """
            SELECT
                id::text, tick, steps, seed, weather, model_version, exchange, input_file,
                input_sha256, results_sha256,
                -- of a tick that is begun with other shards, parts of the rows are others' by now
                rows_inserted IS NOT NULL AND results_sha256 IS NOT NULL AS stored,
                to_regclass('energy_data_' || to_char(tick, 'YYYYMMDD')) IS NULL AS dropped
            FROM simulation_runs WHERE id = %s
            """,
            (run_id,),
        ).fetchone()
    if run is None:
        raise InputError(
            "there is no such run", value=run_id, expected="the id of a row of simulation_runs"
        )
    if not run.stored:
        raise InputError(
            "the run has stored nothing that could be compared, or its tick was begun with other "
            "shards since",
            value=run_id,
        )
    if run.dropped:
        raise InputError(
            f"the rows of {run.tick:%F} were dropped, so there is nothing to compare with",
            value=run_id,
            hint="Restore the day first, see docs/housekeeping.md",
        )
    return run


def _find_input(run: Recorded, config: Settings, connections: Lookup, folder: Path) -> Path:
    """The very file that the run was computed from, its manifest beside it."""
    for path in config.work_dir.glob(f"*/{run.input_file}"):
        if sha256_of(path) == run.input_sha256:
            return path
    looked = [f"{config.work_dir}: not there"]
    for url in dict.fromkeys((run.exchange, *config.exchange_urls)):
        try:
            got = open_exchange(url, connections).get(run.input_file, folder)
        except (TransferError, ConfigurationError) as error:
            looked.append(str(error))
        else:
            if got.sha256 == run.input_sha256:
                return got.path
            looked.append(f"{url}: what lies there is of another run of the tick")
    raise TransferError(
        f"the input of run {run.id}, {run.input_file}, cannot be found; it is kept for "
        f"{config.exchange_retention} (SOLAR_EXCHANGE_RETENTION). " + "; ".join(looked)
    )


def _weather(connection: Connection, run: Recorded, asked: Manifest) -> Any:
    """The weather of all ticks that the run's file holds; each is recorded with its tick."""
    if asked.steps == 1:
        return run.weather
    ticks = ticks_from(parse_tick(asked.tick), asked.steps)
    with connection.transaction():
        still = connection.execute(
            "SELECT tick, weather FROM simulation_runs "
            "WHERE tick = ANY(%s) AND results_sha256 = %s ORDER BY tick",
            (ticks, run.results_sha256),
        ).fetchall()
    if len(still) < asked.steps:
        raise InputError(
            f"{asked.steps - len(still)} of the {asked.steps} ticks that were computed with this "
            "one have been run again since, and their weather is no longer known",
            value=run.id,
            hint="Replay those",
        )
    return in_spans(dict(still))


def _stored(connection: Connection, run: Recorded) -> pl.DataFrame:
    copied = io.BytesIO()
    with connection.transaction(), connection.cursor() as cursor:
        statement = sql.SQL(
            """
            COPY (
                SELECT "timestamp" AT TIME ZONE 'UTC' AS "timestamp", user_id, {}
                FROM energy_data
                WHERE "timestamp" >= {} AND "timestamp" < {} AND simulation_run_id = {}
            ) TO STDOUT (FORMAT csv, HEADER)
            """
        ).format(
            sql.SQL(", ").join(map(sql.Identifier, _VALUES)),
            run.tick,
            run.tick + run.steps * TICK,
            run.id,
        )
        with cursor.copy(statement) as copy:
            for chunk in copy:
                copied.write(chunk)
    copied.seek(0)
    types = {"user_id": pl.String, **dict.fromkeys(_VALUES, pl.Float64)}
    return pl.read_csv(copied, schema_overrides={"timestamp": pl.String, **types}).with_columns(
        pl.col("timestamp")
        .str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
        .dt.replace_time_zone("UTC")
    )


def _differences(
    computed: pl.DataFrame, stored: pl.DataFrame, run: Recorded, aside: Collection[str]
) -> Iterator[str]:
    """What is not the same in the database as in the replay.

    Users are told by the line of the results file: these words go into logs.
    """
    computed = computed.with_row_index("line", offset=2).filter(
        pl.col("timestamp").is_between(run.tick, run.tick + run.steps * TICK, closed="left")
    )
    lost = computed.join(stored, on=_KEY, how="anti").filter(~pl.col("user_id").is_in(aside))
    if len(lost):
        line = lost.sort("line")["line"][0]
        yield f"{len(lost):,} rows are not in energy_data, the first of line {line}"
    unknown = stored.join(computed, on=_KEY, how="anti")
    if len(unknown):
        yield f"{len(unknown):,} rows of energy_data are of nobody whom the replay has"
    both = computed.join(stored, on=_KEY, suffix="_stored").sort("line")
    for name in _VALUES:
        others = both.filter(pl.col(name) != pl.col(f"{name}_stored"))
        if len(others):
            row = others.row(0, named=True)
            yield (
                f"{name} differs in {len(others):,} rows, first in line {row['line']}: "
                f"stored {row[f'{name}_stored']}, computed {row[name]}"
            )
