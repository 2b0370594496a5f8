"""What killed processes have left goes; what somebody uses stays, however old it is."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from solar_model.scratch import hold, scratch_folder, sweep_drafts

WRITER = """
import sys, time
from solar_model.whole_files import atomic_write
with atomic_write(sys.argv[1] + "/results.csv") as file:
    file.write(b"half")
    print("working", flush=True)
    time.sleep(60)
"""
WORKER = """
import sys, time
from solar_model.scratch import scratch_folder
with scratch_folder("test") as folder:
    (folder / "users.csv").touch()
    print("working", flush=True)
    time.sleep(60)
"""


def clean_by_use(_):
    with scratch_folder("test"):
        pass


@pytest.mark.parametrize(("program", "clean"), [(WRITER, sweep_drafts), (WORKER, clean_by_use)])
def test_only_what_the_dead_have_left_goes(tmp_path, monkeypatch, program, clean):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert worker.stdout.readline() == b"working\n"
    [used] = tmp_path.iterdir()
    an_hour_ago = time.time() - 3600
    os.utime(used, (an_hour_ago, an_hour_ago))
    clean(tmp_path)
    assert used.exists()
    worker.kill()
    worker.communicate()
    os.utime(used)
    clean(tmp_path)
    assert used.exists()  # it may be that its user has not locked it yet
    os.utime(used, (an_hour_ago, an_hour_ago))
    clean(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_purpose_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = tmp_path / "solar-other-1"
    other.mkdir()
    os.utime(other, (0, 0))
    with scratch_folder("test") as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == [other]


def test_a_sweeper_that_looks_in_this_moment_keeps_nobody_from_holding(tmp_path):
    path = tmp_path / ".results.csv.part"
    path.touch()
    with path.open() as sweepers, path.open() as owners, path.open() as others:
        fcntl.flock(sweepers, fcntl.LOCK_EX)
        owner = threading.Thread(target=hold, args=(owners.fileno(),))
        owner.start()
        time.sleep(0.2)
        fcntl.flock(sweepers, fcntl.LOCK_UN)
        owner.join(10)
        with pytest.raises(BlockingIOError):
            fcntl.flock(others, fcntl.LOCK_EX | fcntl.LOCK_NB)
