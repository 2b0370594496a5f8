"""A taken port is met with everything one needs to free it."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from solar_stack.errors import StackError
from solar_stack.ports import HOST, free_port, require_free


def test_a_taken_port_names_the_port_the_setting_and_the_program():
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as raised:
            require_free(port, "SOLAR_PORT")
    message = str(raised.value)
    assert f"Port {port} is in use" in message
    assert f"pid {os.getpid()}" in message
    assert "SOLAR_PORT=" in message


def test_a_port_taken_on_all_addresses_counts():
    with socket.create_server(("0.0.0.0", 0)) as server, pytest.raises(StackError):
        require_free(server.getsockname()[1], "SOLAR_PORT")


def test_a_free_port_passes():
    require_free(free_port(), "SOLAR_PORT")


def test_no_connection_to_others_takes_a_free_port():
    """Else a server that was killed could not be started again on the port it is known by."""
    with socket.create_server((HOST, 0)) as server, contextlib.ExitStack() as opened:
        address = server.getsockname()
        ends = [opened.enter_context(socket.create_connection(address)) for _ in range(100)]
        theirs = [end.getsockname()[1] for end in ends]
    assert all(free_port() < min(theirs) for _ in range(20))
