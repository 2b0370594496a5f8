"""Work folders of cycles that never came to their end."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path


def sweep_work_folders(work_dir: Path, retention: timedelta) -> int:
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
