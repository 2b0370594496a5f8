"""Programs that tests need and Python packages do not bring."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from solar_stack.errors import StackError
from solar_stack.show import say, step
from solar_stack.signals import Signals

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser() -> str | None:
    """Path of the installed Chromium; None when there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def redis() -> str | None:
    """Path of the installed Redis server; None when there is none."""
    return shutil.which("redis-server")


class Program(NamedTuple):
    """What a layer of the tests needs: how it is found, and Debian's package that brings it."""

    find: Callable[[], str | None]
    name: str
    package: str
    tests: str


PROGRAMS = (
    Program(browser, "Chromium", "chromium", "in a browser"),
    Program(redis, "Redis", "redis-server", "with Celery workers"),
)


def programs(_signals: Signals) -> int:
    """Install what is missing, on Debian as root; elsewhere say which tests will not run."""
    missing = [program for program in PROGRAMS if not program.find()]
    if not missing:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        for program in missing:
            say(
                f"! No {program.name}: the tests {program.tests} will not run. Install it, on "
                f"Debian with: sudo apt-get install {program.package}",
                "yellow",
            )
        return 0
    with step(f"Installing {' and '.join(program.name for program in missing)} for the tests"):
        packages = [program.package for program in missing]
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", "--quiet=2", *command],
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise StackError(f"apt-get {command[0]} failed:\n{done.stdout}{done.stderr}")
    return 0
