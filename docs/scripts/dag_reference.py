"""Write ``docs/dags.md`` from the DAGs themselves: ``python -m docs.scripts.dag_reference``.

What an operator reads in the Airflow UI is each file's docstring; the page repeats it, and the
parameters, for who reads before there is a UI.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from solar_model.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "dags.md"

_HEAD = """# The DAGs

Made by `make docs` from the DAG files; the same text is in the Airflow UI, under *Dag Docs*. Times
are UTC.
"""


def main() -> None:
    """Read the DAGs as Airflow does, and write the page."""
    with tempfile.TemporaryDirectory() as home:
        # before Airflow is imported, which reads them then
        os.environ.update(
            AIRFLOW_HOME=home,
            AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT_ROOT / "dags"),
            AIRFLOW__CORE__PLUGINS_FOLDER=str(PROJECT_ROOT / "plugins"),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
        )
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(PROJECT_ROOT / "dags"))
    if bag.import_errors:
        raise SystemExit(
            "\n".join(f"{path}:\n{error}" for path, error in bag.import_errors.items())
        )
    PAGE.write_text(page(bag.dags.values()))


def page(dags: Iterable[Any]) -> str:
    """The page as Markdown.

    Parameters
    ----------
    dags : iterable of airflow.sdk.DAG
        In any order.
    """
    ordered = sorted(dags, key=lambda dag: str(dag.dag_id))
    return "\n".join([_HEAD, *map(_section, ordered)])


def _section(dag: Any) -> str:
    # one level down: the page has a title of its own
    text = re.sub(r"^(#+) ", r"#\1 ", dag.doc_md.strip(), flags=re.MULTILINE)
    title, _, rest = text.partition("\n")
    minutes = dag.dagrun_timeout / timedelta(minutes=1)
    facts = f"`{dag.dag_id}` · {_schedule(dag)} · stopped after {minutes:.0f} minutes"
    return "\n".join([title, "", facts, rest, *_parameters(dag), ""])


def _schedule(dag: Any) -> str:
    if dag.schedule is None:
        return "started by hand"
    from solar_airflow.timetables import BackfillTimetable

    if isinstance(dag.timetable, BackfillTimetable):
        return "started by a backfill"
    return f"on schedule `{dag.timetable.expression}`"


def _parameters(dag: Any) -> list[str]:
    if not dag.params:
        return []
    rows = ["", "| parameter | default | meaning |", "|---|---|---|"]
    for name in dag.params:
        param = dag.params.get_param(name)
        shown = "" if param.value is None else f"`{param.value}`"
        rows.append(f"| `{name}` | {shown} | {param.description} |")
    return rows


if __name__ == "__main__":
    main()
