"""A server between the modules and a sandbox, which alters answers and records them."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from answers import (
    AGAIN,
    CLOSE,
    HOLD,
    OK,
    REFUSED,
    RESET,
    SECRET,
    TIMEOUT,
    UNKNOWN,
    Good,
    Script,
    Verdict,
    message,
    whole,
)
from mutations import BY_NAME, Mutation, chosen

importlib.import_module("contents")  # registers its mutations

LATE = 0.05
"""Bytes that were sent this many seconds before a request came had arrived before the request was sent."""

OVERLONG = 4 * TIMEOUT
"""Seconds for which no request may keep a client: far more than a slow machine adds to the timeout."""


@dataclass
class Exchange:
    """One request and its outcome.

    Attributes:
        request, params: as the client sent them.
        mutation: the name of the mutation; None if the good answer was sent as it was.
        verdict: what the client may conclude from it.
        carried_out: whether the node carried it out.
        lies: whether the content of the answer was not the node's.
        unheard: whether the client had given up before the node saw its request, as on a machine that is slow.
        overlong: whether the client waited for longer than any timeout allows.
    """

    request: str
    params: dict[str, Any]
    mutation: str | None
    verdict: Verdict
    carried_out: bool
    lies: bool
    unheard: bool = False
    overlong: bool = False

    @property
    def write(self) -> bool:
        """Return whether it is an action."""
        return self.request.startswith("action_")


@dataclass
class Plan:
    """The plan for spoiling answers during one task.

    Attributes:
        key: the seed of all chance: the same for the same task of the same seed.
        rate: the share of the answers that are spoiled.
        reads, writes: whether those are.
        most: the largest number of answers that are spoiled.
    """

    key: str
    rate: float = 0.0
    reads: bool = True
    writes: bool = True
    most: int = 60


@dataclass
class Record:
    """The record of one task.

    Attributes:
        exchanges: the requests.
        unread: how many connections were closed at once, even if a request was on its way.
        lost: how many connections ended where a request may have been lost: after a whole answer, or with bytes on them
            that belong to no request.
        spoiled: how many answers were spoiled.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    unread: int = 0
    lost: int = 0
    spoiled: int = 0

    def allow_timeouts(self) -> None:
        """Note that any request may have timed out, because the machine was slow."""
        self.lost += 1
        for exchange in self.exchanges:
            exchange.verdict |= {UNKNOWN}


class MutatingServer(socketserver.ThreadingTCPServer):
    """A server that spoils the answers of the sandbox at `upstream`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api.php"
        self.plan, self.record = Plan(""), Record()
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._served = threading.Condition()
        self._connections = 0
        self._own: tuple[str, int] | None = None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection before a thread takes it."""
        with self._served:
            if client_address == self._own:
                self._own = None
                self._served.notify_all()
                super().shutdown_request(request)
                return
            self._connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Count a connection that has ended."""
        super().shutdown_request(request)
        with self._served:
            self._connections -= 1
            self._served.notify_all()

    def settle(self) -> None:
        """Wait until all connections are over.

        The record then has what a client did not read. A connection of its own comes last: once that is accepted, so
        are those that a client has given up, which otherwise would be served after the count was taken.
        """
        with self._served, socket.create_connection(self.server_address[:2]) as own:
            self._own = own.getsockname()
            if not self._served.wait_for(lambda: not (self._own or self._connections), 30):
                raise TimeoutError("the client has not closed its connections")

    def begin(self, plan: Plan) -> Record:
        """Begin the record of a task."""
        with self._lock:
            self.plan, self.record = plan, Record()
            self._seen.clear()
            return self.record

    def chance(self, what: str) -> Random:
        """Return a source of chance for something that may happen several times.

        A replay of the task draws the same numbers.
        """
        with self._lock:
            self._seen[what] += 1
            return Random(f"{self.plan.key}/{what}/{self._seen[what]}")  # noqa: S311 (no secret depends on it)

    def choose(self, request: str, params: dict[str, Any]) -> tuple[Mutation | None, Random]:
        """Return the mutation for an answer, or None."""
        plan = self.plan
        chance = self.chance(f"{request} {json.dumps(params, sort_keys=True)}")
        spoils = plan.writes if request.startswith("action_") else plan.reads
        if not spoils or chance.random() >= plan.rate or self.record.spoiled >= plan.most:
            return None, chance
        with self._lock:
            self.record.spoiled += 1
        return chosen(chance), chance

    def handle_error(self, *_arguments: Any) -> None:
        """Ignore errors: clients may close their connections at any time."""


class _Handler(socketserver.StreamRequestHandler):
    server: MutatingServer
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPConnection | None = None
        self._poison: Script | None = None
        self._poisoned_at = 0.0

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        if self._upstream:
            self._upstream.close()

    def handle(self) -> None:
        plan, record = self.server.plan, self.server.record
        chance = self.server.chance("connection")
        if plan.rate and record.spoiled < plan.most and chance.random() < 0.02:
            record.unread += 1
            record.spoiled += 1
            self._close(reset=chance.random() < 0.5)
            return
        with contextlib.suppress(OSError):
            while (body := self._request()) is not None:
                if not self._serve(json.loads(body), time.monotonic()):
                    break
        record.lost += self._poison is not None

    def _request(self) -> bytes | None:
        """Return the body of the next request; None if the client has gone."""
        length = 0
        while line := self.rfile.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line == b"\r\n":
                body = self.rfile.read(length)
                return body if len(body) == length else None
        return None

    def _serve(self, content: dict[str, Any], begun: float) -> bool:
        """Answer one request; return whether the connection continues."""
        unheard = self._client_has_gone()
        request, params = content["request"], content["params"]
        mutation, chance = self.server.choose(request, params)
        write = request.startswith("action_")
        record = self.server.record
        acts = True
        if mutation and write:
            acts = chance.random() < 0.5 if mutation.acts is None else mutation.acts
        if self._poison:  # bytes that the client may have found on the connection do not answer this request
            mutation = BY_NAME["cut_off"]
        try:
            good = self._ask(content) if acts else Good({"code": 0}, b'{"code":0}')
        except (OSError, http.client.HTTPException):  # the sandbox has closed a connection that rested
            record.lost += 1
            return False
        if self._poison:
            late = self._poison.late and begun - self._poisoned_at < LATE
            script = Script((CLOSE,), frozenset({UNKNOWN, OK, REFUSED, AGAIN} if late else {UNKNOWN}))
        else:
            script = mutation.make(good, chance) if mutation else Script((message(good.body),), good.verdict)
        carried_out = write and acts and good.document.get("code") == 0
        exchange = Exchange(
            request, params, mutation.name if mutation else None, script.verdict, carried_out, script.lies, unheard
        )
        if unheard:
            exchange.verdict |= {UNKNOWN}
        record.exchanges.append(exchange)
        self._poison = script if script.poisons else None
        try:
            goes_on = all(self._play(step) for step in script.steps)
        finally:
            self._poisoned_at = time.monotonic()
            elapsed = self._poisoned_at - begun
            exchange.overlong = elapsed > OVERLONG
            if elapsed > TIMEOUT / 2:  # the machine was slow, or the mutation was: the client need not have waited
                exchange.verdict |= {UNKNOWN}
        # After an answer, even one that says nothing, the client may send another request before it sees that the
        # connection has ended: that request is lost.
        if not goes_on:
            record.lost += isinstance(script.steps[0], bytes) or script.verdict != {UNKNOWN}
        return goes_on

    def _client_has_gone(self) -> bool:
        """Return whether the client has ended the connection."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _ask(self, content: dict[str, Any]) -> Good:
        if self._upstream is None:
            self._upstream = http.client.HTTPConnection(self.server.upstream.netloc)
        headers = {"Content-Type": "application/json", "X-Authentication": SECRET}
        self._upstream.request("POST", self.server.upstream.path, json.dumps(content), headers)
        body = self._upstream.getresponse().read()
        return Good(whole(body), body)

    def _play(self, step: Any) -> bool:
        """Carry a step out; return whether the connection is still open."""
        if isinstance(step, bytes):
            self.connection.sendall(step)
        elif isinstance(step, float):
            time.sleep(step)
        elif step is HOLD:
            self._hold()
            return False
        else:
            self._close(reset=step is RESET)
            return False
        return True

    def _hold(self) -> None:
        """Wait until the client gives up."""
        self.connection.settimeout(OVERLONG * 1.5)
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass

    def _close(self, reset: bool) -> None:
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def mutating(upstream: str) -> Iterator[MutatingServer]:
    """Yield a mutating server that runs in a thread."""
    with MutatingServer(upstream) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
