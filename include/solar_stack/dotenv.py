"""The files ``.env`` and ``solar.env`` of docker-compose.yaml: secrets drawn once, and settings.

``PYTHONPATH=include python3 -m solar_stack.dotenv`` adds what is missing and changes nothing that
is there. Standard library only: a machine with Docker needs no environment for it.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from solar_stack.state import Secrets, write_private

PROJECT = Path(__file__).resolve().parents[2]
_INTRODUCTION = """\
# What docker-compose.yaml needs to know: drawn by `make env`, never committed.

"""


def draw() -> dict[str, str]:
    """Fresh values for everything that docker-compose.yaml requires, and the sample community."""
    drawn = Secrets.draw()
    solar_password = secrets.token_hex(24)
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
        "AIRFLOW_CONN_SOLAR_DB": f"postgresql://solar:{solar_password}@postgres:5432/solar",
        "SAMPLE_HOUSEHOLDS": "1000",
    }


def complete(text: str, values: dict[str, str]) -> str:
    """The text of a ``.env`` with the values that it does not name yet.

    Parameters
    ----------
    text : str
        What is there; may be empty.
    values : dict
        Names and values.
    """
    named = {line.partition("=")[0].strip() for line in text.splitlines()}
    missing = [f"{name}={value}\n" for name, value in values.items() if name not in named]
    if text and not text.endswith("\n"):
        text += "\n"
    return (text or _INTRODUCTION) + "".join(missing)


def main(project: Path = PROJECT) -> None:
    """Write both files into the project's folder, readable by their owner alone."""
    path = project / ".env"
    before = path.read_text() if path.exists() else ""
    after = complete(before, draw())
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
