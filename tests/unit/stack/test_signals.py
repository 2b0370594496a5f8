"""A signal ends a wait of the stack, and nothing but a wait."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from solar_stack.signals import Signals, Stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_pause(number):
    signals = Signals()
    with signals.watched():
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        begin = time.monotonic()
        with pytest.raises(Stopped) as raised:
            signals.pause(30)
    assert raised.value.received == number
    assert time.monotonic() - begin < 10


def test_work_between_two_waits_is_not_cut_off_and_the_first_signal_counts():
    signals = Signals()
    with signals.watched():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped, match="SIGTERM"):
            signals.check()


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Signals().watched():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
