"""Write ``docs/faults.md`` from a real run of faults: ``python -m docs.scripts.fault_table``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from solar_model.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "faults.md"
TESTS = "tests/integration/exchange/test_whole_cycle.py"

_HEAD = """# What faults do to a cycle

Made by `make faults` from a real run of
[`test_whole_cycle.py`](../tests/integration/exchange/test_whole_cycle.py): each line is a cycle of
200 households, every step as Airflow runs it, on a Postgres, as a login that is a mere member of
`solar_pipeline`. The stores are an emulator of Cloud Storage, moto's S3, a server that speaks
Drive v3, and a WebDAV server; the runner is a process of its own; a proxy in between does the
fault, once it is told to, before the step named. *Next* is the next exchange or runner of the
list, *itself* the one with the fault. The seconds are those of the cycle from `write_input_csv` to
`insert_results`, on two cores, and the first cycle imports the libraries besides: what a fault
itself adds is the pauses between attempts, or the silence of a server.

After each, the database was asked: does each household have exactly one row of the tick?

"""


def main() -> None:
    """Run the faults, and write what came of them."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.md"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "timeout=900", TESTS],
            cwd=PROJECT_ROOT,
            env={**os.environ, "SOLAR_FAULT_TABLE": str(table)},
            check=False,
        )
        if done.returncode:
            sys.exit("Not every cycle came through: the page stays as it is.")
        PAGE.write_text(_HEAD + table.read_text())
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
