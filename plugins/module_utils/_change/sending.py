# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a wave: threads that send, and one that marks before and records after."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from .._api.delivery import AttemptResult, Delivery, StopSwitch, UnexpectedError
from .._core.identification import request_names
from .._core.policy import LeftOut, RequestOutcome, states_after_request
from .._core.states import RowState
from .._ledger.attempts import Attempt, Attempts
from .meters import LedgerTime, LoadMeter, SendingRate

AHEAD_MOST = 128
"""The most attempts that are marked ahead of their requests. If the run is interrupted, their outcomes are unknown.

Marks are as many as are sent in the seconds of ``LedgerTime``. Each marking costs a sync of the disk, so they are not
marked one at a time.
"""

_LEFT_OUT_MOST = 128
"""How many attempts that are left out are recorded together at most: they take memory until then."""

_BUSY = 0.6
"""The share of a core that this process uses if the bottleneck is not the server, but this process.

Python computes in one thread at a time. A process with much to compute spends the rest on passing its lock from
thread to thread: one sender is then as quick as four, and leaves more of the lock to the ledger.
"""

_TRIAL_FIRST = 1.0
"""Seconds until one sender is tried again if it was not enough; twice as many after each further trial."""

_NO_ANSWER = "no answer shows whether it was carried out"


class SenderPool:
    """Threads that send one action for the participants that they are given.

    The threads end with the ``with`` block. They do not use the ledger.

    Args:
        delivery: sends one request.
        action: the action.
        number: how many threads; only one of them works while this process is the bottleneck.
        switch: ends the sending.
        moment: gives the present moment, as it is recorded.
        note_answer: called by the threads for each attempt that was sent, as soon as its outcome is known.
    """

    def __init__(
        self,
        delivery: Delivery,
        action: str,
        number: int,
        switch: StopSwitch,
        moment: Callable[[], float],
        note_answer: Callable[[Attempt], None],
    ) -> None:
        self._delivery = delivery
        self._action = action
        self._switch = switch
        self._moment = moment
        self._note_answer = note_answer
        self._waiting: SimpleQueue[Attempt | None] = SimpleQueue()
        self._ended: deque[Attempt] = deque()
        self._wanted = 1
        self._enough = threading.Event()
        self._active = number
        self._next_trial, self._between_trials = 0.0, _TRIAL_FIRST
        self._more = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, args=(place,), name=f"yateota-sender-{place}", daemon=True)
            for place in range(number)
        ]

    def __enter__(self) -> SenderPool:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # the machine has no room for one more
            self.end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0]:
            self._switch.stop(None)
        self.end()

    def end(self) -> None:
        """End the threads, each after the request that it has under way."""
        self._let_work(len(self._threads))
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident:
                thread.join()

    @property
    def are_alive(self) -> bool:
        """Return whether any thread can still send."""
        return any(thread.is_alive() for thread in self._threads)

    def put(self, attempt: Attempt) -> None:
        """Give the threads an attempt to make."""
        self._waiting.put(attempt)

    def collect(self, number: int, seconds: float) -> list[Attempt]:
        """Wait for attempts to end, or for some seconds, and return the ended ones.

        It wakes once for all of them. To wake for each would take Python's lock from the senders.
        """
        self._wanted = number
        self._enough.clear()
        if len(self._ended) < number:
            self._enough.wait(seconds)
        return [self._ended.popleft() for _place in range(len(self._ended))]

    def adapt(self, busy: float) -> None:
        """Let one thread work if this process is the bottleneck, otherwise all of them.

        The load of all of them does not show whether one is enough: one is tried, less often after each failed trial.

        Args:
            busy: how many cores this process has used lately.
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

    def _wait_for_next(self, place: int) -> Attempt | None:
        """Wait for the next attempt of the thread in this place; None if it is to end."""
        if place >= self._active:
            with self._more:
                self._more.wait_for(lambda: place < self._active)
        return self._waiting.get()

    def _work(self, place: int) -> None:
        while (attempt := self._wait_for_next(place)) is not None:
            try:
                self._try(attempt)
            except BaseException as error:  # noqa: BLE001 (a dead thread would be waited for, and its attempt lost)
                outcome = RequestOutcome.UNKNOWN if attempt.sent_at else RequestOutcome.NOT_CARRIED_OUT
                self._note(attempt, self._delivery.broken(error, attempt.identification, outcome))
            self._ended.append(attempt)
            if len(self._ended) >= self._wanted:
                self._enough.set()

    def _try(self, attempt: Attempt) -> None:
        def note_sending() -> None:
            attempt.sent_at = self._moment()

        self._note(attempt, self._delivery.deliver(request_params(self._action, attempt), attempt, note_sending))

    def _note(self, attempt: Attempt, result: AttemptResult) -> None:
        outcome, error = result
        if outcome is RequestOutcome.NOT_CARRIED_OUT:
            plan_again(attempt)
            return
        attempt.answered_at = self._moment()
        attempt.sent_at = attempt.sent_at or attempt.answered_at  # an unexpected exception counts as sent
        attempt.code, attempt.message = (error.code, error.message) if error else (0, None)
        attempt.state, _outcome = states_after_request(outcome, attempt.code)
        if outcome is RequestOutcome.UNKNOWN:
            attempt.reason = error.reason if isinstance(error, UnexpectedError) else _NO_ANSWER
        self._note_answer(attempt)


def plan_again(attempt: Attempt) -> None:
    """Reset an attempt to planned: the action was certainly not carried out."""
    attempt.state, attempt.sent_at, attempt.answered_at = RowState.PLANNED, None, None
    attempt.code = attempt.message = attempt.reason = None


def request_params(action: str, attempt: Attempt) -> dict[str, object]:
    """Return the request's parameters; without identifiers if no documented form fits."""
    return {**request_names(action, attempt.identification, attempt.named_by), "action": action}


class Pipeline:
    """Mark a wave's attempts in the ledger, have them sent, and record their outcomes.

    Args:
        attempts: records them.
        senders: the threads.
        number: how many threads there are.
        switch: the senders' own.
        may_send: whether anything may be sent; called all the time, so that no thread waits longer than it must.

    Attributes:
        sent: how many requests were sent.
    """

    def __init__(
        self, attempts: Attempts, senders: SenderPool, number: int, switch: StopSwitch, may_send: Callable[[], bool]
    ) -> None:
        self._may_send = may_send
        self._begun: dict[int, Attempt] = {}
        self._attempts = attempts
        self._senders = senders
        self._number = number
        self._switch = switch
        self._rate, self._load, self._ledger_time = SendingRate(), LoadMeter(), LedgerTime()
        self.sent = 0

    def run(self, coming: Iterator[tuple[Attempt, LeftOut | None]], note_recorded: Callable[[], None]) -> None:
        """Make the attempts that come, until they end or the switch is on.

        All attempts that were begun are recorded at the end.

        Args:
            coming: attempts and verdicts; attempts that are left out are recorded so, and not sent.
            note_recorded: called when outcomes of requests are recorded.

        Raises:
            YateotaError: the ledger failed. What is known by then is recorded nevertheless, if possible.
        """
        try:
            self._run(coming, note_recorded)
        except BaseException:
            self._switch.stop(None)
            self._senders.end()
            self._record_rest()
            raise

    def _run(self, coming: Iterator[tuple[Attempt, LeftOut | None]], note_recorded: Callable[[], None]) -> None:
        under_way = 0
        ended: list[Attempt] = []
        while True:
            marked, left_out = self._take_next(coming, self._most_under_way() - under_way)
            if not (marked or left_out or ended or under_way):
                return
            self._begun |= {attempt.seq: attempt for attempt in marked}
            if marked or left_out or ended:
                with self._ledger_time:
                    self._attempts.record(left_out + ended, marked)
            else:
                self._attempts.read_halt(sum(attempt.sent_at is not None for attempt in self._begun.values()))
            for attempt in marked:
                if attempt.state != RowState.SENDING:  # somebody holds or has stopped the change
                    del self._begun[attempt.seq]
            marked = [attempt for attempt in marked if attempt.seq in self._begun]
            for attempt in ended:
                del self._begun[attempt.seq]
                if attempt.sent_at:
                    self.sent += 1
            if ended:
                note_recorded()
            for attempt in marked:
                self._senders.put(attempt)
            under_way += len(marked)
            ended = self._collect(under_way)
            under_way -= len(ended)

    def _record_rest(self) -> None:
        """Record what is known of the begun attempts, after the senders have ended.

        An attempt whose marking failed is planned. It changes its row only if this run has marked that after all, and
        the answer to the commit was lost: otherwise, another program may have changed the row.
        """
        for attempt in self._begun.values():
            if attempt.state == RowState.SENDING and not attempt.sent_at:
                plan_again(attempt)
            elif attempt.state == RowState.SENDING:
                attempt.state, attempt.reason = RowState.UNKNOWN, _NO_ANSWER
        with contextlib.suppress(Exception):  # the failure that led here is the one to report
            self._attempts.record(list(self._begun.values()), [])
        self.sent += sum(attempt.sent_at is not None for attempt in self._begun.values())

    def _take_next(
        self, coming: Iterator[tuple[Attempt, LeftOut | None]], room: int
    ) -> tuple[list[Attempt], list[Attempt]]:
        """Take as many attempts to mark as there is room for, and those left out."""
        marked: list[Attempt] = []
        left_out: list[Attempt] = []
        if not self._may_send():
            return marked, left_out
        while len(marked) < room and len(left_out) < _LEFT_OUT_MOST:
            attempt, verdict = next(coming, (None, None))
            if attempt is None:
                break
            if verdict:
                attempt.state, attempt.reason = verdict
                left_out.append(attempt)
            else:
                marked.append(attempt)
        return marked, left_out

    def _most_under_way(self) -> int:
        """Return how many may be marked and not ended: one per thread, and those ahead."""
        ahead = round(self._rate.per_second * self._ledger_time.ahead_seconds())
        return self._number + min(AHEAD_MOST, max(self._number, ahead))

    def _collect(self, under_way: int) -> list[Attempt]:
        """Wait until most attempts that were marked ahead have ended, or for some time; return them."""
        if not under_way:
            return []
        ahead = self._most_under_way() - self._number
        # Two thirds: the threads work on the last third while the ledger records these and marks as many again.
        wanted = min(under_way, max(1, ahead * 2 // 3))
        ended = self._senders.collect(wanted, self._ledger_time.wait_seconds())
        if not ended and not self._senders.are_alive:
            raise RuntimeError("no thread can send any more")
        self._rate.note(len(ended))
        if (busy := self._load.busy_cores()) is not None:
            self._senders.adapt(busy)
        return ended
