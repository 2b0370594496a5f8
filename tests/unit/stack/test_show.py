"""What the terminal says of a finished run."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

from solar_model.pipeline.summary import RunSummary
from solar_stack.show import run_line, summary_table

TICK = datetime(2024, 6, 11, 12, tzinfo=UTC)


def finished(**facts) -> RunSummary:
    known = dict.fromkeys((field.name for field in fields(RunSummary)), 0)
    ended = {"started_at": TICK, "finished_at": TICK + timedelta(seconds=3)}
    return RunSummary(**known | {"tick": TICK, "status": "completed"} | ended | facts)


def test_households_that_were_set_aside_are_not_passed_over():
    assert "999 households (2 set aside), " in run_line(
        finished(rows_stored=999, households_quarantined=2)
    )
    assert "1000 households, " in run_line(finished(rows_stored=1000))


def test_a_failed_attempt_does_not_adorn_itself_with_an_earlier_one_s_rows():
    def notes(**facts) -> list[str]:
        return list(summary_table(finished(**facts)).columns[2].cells)

    assert notes(status="failed", attempt=2, rows_stored=998).count("an earlier attempt's") == 2
    assert "an earlier attempt's" not in notes(status="failed")
    assert "one per household" in notes(rows_stored=998)
