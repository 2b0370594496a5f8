"""The mail that docs/alerts.md shows is the mail that is sent."""

from __future__ import annotations

from datetime import UTC, datetime

from solar_model.pipeline.alerts.kinds import KINDS
from solar_model.pipeline.alerts.lateness import late
from solar_model.pipeline.alerts.mail import compose
from solar_model.pipeline.alerts.situation import Run, Situation, Slowest
from solar_model.pipeline.alerts.states import Alert
from solar_model.pipeline.health import DEGRADED, UNHEALTHY, Health
from solar_model.settings import PROJECT_ROOT, load_settings

DUE = datetime(2026, 6, 11, 14, 15, tzinfo=UTC)
BEGUN = datetime(2026, 6, 11, 14, 20, 1, tzinfo=UTC)
RUN_ID = "scheduled__2026-06-11T14:15:00+00:00"


def test_the_docs_show_a_mail_as_it_is():
    seen = late(DUE, RUN_ID, load_settings())
    alert = Alert(7, "late", "late", {"words": seen.words, **seen.facts}, BEGUN, BEGUN, None, None)
    reason = "the cycle of 14:15 UTC has been running for 301 s, the limit is 300 s"
    around = Situation(
        dag_id="solar_simulation",
        run=Run("0b7c5e9a-1f04-4c55-9a6e-0c6c7d1f2a11", RUN_ID, DUE, "running", DUE, {}),
        slowest=Slowest("run_simulation", 296.4, usual_s=0.8, running=True),
        last_good=(datetime(2026, 6, 11, 14, 0, tzinfo=UTC), 998),
        validated=False,
        health=Health(DEGRADED, None, 998, 0.0, (reason,), ()),
    )
    mail = compose(alert, around, "https://airflow.example.org", ("operator@example.org",))
    shown = f"Subject: {mail['Subject']}\n\n{mail.get_content()}"
    page = (PROJECT_ROOT / "docs" / "alerts.md").read_text()
    assert f"```text\n{shown}```\n" in page, shown


def test_every_kind_says_how_bad_it_is_and_what_to_do():
    for kind in KINDS.values():
        assert kind.severity in (DEGRADED, UNHEALTHY), kind.name
        assert kind.effect.endswith("."), kind.name
        assert kind.steps and all(step.endswith((".", "?", ".)")) for step in kind.steps), kind.name
        assert kind.title != kind.over, kind.name
