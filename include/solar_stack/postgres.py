"""A Postgres of our own, from a wheel: no system package, no service, one folder.

The server listens on 127.0.0.1 alone and every role needs its password (SCRAM), so other users
of the machine stay outside. The passwords are made at the first start and kept in the folder, in
a file that only its owner can read.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psutil
import psycopg
from psycopg import sql

from solar_stack import postgres_cluster
from solar_stack.errors import StackError
from solar_stack.logs import begin_long_one_anew, last_lines
from solar_stack.ports import HOST, free_port, require_free
from solar_stack.postgres_cluster import SUPERUSER
from solar_stack.postgres_wheel import environment, locate, sized_settings
from solar_stack.processes import end
from solar_stack.state import write_private
from solar_stack.unprivileged import as_user, server_uid

DATABASES = ("airflow", "solar")
PORT_SETTING = "SOLAR_POSTGRES_PORT"

START_SECONDS = 300.0  # recovery after a power cut may replay gigabytes of log
STOP_SECONDS = 60.0
PORT_LINE = 3  # of postmaster.pid, counted from 0


class EmbeddedPostgres:
    """A Postgres server that lives in one folder.

    Parameters
    ----------
    data_dir : path
        Folder of the server: its cluster, its log and the passwords. Made when absent.
    port : int, optional
        Port of 127.0.0.1; a free one is taken when absent.
    pause : callable
        Waits for some seconds while the server starts; it may raise to break the start off.

    Examples
    --------
    >>> with EmbeddedPostgres("state/postgres") as postgres:  # doctest: +SKIP
    ...     connection = psycopg.connect(postgres.dsn("solar"))
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str],
        port: int | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = Path(data_dir).absolute()
        self.log = self.folder / "postgres.log"
        self.port = port
        self._wanted_port = port
        self._pause = pause
        self._password_file = self.folder / "passwords.json"
        self._passwords: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server that this object started still runs."""
        return self._server is not None and self._server.poll() is None

    def dsn(self, database: str) -> str:
        """Connection URI of a database, as the role that owns it.

        Parameters
        ----------
        database : str
            ``"airflow"``, ``"solar"``, or ``"postgres"`` for the superuser.
        """
        if self.port is None or not self._passwords:
            raise StackError("Postgres has no address before it was started.")
        return f"postgresql://{database}:{self._passwords[database]}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start the server; the first time, make the cluster, the roles and the databases.

        Returns when it accepts connections. A server that an earlier program left running in
        this folder is shut down first; a stale pid file and an unclean stop are mended.

        Raises
        ------
        StackError
            When another program is using the folder, the port is taken, the cluster was made by
            another major version, or the server ends; with the end of its log.
        """
        if self.running:
            return
        self._make_folder()
        self._take_lock()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Start a server again that has ended by itself, at the address that others know.

        It recovers what was committed. What is left of the old one ends first: its processes
        notice that they are orphans when they next look.

        Raises
        ------
        StackError
            As for `start`.
        """
        self._wanted_port = self.port
        self._start()

    def stop(self) -> None:
        """Shut the server down, wait until it is gone, and let go of the folder.

        No committed row is lost. Nothing happens when this object does not hold the folder.
        """
        if self._lock is None:
            return
        self._end_server()
        os.close(self._lock)
        self._lock = None

    def attach(self) -> bool:
        """Take the address of the server that another program runs in this folder.

        Returns
        -------
        bool
            Whether there is one. It is not ours to stop.
        """
        if not self._password_file.exists() or not self._processes():
            return False
        pid_file = (self._cluster / "postmaster.pid").read_text().splitlines()
        self.port = int(pid_file[PORT_LINE])
        self._load_passwords()
        return True

    def remove(self) -> None:
        """Stop the server and remove the cluster, also where it lies outside of the folder."""
        if not self.folder.exists():
            return
        self._take_lock()
        try:
            self._end_server()
            outside = self._cluster.parent
            shutil.rmtree(self.folder)
            if outside != self.folder:
                shutil.rmtree(outside)
        finally:
            self.stop()

    def log_tail(self, lines: int = 15) -> str:
        """The end of the server's log."""
        return last_lines(self.log, lines)

    @property
    def _cluster(self) -> Path:
        return postgres_cluster.place(self.folder)

    def _make_folder(self) -> None:
        try:
            if not self.folder.exists():
                self.folder.mkdir(parents=True)
                # Started by root, the server runs as another user and has to pass through.
                self.folder.chmod(0o711)
            usable = os.access(self.folder, os.R_OK | os.W_OK | os.X_OK)
        except OSError:
            usable = False
        if not usable:
            raise StackError(
                f"Postgres cannot use the folder {self.folder}: this user may not write there. "
                "If it was made by another user, run as that one."
            )

    def _take_lock(self) -> None:
        # A lock of the system goes with the process that holds it, however that one ends.
        lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise StackError(
                f"Another program is using the Postgres in {self.folder}. Stop that one first."
            ) from error
        self._lock = lock

    def _start(self) -> None:
        uid = server_uid(self._cluster)
        binaries = locate(uid)
        self._load_passwords()
        if not self._cluster.exists():
            self._password_file.unlink(missing_ok=True)  # a new cluster has none yet
            postgres_cluster.make(self.folder, binaries, uid)
        postgres_cluster.require_version(self.folder, binaries)
        self._end_server()
        # No server of this cluster is left, so a pid file can only be stale. Postgres itself
        # would refuse to start if its pid belongs to some other program of the same user now.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        if not self._password_file.exists():
            postgres_cluster.set_password(self.folder, binaries, uid, self._passwords[SUPERUSER])
            write_private(self._password_file, json.dumps(self._passwords, indent=2))
        if self._wanted_port is not None:
            require_free(self._wanted_port, PORT_SETTING)
        self.port = self._wanted_port or free_port()
        self._launch(binaries, uid)
        self._wait_until_ready()
        self._ensure_databases()

    def _load_passwords(self) -> None:
        kept = json.loads(self._password_file.read_text()) if self._password_file.exists() else {}
        self._passwords = {
            role: kept.get(role) or secrets.token_urlsafe(24) for role in (SUPERUSER, *DATABASES)
        }

    def _launch(self, binaries: Path, uid: int | None) -> None:
        settings = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **sized_settings(self._cluster),
        }
        command: list[str | Path] = [binaries / "postgres", "-D", self._cluster]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        begin_long_one_anew(self.log)
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(),
                start_new_session=True,
                **as_user(uid),
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if not self.running:
                raise StackError(f"Postgres ended while starting:\n{self.log_tail()}")
            try:
                psycopg.connect(self.dsn(SUPERUSER), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"Postgres accepts no connection after {START_SECONDS:.0f} s ({error}):\n"
                        f"{self.log_tail()}"
                    ) from error
            self._pause(0.05)

    def _ensure_databases(self) -> None:
        """Each database with its one role; nobody else may connect to it."""
        with psycopg.connect(self.dsn(SUPERUSER), autocommit=True) as connection:
            roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            present = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            for name in DATABASES:
                role, password = sql.Identifier(name), sql.Literal(self._passwords[name])
                if name not in roles:
                    connection.execute(sql.SQL("CREATE ROLE {}").format(role))
                # the owner of our tables makes the roles that may use them
                right = sql.SQL("CREATEROLE" if name == "solar" else "NOCREATEROLE")
                connection.execute(
                    sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD {}").format(role, right, password)
                )
                if name not in present:
                    connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(role))
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))

    def _end_server(self) -> None:
        family = self._processes()
        pids = {process.pid for process in family}
        # as it was when they were found: one may end while the others are looked at
        leaders = {each: STOP_SECONDS for each in family if each.info["ppid"] not in pids}
        # SIGINT is the fast shutdown of Postgres; SIGTERM would wait for its clients to leave.
        end(leaders, family, first=signal.SIGINT)
        if self._server is not None:
            self._server.wait()
            self._server = None

    def _processes(self) -> list[psutil.Process]:
        """Every server process of this cluster, whoever started it.

        A server process works in its data directory. The pid file alone would not do: its pid
        may be another program's by now, and a killed server can leave children behind.
        """
        found = []
        for process in psutil.process_iter(["name", "ppid"]):
            # Our own, just started, has not gone there yet.
            ours = self._server is not None and process.pid == self._server.pid
            if ours or process.info["name"] == "postgres":
                with contextlib.suppress(psutil.Error):
                    if ours or Path(process.cwd()) == self._cluster:
                        found.append(process)
        return found
