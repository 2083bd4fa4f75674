# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Poll servers and a ledger, and hand over an event when something changes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .._api.client import Client
from .._api.transport import Connection
from .._core.clock import iso
from .._core.errors import YateotaError
from .detection import Event, Limits, Memory, change_events, server_events, unreachable_events
from .readings import LOG, read_campaigns, read_changes, read_node
from .state_file import StateFile

T = TypeVar("T")

_LONGEST_PAUSE = 900.0
"""The most seconds between two readings of a server that is away, unless the interval is longer."""

_FEEDBACK_WITHIN = 60.0
"""Seconds for ansible-rulebook to confirm an event that was handed over."""


class Queue(Protocol):
    """What ansible-rulebook takes events by."""

    async def put(self, event: dict[str, Any], /) -> None:
        """Take one event."""


@dataclass(frozen=True)
class Server:
    """One server to watch.

    Attributes:
        name: its name in events, which is its host in the inventory.
        connection: how to reach it.
    """

    name: str
    connection: Connection

    @property
    def key(self) -> str:
        """Return its key in the state file, which outlasts another name."""
        return f"{self.connection.api_url} {self.connection.node}"


@dataclass(frozen=True)
class Settings:
    """What an event source watches, and how.

    Attributes:
        servers: the servers.
        ledger, ledger_password: the ledger, or None.
        state_file: the path of its memory.
        interval: seconds between two readings.
        campaigns: the ids of the campaigns to watch; all if it is empty.
        limits: the limits beyond which something is an event.
    """

    servers: Sequence[Server]
    ledger: str | None
    ledger_password: str | None
    state_file: str
    interval: float
    campaigns: Sequence[int]
    limits: Limits


class Source:
    """An event source.

    Args:
        settings: what it watches.
        queue: takes the events.
        feedback: gives back each event that was processed; None if nobody does.
        clock: returns Unix seconds.

    Raises:
        InvalidInputError: the state file cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        feedback: asyncio.Queue[dict[str, Any]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._feedback = feedback
        self._clock = clock
        self._state = StateFile(settings.state_file)
        self._one_at_a_time = asyncio.Lock()
        self._stopped = threading.Event()
        # One for each that may block: servers that are away must not keep others waiting.
        self._threads = ThreadPoolExecutor(len(settings.servers) + 2, "yateota-events")
        self._warned: set[str] = set()

    async def run(self) -> None:
        """Hand over what remains from the last time, then poll until it is canceled.

        Raises:
            InvalidInputError: the state file cannot be written any more.
        """
        try:
            async with self._one_at_a_time:
                await self._hand_over()
            async with asyncio.TaskGroup() as group:
                for server in self._settings.servers:
                    group.create_task(self._watch_server(server))
                if self._settings.ledger:
                    group.create_task(self._watch_ledger(self._settings.ledger))
        except Exception as error:  # noqa: BLE001 (a group's name is unknown to the older Pythons that ansible-test checks)
            raise getattr(error, "exceptions", (error,))[0] from None
        finally:
            self._stopped.set()
            self._threads.shutdown(wait=False)
            self._state.close()

    async def _watch_server(self, server: Server) -> None:
        client = Client(server.connection, may_send=lambda: not self._stopped.is_set())
        memory = self._memory(f"server {server.key}")
        where = {"server": server.name, "api_url": server.connection.api_url, "node": server.connection.node}
        with contextlib.closing(client):
            await self._poll(
                server.name,
                lambda: self._read_server(server.name, client),
                lambda seen: self._server_events(memory, *seen),
                lambda why: unreachable_events(memory, why, self._settings.limits),
                where,
            )

    def _read_server(self, name: str, client: Client) -> tuple[list[dict[str, Any]], dict[str, Any] | None, str]:
        """Return the campaigns and the node's status, or why that cannot be read: campaigns are watched without it."""
        campaigns = read_campaigns(client, self._settings.campaigns, lambda text: self._warn(f"{name}: {text}"))
        try:
            return campaigns, read_node(client), ""
        except YateotaError as error:
            return campaigns, None, str(error)

    def _server_events(
        self, memory: Memory, campaigns: list[dict[str, Any]], node: dict[str, Any] | None, why: str
    ) -> Iterator[Event]:
        settings = self._settings
        yield from server_events(memory, campaigns, node, settings.limits, self._clock(), settings.campaigns)
        if node is None:
            yield from unreachable_events(memory, why, settings.limits)

    def _warn(self, text: str) -> None:
        """Log a warning, once and not at each reading."""
        if text not in self._warned:
            self._warned.add(text)
            LOG.warning("%s", text)

    async def _watch_ledger(self, ledger: str) -> None:
        await self._poll(
            "the ledger",
            lambda: read_changes(ledger, self._settings.ledger_password),
            lambda seen: self._ledger_events(*seen),
            lambda _why: (),
            {},
        )

    def _ledger_events(self, name: str, changes: list[dict[str, Any]]) -> Iterator[Event]:
        # A generator, so that the memory grows only in ``_note``, and never while it is saved.
        yield from change_events(self._memory(f"ledger {name}"), changes)

    def _memory(self, key: str) -> Memory:
        return self._state.memory.setdefault(key, {})

    async def _poll(
        self,
        name: str,
        look: Callable[[], Any],
        events_of: Callable[[Any], Iterable[Event]],
        events_of_failure: Callable[[str], Iterable[Event]],
        where: dict[str, Any],
    ) -> None:
        """Read again and again, and hand over what has changed each time. Pauses grow while the reading fails."""
        failed = 0
        while True:
            try:
                seen = await self._in_thread(look)
            except YateotaError as error:
                failed += 1
                LOG.log(logging.WARNING if failed == 1 else logging.DEBUG, "%s cannot be read: %s", name, error)
                await self._note(events_of_failure(str(error)), where)
            else:
                if failed:
                    LOG.warning("%s can be read again.", name)
                failed = 0
                await self._note(events_of(seen), where)
            longest = max(self._settings.interval, _LONGEST_PAUSE)
            await asyncio.sleep(min(self._settings.interval * 2 ** min(failed, 20), longest))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run what blocks in a thread. Canceled, wait for its end, so that nothing is closed that it uses."""
        task = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stopped.set()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _note(self, events: Iterable[Event], where: dict[str, Any]) -> None:
        """Put events into the outbox, and hand them over.

        What is remembered and the events become durable together, before the first of them is handed over.
        """
        async with self._one_at_a_time:
            before = copy.deepcopy(self._state.memory)
            for kind, said in events:
                self._state.add({"kind": kind, "at": iso(self._clock(), "seconds"), **where, **said})
            if self._state.memory != before or self._state.outbox:
                await self._in_thread(self._state.save)
                await self._hand_over()

    async def _hand_over(self) -> None:
        """Hand over the events of the outbox. Each leaves it when it was taken, or confirmed where feedback comes."""
        outbox = self._state.outbox
        while outbox:
            event = copy.deepcopy(outbox[0])  # the filters of a rulebook change what they get
            await self._queue.put({"yateota": event, "meta": {"uuid": event["id"]}})
            if self._feedback is not None and not await _confirmed(self._feedback, event["id"]):
                LOG.warning("Event %s was not confirmed: it is handed over again later.", event["id"])
                return
            outbox.pop(0)
            await self._in_thread(self._state.save)


async def _confirmed(feedback: asyncio.Queue[dict[str, Any]], event_id: str) -> bool:
    """Wait until an event is given back; return whether it was."""
    try:
        async with asyncio.timeout(_FEEDBACK_WITHIN):
            while (await feedback.get()).get("meta", {}).get("uuid") != event_id:
                pass
    except TimeoutError:
        return False
    return True
