# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let uvicorn send a status line's reason, and close without an answer."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

_numbers = itertools.count(1)


class Connection:
    """One TCP connection.

    The application finds it in `scope["state"]["connection"]`.
    """

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.reason: bytes | None = None  # of the next status line
        self.transport: asyncio.Transport | None = None

    def abort(self) -> None:
        """Close it at once, without an answer."""
        if self.transport is not None:
            self.transport.abort()


class _StatusLine:
    """A transport that puts the connection's own reason into a status line."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection

    def write(self, data: bytes) -> None:
        reason = self._connection.reason
        if reason is not None:
            self._connection.reason = None
            version_and_status = data[: len(b"HTTP/1.1 200 ")]
            data = version_and_status + reason + data[data.index(b"\r\n") :]
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class SandboxProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """The HTTP protocol of uvicorn, which gives the application its connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._connection = Connection()
        app_state = {**app_state, "connection": self._connection}
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for later."""
        self._connection.transport = cast(asyncio.Transport, transport)
        super().connection_made(_StatusLine(self._connection.transport, self._connection))

    def shutdown(self) -> None:
        """Close the connection once its request is answered, when the server stops."""
        super().shutdown()
        transport = self._connection.transport
        if transport is not None and transport.is_closing() and not transport.get_write_buffer_size():
            # With TLS, closing would wait half a minute for an idle client to close its side.
            transport.abort()

    def abort(self) -> None:
        """Close the connection at once, answered or not."""
        self._connection.abort()
