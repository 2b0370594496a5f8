"""How often a part of the stack may be started again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from solar_stack.errors import StackError


@dataclass
class Restarts:
    """Counts the restarts of each part, and says when another one would not help.

    Attributes
    ----------
    most : int
        Restarts of one part within the window.
    window_seconds : float
        Length of the window.
    """

    most: int = 5
    window_seconds: float = 600.0
    _times: defaultdict[str, deque[float]] = field(
        default_factory=lambda: defaultdict(deque), init=False
    )

    def count(self, name: str, reason: str) -> None:
        """Note that a part is started again.

        Raises
        ------
        StackError
            When that has happened too often of late; tells the reason.
        """
        now = time.monotonic()
        times = self._times[name]
        while times and now - times[0] > self.window_seconds:
            times.popleft()
        if len(times) == self.most:
            raise StackError(
                f"{name} was started again {self.most} times in {(now - times[0]) / 60:.1f} "
                f"minutes, so another start would not help: {reason}"
            )
        times.append(now)
