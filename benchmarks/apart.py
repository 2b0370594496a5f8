"""Measuring apart: each measurement in a forked process, so that its peak memory is its own.

That is also how Airflow's LocalExecutor runs a task: in a fork of a process that has the heavy
libraries imported. Hence a parent that is to measure must import, and compute nothing: the
threads of a library that was used do not survive a fork.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
Measured = dict[str, float]

_FORK = multiprocessing.get_context("fork")


def apart(act: Callable[[], T]) -> tuple[T, Measured]:
    """Call a function in a process of its own.

    Returns
    -------
    result
        Of the function; it must survive pickling.
    measured : dict of str to float
        ``total_s`` of wall time, ``total_cpu_s`` of processor time in this process, and
        ``peak_mib`` of memory.
    """
    receiver, sender = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_report, args=(act, sender))
    # as the executor does it: no collection in the child looks through what the parent has
    gc.freeze()
    child.start()
    gc.unfreeze()
    sender.close()
    try:
        result, measured = receiver.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"the measurement ended with exit code {child.exitcode}") from None
    child.join()
    if isinstance(result, BaseException):
        raise result
    return result, measured


def _report(act: Callable[[], Any], sender: Connection) -> None:
    measured: Measured = {}
    with timed(measured, "total"):
        try:
            result = act()
        except Exception as error:
            result = error
    measured["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send((result, measured))


@contextmanager
def timed(into: Measured, name: str) -> Iterator[None]:
    """Measure a block: ``<name>_s`` of wall time, and ``<name>_cpu_s`` of this process's work."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    yield
    into[f"{name}_s"] = time.perf_counter() - began_s
    into[f"{name}_cpu_s"] = time.process_time() - began_cpu_s


def medians(runs: Sequence[Measured]) -> Measured:
    """Of each number of repeated measurements, its median."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
