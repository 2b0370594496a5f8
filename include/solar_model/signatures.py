"""Signatures of HTTP messages: one way to sign, one way to check, on both sides of every call.

The header is ``t=SECONDS,v1=HEX``, where HEX is HMAC-SHA256 (RFC 2104) of ``SECONDS.message``: the
time is signed too, so that what was caught on the way cannot be sent again later.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from solar_model.errors import SignatureError

SIGNATURE_HEADER = "X-Solar-Signature"
WINDOW_SECONDS = 300

_HEADER = re.compile(r"t=(?P<at>[0-9]{1,12}),v1=(?P<digest>[0-9a-f]{64})")


def sign(message: bytes, secret: str, at: int | None = None) -> str:
    """Value of the signature header of a message.

    Parameters
    ----------
    message : bytes
        The body of a webhook, or what a runner's request is about.
    secret : str
        The key that both sides know.
    at : int, optional
        Seconds since 1970-01-01T00:00 UTC; by default now.
    """
    seconds = int(time.time()) if at is None else at
    return f"t={seconds},v1={_digest(message, secret, seconds)}"


def verify(header: str | None, message: bytes, secret: str, *, fresh: bool = True) -> None:
    """Make sure that a message is from somebody who knows the key, and is fresh.

    Parameters
    ----------
    header : str or None
        The signature.
    message : bytes
        What was signed.
    secret : str
        The key that both sides know.
    fresh : bool
        Whether it must have been signed within the last minutes.

    Raises
    ------
    SignatureError
        Says what is wrong, and nothing about the right signature.
    """
    found = _HEADER.fullmatch(header or "")
    if found is None:
        raise SignatureError(
            f"the header {SIGNATURE_HEADER} is missing or cannot be read; expected t=SECONDS,v1=HEX"
        )
    at = int(found["at"])
    if not hmac.compare_digest(found["digest"], _digest(message, secret, at)):
        raise SignatureError("the signature is wrong; do both sides have the same secret?")
    age = time.time() - at
    if fresh and abs(age) > WINDOW_SECONDS:
        raise SignatureError(
            f"the message was signed {abs(age):.0f} s {'ago' if age > 0 else 'ahead'}, allowed are "
            f"{WINDOW_SECONDS}; are both clocks right?"
        )


def _digest(message: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + message, hashlib.sha256).hexdigest()
