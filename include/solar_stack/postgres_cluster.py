"""The cluster of the embedded Postgres: its data directory, made when absent, checked when not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from solar_stack.errors import StackError
from solar_stack.ports import HOST
from solar_stack.postgres_wheel import major_version, run
from solar_stack.unprivileged import can_enter, group_of, place_elsewhere

SUPERUSER = "postgres"
_NAME = "cluster"


def place(folder: Path) -> Path:
    """Where the cluster of a server's folder lies; elsewhere when its user cannot come here."""
    return (folder / _NAME).resolve()


def make(folder: Path, binaries: Path, uid: int | None) -> None:
    """Make the cluster of a server's folder.

    It gets its name when it is complete, so that an interrupted initdb starts afresh. The superuser
    has no password yet and nobody can connect: `set_password` is next.

    Parameters
    ----------
    folder : path
        The server's folder.
    binaries : path
        Folder of the Postgres programs.
    uid : int or None
        Who runs the server, None for the present user.

    Raises
    ------
    StackError
        When initdb fails; with what it says.
    """
    link = folder / _NAME
    link.unlink(missing_ok=True)
    reachable = uid is None or can_enter(folder, uid)
    home = folder if reachable else place_elsewhere("postgres-")
    draft = home / f"{_NAME}.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if uid is not None:
        os.chown(draft, uid, group_of(uid))
    command: list[str | Path] = [binaries / "initdb", "--pgdata", draft, "--username", SUPERUSER]
    command += ["--no-instructions", "--encoding=UTF8"]
    # The same collation on every machine, whatever locales it has.
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = run(command, uid)
    if done.returncode:
        shutil.rmtree(draft if reachable else home, ignore_errors=True)
        raise StackError(f"Postgres could not make its cluster in {draft}:\n{done.stderr}")
    access = draft / "pg_hba.conf"
    access.write_text(f"host all all {HOST}/32 scram-sha-256\n")
    draft.rename(home / _NAME)
    if not reachable:
        link.symlink_to(home / _NAME)


def require_version(folder: Path, binaries: Path) -> None:
    """Raise unless the cluster can be read, and was made by the major version of the programs."""
    cluster = place(folder)
    try:
        found = (cluster / "PG_VERSION").read_text().strip()
    except PermissionError as error:
        raise StackError(
            f"The Postgres cluster {cluster} belongs to another user ({cluster.owner()}). Run as "
            "that user, or as root."
        ) from error
    except FileNotFoundError as error:
        raise StackError(
            f"{cluster} is no Postgres cluster: it has no file PG_VERSION. Restore it, or remove "
            f"{folder} to start with empty databases."
        ) from error
    ours = major_version(binaries)
    if found != ours:
        raise StackError(
            f"The Postgres cluster {cluster} was made by version {found}; the version installed "
            f"here is {ours}. Dump the databases with version {found} and load them again, or "
            f"remove {folder} to start with empty ones."
        )


def set_password(folder: Path, binaries: Path, uid: int | None, password: str) -> None:
    """Set the superuser's password in the cluster, while no server runs on it."""
    command: list[str | Path] = [binaries / "postgres", "--single", "-D", place(folder), SUPERUSER]
    done = run(command, uid, text_in=f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n")
    if done.returncode:
        raise StackError(f"Postgres could not set its first password:\n{done.stderr}")
