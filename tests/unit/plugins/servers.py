# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests share: the secret, and servers for what no sandbox does: a proxy, and a parrot."""

from __future__ import annotations

import contextlib
import random
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.simops.yateota.plugins.module_utils._api.client import Client

from yateota_sandbox import Sandbox

SECRET = "correct-horse"

# What the fixtures of the same names in snake case are.
StartSandbox = Callable[..., Sandbox]
Connect = Callable[..., Client]
RunTask = Callable[..., dict[str, Any]]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.heard: list[bytes] = []
        self.answers: list[Any] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"http://{self.address}/api.php"


@contextlib.contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[Any]:
    """A server of that handler in a thread; `heard` is what it was sent."""
    with _Server(handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request with its body; what came before the end where the connection ends first."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _end, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Parrot(socketserver.BaseRequestHandler):
    """Answers each connection's one request with the next of `server.answers`, the last of them forever."""

    def handle(self) -> None:
        self.server.heard.append(read_request(self.request))
        answers = self.server.answers
        self.request.sendall(answers.pop(0) if len(answers) > 1 else answers[0])


class Proxy(socketserver.BaseRequestHandler):
    """An HTTP proxy: tunnels on CONNECT, forwards anything else. `server.answers`, where set, it says instead."""

    def handle(self) -> None:
        request = read_request(self.request)
        self.server.heard.append(request)
        if self.server.answers:
            self.request.sendall(self.server.answers[0])
            return
        method, target, _version = request.split(b"\r\n", 1)[0].split()
        tunnel = method == b"CONNECT"
        address = target if tunnel else target.split(b"//")[1].split(b"/")[0]
        host, port = address.decode().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as upstream:
            if tunnel:
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(request)
            _relay(self.request, upstream)


class SocksProxy(socketserver.BaseRequestHandler):
    """A SOCKS 5 proxy without a password that accepts IPv4 addresses; `heard` is where it led."""

    def handle(self) -> None:
        _version, methods = self.request.recv(2)
        self.request.recv(methods)
        self.request.sendall(b"\x05\x00")
        asked = self.request.recv(10)  # version, command, reserved, kind of address, address, port
        address = socket.inet_ntoa(asked[4:8]), int.from_bytes(asked[8:10], "big")
        self.server.heard.append(b"%s:%d" % (address[0].encode(), address[1]))
        with socket.create_connection(address) as upstream:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _relay(self.request, upstream)


def _relay(client: socket.socket, upstream: socket.socket) -> None:
    """Copy both ways until both ends have ended."""
    back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
    back.start()
    _copy(client, upstream)
    back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends, and end the target with it."""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def http(body: str | bytes, status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP response, its connection closed after it."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def free_port() -> int:
    """A port of the loopback on which nothing listens, and which the system gives to nobody who asks for any."""
    while True:
        port = random.randrange(10_000, 32_000)  # noqa: S311 (no secret depends on it)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Keeper(socketserver.BaseRequestHandler):
    """Keeps its connections: answers each request with the next of `server.answers`, the last of them forever.

    An answer is bytes, or a list of bytes and of seconds to wait in between. It ends a connection where the answer is
    empty. `server.connections` counts them, and `server.sent` the answers that were sent as a whole.
    """

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.server.connections = getattr(self.server, "connections", 0) + 1
            while request := read_request(self.request):
                self.server.heard.append(request)
                answers = self.server.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if not part:
                        self.request.shutdown(socket.SHUT_RDWR)
                        self._count_sent()
                        return
                    if isinstance(part, bytes):
                        self.request.sendall(part)
                    else:
                        time.sleep(part)
                self._count_sent()

    def _count_sent(self) -> None:
        self.server.sent = getattr(self.server, "sent", 0) + 1


def wait_until_sent(keeper: Any, answers: int) -> None:
    """Wait until so many answers of a keeper were sent: what was sent over the loopback has arrived."""
    deadline = time.monotonic() + 60
    while getattr(keeper, "sent", 0) < answers:
        assert time.monotonic() < deadline
        time.sleep(0.01)


class IdleReset(socketserver.BaseRequestHandler):
    """A firewall's habit: resets a kept connection that rested for `REST` when the next request comes on it."""

    REST = 0.6

    def handle(self) -> None:
        rests_since = None
        while request := read_request(self.request):
            if rests_since and time.monotonic() - rests_since > self.REST:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            self.server.heard.append(request)
            self.request.sendall(kept('{"code": 0}'))
            rests_since = time.monotonic()


def kept(body: str | bytes, status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP response after which the connection is kept."""
    return http(body, status, **headers).replace(b"Connection: close\r\n", b"")
