"""The doctor as an Airflow operator: it sees the connections that Airflow keeps."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import BaseOperator, Context

from solar_airflow.connections import connection_text
from solar_model.errors import ConfigurationError
from solar_model.settings import settings


class DoctorOperator(BaseOperator):
    """Look at every configured connection; fail when something is wrong."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what is fine; what is not is in the log and fails the task."""
        from solar_model.pipeline.doctor import examine

        findings = []
        for finding in examine(settings(), connection_text):
            findings.append(finding)
            if finding.problem is None:
                self.log.info("%s: %s: fine", finding.subject, finding.check)
            else:
                self.log.error("%s: %s: %s", finding.subject, finding.check, finding.problem)
        wrong = [finding for finding in findings if finding.problem is not None]
        if wrong:
            raise ConfigurationError(
                f"{len(wrong)} of {len(findings)} checks failed: "
                + " | ".join(f"{finding.subject}: {finding.problem}" for finding in wrong)
            )
        return [{"subject": finding.subject, "check": finding.check} for finding in findings]


def report_failure(context: Context) -> None:
    """Callback of the task: what is wrong stands in the log of the callback too."""
    logging.getLogger(__name__).error("The doctor: %s", context.get("exception"))
