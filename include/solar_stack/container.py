"""What a container of the image starts: a command with the project's settings of Airflow.

``python -m solar_stack.container airflow scheduler`` becomes that command; ``… prepare`` brings the
databases up to date and ends. What depends on the deployment is in the environment already; see
docker-compose.yaml.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict

from solar_model.errors import SolarModelError
from solar_model.pipeline import database, schema
from solar_model.pipeline.backend import load_sample
from solar_model.settings import load_settings
from solar_stack import airflow
from solar_stack.errors import StackError
from solar_stack.show import say

PREPARE = "prepare"
# The service of docker-compose.yaml; the tables of another database are somebody's own.
OWN_POSTGRES = "postgres"


def main(arguments: list[str]) -> int:
    """Prepare the databases, or become the command; returns only where that did not work."""
    try:
        variables = environment(os.environ)
        if arguments == [PREPARE]:
            prepare(variables)
            return 0
        if arguments[1:] == ["api-server"]:
            passwords = (_required(variables, f"{user}_PASSWORD") for user in ("ADMIN", "VIEWER"))
            airflow.write_logins(variables, *passwords)
        os.execvpe(arguments[0], arguments, variables)
    except (StackError, SolarModelError, OSError) as error:
        say(f"✗ {error}", "red")
        return 1


def environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of the command; what the deployment sets goes before ours.

    Parameters
    ----------
    caller : mapping
        The variables of the container.
    """
    ours = {
        **airflow.TUNING,
        **airflow.FLEET_TUNING,
        **airflow.USAGE,
        # for the health check of its container
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
        airflow.PASSWORDS_FILE: f"{_required(caller, 'AIRFLOW_HOME')}/passwords.json",
    }
    return {**ours, **caller}


def prepare(variables: Mapping[str, str]) -> None:
    """Make or change the tables of Airflow and ours; safe to repeat.

    With ``SAMPLE_HOUSEHOLDS`` the deployment's own database gets a sample community, unless it has
    households.
    """
    subprocess.run(["airflow", "db", "migrate"], env=dict(variables), check=True)
    solar = database.conninfo(_required(variables, airflow.SOLAR_CONNECTION))
    owner = database.owner_conninfo(solar)
    schema.upgrade(owner)
    households = int(variables.get("SAMPLE_HOUSEHOLDS", "0"))
    if households and conninfo_to_dict(solar).get("host") == OWN_POSTGRES:
        with database.connect(owner) as connection:
            added = load_sample(connection, households, load_settings().seed)
        say(f"Sample households added: {added:,}")
    say("The databases are ready.")


def _required(variables: Mapping[str, str], name: str) -> str:
    if not variables.get(name):
        raise StackError(f"{name} is not set; `make env` and docker-compose.yaml set it.")
    return variables[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
