"""Signatures: from the right sender, whole, and fresh."""

from __future__ import annotations

import time

import pytest

from solar_model.errors import SignatureError
from solar_model.signatures import WINDOW_SECONDS, sign, verify

SECRET = "a key that both sides know"
BODY = b'{"status":"completed"}'


def test_what_was_signed_is_accepted():
    verify(sign(BODY, SECRET), BODY, SECRET)


@pytest.mark.parametrize("age_s", [WINDOW_SECONDS + 5, -WINDOW_SECONDS - 5])
def test_what_is_old_or_from_the_future_is_refused(age_s):
    header = sign(BODY, SECRET, int(time.time()) - age_s)
    with pytest.raises(SignatureError, match="clocks"):
        verify(header, BODY, SECRET)


def test_another_body_another_key_another_time_are_refused():
    header = sign(BODY, SECRET)
    later = header.replace(header[2:12], str(int(header[2:12]) + 1))
    for candidate, body, secret in (
        (header, BODY + b" ", SECRET),
        (header, BODY, SECRET + "!"),
        (later, BODY, SECRET),
    ):
        with pytest.raises(SignatureError, match="wrong") as refusal:
            verify(candidate, body, secret)
        assert sign(body, secret)[-64:] not in str(refusal.value)


@pytest.mark.parametrize("header", [None, "", "v1=00", "t=1,v1=zz", "t=١,v1=" + "0" * 64])
def test_what_is_no_signature_is_refused(header):
    with pytest.raises(SignatureError, match="X-Solar-Signature"):
        verify(header, BODY, SECRET)
