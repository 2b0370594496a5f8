"""What a runner does with its jobs while its disk is full, and when they are old."""

import os
import subprocess
import sys

import pytest

from solar_model.files import write_users
from solar_model.runner.jobs import Jobs
from solar_model.runner.work import simulate_file
from solar_model.sample import sample_households

# No file may grow: as if the disk were full, for this process alone.
PROGRAM = """
import resource, sys, time
from pathlib import Path

from solar_model.files import write_users
from solar_model.runner import jobs
from solar_model.sample import sample_households

jobs._PAUSE_SECONDS = 0.1
ours = jobs.Jobs(Path(sys.argv[1]))
names = []
for seed in (1, 2):
    csv = ours.uploads / "users.csv"
    write_users(sample_households(5, seed=seed), csv)
    job, _ = ours.submit(csv, tick="2024-06-11T17:00:00", steps=1, seed=seed, weather=0.9)
    names.append(job.id)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
ours.start()
time.sleep(2)
assert ours.unfinished() == 2, [ours.get(name) for name in names]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
deadline = time.monotonic() + 30
while ours.unfinished() and time.monotonic() < deadline:
    time.sleep(0.1)
print(*(ours.get(name).status for name in names))
"""


@pytest.mark.slow
def test_what_no_disk_had_room_for_is_done_when_there_is_room(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["completed", "completed"], done.stderr


def test_a_finished_job_goes_after_a_day_and_one_that_waits_never(tmp_path):
    ours = Jobs(tmp_path)  # nobody works on them

    def submit(seed):
        csv = ours.uploads / "users.csv"
        write_users(sample_households(5, seed=seed), csv)
        job, _ = ours.submit(csv, tick="2024-06-11T17:00:00", steps=1, seed=seed, weather=0.9)
        return tmp_path / "jobs" / job.id

    old = submit(1)
    os.utime(old, (0, 0))
    submit(2)
    assert old.exists()
    [households] = old.glob("*.csv")
    simulate_file(households, old / "results")
    submit(3)
    assert old.exists()
    os.utime(old, (0, 0))
    submit(4)
    assert not old.exists()
