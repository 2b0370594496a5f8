"""The set-up script on a small project: real interpreter, real installs from the real lock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from solar_model.settings import PROJECT_ROOT
from solar_stack.environment import locked

pytestmark = pytest.mark.slow

SCRIPT = PROJECT_ROOT / "include" / "solar_stack" / "environment.py"
# uv, and what the build of the project itself needs
PACKAGES = ("uv", "hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers")
PYPROJECT = """
[build-system]
requires = ["hatchling", "editables"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["include/small"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    script = project / "include" / "solar_stack" / "environment.py"
    script.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, script)
    (project / "include" / "small").mkdir()
    (project / "include" / "small" / "__init__.py").write_text("answer = 42\n")
    (project / "pyproject.toml").write_text(PYPROJECT)
    lock = "".join(locked(PROJECT_ROOT / "requirements.txt", name) for name in PACKAGES)
    (project / "requirements.txt").write_text(lock)
    (project / "requirements-dev.txt").write_text(
        lock + locked(PROJECT_ROOT / "requirements-dev.txt", "iniconfig")
    )
    return project


def set_up(project: Path, kind: str = "run") -> str:
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
    done = subprocess.run(
        [python, project / "include" / "solar_stack" / "environment.py", kind],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_import(project: Path, name: str) -> bool:
    command = [project / ".venv" / "bin" / "python", "-c", f"import {name}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_it_is_made_once_and_confirmed_in_silence(project):
    assert "Making" in set_up(project)
    assert can_import(project, "small")
    assert set_up(project) == ""


def test_the_tools_of_the_tests_come_and_stay(project):
    assert not can_import(project, "iniconfig")
    set_up(project, "dev")
    assert can_import(project, "iniconfig")
    assert set_up(project, "run") == ""
    assert can_import(project, "iniconfig")


def test_an_interrupted_set_up_or_a_deleted_interpreter_is_made_anew(project):
    (project / ".venv" / "stamp.json").unlink()
    (project / ".venv" / "bin" / "python").unlink()
    shutil.rmtree(next((project / ".venv" / "lib").glob("*/site-packages/hatchling")))
    assert "Making" in set_up(project)
    assert can_import(project, "hatchling")
    assert can_import(project, "small")


def test_a_new_lock_is_followed_and_what_it_drops_goes(project):
    lock = project / "requirements-dev.txt"
    set_up(project, "dev")
    lock.write_text((project / "requirements.txt").read_text())
    told = set_up(project, "dev")
    assert "Installing the packages" in told
    assert "Making" not in told
    assert not can_import(project, "iniconfig")
    assert can_import(project, "small")


def test_a_package_that_is_not_the_locked_one_is_refused(project):
    entry = locked(PROJECT_ROOT / "requirements-dev.txt", "iniconfig")
    forged = re.sub(r"sha256:\w{8}", "sha256:00000000", entry)
    lock = project / "requirements-dev.txt"
    lock.write_text((project / "requirements.txt").read_text() + forged)
    with pytest.raises(AssertionError, match=r"Hash mismatch[^$]*could not be installed"):
        set_up(project, "dev")
    assert not can_import(project, "iniconfig")
