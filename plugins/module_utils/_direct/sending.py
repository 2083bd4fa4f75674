# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send an action for the entries of a judged list, several requests at a time."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from .._api.client import Client
from .._api.delivery import AttemptResult, Delivery, RateLimiter, StopSwitch, UnexpectedError
from .._core.errors import TransportError
from .._core.policy import RequestOutcome, proves_carried_out, states_after_request
from .._core.states import EntryOutcome
from .entries import Entry, look_up

if TYPE_CHECKING:
    from .._api.reader import Reader

_NOT_SENT = "sending had stopped before its turn; msg says why"

_LOOKS_EVERY = 0.1
"""Seconds: how soon a signal ends the pauses that a server asks for."""


def act(
    client: Client, action: str, entries: Sequence[Entry], concurrency: int, stopped: threading.Event | None = None
) -> None:
    """Send the action for every entry whose plan says so, and note each outcome.

    ``concurrency`` requests are under way at a time. After a failure that the next request would meet as well (no
    server, wrong secret, a server that accepts no writes), an unexpected exception, or a signal, nothing more is sent.

    Args:
        client: sends.
        action: the action.
        entries: their outcomes are noted.
        concurrency: how many requests are under way at once.
        stopped: set by the caller to stop.
    """
    switch = StopSwitch()

    def may_send() -> bool:
        if stopped and stopped.is_set():
            switch.stop(TransportError("The task was stopped by a signal: run it again for those not sent."))
        return not switch.is_on

    sending = _Sending(Delivery(client, RateLimiter(None, switch), switch, may_send), switch, action, entries)
    with ThreadPoolExecutor(concurrency) as threads:
        try:
            working = [threads.submit(sending.work) for _place in range(min(concurrency, sending.number))]
            while wait(working, _LOOKS_EVERY).not_done:
                may_send()
        except BaseException as error:  # noqa: BLE001 (what was sent is reported, however the sending ended)
            switch.stop(UnexpectedError(error, f"{action} of {len(entries)} participants"))
    sending.hold_back_rest()


class _Sending:
    """The sending of an action to a list.

    Args:
        delivery: sends.
        switch: the delivery's own.
        action: the action.
        entries: the list.
    """

    def __init__(self, delivery: Delivery, switch: StopSwitch, action: str, entries: Sequence[Entry]) -> None:
        self._delivery = delivery
        self._switch = switch
        self._action = action
        self._waiting = deque(entry for entry in entries if entry.send)
        self.number = len(self._waiting)

    def work(self) -> None:
        """Send for one entry after the other, until none remains; threads may share it."""
        while not self._switch.is_on:
            try:
                entry = self._waiting.popleft()
            except IndexError:
                return
            try:
                result = self._delivery.deliver(
                    {**entry.params(self._action), "action": self._action}, entry, lambda: None
                )
            except BaseException as error:  # noqa: BLE001 (the outcome of a dead thread would be lost)
                result = self._delivery.broken(error, entry.given, RequestOutcome.UNKNOWN)
            self._note(entry, result)

    def hold_back_rest(self) -> None:
        """Record that the remaining entries are not sent.

        Refusals of every request are not recorded as the entries' own.
        """
        for entry in self._delivery.refusals.taken_back:
            entry.settle(EntryOutcome.FAILED, entry.plan.before, entry.message, entry.error)
        for entry in self._waiting:
            entry.hold_back(EntryOutcome.FAILED, _NOT_SENT, self._switch.error)

    def _note(self, entry: Entry, result: AttemptResult) -> None:
        outcome, error = result
        if outcome is RequestOutcome.CARRIED_OUT:
            return
        if error is None:
            entry.hold_back(EntryOutcome.FAILED, _NOT_SENT, self._switch.error)
            return
        _row_state, came_to = states_after_request(outcome, error.code)
        after = None if came_to is EntryOutcome.UNKNOWN else entry.plan.before
        entry.settle(came_to, after, str(error), error)


def unknown_of(entries: Sequence[Entry]) -> list[Entry]:
    """Select the entries of unknown outcome that a new reading may settle."""
    return [entry for entry in entries if entry.outcome == EntryOutcome.UNKNOWN and entry.found]


def _read_by_number(reader: Reader, entry: Entry) -> bool:
    """Read an entry's state by its number, in one request; return whether it could be."""
    if entry.campaign_id is None or not entry.found or len(entry.found) != 1 or entry.found[0].msisdn is None:
        return False
    state = (reader.states_of_number(entry.found[0].msisdn) or {}).get(entry.campaign_id)
    if state is None:
        return False
    entry.find_again([dataclasses.replace(entry.found[0], state=state)])
    return True


def settle_unknown(reader: Reader, action: str, unknown: Sequence[Entry]) -> None:
    """Read the states of entries of unknown outcome, and settle those proven.

    An outcome is proven if the new state of the participant that decided shows that the action was carried out.
    """
    try:
        look_up(reader, [entry for entry in unknown if not _read_by_number(reader, entry)], None)
    except Exception:  # noqa: BLE001 (on any error the outcomes stay unknown, and are reported with all others)
        return
    for entry in unknown:
        if proves_carried_out(action, entry.plan.before, entry.state):
            entry.settle(
                EntryOutcome.ACTED, entry.state, f"no answer came, but it is {entry.state} now: it was carried out"
            )
