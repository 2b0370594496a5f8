"""Telling the operator: what was not told yet is mailed; who tells can fail, and nobody else."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from solar_model.errors import SolarModelError
from solar_model.pipeline.alerts import states
from solar_model.pipeline.alerts.mail import compose, compose_outage
from solar_model.pipeline.alerts.situation import situation
from solar_model.pipeline.alerts.smtp import send
from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.connections import Lookup
from solar_model.settings import Settings

log = logging.getLogger(__name__)

_NOBODY = "SOLAR_ALERT_EMAILS is not set"


@dataclass(frozen=True)
class Teller:
    """Who is told, by which mail server, and where the links lead.

    Attributes
    ----------
    config : Settings
        Names the recipients.
    connections : callable
        Gives the text form of an Airflow connection by its id.
    address : str
        Of the Airflow UI.
    """

    config: Settings
    connections: Lookup
    address: str

    def tell(
        self, connection: psycopg.Connection[Any], observations: Iterable[Observation]
    ) -> str | None:
        """Record what was observed, and mail every state whose begin or end was not told.

        Returns
        -------
        str or None
            Why a mail could not be delivered; None when all is told. What was not told is tried
            again by whoever tells next.
        """
        states.record(connection, observations)
        while True:
            with connection.transaction():
                alert = states.next_untold(connection)
                if alert is None:
                    return None
                if not self.config.alert_recipients:
                    states.told(connection, alert, _NOBODY)
                    continue
                around = situation(connection, alert.facts, self.config)
                mail = compose(alert, around, self.address, self.config.alert_recipients)
                try:
                    send(mail, self.connections)
                except SolarModelError as error:
                    states.not_told(connection, alert, str(error))
                    return str(error)
                states.told(connection, alert)

    def tell_outage(self, problem: str) -> str | None:
        """Mail that the database does not answer, unless somebody has.

        A file remembers it, since the table cannot. Returns why the mail could not be delivered.
        """
        begun_at = datetime.now(tz=UTC)
        if self._noted():
            return None
        try:
            self.config.work_dir.mkdir(parents=True, exist_ok=True)
            # whole or not there: many may tell at the same moment
            draft = self._note.with_suffix(f".{uuid4().hex}")
            try:
                draft.write_text(json.dumps({"begun_at": begun_at.isoformat(), "problem": problem}))
                os.link(draft, self._note)
            finally:
                draft.unlink(missing_ok=True)
        except FileExistsError:
            return None
        except OSError as error:  # better told more than once than never
            log.warning("Nobody will know that the outage was told: %s", error)
        trouble = self._mail_outage(begun_at, problem, over=False)
        if trouble:
            self._note.unlink(missing_ok=True)  # the next one tries again
        return trouble

    def tell_outage_is_over(self) -> str | None:
        """Mail that the database answers again, if somebody was told that it did not."""
        note = self._noted()
        if note is None:
            return None
        begun_at = datetime.fromisoformat(note["begun_at"])
        trouble = self._mail_outage(begun_at, note["problem"], over=True)
        if not trouble:
            self._note.unlink(missing_ok=True)
        return trouble

    @property
    def _note(self) -> Path:
        return self.config.work_dir / "database-is-away.json"

    def _noted(self) -> dict[str, str] | None:
        """What is remembered of an outage."""
        try:
            note: dict[str, str] = json.loads(self._note.read_text())
        except ValueError:
            self._note.unlink(missing_ok=True)  # it was broken off: nobody was told
        except OSError:
            pass
        else:
            return note
        return None

    def _mail_outage(self, begun_at: datetime, problem: str, *, over: bool) -> str | None:
        if not self.config.alert_recipients:
            return None
        mail = compose_outage(
            begun_at, problem, self.address, self.config.alert_recipients, over=over
        )
        try:
            send(mail, self.connections)
        except SolarModelError as error:
            return str(error)
        return None
