"""A network line to a server, which can be cut and made again."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Line:
    """Pass the connections to a port of this machine on to a server.

    Args:
        connect: makes a connection to the server.

    Attributes:
        port: the port. It stays the same while the line is cut.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._ends: list[socket.socket] = []
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Make the line, at first and after it was cut."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(50)
        self.port = listener.getsockname()[1]
        self._ends = [listener]
        threading.Thread(target=self._accept, args=(listener, self._ends), daemon=True).start()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket, ends: list[socket.socket]) -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:  # the line is cut
                return
            try:
                far = self._connect()
            except OSError:  # the server is away
                near.close()
                continue
            ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
