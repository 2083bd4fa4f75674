# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending an action to a list of participants that is judged, side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from .._api.client import Client
from .._api.delivery import Brake, Came, Delivery, Outcome, Pace, UnexpectedError
from .._core.errors import TransportError
from .participants import FAILED, UNKNOWN, Target

_NOT_REACHED = "an earlier request did not get through"

_LOOKS_EVERY = 0.1
"""Seconds: how soon a signal ends the pauses that a server asks for."""


def act(
    client: Client, action: str, targets: Sequence[Target], concurrency: int, stopped: threading.Event | None = None
) -> None:
    """Send the action for every target whose plan says so, ``concurrency`` at a time, and note each outcome.

    After a failure that the next request would meet as well (no server, wrong secret, a server that takes no writes),
    an exception that nothing foresees, or a signal, nothing more is sent.

    Args:
        client: sends.
        action: the action.
        targets: their outcomes are noted.
        concurrency: how many requests are under way at once.
        stopped: set from outside to stop.
    """
    brake = Brake()

    def may_send() -> bool:
        if stopped and stopped.is_set():
            brake.pull(TransportError("The task was stopped by a signal: run it again for those not sent."))
        return not brake.is_pulled

    sending = _Sending(Delivery(client, Pace(None, brake), brake, may_send), brake, action, targets)
    with ThreadPoolExecutor(concurrency) as threads:
        try:
            working = [threads.submit(sending.work) for _place in range(min(concurrency, sending.number))]
            while wait(working, _LOOKS_EVERY).not_done:
                may_send()
        except BaseException as error:  # noqa: BLE001 (what was sent is to be told, whatever ended the sending)
            brake.pull(UnexpectedError(error, f"{action} of {len(targets)} participants"))
    sending.hold_back_rest()


class _Sending:
    """The sending of an action to a list.

    Args:
        delivery: sends.
        brake: as the delivery's.
        action: the action.
        targets: the list.
    """

    def __init__(self, delivery: Delivery, brake: Brake, action: str, targets: Sequence[Target]) -> None:
        self._delivery = delivery
        self._brake = brake
        self._action = action
        self._waiting = deque(target for target in targets if target.send)
        self.number = len(self._waiting)

    def work(self) -> None:
        """Send for one after the other, until none is left. Several threads may."""
        while not self._brake.is_pulled:
            try:
                target = self._waiting.popleft()
            except IndexError:
                return
            try:
                outcome = self._delivery.deliver(
                    {**target.params(self._action), "action": self._action}, target, lambda: None
                )
            except BaseException as error:  # noqa: BLE001 (of a thread that died nothing would be told)
                outcome = self._delivery.broken(error, target.given, Came.UNKNOWN)
            self._note(target, outcome)

    def hold_back_rest(self) -> None:
        """Note that those which are left are not sent."""
        for target in self._waiting:
            target.hold_back(FAILED, _NOT_REACHED, self._brake.why)

    def _note(self, target: Target, outcome: Outcome) -> None:
        came, error = outcome
        if came is Came.UNKNOWN:
            target.settle(UNKNOWN, None, str(error), error)
        elif error:
            target.settle(FAILED, target.plan.before, str(error), error)
        elif came is Came.NOT_CARRIED_OUT:
            target.hold_back(FAILED, _NOT_REACHED, self._brake.why)
