# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a wave: threads that send and know nothing of the ledger, and one that marks before and records after."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from ._client import Client
from ._errors import ApiError, OutcomeUnknownError, YateotaError
from ._ledger_sends import Send, Sends
from ._ledger_tables import DONE, FAILED, PLANNED, REFUSED, SENDING, UNKNOWN

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

_TOO_MANY = 429
_PAUSE_FIRST, _PAUSE_MOST = 1.0, 30.0  # seconds


class Brake:
    """Stops a run's sending, for the first reason that comes up.

    Attributes:
        why: the failure that the run ends with; None where it ends well, or is not pulled.
    """

    def __init__(self) -> None:
        self._pulled = threading.Event()
        self._lock = threading.Lock()
        self.why: YateotaError | None = None

    @property
    def is_pulled(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._pulled.is_set()

    def pull(self, why: YateotaError | None) -> None:
        """Let nothing more be sent."""
        with self._lock:
            if not self._pulled.is_set():
                self.why = why
                self._pulled.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it is pulled."""
        self._pulled.wait(seconds)


class Pace:
    """Gives the threads their turns, so that no more than ``per_second`` requests leave in a second.

    Args:
        per_second: the limit; None for none.
        brake: ends all waiting.
    """

    def __init__(self, per_second: float | None, brake: Brake) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._brake = brake
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for a turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._gap
        delay = turn - time.monotonic()
        if delay > 0:
            self._brake.wait(delay)

    def pause(self, seconds: float) -> None:
        """Put off all further turns."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class Senders:
    """Threads that send one action for whom they are given. As a context manager they end with the block.

    Args:
        client: sends.
        action: the action.
        number: how many threads; one of them alone works while this process is the bottleneck.
        pace: their turns.
        brake: pulled by the threads where the next request would fail like the last.
        may_send: asked before each request leaves.
        patience: how often a request that the server has too many for is tried again.
    """

    def __init__(
        self,
        client: Client,
        action: str,
        number: int,
        pace: Pace,
        brake: Brake,
        may_send: Callable[[], bool],
        patience: int,
    ) -> None:
        self._client = client
        self._action = action
        self._pace = pace
        self._brake = brake
        self._may_send = may_send
        self._patience = patience
        self._waiting: SimpleQueue[Send | None] = SimpleQueue()
        self._ended: deque[Send] = deque()
        self._wanted = 1
        self._enough = threading.Event()
        self._active = number
        self._next_trial, self._between_trials = 0.0, _TRIAL_FIRST
        self._more = threading.Condition()
        self._threads = [threading.Thread(target=self._work, args=(place,), daemon=True) for place in range(number)]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0]:
            self._brake.pull(None)
        self._let_work(len(self._threads))
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

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
            self._try(send)
            self._ended.append(send)
            if len(self._ended) >= self._wanted:
                self._enough.set()

    def _try(self, send: Send) -> None:
        params = request_params(self._action, send)
        for tries_left in range(self._patience, -1, -1):
            self._pace.wait()
            if not self._may_send():
                break
            send.sent_at = time.time()
            error = self._send(send, params)
            send.answered_at = time.time()
            if error is None:
                return
            if error.http_status != _TOO_MANY or not tries_left:
                self._brake.pull(error)
                break
            self._pace.pause(min(_PAUSE_MOST, _PAUSE_FIRST * 2 ** (self._patience - tries_left)))
        send.state, send.sent_at, send.answered_at = PLANNED, None, None  # certainly not carried out

    def _send(self, send: Send, params: dict[str, object]) -> YateotaError | None:
        """Send it and note the outcome; the error where it was certainly not carried out, and the next may not be."""
        try:
            self._client.call("action_participant", params)
        except OutcomeUnknownError as error:
            send.state, send.code, send.message = UNKNOWN, error.code, error.message
            send.reason = "no answer tells whether it was carried out"
        except ApiError as error:
            send.state = REFUSED if error.code in _REFUSALS else FAILED
            send.code, send.message = error.code, error.message
        except YateotaError as error:
            return error
        else:
            send.state, send.code = DONE, 0
        return None


def request_params(action: str, send: Send) -> dict[str, object]:
    """How the request names a participant: by its id, for ``retry_build`` by the SIM, as the range named it [S]."""
    given = send.identification
    for name in ("iccid", "imsi") if action == "retry_build" else ("participant_id",):
        if given[name] is not None:
            return {name: given[name], "campaign_id": given["campaign_id"], "action": action}
    return {**given, "action": action}


class Conveyor:
    """Moves participants past the ledger to the senders and back.

    Args:
        sends: the ledger's part.
        senders: the threads.
        number: how many of them there are.
        brake: as the senders'.

    Attributes:
        sent: how many requests have left.
    """

    def __init__(self, sends: Sends, senders: Senders, number: int, brake: Brake) -> None:
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
        """
        under_way = 0
        back: list[Send] = []
        while True:
            marked, passed = self._next(coming, self._window() - under_way)
            if not (marked or passed or back or under_way):
                return
            if marked or passed or back:
                self._sends.exchange(passed + back, marked)
            for send in back:
                if send.sent_at:
                    self.sent += 1
                    ended(send)
            for send in marked:
                self._senders.put(send)
            under_way += len(marked)
            back = self._collect(under_way)
            under_way -= len(back)

    def _next(self, coming: Iterator[Send], room: int) -> tuple[list[Send], list[Send]]:
        """The next to mark, as many as there is room for, and those between them that need no request."""
        marked: list[Send] = []
        passed: list[Send] = []
        if self._brake.is_pulled:
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
        now = time.monotonic()
        self._rate += (len(back) / max(now - self._since, 1e-6) - self._rate) / 4
        self._since = now
        if now - self._judged >= _JUDGED_OVER:
            computed = time.process_time()
            self._senders.adapt((computed - self._computed) / (now - self._judged))
            self._judged, self._computed = now, computed
        return back
