"""Folders of failed cycles are kept for a look, but not for ever."""

from __future__ import annotations

import os
import time
from datetime import timedelta

from solar_model.pipeline.work_folders import sweep


def test_only_what_nobody_has_written_to_for_long_goes(tmp_path):
    long_ago = time.time() - 3600
    for name in ("old", "written-lately"):
        file = tmp_path / name / "runner" / "results.csv"
        file.parent.mkdir(parents=True)
        file.touch()
        for path in (tmp_path / name, file.parent, *([file] if name == "old" else [])):
            os.utime(path, (long_ago, long_ago))
    (tmp_path / "new").mkdir()
    assert sweep(tmp_path, timedelta(hours=2)) == 0
    assert sweep(tmp_path, timedelta(minutes=30)) == 1
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["new", "written-lately"]


def test_without_any_folder_there_is_nothing_to_do(tmp_path):
    assert sweep(tmp_path / "work", timedelta(hours=1)) == 0
