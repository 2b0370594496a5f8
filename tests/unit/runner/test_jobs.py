"""What a runner does with its jobs while its disk is full."""

import subprocess
import sys

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


def test_what_no_disk_had_room_for_is_done_when_there_is_room(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["completed", "completed"], done.stderr
