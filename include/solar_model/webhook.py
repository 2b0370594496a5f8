"""Delivery of a message to a webhook: signed, retried, within a time limit, never an exception."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from solar_model.signatures import SIGNATURE_HEADER, sign

_TIME_LIMIT_S = (3, 10)
_PAUSES_S = (0.5, 1.0, 2.0)
# Answers that may be others in a moment; None is no answer.
_PASSING = (None, 429, 500, 502, 503, 504)


def deliver(url: str, message: Mapping[str, Any], secret: str | None) -> str | None:
    """POST a message as JSON.

    Parameters
    ----------
    url : str
        The webhook.
    message : mapping
        What JSON can hold.
    secret : str or None
        Key of the signature; without it the message is not signed.

    Returns
    -------
    str or None
        Why it was not delivered, in words and without the URL; None when it was.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers[SIGNATURE_HEADER] = sign(body, secret)
    for pause_s in (*_PAUSES_S, None):
        status, problem = _post(url, body, headers)
        if problem is None or pause_s is None or status not in _PASSING:
            break
        time.sleep(pause_s)
    return problem


def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str | None]:
    """The status of the answer, None without one; and what is wrong."""
    try:
        answer = requests.post(
            url,
            data=body,
            headers=headers,
            timeout=_TIME_LIMIT_S,
            allow_redirects=False,  # a message that is sent on is an empty GET elsewhere
            stream=True,  # what it answers is not read, however long it is
        )
        answer.close()
    except (requests.RequestException, HTTPError, ValueError) as error:
        # the type only: the message repeats the URL, which may hold a token
        return None, f"the webhook cannot be reached ({type(error).__name__})"
    status = answer.status_code
    if status < 300:
        return status, None
    if status < 400:
        return status, f"the webhook answered {status}: name the address that it leads to"
    return status, f"the webhook answered {status} {answer.reason}"
