"""Ctrl-C and its relatives, as something that the stack looks for when it waits.

An exception out of a signal handler can come between starting a process and taking note of it.
So the handler only takes note, and every wait of the stack asks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 0.05


class Stopped(BaseException):
    """Somebody asked the stack to stop.

    Not an ``Exception``: nothing that handles errors may take it for one.
    """

    def __init__(self, received: signal.Signals) -> None:
        super().__init__(received.name)
        self.received = received


class Signals:
    """Takes note of the signals that ask for a stop."""

    def __init__(self) -> None:
        self._received: signal.Signals | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Take note of signals, instead of being ended by them."""
        before = {number: signal.signal(number, self._note) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise ``Stopped`` when a signal has come."""
        if self._received is not None:
            raise Stopped(self._received)

    def pause(self, seconds: float) -> None:
        """Sleep; raise ``Stopped`` as soon as a signal comes."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
            self.check()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            # The terminal is gone, and writing to it would fail in the middle of stopping.
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            os.close(nowhere)
        if self._received is None:
            self._received = signal.Signals(number)
