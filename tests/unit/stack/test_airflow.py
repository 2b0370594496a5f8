"""Airflow's configuration: ours where it must be, the caller's where it may be."""

from __future__ import annotations

import json
import stat

import pytest

from solar_stack import airflow
from solar_stack.state import State


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "state")
    state.make()
    return state


def variables(state, **caller):
    return airflow.environment(
        caller,
        state,
        state.secrets(),
        port=9251,
        airflow_dsn="postgresql://airflow:secret@127.0.0.1:5555/airflow",
        solar_dsn="postgresql://solar:secret@127.0.0.1:5555/solar",
    )


def test_every_address_names_the_port_that_was_asked_for(state):
    found = variables(state)
    assert found["AIRFLOW__API__PORT"] == "9251"
    assert found["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:9251"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9251/execution/"


def test_the_callers_own_solar_database_is_kept(state):
    own = "postgresql://me:mine@db.example.org/solar"
    assert variables(state, AIRFLOW_CONN_SOLAR_DB=own)["AIRFLOW_CONN_SOLAR_DB"] == own
    assert "127.0.0.1:5555/solar" in variables(state)["AIRFLOW_CONN_SOLAR_DB"]


def test_the_caller_can_tune_but_not_point_airflow_elsewhere(state):
    found = variables(
        state,
        AIRFLOW__CORE__PARALLELISM="3",
        AIRFLOW_HOME="/home/me/airflow",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:////home/me/airflow.db",
    )
    assert found["AIRFLOW__CORE__PARALLELISM"] == "3"
    assert found["AIRFLOW_HOME"] == str(state.airflow)
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://airflow:")


def test_compiled_modules_are_kept(state):
    found = variables(state, PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX="/tmp/x", HOME="/h")
    assert found["HOME"] == "/h"
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert "PYTHONPYCACHEPREFIX" not in found


def test_no_proxy_stands_between_the_components(state):
    found = variables(state, NO_PROXY="intra.example.org")
    assert found["NO_PROXY"].split(",") == ["intra.example.org", "127.0.0.1", "localhost"]
    assert found["no_proxy"] == found["NO_PROXY"]


def test_logins_are_for_their_owner_alone(state):
    secrets = state.secrets()
    airflow.write_logins(variables(state), secrets.admin_password, secrets.viewer_password)
    path = state.airflow / "passwords.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "admin": state.secrets().admin_password,
        "viewer": state.secrets().viewer_password,
    }
