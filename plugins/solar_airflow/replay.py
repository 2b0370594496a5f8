"""Replays as an Airflow operator: a sample of what was stored lately, computed again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from solar_airflow.connections import connection_text, open_database
from solar_model.errors import InputError, ReplayError
from solar_model.settings import settings

_SPAN = timedelta(days=1)


class ReplayOperator(BaseOperator):
    """Replay some runs of the day before; fail when one of them differs from what is stored."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return which runs were replayed and what came out."""
        from solar_model.pipeline.replay import replay, sample

        config = settings()
        run = context["dag_run"]
        until = run.logical_date or run.run_after
        # what is older than the retention has lost its input by right
        span = min(_SPAN, config.exchange_retention)
        with open_database(self.execution_timeout) as connection:
            run_ids = sample(
                connection,
                since=until - span,
                until=until,
                count=context["params"]["runs"],
                seed=config.seed,
            )
            replays = []
            for run_id in run_ids:
                try:
                    replays.append(replay(connection, run_id, config, connection_text))
                except InputError as error:  # run again since, as a whole or in part
                    self.log.warning("Not replayed: %s", error)
                else:
                    self.log.info("%s", replays[-1])
        wrong = [one for one in replays if one.differences and not one.other_version]
        if wrong:
            raise ReplayError(
                f"{len(wrong)} of {len(replays)} replays differ: " + " | ".join(map(str, wrong))
            )
        return [
            {"run_id": one.run.id, "sha256": one.sha256, "identical": not one.differences}
            for one in replays
        ]
