"""Programs that tests need and Python packages do not bring."""

from __future__ import annotations

import os
import shutil
import subprocess

from solar_stack.errors import StackError
from solar_stack.show import say, step
from solar_stack.signals import Signals

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser() -> str | None:
    """Path of the installed Chromium; None when there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def programs(_signals: Signals) -> int:
    """Install what is missing, on Debian as root; elsewhere say which tests will not run."""
    if browser():
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(
            "! No Chromium: the tests in a browser will not run. Install it, on Debian with: "
            "sudo apt-get install chromium",
            "yellow",
        )
        return 0
    with step("Installing Chromium for the tests in a browser"):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
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
