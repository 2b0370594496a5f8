"""Mails over SMTP, with the connection ``smtp_default`` in the same form as Airflow's own hook."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from solar_model.errors import ConfigurationError, TransferError
from solar_model.pipeline.connections import Connection, Lookup, variable

CONNECTION_ID = "smtp_default"
_SECONDS = 10.0


def send(message: EmailMessage, connections: Lookup) -> None:
    """Hand a mail to the mail server.

    Parameters
    ----------
    message : email.message.EmailMessage
        Complete but for its sender.
    connections : callable
        Gives the text form of an Airflow connection by its id.

    Raises
    ------
    ConfigurationError
        When there is no connection, or none that can be used.
    TransferError
        When the server cannot be reached or refuses.
    """
    server = _connection(connections)
    message["From"] = _sender(server)
    with _opened(server) as client:
        client.send_message(message)


def greet(connections: Lookup) -> None:
    """Make sure that the mail server is there and knows us, without a mail.

    Raises
    ------
    ConfigurationError, TransferError
        As for `send`.
    """
    server = _connection(connections)
    _sender(server)
    with _opened(server) as client:
        client.noop()


def _sender(server: Connection) -> str:
    sender = server.extra.get("from_email") or server.login
    if not sender:
        raise ConfigurationError(
            f"the connection {CONNECTION_ID} names no sender; set from_email in its extra"
        )
    return str(sender)


@contextmanager
def _opened(server: Connection) -> Iterator[smtplib.SMTP]:
    try:
        with _client(server) as client:
            yield client
    except (OSError, smtplib.SMTPException) as error:
        raise TransferError(
            f"the mail server {server.host} does not take the mail: {error or type(error).__name__}"
        ) from error


def _connection(connections: Lookup) -> Connection:
    text = connections(CONNECTION_ID)
    if text is None:
        raise ConfigurationError(
            f"there is no connection {CONNECTION_ID}; set {variable(CONNECTION_ID)}, see "
            "docs/alerts.md"
        )
    try:
        return Connection.parse(text)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"the connection {CONNECTION_ID} cannot be read; expected Airflow's JSON form or "
            "smtp://USER:PASSWORD@HOST:PORT"
        ) from error


def _client(server: Connection) -> smtplib.SMTP:
    """TLS from the first byte unless ``disable_ssl``; else STARTTLS unless ``disable_tls``."""
    trust = ssl.create_default_context()
    client: smtplib.SMTP
    if not server.extra.get("disable_ssl"):
        client = smtplib.SMTP_SSL(server.host, server.port or 0, timeout=_SECONDS, context=trust)
    else:
        client = smtplib.SMTP(server.host, server.port or 0, timeout=_SECONDS)
        if not server.extra.get("disable_tls"):
            client.starttls(context=trust)
    if server.login and server.password:
        client.login(server.login, server.password)
    return client
