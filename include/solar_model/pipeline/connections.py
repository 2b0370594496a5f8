"""Airflow's connections in their text forms, for code that does not know Airflow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Lookup = Callable[[str], str | None]
"""Text of the connection with an id, None when there is none."""


@dataclass(frozen=True)
class Connection:
    """The parts of an Airflow connection; its secrets are kept out of ``repr``."""

    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Connection:
        """Read a connection from a URI or from Airflow's JSON form.

        Raises
        ------
        ValueError
            When the text is neither. The error may repeat a part of the text, which may be a
            secret: the caller says what was expected instead.
        """
        text = text.strip()
        fields = json.loads(text) if text.startswith("{") else _from_uri(text)
        extra = fields.get("extra") or {}
        if isinstance(extra, str):
            extra = json.loads(extra)
        if not isinstance(extra, dict) or not fields.get("conn_type"):
            raise ValueError("not a connection")
        port = fields.get("port")
        return cls(
            conn_type=str(fields["conn_type"]).replace("-", "_"),
            port=None if port in (None, "") else int(port),
            extra=extra,
            **{name: fields.get(name) or "" for name in ("host", "login", "password", "schema")},
        )


def _from_uri(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    query = dict(parse_qsl(parts.query))
    # Airflow hides nested extras in this one parameter
    query |= json.loads(query.pop("__extra__", "{}"))
    return {
        "conn_type": parts.scheme.split("+")[0],
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path.lstrip("/")),
        "extra": query,
    }


def variable(connection_id: str) -> str:
    """Environment variable that Airflow reads a connection from."""
    return f"AIRFLOW_CONN_{connection_id.upper()}"


def from_environment(connection_id: str) -> str | None:
    """Text of a connection for the command line: from its ``AIRFLOW_CONN_*`` variable."""
    return os.environ.get(variable(connection_id)) or None
