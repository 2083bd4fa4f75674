# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a wave: threads that send and know nothing of the ledger, and one that marks before and records after."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from .._api.delivery import Brake, Came, Delivery, Outcome, UnexpectedError
from .._core.identification import request_names
from .._ledger.attempts import Send, Sends
from .._ledger.tables import DONE, FAILED, PLANNED, REFUSED, SENDING, UNKNOWN

AHEAD_SECONDS = 0.05
AHEAD_MOST = 128
"""How far marks run ahead of requests: what goes out in this time, and no more than so many.

A run that is killed leaves what is marked in doubt, so it is little; but each marking costs a sync of the disk, so it
is not nothing.
"""

_REFUSALS = (401, 402, 403, 404)
"""The body codes by which the server refuses this participant [F]; any other is a failure."""

_BUSY = 0.6
"""Of a core: how busy this process is where it is the bottleneck itself, and not the server.

Python computes in one thread at a time. A process that has much to compute spends the rest on handing its lock around:
there, one sender is as quick as four, and leaves more of the lock to the ledger.
"""

_JUDGED_OVER = 0.2
"""Seconds over which it is found out how busy this process is: a hiccup of the machine's is shorter."""

_TRIAL_FIRST = 1.0
"""Seconds until one sender is tried again where it was not enough; twice as many after each further trial."""

_NO_ANSWER = "no answer tells whether it was carried out"


class Senders:
    """Threads that send one action for whom they are given. As a context manager they end with the block.

    Args:
        delivery: sends one.
        action: the action.
        number: how many threads; one of them alone works while this process is the bottleneck.
        brake: ends the sending.
        moment: gives the present one, as it is recorded.
    """

    def __init__(self, delivery: Delivery, action: str, number: int, brake: Brake, moment: Callable[[], float]) -> None:
        self._delivery = delivery
        self._action = action
        self._brake = brake
        self._moment = moment
        self._waiting: SimpleQueue[Send | None] = SimpleQueue()
        self._ended: deque[Send] = deque()
        self._wanted = 1
        self._enough = threading.Event()
        self._active = number
        self._next_trial, self._between_trials = 0.0, _TRIAL_FIRST
        self._more = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, args=(place,), name=f"yateota-sender-{place}", daemon=True)
            for place in range(number)
        ]

    def __enter__(self) -> Senders:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # the machine has no room for one more
            self.end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0]:
            self._brake.pull(None)
        self.end()

    def end(self) -> None:
        """Have the threads end, each after the request that it has under way."""
        self._let_work(len(self._threads))
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident:
                thread.join()

    @property
    def are_alive(self) -> bool:
        """Whether any thread is left to send."""
        return any(thread.is_alive() for thread in self._threads)

    def put(self, send: Send) -> None:
        """Have it sent."""
        self._waiting.put(send)

    def collect(self, number: int, seconds: float) -> list[Send]:
        """Those that were sent for, or could not be, once there are so many of them or so much time has passed.

        It wakes once for all of them. To wake for each would take Python's lock from the threads that send.
        """
        self._wanted = number
        self._enough.clear()
        if len(self._ended) < number:
            self._enough.wait(seconds)
        return [self._ended.popleft() for _place in range(len(self._ended))]

    def adapt(self, busy: float) -> None:
        """Let one thread work where this process is the bottleneck, and all of them where the server is.

        How busy all of them are does not tell whether one would do: that is tried, ever more rarely where it fails.

        Args:
            busy: the cores that this process has lately used.
        """
        now = time.monotonic()
        if busy < _BUSY and self._active < len(self._threads):
            self._let_work(len(self._threads))
            self._next_trial, self._between_trials = now + self._between_trials, self._between_trials * 2
        elif busy >= _BUSY and self._active > 1 and now >= self._next_trial:
            self._let_work(1)

    def _let_work(self, number: int) -> None:
        with self._more:
            self._active = number
            self._more.notify_all()

    def _next(self, place: int) -> Send | None:
        """Whom the thread in this place is to send for next; None where it is to end."""
        if place >= self._active:
            with self._more:
                self._more.wait_for(lambda: place < self._active)
        return self._waiting.get()

    def _work(self, place: int) -> None:
        while (send := self._next(place)) is not None:
            try:
                self._try(send)
            except BaseException as error:  # noqa: BLE001 (a thread that died would be waited for, and its send lost)
                came = Came.UNKNOWN if send.sent_at else Came.NOT_CARRIED_OUT
                self._note(send, self._delivery.broken(error, send.identification, came))
            self._ended.append(send)
            if len(self._ended) >= self._wanted:
                self._enough.set()

    def _try(self, send: Send) -> None:
        def leaves() -> None:
            send.sent_at = self._moment()

        self._note(send, self._delivery.deliver(request_params(self._action, send), send, leaves))

    def _note(self, send: Send, outcome: Outcome) -> None:
        came, error = outcome
        if came is Came.NOT_CARRIED_OUT:
            plan_again(send)
            return
        send.answered_at = self._moment()
        send.sent_at = send.sent_at or send.answered_at
        if came is Came.CARRIED_OUT:
            send.state, send.code = DONE, 0
            return
        if error:
            send.code, send.message = error.code, error.message
        if came is Came.UNKNOWN:
            send.state = UNKNOWN
            send.reason = error.reason if isinstance(error, UnexpectedError) else _NO_ANSWER
        else:
            send.state = REFUSED if send.code in _REFUSALS else FAILED


def plan_again(send: Send) -> None:
    """Let a send be as if it had not been begun: it was certainly not carried out."""
    send.state, send.sent_at, send.answered_at = PLANNED, None, None
    send.code = send.message = send.reason = None


def request_params(action: str, send: Send) -> dict[str, object]:
    """How the request names a participant or SIM; without a name where no documented form can."""
    return {**request_names(action, send.identification, send.named_by), "action": action}


class Conveyor:
    """Moves participants past the ledger to the senders and back.

    Args:
        sends: the ledger's part.
        senders: the threads.
        number: how many of them there are.
        brake: as the senders'.
        may_send: whether anything may be sent still; asked all the time, so that what waits does not wait in vain.

    Attributes:
        sent: how many requests have left.
    """

    def __init__(self, sends: Sends, senders: Senders, number: int, brake: Brake, may_send: Callable[[], bool]) -> None:
        self._may_send = may_send
        self._begun: dict[int, Send] = {}
        self._sends = sends
        self._senders = senders
        self._number = number
        self._brake = brake
        self._rate = 0.0
        self._since = self._judged = time.monotonic()
        self._computed = time.process_time()
        self.sent = 0

    def convey(self, coming: Iterator[Send], ended: Callable[[Send], None]) -> None:
        """Send for all that come, until they end or the brake is pulled. All that was begun is recorded at the return.

        Args:
            coming: whom to send for; those whose state is not ``SENDING`` are recorded as they are, and not sent for.
            ended: told of each whose request left, once that is recorded.

        Raises:
            YateotaError: the ledger failed. What is known by then is recorded all the same, if it can be.
        """
        try:
            self._convey(coming, ended)
        except BaseException:
            self._brake.pull(None)
            self._senders.end()
            self._record_rest()
            raise

    def _convey(self, coming: Iterator[Send], ended: Callable[[Send], None]) -> None:
        under_way = 0
        back: list[Send] = []
        while True:
            marked, passed = self._next(coming, self._window() - under_way)
            if not (marked or passed or back or under_way):
                return
            self._begun |= {send.seq: send for send in marked}
            if marked or passed or back:
                self._sends.exchange(passed + back, marked)
            for send in back:
                del self._begun[send.seq]
                if send.sent_at:
                    self.sent += 1
                    ended(send)
            for send in marked:
                self._senders.put(send)
            under_way += len(marked)
            back = self._collect(under_way)
            under_way -= len(back)

    def _record_rest(self) -> None:
        """Record what is known of the sends that were begun, after the senders have ended."""
        for send in self._begun.values():
            if send.state == SENDING and not send.sent_at:
                plan_again(send)
            elif send.state == SENDING:
                send.state, send.reason = UNKNOWN, _NO_ANSWER
        with contextlib.suppress(Exception):  # the failure that led here is the one to tell
            self._sends.exchange(list(self._begun.values()), [])
        self.sent += sum(send.sent_at is not None for send in self._begun.values())

    def _next(self, coming: Iterator[Send], room: int) -> tuple[list[Send], list[Send]]:
        """The next to mark, as many as there is room for, and those between them that need no request."""
        marked: list[Send] = []
        passed: list[Send] = []
        if not self._may_send():
            return marked, passed
        while len(marked) < room and len(passed) < AHEAD_MOST:
            send = next(coming, None)
            if send is None:
                break
            (marked if send.state == SENDING else passed).append(send)
        return marked, passed

    def _window(self) -> int:
        return self._number + min(AHEAD_MOST, max(self._number, round(self._rate * AHEAD_SECONDS)))

    def _collect(self, under_way: int) -> list[Send]:
        """Those that have come back, once they are most of what is marked ahead, or some time has passed."""
        if not under_way:
            return []
        ahead = self._window() - self._number
        back = self._senders.collect(min(under_way, max(1, ahead * 2 // 3)), AHEAD_SECONDS)
        if not back and not self._senders.are_alive:
            raise RuntimeError("no thread is left to send")
        now = time.monotonic()
        self._rate += (len(back) / max(now - self._since, 1e-6) - self._rate) / 4
        self._since = now
        if now - self._judged >= _JUDGED_OVER:
            computed = time.process_time()
            self._senders.adapt((computed - self._computed) / (now - self._judged))
            self._judged, self._computed = now, computed
        return back
