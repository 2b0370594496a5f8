"""Drafts of files and scratch folders: which are in use, and which a killed process has left.

Who uses a file or a folder for a while holds a lock on it, which goes with the process however that
one ends. So what can be locked is nobody's, unless it was made in this very moment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

DRAFT = ".part"  # how the name of a file ends until it is whole
_YOUNG_SECONDS = 60.0  # longer than between making something and locking it


def sweep_drafts(folder: Path) -> int:
    """Remove the drafts of files whose writers were killed; returns how many."""
    left = [draft for draft in folder.glob(f".*{DRAFT}") if _is_nobodys(draft)]
    for draft in left:
        draft.unlink(missing_ok=True)
    return len(left)


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A folder for a while; what killed processes have left of the same purpose goes first."""
    prefix = f"solar-{purpose}-"
    for left in Path(gettempdir()).glob(f"{prefix}*"):
        if _is_nobodys(left):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=prefix) as name:
        lock = os.open(name, os.O_RDONLY)
        try:
            hold(lock)
            yield Path(name)
        finally:
            os.close(lock)


def hold(file: int) -> None:
    """Show that a file or a folder is in use: the lock goes with the process, however it ends."""
    with suppress(OSError):  # a file system without locks
        # a sweeper that looks at it in this moment is waited for
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_nobodys(path: Path) -> bool:
    """Whether nobody uses a file or a folder any more, and it was not made in this moment."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # another sweeper was faster, or it is another user's
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(file).st_mtime < time.time() - _YOUNG_SECONDS
    except OSError:  # in use, or where nobody can lock
        return False
    finally:
        os.close(file)
