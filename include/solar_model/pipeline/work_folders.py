"""Work folders: a step finds what an earlier one left, wherever that one ran.

Each worker has a work folder of its own, shared with the others or not. A file that is not in it
comes from the exchange that carried it. What no exchange carries yet, the answer of the database
and the input file made of it, is made anew: the database is the place that every worker reaches,
and the raw answer is nobody else's business.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from solar_model.errors import ConfigurationError
from solar_model.pipeline.connections import Lookup
from solar_model.pipeline.exchange import NotInExchange, fetch
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.ticks import shard_part
from solar_model.whole_files import sha256_of

# What may stand in the name of a folder; Postgres reads it the same.
_UNNAMEABLE = "[^A-Za-z0-9._-]"

_ENDED_WELL = """
SELECT folder
FROM (
    SELECT
        regexp_replace(airflow_run_id, %(unnameable)s, '-', 'g') || CASE WHEN shards > 1 THEN
            format('-%%s-of-%%s', lpad(shard::text, 5, '0'), lpad(shards::text, 5, '0'))
        ELSE '' END AS folder,
        status
    FROM simulation_runs
) AS runs
WHERE folder = ANY(%(folders)s)
GROUP BY folder
HAVING bool_and(status::text IN ('completed', 'degraded'))
"""

log = logging.getLogger(__name__)


def folder_of(airflow_run_id: str, work_dir: Path, shard: int = 0, shards: int = 1) -> Path:
    """Folder of the temporary files of an Airflow run, or a shard of it, on this machine."""
    return work_dir / (re.sub(_UNNAMEABLE, "-", airflow_run_id) + shard_part(shard, shards))


def remove(airflow_run_id: str, work_dir: Path) -> None:
    """Remove what a run has left on this machine, all shards together."""
    name = re.escape(folder_of(airflow_run_id, work_dir).name)
    # the id of another run may begin with this one's
    ours = re.compile(rf"{name}(-\d{{5}}-of-\d{{5}})?")
    for folder in work_dir.glob("*/"):
        if ours.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def on_this_machine(cycle: Cycle, work_dir: Path) -> Cycle:
    """The cycle as handed over, with its work folder where it is here."""
    return replace(cycle, work_dir=str(work_dir / Path(cycle.work_dir).name))


def is_here(wanted: FileReference, folder: Path) -> bool:
    """Whether a folder holds the very file; one of an earlier attempt may have its name."""
    here = folder / wanted.name
    return (
        here.is_file() and here.stat().st_size == wanted.bytes and sha256_of(here) == wanted.sha256
    )


def bring(wanted: FileReference, folder: Path, carried: FileReference, connections: Lookup) -> Path:
    """Path of a file on this machine, fetched when another worker has it.

    Parameters
    ----------
    wanted : FileReference
        The file, where an earlier step left it.
    folder : path
        This worker's folder for it.
    carried : FileReference
        The same file in the exchange.
    connections : callable
        As for :func:`solar_model.pipeline.exchange.open_exchange`.

    Raises
    ------
    ConfigurationError
        When the exchange is a folder that this machine does not share.
    TransferError
        When the exchange cannot give the file, or gives another one.
    """
    here = folder / wanted.name
    if is_here(wanted, folder):
        return here
    log.info("Another worker has %s: fetching it from %s", wanted.name, carried.exchange)
    try:
        return fetch(carried, folder, connections).path
    except NotInExchange as error:
        if not carried.uri.startswith("file:"):
            raise
        raise ConfigurationError(
            f"{wanted.name} is neither in this worker's folder {folder} nor in the exchange "
            f"{carried.exchange}. Was it removed, clear the run from query_households on. Workers "
            "on several machines need an exchange that all of them reach: set SOLAR_EXCHANGES to "
            "an object store, or mount the same folder everywhere."
        ) from error


def remove_finished(connection: psycopg.Connection[Any], work_dir: Path) -> int:
    """Remove the folders of runs that ended well; returns how many.

    The step that cleans up runs on one worker. The others keep what they had of the run until
    their turn comes.

    Parameters
    ----------
    connection : psycopg.Connection
        To the ledger of runs.
    work_dir : path
        Holds a folder for each run.
    """
    folders = [folder.name for folder in work_dir.glob("*/")]
    with connection.transaction():
        finished = connection.execute(
            _ENDED_WELL, {"unnameable": _UNNAMEABLE, "folders": folders}
        ).fetchall()
    for (name,) in finished:
        shutil.rmtree(work_dir / name, ignore_errors=True)
    return len(finished)


def sweep(work_dir: Path, retention: timedelta) -> int:
    """Remove the folders of runs in which nobody has written for the retention time.

    A cycle removes its folder when it has succeeded. That of one which failed is kept for a look,
    but not for ever; no run lives as long as that.

    Parameters
    ----------
    work_dir : path
        Holds a folder for each run.
    retention : datetime.timedelta
        How long they are kept.

    Returns
    -------
    int
        Folders removed.
    """
    oldest = time.time() - retention.total_seconds()
    old = [folder for folder in work_dir.glob("*/") if _last_written(folder) < oldest]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def _last_written(folder: Path) -> float:
    # a file may vanish while it is looked at: then somebody works there
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except FileNotFoundError:
        return time.time()
