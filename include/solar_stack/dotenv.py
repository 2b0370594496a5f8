"""The files ``.env`` and ``solar.env`` of docker-compose.yaml: secrets drawn once, and settings.

``PYTHONPATH=include python3 -m solar_stack.dotenv`` adds what is missing and changes nothing that
is there. Standard library only: a machine with Docker needs no environment for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from solar_stack.state import Secrets, write_private

PROJECT = Path(__file__).resolve().parents[2]
_INTRODUCTION = """\
# What docker-compose.yaml needs to know: drawn by `make env`, never committed.

"""


def draw(there: Mapping[str, str]) -> dict[str, str]:
    """Fresh values for everything that docker-compose.yaml requires, and the sample community.

    Parameters
    ----------
    there : mapping
        What is known already; the password of the solar database and the connection to it agree.
    """
    drawn = Secrets.draw()
    connection = urlsplit(there.get("AIRFLOW_CONN_SOLAR_DB", ""))
    ours = connection.password if connection.hostname == "postgres" else None
    solar_password = there.get("SOLAR_DB_PASSWORD") or ours or secrets.token_hex(24)
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "AIRFLOW_DB_PASSWORD": secrets.token_hex(24),
        "SOLAR_DB_PASSWORD": solar_password,
        "REDIS_PASSWORD": secrets.token_hex(24),
        "AIRFLOW_FERNET_KEY": drawn.fernet_key,
        "AIRFLOW_JWT_SECRET": drawn.jwt_secret,
        "AIRFLOW_SESSION_KEY": drawn.session_key,
        "ADMIN_PASSWORD": drawn.admin_password,
        "VIEWER_PASSWORD": drawn.viewer_password,
        "FLOWER_PASSWORD": secrets.token_urlsafe(12),
        "GRAFANA_PASSWORD": secrets.token_urlsafe(12),
        "SOLAR_METRICS_TOKEN": secrets.token_hex(32),
        "SOLAR_PSEUDONYM_KEY": secrets.token_hex(32),
        "AIRFLOW_CONN_SOLAR_DB": f"postgresql://solar:{solar_password}@postgres:5432/solar",
        "SAMPLE_HOUSEHOLDS": "1000",
    }


def complete(text: str) -> str:
    """The text of a ``.env``, which may be empty, with the values that it does not name yet."""
    lines = [line.partition("=") for line in text.splitlines()]
    there = {name.strip(): value.strip() for name, _, value in lines}
    missing = [f"{name}={value}\n" for name, value in draw(there).items() if name not in there]
    if text and not text.endswith("\n"):
        text += "\n"
    return (text or _INTRODUCTION) + "".join(missing)


def main(project: Path = PROJECT) -> None:
    """Write both files into the project's folder, readable by their owner alone."""
    path = project / ".env"
    before = path.read_text() if path.exists() else ""
    after = complete(before)
    if after == before:
        print(f"{path} is complete.")
    else:
        write_private(path, after)
        print(f"Wrote {path}. The login of Airflow: admin, with its ADMIN_PASSWORD.")
    settings = project / "solar.env"
    if not settings.exists():
        write_private(settings, (project / "env.template").read_text())
        print(f"Wrote {settings}: the settings of the project, each with its default.")


if __name__ == "__main__":
    main()
