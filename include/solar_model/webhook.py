"""Delivery of a message to a webhook: signed, retried, within a time limit, never an exception."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from solar_model.signatures import SIGNATURE_HEADER, sign

_TIME_LIMIT_S = (3, 10)

# On each retry it warns with the whole URL, which may hold a token.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def deliver(
    url: str, message: Mapping[str, Any], secret: str | None, *, ca_file: str | None = None
) -> str | None:
    """POST a message as JSON.

    Parameters
    ----------
    url : str
        The webhook.
    message : mapping
        What JSON can hold.
    secret : str or None
        Key of the signature; without it the message is not signed.
    ca_file : str, optional
        Certificates to trust instead of the usual ones.

    Returns
    -------
    str or None
        Why it was not delivered, in words and without the URL; None when it was.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers[SIGNATURE_HEADER] = sign(body, secret)
    retry = Retry(
        total=3,
        backoff_factor=0.5,
        backoff_jitter=0.25,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        respect_retry_after_header=False,  # it may ask for hours
        raise_on_status=False,
    )
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            answer = session.post(
                url,
                data=body,
                headers=headers,
                timeout=_TIME_LIMIT_S,
                verify=ca_file or True,
                allow_redirects=False,  # a message that is sent on is an empty GET elsewhere
                stream=True,  # what it answers is not read, however long it is
            )
            answer.close()
    except (requests.RequestException, HTTPError, ValueError) as error:
        # the type only: the message repeats the URL, which may hold a token
        return f"the webhook cannot be reached ({type(error).__name__})"
    if answer.is_redirect:
        return f"the webhook answered {answer.status_code}: name the address that it leads to"
    return None if answer.ok else f"the webhook answered {answer.status_code} {answer.reason}"
