"""How the two sides of the HTTP runner trust each other.

A request is signed over its method, its target, the checksum of its body and a nonce: nothing of
it can be changed, it can be checked before the body is read, and it is good once. A result is
fetched by a link that carries its own signature and soon expires, so that it can be given to
whoever shall fetch the file.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path
from urllib.parse import urlencode

from solar_model.errors import SignatureError
from solar_model.signatures import SIGNATURE_HEADER, WINDOW_SECONDS, sign, verify

NONCE_HEADER = "X-Solar-Nonce"
CONTENT_HEADER = "X-Solar-Content-SHA256"
# What goes there never leaves the machine, and needs no TLS.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

_NONCE = re.compile(r"[0-9a-f]{32}")


def sign_request(method: str, target: str, body_sha256: str, secret: str) -> dict[str, str]:
    """Headers of a request to a runner.

    Parameters
    ----------
    method, target : str
        ``POST`` and path with query, as they go over the wire.
    body_sha256 : str
        Of the body, in hexadecimal.
    secret : str
        The key that both sides know.
    """
    nonce = secrets.token_hex(16)
    message = _message(method, target, body_sha256, nonce)
    return {
        NONCE_HEADER: nonce,
        CONTENT_HEADER: body_sha256,
        SIGNATURE_HEADER: sign(message, secret),
    }


def sign_link(path: str, secret: str) -> str:
    """A path with a signature that lets anyone fetch it, until the signature is no longer fresh."""
    return f"{path}?{urlencode({'signature': sign(_link(path), secret)})}"


def verify_link(path: str, signature: str, secret: str) -> None:
    """Make sure that a link was made here, and not long ago.

    Raises
    ------
    SignatureError
        When it was not.
    """
    try:
        verify(signature, _link(path), secret)
    except SignatureError:
        raise SignatureError(
            "the link has expired or is not whole; the job's status has a new one"
        ) from None


class Gatekeeper:
    """Lets each signed request in once.

    The nonces are files, so that a restart forgets none, and are kept for as long as their
    signatures are fresh.

    Parameters
    ----------
    secret : str
        The key that both sides know.
    folder : path
        For the nonces.
    """

    def __init__(self, secret: str, folder: Path) -> None:
        self.secret = secret
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._swept = 0.0

    def admit(self, method: str, target: str, headers: dict[str, str]) -> str:
        """Check a request by its headers, which are in lower case.

        Returns
        -------
        str
            SHA-256 that the body must have.

        Raises
        ------
        SignatureError
            When it is not signed, not fresh, or was here before.
        """
        nonce = headers.get(NONCE_HEADER.lower(), "")
        body_sha256 = headers.get(CONTENT_HEADER.lower(), "")
        if not _NONCE.fullmatch(nonce):
            raise SignatureError(f"the header {NONCE_HEADER} must hold 32 hexadecimal digits")
        message = _message(method, target, body_sha256, nonce)
        verify(headers.get(SIGNATURE_HEADER.lower()), message, self.secret)
        self._sweep()
        try:
            os.close(os.open(self._folder / nonce, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            raise SignatureError("this request was made before; sign each request anew") from None
        return body_sha256

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept < WINDOW_SECONDS:
            return
        self._swept = now
        for nonce in self._folder.iterdir():
            # a clock that is ahead signs into the future: twice the window
            if now - nonce.stat().st_mtime > 2 * WINDOW_SECONDS:
                nonce.unlink(missing_ok=True)


def _link(path: str) -> bytes:
    return f"LINK {path}".encode()


def _message(method: str, target: str, body_sha256: str, nonce: str) -> bytes:
    return f"{method} {target}\n{nonce}\n{body_sha256}".encode()
