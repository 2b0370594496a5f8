"""``backup_energy_data_YYYYMMDD.sql``: the rows of a UTC day, as a script for psql.

What is in a backup is never lost by a later one: that is written beside it, as ``….2.sql``, and
takes its place only when it has every row of it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from solar_model.errors import TransferError
from solar_model.pipeline import transfers
from solar_model.pipeline.housekeeping import partitions
from solar_model.pipeline.references import FileReference
from solar_model.scratch import sweep_drafts
from solar_model.settings import Settings
from solar_model.whole_files import atomic_write, sha256_of

Connection = psycopg.Connection[Any]

log = logging.getLogger(__name__)

_NAME = re.compile(r"backup_energy_data_[0-9]{8}(?:\.([0-9]+))?\.sql")
_HEAD = """\
-- energy_data of {day} (UTC): {rows} rows. They take the place of those of the same time, household
-- and source; others stay. How to restore a day: docs/housekeeping.md
BEGIN;
SELECT energy_data_partition('{day}');
CREATE TEMPORARY TABLE restored ON COMMIT DROP AS SELECT {columns} FROM energy_data LIMIT 0;
COPY restored ({columns}) FROM stdin;
"""
_TAIL = """\
\\.
INSERT INTO energy_data ({columns}) SELECT {columns} FROM restored
ON CONFLICT ("timestamp", user_id, source) DO UPDATE SET ({columns}) = ({values});
COMMIT;
"""

# Postgres's own count of what was written to a day: metered rows that came late, too. It begins
# anew after a crash, and counts what was rolled back.
_CHANGES = """
SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_all_tables
WHERE relid = to_regclass('energy_data_' || to_char(%(day)s::date, 'YYYYMMDD'))
"""
# A day is backed up when it is over, and again when a tick of it was run since.
_WAS_RUN_SINCE = """
SELECT file, changes, EXISTS (
    SELECT FROM simulation_runs
    WHERE tick >= %(first)s AND tick < %(past)s AND finished_at > backups.made_at)
FROM backups WHERE day = %(day)s
"""

_ROWS = """
COPY (
    SELECT {columns} FROM energy_data WHERE "timestamp" >= {first} AND "timestamp" < {past}
    ORDER BY "timestamp", user_id, source
) TO STDOUT
"""


def back_up_days(connection: Connection, config: Settings, now: datetime) -> str:
    """Back up every day that is over and not backed up as it is; says how many."""
    sweep_drafts(config.backup_folder)  # each would take as much room as a backup
    today = now.astimezone(UTC).date()
    over = [day for day in partitions.days(connection) if day < today]
    made = _back_up_due(connection, config, over)
    # afterwards: who reads the table at this moment may keep a partition from being made
    late = partitions.make_past_days(connection, today)
    made += _back_up_due(connection, config, late)
    return f"{made} of {len(over) + len(late)} days backed up to {config.backup_folder}"


def _back_up_due(connection: Connection, config: Settings, days: Sequence[date]) -> int:
    due = [day for day in days if not _is_current(connection, day, config.backup_folder)]
    for number, day in enumerate(due, 1):
        rows = back_up(connection, day, config.backup_folder)
        log.info("%s: %s rows (%d of %d)", day, f"{rows:,}", number, len(due))
    return len(due)


def back_up(connection: Connection, day: date, folder: Path) -> int:
    """Write the backup of a day, beside those that have rows which it has not; returns its rows.

    Raises
    ------
    TransferError
        When the file does not hold the rows that the database counts.
    """
    _put_aside_damaged(connection, day, folder)
    last = _last_number(connection, day, folder)
    target = folder / file_name(day, last + 1)
    changes = _changes(connection, day)  # before the rows: what is written meanwhile counts as new
    with connection.transaction():
        # the digest, and the rows in the file, are of one moment
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        [(rows, digest)] = connection.execute(
            "SELECT rows, digest FROM energy_data_digest(%s)", (day,)
        ).fetchall()
        with atomic_write(target) as file:
            sha256, written = _write(connection, file, day, rows)
            if written != rows:
                raise TransferError(
                    f"{target}: {written:,} rows were written, {day} has {rows:,}; try again"
                )
    before = folder / file_name(day, last)
    if last and before.is_file() and _has_all(target, before):
        target = target.replace(before)
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO backups (day, file, sha256, rows, digest, changes)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (day) DO UPDATE SET file = excluded.file, sha256 = excluded.sha256,
                rows = excluded.rows, digest = excluded.digest, changes = excluded.changes,
                made_at = now()
            """,
            (day, str(target), sha256, rows, digest, changes),
        )
        kept = FileReference(target.absolute().as_uri(), rows, target.stat().st_size, sha256)
        transfers.record(connection, None, "backup", kept, actor="back_up")
    return int(rows)


def holds(connection: Connection, day: date, folder: Path) -> bool:
    """Whether the last backup of a day is there, undamaged, and has the rows of the day now."""
    with connection.transaction():
        row = connection.execute(
            """
            SELECT file, sha256 FROM backups, energy_data_digest(%(day)s) AS found
            WHERE day = %(day)s AND backups.rows = found.rows AND backups.digest = found.digest
            """,
            {"day": day},
        ).fetchone()
    if row is None:
        return False
    file, sha256 = row
    target = folder / Path(file).name
    return target.is_file() and sha256_of(target) == sha256


def file_name(day: date, number: int = 1) -> str:
    """``backup_energy_data_YYYYMMDD.sql`` of a day, ``….2.sql`` of its second backup, and so on."""
    suffix = f".{number}.sql" if number > 1 else ".sql"
    return f"{_stem(day)}{suffix}"


def _stem(day: date) -> str:
    # strftime writes years before 1000 with fewer digits on some systems
    return f"backup_energy_data_{day.isoformat().replace('-', '')}"


def _put_aside_damaged(connection: Connection, day: date, folder: Path) -> None:
    """Rename the last backup where its bytes have changed: psql would stop at it."""
    with connection.transaction():
        known = connection.execute(
            "SELECT file, sha256 FROM backups WHERE day = %s", (day,)
        ).fetchone()
    if known is None:
        return
    file = folder / Path(known[0]).name
    if file.is_file() and sha256_of(file) != known[1]:
        log.warning("%s is damaged: kept as %s.damaged", file, file.name)
        file.replace(file.with_name(f"{file.name}.damaged"))


def _last_number(connection: Connection, day: date, folder: Path) -> int:
    """How many backups a day has, be they in the folder or moved away; 0 without one."""
    with connection.transaction():
        known = connection.execute("SELECT file FROM backups WHERE day = %s", (day,)).fetchall()
    names = [Path(file).name for (file,) in known]
    names += [path.name for path in folder.glob(f"{_stem(day)}*.sql")]
    # a copy that somebody made by hand has another name, and does not count
    ours = [found for found in map(_NAME.fullmatch, names) if found]
    return max((int(found[1] or 1) for found in ours), default=0)


def _has_all(new: Path, old: Path) -> bool:
    """Whether each line of a backup but its heading is in another one, in the same order."""
    with new.open("rb") as lines, old.open("rb") as wanted:
        return all(line.startswith(b"--") or line in lines for line in wanted)


def _is_current(connection: Connection, day: date, folder: Path) -> bool:
    first, past = _bounds(day)
    values = {"day": day, "first": first, "past": past}
    changes = _changes(connection, day)
    with connection.transaction():
        row = connection.execute(_WAS_RUN_SINCE, values).fetchone()
    if row is None:
        return False
    file, known, was_run = row
    if was_run or not (folder / Path(file).name).is_file():
        return False
    if changes != known:
        if not holds(connection, day, folder):
            return False
        with connection.transaction():
            connection.execute("UPDATE backups SET changes = %s WHERE day = %s", (changes, day))
    return True


def _changes(connection: Connection, day: date) -> int | None:
    with connection.transaction():
        row = connection.execute(_CHANGES, {"day": day}).fetchone()
    return row and row[0]


def _write(connection: Connection, file: IO[bytes], day: date, rows: int) -> tuple[str, int]:
    """Write the script; its checksum, and the rows in it."""
    first, past = _bounds(day)
    described = connection.execute("SELECT * FROM energy_data LIMIT 0").description or ()
    names = [sql.Identifier(column.name) for column in described]
    columns = sql.SQL(", ").join(names)
    listed = columns.as_string(connection)
    values = sql.SQL(", ").join(sql.SQL("excluded.") + name for name in names)
    query = sql.SQL(_ROWS).format(
        columns=columns, first=sql.Literal(first.isoformat()), past=sql.Literal(past.isoformat())
    )
    hashing = hashlib.sha256()
    written = 0

    def write(data: bytes | bytearray | memoryview) -> int:
        block = bytes(data)
        hashing.update(block)
        file.write(block)
        return block.count(b"\n")

    write(_HEAD.format(day=day, rows=rows, columns=listed).encode())
    with connection.cursor().copy(query) as copy:
        for block in copy:
            written += write(block)
    write(_TAIL.format(columns=listed, values=values.as_string(connection)).encode())
    return hashing.hexdigest(), written


def _bounds(day: date) -> tuple[datetime, datetime]:
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return first, first + timedelta(days=1)
