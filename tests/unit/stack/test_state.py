"""The state folder: secrets drawn once, one holder at a time."""

from __future__ import annotations

import os
import stat

import pytest

from solar_stack.errors import StackError
from solar_stack.state import State


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "state")
    state.make()
    return state


def test_secrets_are_drawn_once_and_kept_private(state):
    first = state.secrets()
    assert State(state.home).secrets() == first
    assert stat.S_IMODE((state.home / "secrets.json").stat().st_mode) == 0o600


def test_two_stacks_share_no_secret(state, tmp_path):
    other = State(tmp_path / "other")
    other.make()
    mine, its = vars(state.secrets()), vars(other.secrets())
    assert not set(mine.values()) & set(its.values())
    assert len(state.secrets().jwt_secret) == 64


def test_unreadable_secrets_say_what_to_do(state):
    (state.home / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"secrets\.json cannot be read .* remove it"):
        state.secrets()


def test_a_second_holder_is_told_about_the_first(state):
    with (
        state.held("http://127.0.0.1:9251"),
        pytest.raises(StackError, match=rf"running already: http://.*:9251 \(pid {os.getpid()}\)"),
        State(state.home).held("another"),
    ):
        pass
    with State(state.home).held("after the first let go"):
        pass


def test_a_place_that_cannot_be_written_names_the_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="SOLAR_HOME"):
        State(tmp_path / "file" / "state").make()
