"""Importing the model leaves the process as it was."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_model_does_not_change_how_processes_are_started():
    code = (
        "import multiprocessing, solar_model.simulation;"
        "print(multiprocessing.get_start_method(allow_none=True))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
