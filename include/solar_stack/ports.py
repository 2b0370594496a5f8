"""TCP ports of 127.0.0.1: finding a free one, and naming who holds a taken one."""

from __future__ import annotations

import random
import socket

import psutil

from solar_stack.errors import StackError

HOST = "127.0.0.1"
# Systems take the ports of connections to others from above these (Linux from 32768, macOS from
# 49152): a server that is started again finds its own as it left it.
SERVER_PORTS = range(20_000, 32_768)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now, and that no connection will take.

    Raises
    ------
    StackError
        When there is none.
    """
    # not the generator that everybody may seed: two processes would choose alike
    for port in random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StackError(f"No port from {SERVER_PORTS[0]} to {SERVER_PORTS[-1]} is free.")


def require_free(port: int, setting: str) -> None:
    """Raise unless a program can listen on a port.

    Parameters
    ----------
    port : int
        The port that is wanted.
    setting : str
        Name of the environment variable that chooses another one.

    Raises
    ------
    StackError
        When the port is taken or may not be used; names the program that holds it when the
        system tells.
    """
    with socket.socket() as probe:
        # The servers of the stack set it too: without it, connections that are still in
        # TIME_WAIT from a previous run would count as a taken port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError as error:
            raise StackError(
                f"Port {port} may not be used by this user. Choose one above 1023 with {setting}."
            ) from error
        except (OSError, OverflowError) as error:
            holder = holder_of(port)
            by = f" by {holder}" if holder else ""
            raise StackError(
                f"Port {port} is in use{by}. Stop that program, or choose another port, "
                f"for example {setting}={free_port()}."
            ) from error


def holder_of(port: int) -> str | None:
    """The program that listens on a port, as ``name (pid 123)``; None when it cannot be found."""
    try:
        connections = psutil.net_connections("inet")
    except psutil.Error:  # macOS shows other programs' sockets to root alone
        return None
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN
        if listens and connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return None
