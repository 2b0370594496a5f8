"""A real mail server that keeps what it receives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from solar_stack.ports import free_port

RECIPIENTS = "operator@example.org,night@example.org"


@dataclass
class Mailbox:
    """Mails as they came in; ``refusing`` answers each with an error."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refusing: bool = False

    @property
    def connection(self) -> str:
        """The server as Airflow's connection ``smtp_default``."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "solar@example.org"}
        return json.dumps(
            {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra}
        )

    def about(self, kind: str) -> list[EmailMessage]:
        """The mails of a kind of alert."""
        return [mail for mail in self.mails if mail["X-Solar-Alert"] == kind]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        if self.refusing:
            return "451 the disk is full"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert envelope.mail_from == "solar@example.org"
        assert envelope.rcpt_tos == RECIPIENTS.split(",")
        self.mails.append(mail)
        return "250 taken"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server while the context lasts."""
    box = Mailbox(free_port())
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    try:
        yield box
    finally:
        server.stop()


def sections(mail: EmailMessage) -> dict[str, str]:
    """The parts of a mail's text by their headings."""
    parts = mail.get_content().replace("\r\n", "\n").strip().split("\n\n")
    return dict(part.split("\n", 1) for part in parts)
