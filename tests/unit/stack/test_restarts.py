"""What ends again and again is not started for ever."""

from __future__ import annotations

import pytest

from solar_stack.errors import StackError
from solar_stack.restarts import Restarts


def test_each_part_has_its_own_count_and_the_last_problem_is_told():
    restarts = Restarts(most=2)
    for _ in range(2):
        restarts.count("triggerer", "it ended")
        restarts.count("scheduler", "it ended")
    with pytest.raises(StackError, match=r"triggerer was started again 2 times.*no memory"):
        restarts.count("triggerer", "no memory")


def test_what_happened_long_ago_does_not_count():
    restarts = Restarts(most=1, window_seconds=0.0)
    for _ in range(3):
        restarts.count("triggerer", "it ended")
