"""Who may talk to a runner: signed over everything, once, and links that expire."""

from __future__ import annotations

import time

import pytest

from solar_model import signatures
from solar_model.errors import SignatureError
from solar_model.runner.protocol import Gatekeeper, sign_link, sign_request, verify_link

SECRET = "a key that both sides know"
SHA = "ab" * 32
TARGET = "/jobs?timestamp=2024-09-11T14%3A15%3A00&seed=1"


def headers(**changed: str) -> dict[str, str]:
    made = sign_request("POST", TARGET, SHA, SECRET)
    return {name.lower(): value for name, value in made.items()} | changed


@pytest.fixture
def gatekeeper(tmp_path):
    return Gatekeeper(SECRET, tmp_path / "nonces")


def test_a_signed_request_is_admitted_once_also_after_a_restart(gatekeeper, tmp_path):
    request = headers()
    assert gatekeeper.admit("POST", TARGET, request) == SHA
    for keeper in (gatekeeper, Gatekeeper(SECRET, tmp_path / "nonces")):
        with pytest.raises(SignatureError, match="made before"):
            keeper.admit("POST", TARGET, request)
    assert gatekeeper.admit("POST", TARGET, headers()) == SHA


def test_nothing_of_a_request_can_be_changed(gatekeeper):
    for method, target, changed in (
        ("GET", TARGET, {}),
        ("POST", TARGET.replace("seed=1", "seed=2"), {}),
        ("POST", TARGET, {"x-solar-content-sha256": "cd" * 32}),
        ("POST", TARGET, {"x-solar-nonce": "0" * 32}),
    ):
        with pytest.raises(SignatureError, match="wrong"):
            gatekeeper.admit(method, target, headers(**changed))


@pytest.mark.parametrize("nonce", ["", "../../etc/passwd", "A" * 32])
def test_a_nonce_is_never_a_path(gatekeeper, nonce):
    with pytest.raises(SignatureError, match="hexadecimal"):
        gatekeeper.admit("POST", TARGET, headers(**{"x-solar-nonce": nonce}))


def test_old_nonces_are_forgotten_only_when_their_signatures_are_old(
    gatekeeper, tmp_path, monkeypatch
):
    gatekeeper.admit("POST", TARGET, headers())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1.9 * signatures.WINDOW_SECONDS)
    gatekeeper.admit("POST", TARGET, headers())
    assert len(list((tmp_path / "nonces").iterdir())) == 2
    monkeypatch.setattr(time, "time", lambda: now + 3 * signatures.WINDOW_SECONDS)
    gatekeeper.admit("POST", TARGET, headers())
    assert len(list((tmp_path / "nonces").iterdir())) < 3


def test_a_link_is_for_one_path_and_expires(monkeypatch):
    path = "/jobs/0123/results"
    link = sign_link(path, SECRET)
    assert SECRET not in link
    from urllib.parse import parse_qs, urlsplit

    signature = parse_qs(urlsplit(link).query)["signature"][0]
    verify_link(path, signature, SECRET)
    with pytest.raises(SignatureError, match="expired"):
        verify_link("/jobs/4567/results", signature, SECRET)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + signatures.WINDOW_SECONDS + 2)
    with pytest.raises(SignatureError, match="expired"):
        verify_link(path, signature, SECRET)
