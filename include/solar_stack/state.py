"""The state folder (`.solar`, or SOLAR_HOME): what is kept between two starts."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from solar_stack.errors import StackError


@dataclass(frozen=True)
class Secrets:
    """What is drawn once, at the first start, and never shown but for the two logins."""

    fernet_key: str
    jwt_secret: str
    session_key: str
    admin_password: str
    viewer_password: str

    @classmethod
    def draw(cls) -> Secrets:
        """New secrets."""
        return cls(
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_hex(32),
            session_key=secrets.token_hex(32),
            admin_password=secrets.token_urlsafe(9),
            viewer_password=secrets.token_urlsafe(9),
        )


class State:
    """The folders of one stack.

    Parameters
    ----------
    home : path
        The state folder; made when absent.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.postgres = self.home / "postgres"
        self.airflow = self.home / "airflow"
        self.logs = self.home / "logs"
        self.processes = self.home / "processes"
        self._data = [self.home / name for name in ("exchange", "work", "backups", "runner")]

    def make(self) -> None:
        """Make the folders; what is in them is of no interest to other users of the machine.

        Raises
        ------
        StackError
            When the place cannot be written.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            for folder in (self.airflow, self.logs, self.processes, *self._data):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(f"{folder} belongs to the user {folder.owner()}")
        except OSError as error:
            raise StackError(
                f"The state folder {self.home} cannot be used ({error}). "
                "Choose another one with SOLAR_HOME."
            ) from error

    @contextlib.contextmanager
    def held(self, note: str) -> Iterator[None]:
        """Hold the folder for this process.

        Parameters
        ----------
        note : str
            What another start is told while this one holds the folder.

        Raises
        ------
        StackError
            When another process holds it.
        """
        holder = self.home / "holder"
        # A lock of the system goes with the process that holds it, however that one ends.
        lock = os.open(self.home, os.O_RDONLY)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                other = holder.read_text() if holder.exists() else "another process"
                raise StackError(
                    f"The stack of {self.home} is running already: {other}. Stop that one first, "
                    "or run a second stack with another SOLAR_HOME and SOLAR_PORT."
                ) from error
            holder.write_text(f"{note} (pid {os.getpid()})")
            yield
        finally:
            os.close(lock)

    def secrets(self) -> Secrets:
        """The secrets of this stack, drawn the first time."""
        path = self.home / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(asdict(Secrets.draw()), indent=2))
        try:
            return Secrets(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{path} cannot be read ({error}). Restore it; or remove it, and new keys and "
                "passwords are made."
            ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; others see the old one or the new one, whole."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
