"""What a container starts: our settings, over which the deployment's go."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from solar_stack import airflow, container
from solar_stack.errors import StackError


def start(tmp_path, *arguments, **caller):
    """Run the entry point in a process of its own; it becomes the command."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    printer = folder / "airflow"
    printer.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )
    printer.chmod(0o755)
    variables = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AIRFLOW_HOME": str(tmp_path),
    }
    return subprocess.run(
        [sys.executable, "-m", "solar_stack.container", *arguments],
        env=variables | caller,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_gets_the_tuning_and_the_deployments_word_goes_before(tmp_path):
    done = start(
        tmp_path,
        "airflow",
        "scheduler",
        AIRFLOW__CORE__PARALLELISM="64",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
    )
    arguments, found = json.loads(done.stdout)
    assert arguments == ["scheduler"]
    ours = {**airflow.TUNING, **airflow.FLEET_TUNING, **airflow.USAGE}
    changed = {name: found[name] for name in ours if found[name] != ours[name]}
    assert changed == {"AIRFLOW__CORE__PARALLELISM": "64"}
    assert found["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_the_api_server_alone_gets_the_logins(tmp_path):
    passwords = {"ADMIN_PASSWORD": "of the admin", "VIEWER_PASSWORD": "of the viewer"}
    assert start(tmp_path, "airflow", "scheduler", **passwords).returncode == 0
    assert not (tmp_path / "passwords.json").exists()
    done = start(tmp_path, "airflow", "api-server", **passwords)
    _, found = json.loads(done.stdout)
    written = tmp_path / "passwords.json"
    assert found[airflow.PASSWORDS_FILE] == str(written)
    assert json.loads(written.read_text()) == {"admin": "of the admin", "viewer": "of the viewer"}
    assert written.stat().st_mode & 0o077 == 0


def test_a_missing_password_is_named(tmp_path):
    done = start(tmp_path, "airflow", "api-server", ADMIN_PASSWORD="of the admin")
    assert done.returncode == 1
    assert "VIEWER_PASSWORD is not set" in done.stdout + done.stderr


def test_a_command_that_is_not_there_is_said(tmp_path):
    done = start(tmp_path, "no-such-command")
    assert done.returncode == 1
    assert "no-such-command" in done.stdout + done.stderr


def test_without_a_folder_there_is_no_environment():
    with pytest.raises(StackError, match="AIRFLOW_HOME"):
        container.environment({})
