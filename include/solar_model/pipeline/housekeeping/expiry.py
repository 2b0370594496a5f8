"""Old files and pages: exchanged files, logs, and the pages of validations."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import psycopg

from solar_model.errors import SolarModelError, TransferError
from solar_model.pipeline.connections import Lookup
from solar_model.pipeline.exchange import Patience, open_exchange
from solar_model.settings import LONG_LOG_BYTES, Settings


def remove_old_exchange_files(config: Settings, connections: Lookup) -> str:
    """Remove what is older than ``SOLAR_EXCHANGE_RETENTION`` from every exchange.

    Each cycle does so too, when it has ended well; this is for the days on which none has.

    Raises
    ------
    TransferError
        When files stay in an exchange; the others are done by then.
    """
    removed, trouble = 0, []
    for url in config.exchange_urls:
        try:
            exchange = open_exchange(url, connections, Patience(attempts=2))
            removed += exchange.expire(config.exchange_retention)
        except SolarModelError as error:
            trouble.append(f"{url}: {error}")
    if trouble:
        raise TransferError("old files stay in an exchange: " + " | ".join(trouble))
    return f"{removed} files removed from {len(config.exchange_urls)} exchanges"


def remove_old_logs(folders: list[Path], config: Settings, now: datetime) -> str:
    """Remove log files that nobody has written to for ``SOLAR_LOG_RETENTION``, and empty folders.

    A long one that lies directly in a folder is that of a component: it is copied to ``NAME.1``, in
    place of what was there, and begun anew under whoever writes to it, who appends.

    Parameters
    ----------
    folders : list of path
        Where logs lie, with everything below.
    config : Settings
        Holds the retention.
    now : datetime.datetime
        The moment to judge from.
    """
    oldest = (now - config.log_retention).timestamp()
    removed = size = 0
    for folder in folders:
        # the deepest first, so that a folder is empty when its turn comes
        for path, status in reversed(_old(folder, oldest)):
            # somebody else may be faster, or write into the folder
            with suppress(OSError):
                if S_ISDIR(status.st_mode):
                    path.rmdir()
                else:
                    path.unlink()
                    removed, size = removed + 1, size + status.st_size
    begun = sum(_begin_anew(path) for folder in folders for path in folder.glob("*.log"))
    return f"{removed} log files removed, {size / 1e6:.1f} MB; {begun} long ones begun anew"


def _begin_anew(path: Path) -> bool:
    with suppress(FileNotFoundError):
        if path.stat().st_size > LONG_LOG_BYTES:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)
            return True
    return False


def _old(folder: Path, oldest: float) -> list[tuple[Path, os.stat_result]]:
    """What was old before anything was removed: a folder changes with what is in it."""
    found = []
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_mtime < oldest:
                found.append((path, status))
    return found


def remove_old_pages(connection: psycopg.Connection[Any], config: Settings, now: datetime) -> str:
    """Remove pages of validations older than ``SOLAR_LOG_RETENTION``; what was found stays."""
    with connection.transaction():
        cursor = connection.execute(
            "UPDATE validations SET page = NULL WHERE page IS NOT NULL AND validated_at < %s",
            (now - config.log_retention,),
        )
    return f"{cursor.rowcount} pages of validations removed"
