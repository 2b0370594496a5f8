"""Airflow's two text forms of a connection lead to the same database."""

from __future__ import annotations

import json

import pytest
from psycopg.conninfo import conninfo_to_dict

from solar_model.errors import ConfigurationError
from solar_model.pipeline.database import (
    conninfo,
    conninfo_from_environment,
    owner_conninfo,
    require_verified,
)

EXPECTED = {
    "host": "db.example.org",
    "port": "5433",
    "user": "solar",
    "password": "p@ss/word",
    "dbname": "community",
    "sslmode": "require",
}


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://solar:p%40ss%2Fword@db.example.org:5433/community?sslmode=require",
        "postgres://solar:p%40ss%2Fword@db.example.org:5433/community?sslmode=require",
        "postgres://solar:p%40ss%2Fword@db.example.org:5433/community"
        "?__extra__=%7B%22sslmode%22%3A%20%22require%22%7D",
        json.dumps(
            {
                "conn_type": "postgres",
                "host": "db.example.org",
                "port": 5433,
                "login": "solar",
                "password": "p@ss/word",
                "schema": "community",
                "extra": {"sslmode": "require"},
            }
        ),
    ],
)
def test_every_form_names_the_same_database(text, monkeypatch):
    assert conninfo_to_dict(conninfo(text)) == EXPECTED
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", text)
    assert conninfo_to_dict(conninfo_from_environment()) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        "mysql://solar:hunter2@host/db",
        "{not json hunter2",
        '{"conn_type": "http", "password": "hunter2"}',
        "postgresql://host:port/hunter2",
        "postgresql://host/db?unknown_option=hunter2",
        "",
    ],
)
def test_what_is_no_postgres_connection_is_refused_without_repeating_it(text):
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_SOLAR_DB") as error:
        conninfo(text)
    assert "hunter2" not in str(error.value)


def test_without_the_variable_the_error_names_it(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SOLAR_DB", raising=False)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_SOLAR_DB is not set"):
        conninfo_from_environment()


@pytest.mark.parametrize(
    "info",
    [
        "host=/run/postgresql",
        "host=127.0.0.1 sslmode=disable",
        "host=postgres",
        "host=db.example.org sslmode=verify-full",
        "host=10.0.0.7 sslmode=verify-ca",
        "dbname=solar",
    ],
)
def test_a_database_that_is_near_or_shows_its_certificate_is_fine(info):
    require_verified(info)


@pytest.mark.parametrize(
    "info",
    [
        "host=db.example.org",
        "host=db.example.org sslmode=require",
        "host=10.0.0.7 sslmode=disable",
        "host=2001:db8::7",
        "host=127.0.0.1,db.example.org",
    ],
)
def test_one_that_is_far_and_shows_none_is_told_of(info):
    with pytest.raises(ConfigurationError, match="Add sslmode=verify-full") as problem:
        require_verified(f"{info} password=hunter2")
    assert "hunter2" not in str(problem.value)


def test_the_connection_that_cannot_be_read_is_named(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB_OWNER", "nonsense")
    with pytest.raises(ConfigurationError, match="Set AIRFLOW_CONN_SOLAR_DB_OWNER "):
        owner_conninfo("dbname=solar")
