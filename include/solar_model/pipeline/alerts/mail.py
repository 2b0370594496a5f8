"""The text of the mails: plain, in the order in which an operator wants to know."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import quote

from solar_model.pipeline.alerts.kinds import KINDS, Kind
from solar_model.pipeline.alerts.situation import Situation, Slowest
from solar_model.pipeline.alerts.states import Alert

_MAX_CHARACTERS = 2_000


def compose(
    alert: Alert, around: Situation, address: str, recipients: tuple[str, ...]
) -> EmailMessage:
    """The mail that tells a state as it is now: that it has begun, or that it has ended.

    Parameters
    ----------
    alert : Alert
        The state.
    around : Situation
        What is known about its run.
    address : str
        Of the Airflow UI, for the links.
    recipients : tuple of str
        Addresses.
    """
    kind = KINDS[alert.kind]
    over = alert.ended_at is not None
    sections = _ending(alert, kind) if over else _beginning(alert, kind, around)
    sections.append(("Links", _links(alert, around, address)))
    return _message(alert, kind.over if over else kind.title, sections, recipients)


def compose_outage(
    begun_at: datetime, words: str, address: str, recipients: tuple[str, ...], *, over: bool
) -> EmailMessage:
    """The mail about the database itself, for which nothing can be looked up."""
    kind = KINDS["database"]
    ended_at = datetime.now(tz=UTC) if over else None
    facts = {"words": words}
    alert = Alert(0, kind.name, kind.name, facts, begun_at, begun_at, ended_at, None)
    sections = _ending(alert, kind) if over else _beginning(alert, kind, None)
    sections.append(("Links", [f"Runbook: {address}/solar/runbook#{kind.name}"]))
    return _message(alert, kind.over if over else kind.title, sections, recipients)


def _message(
    alert: Alert,
    subject: str,
    sections: list[tuple[str, list[str]]],
    recipients: tuple[str, ...],
) -> EmailMessage:
    message = EmailMessage()
    tick = alert.facts.get("tick")
    message["Subject"] = f"[solar] {subject}" + (f" ({_time(tick)})" if tick else "")
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(datetime.now(tz=UTC))
    # so that an absence note does not answer
    message["Auto-Submitted"] = "auto-generated"
    # the mail about the end lies below the one about the beginning
    begin = f"<{alert.kind}.{alert.begun_at:%Y%m%dT%H%M%S.%f}.{alert.id}@solar>"
    if alert.ended_at is None:
        message["Message-ID"] = begin
    else:
        message["Message-ID"] = begin.replace("@", ".over@")
        message["In-Reply-To"] = message["References"] = begin
    message["X-Solar-Alert"] = alert.kind
    message.set_content(
        "\n\n".join("\n".join([name.upper(), *lines]) for name, lines in sections) + "\n"
    )
    return message


def _beginning(alert: Alert, kind: Kind, around: Situation | None) -> list[tuple[str, list[str]]]:
    bad = [f"{kind.severity.capitalize()}. {kind.effect}"]
    told = [("What happened", [_shortened(alert.facts["words"])]), ("How bad it is", bad)]
    if around:
        bad.append(f"The service as a whole: {_health(around)}.")
        told += [
            ("Slowest task", [_slowest(around.slowest)]),
            ("Last good tick", [_last_good(around)]),
        ]
    steps = [f"{number}. {step}" for number, step in enumerate(kind.steps, 1)]
    again = f"Once, when it is over. It began at {_time(alert.begun_at)}."
    return [*told, ("What to do", steps), ("When you hear again", [again])]


def _ending(alert: Alert, kind: Kind) -> list[tuple[str, list[str]]]:
    assert alert.ended_at is not None
    minutes = (alert.ended_at - alert.begun_at).total_seconds() / 60
    return [
        ("What happened", [f"{kind.over}.", *([alert.ending] if alert.ending else [])]),
        (
            "What it was",
            [
                f"{kind.title}, from {_time(alert.begun_at)} to {_time(alert.ended_at)}, "
                f"{minutes:.0f} minutes.",
                _shortened(alert.facts["words"]),
            ],
        ),
        ("What to do", ["Nothing, unless the runbook asks to fill something in."]),
    ]


def _links(alert: Alert, around: Situation, address: str) -> list[str]:
    run_id = alert.facts.get("run_id") or (around.run and around.run.airflow_run_id)
    dag = f"{address}/dags/{around.dag_id}"
    run = f"{dag}/runs/{quote(run_id)}" if run_id else None
    report = "none: the run did not get that far"
    if around.validated and around.run:
        report = f"{address}/solar/validations/{around.run.id}"
    return [
        f"Run: {run or dag}",
        f"Log: {alert.facts.get('log_url') or run or dag}",
        f"Validation report: {report}",
        f"Runbook: {address}/solar/runbook#{alert.kind}",
    ]


def _slowest(slowest: Slowest | None) -> str:
    if slowest is None:
        return "Nothing is known of any task."
    usual = "" if slowest.usual_s is None else f"; usually {slowest.usual_s:.1f} s"
    so_far = ", and it is still running" if slowest.running else ""
    return f"{slowest.task}: {slowest.seconds:.1f} s{so_far}{usual}"


def _last_good(around: Situation) -> str:
    if around.last_good is None:
        return "None yet."
    tick, households = around.last_good
    return f"{_time(tick)}, {households:,} households"


def _health(around: Situation) -> str:
    return "; ".join([around.health.status, *around.health.reasons])


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]} … (see the log)"


def _time(when: datetime | str) -> str:
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
