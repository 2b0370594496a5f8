"""Whole days of ``energy_data``: filled, read, and restored from their backups."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from solar_stack.postgres_wheel import locate

ROWS = 96 * 5


def fill(connection, day: date) -> None:
    """A day of five households, one of them with a meter, whose rows are of another kind."""
    connection.execute("SELECT energy_data_partition(%s)", (day,))
    connection.execute(
        """
        INSERT INTO energy_data
        SELECT tick, md5(household::text)::uuid, random(), pi() * household, random(), 0, 1e-6,
            'NaN'::float8, 0.1 + 0.2, random() - 0.5,
            (CASE household WHEN 5 THEN 'METER' ELSE 'SIMULATION' END)::energy_source,
            CASE household WHEN 5 THEN NULL ELSE gen_random_uuid() END
        FROM generate_series(
                %(day)s::timestamp AT TIME ZONE 'UTC',
                (%(day)s::timestamp + interval '23:45') AT TIME ZONE 'UTC',
                interval '15 minutes') AS tick,
            generate_series(1, 5) AS household
        """,
        {"day": day},
    )
    connection.commit()


def rows(connection) -> list[tuple]:
    found = connection.execute(
        'SELECT energy_data::text FROM energy_data ORDER BY "timestamp", user_id'
    ).fetchall()
    connection.commit()
    return found


def restore(database, *files: Path) -> None:
    """As an operator does it, with Postgres's own client."""
    parts = conninfo_to_dict(database.conninfo)
    environment = {**os.environ, "PGPASSWORD": parts["password"], "PGOPTIONS": parts["options"]}
    address = [f"--{name}={parts[key]}" for name, key in (("host", "host"), ("port", "port"))]
    command = [locate(None) / "psql", *address, f"--username={parts['user']}"]
    command += [
        "--set=ON_ERROR_STOP=1",
        "--quiet",
        "--no-psqlrc",
        *(f"--file={file}" for file in files),
    ]
    subprocess.run(
        [*command, parts["dbname"]], env=environment, check=True, capture_output=True, timeout=60
    )
