"""The operating-system user of Postgres, which refuses to run as root.

Started by an ordinary user, everything here says "as you are" and changes nothing.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from solar_stack.errors import StackError

SERVER_USER = "pgserver"

# Where root puts what that user has to reach when the project lies in a folder that it may not
# enter (/root, as a rule). Opening the folder itself would show it to everybody.
ELSEWHERE = Path("/var/lib/solar-stack")


def server_uid(cluster: Path) -> int | None:
    """User to run Postgres as: None for the present one, a number when that is root.

    An existing cluster keeps its owner; for a new one a system user without a login is made.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists():
        return cluster.stat().st_uid
    try:
        return pwd.getpwnam(SERVER_USER).pw_uid
    except KeyError:
        return _make_user()


def as_user(uid: int | None) -> dict[str, Any]:
    """Arguments for ``subprocess`` that run a program as a user and in none of root's groups."""
    if uid is None:
        return {}
    return {"user": uid, "group": group_of(uid), "extra_groups": []}


def group_of(uid: int) -> int:
    """The main group of a user; its own number for a user without an entry."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


def can_enter(path: Path, uid: int) -> bool:
    """Whether a user can enter a folder or run a program, all the folders above it included."""
    return subprocess.run(["test", "-x", path], cwd="/", **as_user(uid)).returncode == 0


def place_elsewhere(prefix: str) -> Path:
    """A new folder that every user can pass through, outside of the project."""
    ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=ELSEWHERE))
    folder.chmod(0o755)
    return folder


def _make_user() -> int:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run([*command, SERVER_USER], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise StackError(
            f"Postgres does not run as root, and the user {SERVER_USER!r} for it could not be "
            f"made ({reason}). Make it by hand, or start as an ordinary user."
        ) from error
    return pwd.getpwnam(SERVER_USER).pw_uid
