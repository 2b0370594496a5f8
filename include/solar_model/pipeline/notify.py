"""The cycle's webhook: tells the outside world how a cycle ended, and can never harm the cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solar_model.settings import Settings
from solar_model.webhook import deliver


def notify(message: Mapping[str, Any], settings: Settings) -> str | None:
    """POST a message to the webhook, with a time limit, retries and a signature.

    Parameters
    ----------
    message : mapping
        ``status``, ``result_file``, ``timestamp``, ``record_count`` and ``run_id``.
    settings : Settings
        ``notify_url`` and ``notify_secret``.

    Returns
    -------
    str or None
        Why it was not delivered, in words; None when it was, or when there is no webhook.
    """
    if settings.notify_url is None:
        return None
    secret = settings.notify_secret
    return deliver(settings.notify_url, message, secret.get_secret_value() if secret else None)
