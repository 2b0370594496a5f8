"""The webhook: tells the outside world how a cycle ended, and can never harm the cycle."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from solar_model.settings import Settings

SIGNATURE_HEADER = "X-Solar-Signature"
_TIME_LIMIT_S = (3, 10)

# On each retry it warns with the whole URL, which may hold a token.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def sign(body: bytes, secret: str, at: int) -> str:
    """Value of the signature header: ``t=SECONDS,v1=HEX``.

    HEX is HMAC-SHA256 of ``SECONDS.body``: the time is signed too, so that a receiver can refuse
    a message that is replayed later.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={digest.hexdigest()}"


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
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if settings.notify_secret is not None:
        secret = settings.notify_secret.get_secret_value()
        headers[SIGNATURE_HEADER] = sign(body, secret, int(time.time()))
    retry = Retry(
        total=3,
        backoff_factor=0.5,
        backoff_jitter=0.25,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            answer = session.post(
                settings.notify_url, data=body, headers=headers, timeout=_TIME_LIMIT_S
            )
    except requests.RequestException as error:
        # the type only: the message repeats the URL, which may hold a token
        return f"the webhook cannot be reached ({type(error).__name__})"
    return None if answer.ok else f"the webhook answered {answer.status_code} {answer.reason}"
