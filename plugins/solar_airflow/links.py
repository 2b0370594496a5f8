"""Buttons beside a task in the Airflow UI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ValidationLink(BaseOperatorLink):
    """To what Great Expectations said about the results of the run."""

    name = "Validation report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Within Airflow's navigation."""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        # tasks of one shard are mapped, and their number is the shard's
        shard = f"&shard={ti_key.map_index}" if ti_key.map_index >= 0 else ""
        run = quote(ti_key.run_id, safe="")
        return f"{base}/plugin/solar/solar/validations?run={run}{shard}"
