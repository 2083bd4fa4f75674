# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the server from its parts, and run it in a thread (`Sandbox`)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from .admin import Admin
from .faults import Fault, Faults
from .journal import Entry, Journal
from .node import Node
from .options import Options
from .protocol import SandboxProtocol
from .scenario import load_scenario
from .store import Store
from .timeline import Chance, Clock
from .transport import FrontEnd

T = TypeVar("T")


class Service:
    """The application and its changeable parts.

    Only the server's thread may use it.

    Raises:
        FileNotFoundError: no such scenario.
        ValueError: a scenario or a database file that does not fit.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        scenario = load_scenario(options.scenario)
        self.clock = Clock(options.speed)
        self.journal = Journal(options.journal)
        self.faults = Faults()
        chance = Chance(scenario.seed if options.seed is None else options.seed)
        self.store = Store(options.database, scenario, chance, self.clock)
        self._closing = contextlib.ExitStack()
        self._closing.callback(self.store.close)
        self.node = Node(self.store, options)
        self.front_end = FrontEnd(self.node, options, self.journal, self.faults)
        routes = [Route("/api.php", self.front_end)]
        if options.admin_token is not None:
            routes += Admin(self, options.admin_token.get_secret_value()).routes
        self.app = Starlette(routes=routes)

    def close(self) -> None:
        """Close the database and remove what was only for this run."""
        self._closing.close()

    def private_directory(self) -> Path:
        """Return a new directory that is deleted when the service is closed."""
        return Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="yateota-sandbox-")))

    def set(self, changes: dict[str, Any]) -> None:
        """Change options that may change at run time.

        Raise ValueError for others and for invalid values.
        """
        self.options = self.options.changed(changes)
        self.node.options = self.front_end.options = self.options
        self.journal.enabled = self.options.journal
        if "speed" in changes:
            self.clock.set_speed(self.options.speed)

    def fault(self, fields: dict[str, Any]) -> None:
        """Ask for a fault; raise ValueError if it is not a sensible one."""
        self.faults.add(Fault.model_validate(fields))


class Server(uvicorn.Server):
    """uvicorn with a callback for when it is ready."""

    def __init__(self, service: Service, on_serving: Callable[[], None]) -> None:
        options = service.options
        config = uvicorn.Config(
            service.app,
            http=SandboxProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        config.load()
        super().__init__(config)
        self._service = service
        self._on_serving = on_serving
        self.ca_path: Path | None = None
        try:
            if options.tls:
                self.ca_path = options.ca_dest or service.private_directory() / "ca.pem"
                config.ssl = _tls(self.ca_path, options.client_ca)
            self._socket = _listen(options.host, options.port)
        except OSError:
            service.close()
            raise
        scheme = "https" if options.tls else "http"
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"{scheme}://{host}:{self._socket.getsockname()[1]}"
        self.url = f"{address}/api.php"
        self.admin_url = f"{address}/admin" if options.admin_token is not None else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and start the simulated clock."""
        await super().startup(sockets)
        self._service.clock.restart()
        self._on_serving()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving, and close unanswered connections after a grace period."""
        await super().shutdown(sockets)
        for protocol in list(self.server_state.connections):
            cast(SandboxProtocol, protocol).abort()
        await asyncio.sleep(0)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the server is stopped."""
        try:
            asyncio.run(self.serve(sockets=[self._socket]))
        finally:
            self._service.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given; without it every answer would wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"host {host}, port {port}: cannot listen there: {error.strerror}") from error
    return listener


def _tls(ca_path: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return a context with a certificate of a new CA.

    The certificate of the CA is written to `ca_path`.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "::1", "localhost").configure_cert(context)
    if client_ca is not None:
        if not client_ca.is_file():
            raise FileNotFoundError(f"client_ca {client_ca}: there is no such file")
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Sandbox:
    """A sandbox in a thread of this process, over real TCP.

    Use it as in `with Sandbox(Options(scenario="small")) as box: ...`.

    Args:
        options: as on the command line; `ready_file` has no use here.

    Raises:
        FileNotFoundError, ValueError: a scenario or a database file that does not fit.
        OSError: the address cannot be listened on.
    """

    def __init__(self, options: Options | None = None) -> None:
        self._service = Service(options or Options())
        self._serving = threading.Event()
        self._server = Server(self._service, self._on_serving)
        self._thread = threading.Thread(target=self._server.run, name="yateota-sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.url = self._server.url
        self.admin_url = self._server.admin_url
        self.ca_path = self._server.ca_path

    def _on_serving(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving.set()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._serving.wait(30):
            raise RuntimeError("the sandbox did not begin to serve")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def journal(self) -> list[Entry]:
        """Return every request received (see `yateota_sandbox.journal.Journal`)."""
        return self._in_loop(self._service.journal.entries)

    def writes(self) -> list[Entry]:
        """Return the journal's entries that are writes, carried out or not."""
        return [entry for entry in self.journal() if entry["write"]]

    def clear_journal(self) -> None:
        """Delete the requests received so far."""
        self._in_loop(self._service.journal.clear)

    def fault(self, **fields: Any) -> None:
        """Ask for a fault (see `yateota_sandbox.faults.Fault`).

        Raise ValueError if it is not a sensible one.
        """
        self._in_loop(functools.partial(self._service.fault, fields))

    def clear_faults(self) -> None:
        """Drop the faults that have not happened."""
        self._in_loop(self._service.faults.clear)

    def advance(self, seconds: float) -> None:
        """Let simulated seconds pass at once."""
        self._in_loop(functools.partial(self._service.clock.advance, seconds))

    def set(self, **changes: Any) -> None:
        """Change options that may change at run time.

        Raise ValueError for others and for invalid values.
        """
        self._in_loop(functools.partial(self._service.set, changes))

    def participant(self, participant_id: int) -> dict[str, Any]:
        """Return a participant's real data, or raise LookupError.

        It has identifiers, state, ota_counter, sends (of all messages) and reruns.
        """
        return self._in_loop(functools.partial(self._service.node.truth, participant_id))

    def _in_loop(self, act: Callable[[], T]) -> T:
        """Run a function in the server's thread, the only one that may use the data."""

        async def run() -> T:
            return act()

        if self._loop is None:
            raise RuntimeError("the sandbox is not running")
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)
