# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling a planned change out: wave by wave, judged on the way, stopped cleanly for each reason there is to stop."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator

from .._api.client import Client
from .._api.delivery import Brake, Delivery, Pace
from .._api.models import FILTER_STATES
from .._core.errors import ApiError, InvalidInputError, TransportError
from .._core.identification import why_not_named
from .._core.policy import ACT, UNCHANGED, plan_participant
from .._ledger.attempts import Send, Sends, Tally
from .._ledger.change import ABORTED, APPLIED, IN_PROGRESS, VERIFIED, WINDOW_CLOSED, Change
from .._ledger.queries import Report
from .._ledger.tables import BAD_STATES, PLANNED, REFUSED, SKIPPED, UNKNOWN, changes, sa
from .options import Rollout
from .sending import Conveyor, Senders, plan_again
from .states_reader import StateReader

ENDED = (APPLIED, VERIFIED)
"""The states of a change that has nothing left to send."""

_NOT_LISTED = f"it is in none of the lists read ({', '.join(FILTER_STATES)}), so its state is not known"


class AbortedError(ApiError):
    """Too many of a change's sends went wrong."""


def check_resumable(change: Change, rollout: Rollout) -> None:
    """Refuse to go on with an aborted change where nothing says that its cause is removed.

    Raises:
        InvalidInputError: tells the most frequent reasons.
    """
    if not rollout.resume_aborted:
        raise InvalidInputError(
            f"Change {change.record().change_id} is aborted. {Report(change, masked=True).most_frequent()} "
            "Find the cause, then set resume_aborted to go on."
        )


class Run:
    """One run of a planned change, which it holds by a lease all along.

    Args:
        change: the change.
        sends: the ledger's part of sending.
        client: sends.
        states: reads states.
        rollout: the options.
        stopped: set from outside to stop cleanly.

    Attributes:
        sent: how many requests left for participants.
        sending_seconds: the time it took to send them.
    """

    def __init__(
        self,
        change: Change,
        sends: Sends,
        client: Client,
        states: StateReader,
        rollout: Rollout,
        stopped: threading.Event,
    ) -> None:
        self._change = change
        self._sends = sends
        self._states = states
        self._rollout = rollout
        self._stopped = stopped
        self._brake = Brake()
        pace = Pace(rollout.maximum_per_second, self._brake)
        self._delivery = Delivery(client, pace, self._brake, self._may_send)
        record = change.record()
        if rollout.resume_aborted and record.status not in (PLANNED, ABORTED):
            self._delivery.refusals.are_their_own()
        self._change_id, self._action, self._status = record.change_id, record.action, record.status
        self._judged_from = record.judged_from
        self._tally = Tally(0, 0)
        self._plan = functools.cache(functools.partial(plan_participant, self._action))
        self.sent = 0
        self.sending_seconds = 0.0

    def roll_out(self) -> None:
        """Send for all that are planned, as far as the options let it come.

        Raises:
            InvalidInputError: the change was aborted before, or another run has taken it over.
            ApiError, OutcomeUnknownError: too many sends went wrong; the change is aborted now.
            TransportError: it was stopped from outside.
            YateotaError: the server or the ledger failed. What was sent is recorded.
        """
        if self._status == ABORTED:
            self._resume_aborted()
        self._sends.doubt_cut_off()
        if self._change.counts()[UNKNOWN]:
            self._settle_unknown()
            if self._rollout.resend:
                self._sends.plan_unknown_again()
        self._tally = self._sends.tally(self._judged_from)
        if self._change.counts()[PLANNED]:
            self._judge()
        waves = 0
        while waves != self._rollout.max_waves and self._begin_wave():
            waves += 1
        self._end()

    def _resume_aborted(self) -> None:
        check_resumable(self._change, self._rollout)
        self._judged_from = self._change.clock.moment()
        self._change.update(judged_from=self._judged_from)

    def _settle_unknown(self) -> None:
        self._states.read()
        self._sends.settle_unknown(self._action)

    def _begin_wave(self) -> bool:
        """Send the next wave, or the rest of the one that was cut short; whether it came to its end."""
        wave = self._sends.open_wave()
        if wave is None and not self._change.counts()[PLANNED]:
            return False
        if not self._may_send():
            return self._stop()
        if self._states.is_older_than(self._rollout.recheck_after):
            self._states.read()
        started = sa.func.coalesce(changes.c.started, self._change.clock.moment())
        self._change.update(status=IN_PROGRESS, started=started, finished=None)
        if wave is None:
            wave = self._sends.begin_wave(self._rollout.canary or self._rollout.wave_size, self._rollout.wave_size)
        self._send_wave(wave)
        if self._brake.is_pulled:
            if self._change.counts()[PLANNED]:
                return self._stop()
        elif not self._soak(wave):
            return self._stop()
        self._sends.end_wave(wave)
        return True

    def _send_wave(self, wave: int) -> None:
        rollout, begun = self._rollout, time.monotonic()
        senders = Senders(self._delivery, self._action, rollout.senders, self._brake, self._change.clock.moment)
        conveyor = Conveyor(self._sends, senders, rollout.senders, self._brake, self._may_send)
        try:
            with senders:
                conveyor.convey(self._judged(wave), self._note)
        finally:
            self.sent += conveyor.sent
            self.sending_seconds += time.monotonic() - begun
        self._take_back()

    def _take_back(self) -> None:
        """Plan those again that were booked as refused before it turned out that the server refuses every request."""
        refused = [send for send in self._delivery.refusals.taken_back if send.state != PLANNED]
        for send in refused:
            plan_again(send)
        if refused:
            self._sends.exchange(refused, [])
            self.sent -= len(refused)
            self._tally = self._sends.tally(self._judged_from)

    def _judged(self, wave: int) -> Iterator[Send]:
        """Those of a wave that are left, each judged by its state as last read."""
        for send in self._sends.planned_of(wave):
            plan = self._plan(send.state_now)
            why = why_not_named(self._action, send.identification)
            if why:  # planned by a release that sent other forms
                send.state, send.reason = REFUSED, why
            elif not send.is_read:
                send.state, send.reason = SKIPPED, _NOT_LISTED
            elif plan.verdict != ACT:
                send.state, send.reason = SKIPPED if plan.verdict == UNCHANGED else REFUSED, plan.reason
            yield send

    def _note(self, send: Send) -> None:
        """Count a send whose outcome is recorded."""
        if send.state != PLANNED:
            self._tally = Tally(self._tally.executed + 1, self._tally.bad + (send.state in BAD_STATES))
            self._judge()

    def _judge(self) -> None:
        """Brake where too much went wrong."""
        executed, bad = self._tally.executed, self._tally.bad
        if executed >= self._rollout.minimum_executed and bad * 100 >= self._rollout.threshold_percentage * executed:
            self._brake.pull(
                AbortedError(
                    f"Change {self._change_id} is aborted: {bad} of {executed} sends went wrong, "
                    f"{self._rollout.threshold_percentage:g} percent is the limit. Nothing more was sent."
                )
            )

    def _may_send(self) -> bool:
        """Whether a request may leave now; brakes where none may."""
        while self._change.ledger.outage.is_on and not self._brake.is_pulled:
            self._brake.wait(0.1)  # nothing is sent while the ledger is away
        if self._stopped.is_set():
            stop = f"Change {self._change_id} was stopped by a signal: run it again to go on."
            self._brake.pull(TransportError(stop))
        elif self._change.lease and not self._change.lease.is_safe():
            self._brake.pull(
                InvalidInputError(
                    f"Change {self._change_id} was held up until its lease nearly ran out: nothing more was sent. "
                    "Run it again, with more lease_seconds where the machine or the ledger is slow."
                )
            )
        elif not self._rollout.is_open(self._change.clock.now()):
            self._brake.pull(None)
        return not self._brake.is_pulled

    def _soak(self, wave: int) -> bool:
        """Wait for the wave's new states, and judge by them; whether sending may go on."""
        last_sent = self._sends.last_sent(wave)
        if self._rollout.soak and last_sent:
            if self._stopped.wait(max(0.0, last_sent + self._rollout.soak - self._change.clock.moment())):
                return self._may_send()
            self._states.read(done_too=True)
            self._tally = self._sends.tally(self._judged_from)
            if self._change.counts()[PLANNED]:
                self._judge()
        return not self._brake.is_pulled

    def _stop(self) -> bool:
        """Say why sending stops. Never true."""
        if self._brake.why is None:
            self._change.update(status=WINDOW_CLOSED)
            return False
        if isinstance(self._brake.why, AbortedError):
            self._change.update(status=ABORTED)
            # Only now is all recorded that was on its way.
            why = Report(self._change, masked=True).most_frequent(self._tally.bad)
            raise AbortedError(f"{self._brake.why} {why} Find the cause, then set resume_aborted to go on.")
        if self._delivery.refusals.taken_back and isinstance(self._brake.why, ApiError):
            own = "Where these participants themselves are to blame, set resume_aborted to book it on them and go on."
            raise self._brake.why.restated(f"{self._brake.why} {own}", {})
        raise self._brake.why

    def _end(self) -> None:
        """Settle what can be, and note that nothing is left to send where that is so."""
        counts = self._change.counts()
        if counts[PLANNED]:
            return
        if counts[UNKNOWN] and self.sent:
            self._settle_unknown()
        if self._status not in ENDED or self.sent:
            self._change.update(status=APPLIED, finished=self._change.clock.moment())
