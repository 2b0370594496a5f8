"""A TCP proxy that does to connections what networks do to them."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass

CHUNK = 16384


@dataclass(frozen=True)
class Fault:
    """What befalls one connection; a connection without a fault passes untouched.

    With ``after``, it is the first connection that carries so many bytes, else the next one.
    ``reset``: cut after ``after`` bytes from the client. ``lost``: they arrive, the answer does
    not. ``truncate``: cut after ``after`` bytes of the answer. ``busy``: the answer
    is 500. ``silent``: no answer. ``slow``: a pause before each chunk. ``damage_up`` and
    ``damage_down``: the byte at ``after`` becomes another, on the way there or back.
    """

    kind: str
    after: int = 0


class Proxy:
    """Passes connections on to a server; ``faults`` befall the next ones, in order."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.faults: list[Fault] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def refuse(self) -> None:
        """Stop listening: who connects now is refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.refuse()
        for each in self._open:
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            fault = self.faults[0] if self.faults else Fault("none")
            if fault.after == 0:
                self._claim(fault)
            self._open.append(client)
            threading.Thread(target=self._pass, args=(client, fault), daemon=True).start()

    def _claim(self, fault: Fault) -> bool:
        """Whether the fault is still to happen; it then counts as happened."""
        if fault not in self.faults:
            return False
        self.faults.remove(fault)
        return True

    def _pass(self, client: socket.socket, fault: Fault) -> None:
        if fault.kind == "busy":
            _answer_500(client)
            return
        if fault.kind == "silent":
            with contextlib.suppress(OSError):
                while client.recv(CHUNK):
                    pass
            return
        server = socket.create_connection(("127.0.0.1", self.target))
        self._open.append(server)
        for each in (client, server):  # no pause between two small pieces that this does not make
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = [0]
        there = (client, server, fault, sent, True)
        threading.Thread(target=self._pump, args=there, daemon=True).start()
        self._pump(server, client, fault, sent, False)

    def _pump(
        self, source: socket.socket, sink: socket.socket, fault: Fault, sent: list[int], up: bool
    ) -> None:
        moved = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if fault.kind == "slow":
                    time.sleep(0.02)
                at = fault.after - moved
                reached = 0 <= at < len(data)
                damage = reached and fault.kind == ("damage_up" if up else "damage_down")
                if damage and self._claim(fault):
                    data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
                cut = reached and fault.kind == ("reset" if up else "truncate")
                if cut and (fault.after == 0 or self._claim(fault)):
                    sink.sendall(data[:at])
                    if up:
                        _reset(source)
                    break
                moved += len(data)
                sent[0] += len(data) if up else 0
                if fault.kind == "lost" and not up and sent[0] > fault.after and self._claim(fault):
                    break
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _answer_500(client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(CHUNK)
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        left = int(length[1]) - len(body) if length else 0
        while left > 0 and b"expect: 100" not in head.lower() and (data := client.recv(CHUNK)):
            left -= len(data)
        client.sendall(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
