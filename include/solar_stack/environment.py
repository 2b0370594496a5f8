"""The virtual environment `.venv`, made and kept from the lock; run by the machine's own python3.

``python3 include/solar_stack/environment.py run`` (or ``dev``, with the tools of the tests) leaves
an environment that holds exactly what ``requirements.txt`` (or ``requirements-dev.txt``) says,
and the project itself, editable. When it is so already, that is seen in a blink.

Standard library only: nothing is installed yet when this runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)  # as requires-python in pyproject.toml
PROJECT = Path(__file__).resolve().parents[2]
LOCKS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}


class SetUpError(Exception):
    """The environment cannot be made; the message says what to do."""


def main(kind: str) -> int:
    """Bring the environment up to date.

    Parameters
    ----------
    kind : {"run", "dev"}
        What it is needed for. An environment that was made for ``dev`` serves ``run`` as well.

    Returns
    -------
    int
        The exit code: 0 when the environment is ready.
    """
    try:
        check_python(sys.version_info[:2])
        with only_one(PROJECT):
            prepare(kind, PROJECT)
    except SetUpError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next start takes it up again.", file=sys.stderr)
        return 130
    return 0


def check_python(version: tuple[int, ...]) -> None:
    """Raise unless the project supports this version of Python."""
    if OLDEST <= version <= NEWEST:
        return
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    others = [name for name in names if shutil.which(name)]
    raise SetUpError(
        f"This needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}, and {sys.executable} is "
        f"{version[0]}.{version[1]}. "
        + (
            f"Name the one to use: make PYTHON={others[0]} …"
            if others
            else "Install one of them and name it: make PYTHON=/path/to/python3.12 …"
        )
    )


@contextlib.contextmanager
def only_one(project: Path) -> Iterator[None]:
    """Hold the project's environment for ourselves; wait while another program works on it."""
    folder = os.open(project, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another make is working on the environment; waiting for it to finish …")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def prepare(kind: str, project: Path) -> None:
    """Make, mend or confirm the environment of a project."""
    venv = project / ".venv"
    stamp_file = venv / "stamp.json"
    found = read_stamp(stamp_file)
    if found.get("kind") == "dev":
        kind = "dev"  # rather than take the tools out, and put them back the next time
    wanted = stamp(kind, project)
    if found == wanted and works(venv):
        return

    started = time.monotonic()
    stamp_file.unlink(missing_ok=True)
    # Without a stamp, or with another interpreter's, nobody knows what is inside: start anew.
    if found.get("python") != wanted["python"] or not works(venv):
        say(f"Making the Python environment {venv} …")
        make(venv)
    if not (venv / "bin" / "uv").exists():
        say("Installing uv, the installer …")
        install_uv(venv, project / LOCKS[kind])
    say(f"Installing the packages of {LOCKS[kind]} …")
    sync(venv, project, kind)
    stamp_file.write_text(json.dumps(wanted, indent=2) + "\n")
    say(f"The Python environment is ready ({time.monotonic() - started:.0f} s).")


def stamp(kind: str, project: Path) -> dict[str, str]:
    """What an environment is made from: as long as this is the same, it need not be touched."""
    sources = (project / LOCKS[kind], project / "pyproject.toml")
    try:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    except FileNotFoundError as error:
        raise SetUpError(f"{error.filename} is missing: is this a complete clone?") from error
    # A virtual environment has its own path inside, so a moved one is of no use.
    return {"kind": kind, "python": f"{sys.version} in {project}", "sources": digest}


def read_stamp(path: Path) -> dict[str, str]:
    """The stamp of an environment that was finished; empty when there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def works(venv: Path) -> bool:
    """Whether the environment's Python starts and is the same version as this one."""
    command = [str(venv / "bin" / "python"), "-c", "import sys; print(sys.version)"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return done.stdout.strip() == sys.version.strip()


def make(venv: Path) -> None:
    """A new, empty environment in place of whatever is there."""
    if not has_ensurepip():
        install_ensurepip()
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    shutil.rmtree(venv, ignore_errors=True)
    call([sys.executable, "-m", "venv", venv], "The virtual environment could not be made.")


def has_ensurepip() -> bool:
    """Whether this Python can make an environment with pip: Debian's needs a package for it."""
    command = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True).returncode == 0


def install_ensurepip() -> None:
    """Install Debian's package, as root; otherwise say what to install."""
    package = f"python3.{sys.version_info[1]}-venv"
    missing = f"{sys.executable} cannot make virtual environments: its module ensurepip is missing."
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetUpError(
            f"{missing} On Debian and Ubuntu it comes with: sudo apt-get install {package}"
        )
    say(f"Installing {package} …")
    call(["apt-get", "update", "--quiet=2"], missing)
    call(["apt-get", "install", "--yes", "--quiet=2", package], missing)


def install_uv(venv: Path, lock: Path) -> None:
    """The version of uv that the lock names, checked against the lock's hashes."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirement:
        requirement.write(locked(lock, "uv"))
        requirement.flush()
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        call(
            [venv / "bin" / "python", "-m", "pip", "install", *options, "-r", requirement.name],
            "uv could not be installed. Is there a network, and a package index for pip?",
        )


def locked(lock: Path, name: str) -> str:
    """The entry of one package in a lock file: its version and its hashes."""
    lines = lock.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start + 1
    while end < len(lines) and lines[end].startswith(" "):
        end += 1
    return "\n".join(lines[start:end]) + "\n"


def sync(venv: Path, project: Path, kind: str) -> None:
    """Exactly the packages of the lock, each checked against its hash, and the project itself."""
    pip = [str(venv / "bin" / "uv"), "pip"]
    python = ["--python", str(venv / "bin" / "python")]
    # Compiling all of it takes longer than installing it, and most is never imported: Python
    # compiles and keeps what it meets.
    call(
        [*pip, "sync", *python, "--require-hashes", str(project / LOCKS[kind])],
        "The packages could not be installed. Is there a network? A package index of your own is "
        "named with UV_DEFAULT_INDEX. Start again: what was loaded is kept.",
    )
    own = ["--no-deps", "--no-build-isolation", "--quiet", "--editable", str(project)]
    call([*pip, "install", *python, *own], "The project itself could not be installed.")


def call(command: list[str | os.PathLike[str]], failed: str) -> None:
    """Run a program with its output on the screen; its failure is ours."""
    # PYTHONHOME, PYTHONDONTWRITEBYTECODE and so on are not meant for this environment.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    kept["UV_PYTHON_DOWNLOADS"] = "never"
    # As pip and git do: a network may have a certificate authority of its own.
    kept.setdefault("UV_SYSTEM_CERTS", "true")
    try:
        subprocess.run(command, check=True, env=kept, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetUpError(f"{failed}\n({error})") from error


def say(message: str) -> None:
    """One line of progress."""
    print(message, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
