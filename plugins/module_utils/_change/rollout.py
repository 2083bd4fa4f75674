# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry a planned change out, wave by wave.

It is judged on the way, and stopped cleanly for each reason to stop.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Iterator

from .._api.client import Client
from .._api.delivery import Delivery, RateLimiter, StopSwitch
from .._core import policy
from .._core.attempt_policy import left_out_of_further
from .._core.clock import elapsed
from .._core.errors import ApiError, InvalidInputError, TransportError
from .._core.states import ENDED_STATUSES, NOT_BEGUN_STATUSES, BadRule, ChangeStatus, RowState
from .._ledger.attempts import Attempt, Attempts, Tally
from .._ledger.change import Change
from .._ledger.outage import LedgerAwayError
from .._ledger.queries import Report
from .._ledger.tables import changes, sa
from .._ledger.waves import Waves
from .further_attempts import Rounds
from .hold import why_halted
from .options import RolloutOptions
from .sending import Pipeline, SenderPool, plan_again
from .states_reader import StateReader
from .waiting import wait_for

_SEEN_WITHIN = 0.6
"""The maximum age in seconds of the last reading of holds and stops when a request leaves.

It is less than the second within which a hold must be seen: the time until the bytes leave is not measured.
"""
_PAUSE = 0.2  # seconds between two checks while nothing is sent

_RESUME = "Find the cause, then set resume_aborted to continue."


class AbortedError(ApiError):
    """An aborted change: too many of its attempts went wrong."""


def check_resumable(change: Change, options: RolloutOptions) -> None:
    """Refuse to continue with an aborted change without ``resume_aborted``.

    Raises:
        InvalidInputError: gives the most frequent reasons.
    """
    if not options.resume_aborted:
        raise InvalidInputError(
            f"Change {change.record().change_id} is aborted. {Report(change, masked=True).most_frequent()} {_RESUME}"
        )


class Rollout:
    """A rollout of a planned change, whose lease this run holds until its end.

    Args:
        change: the change.
        attempts: records the attempts.
        client: sends.
        states: reads server states.
        options: how it is carried out.
        stopped: set by the caller to stop cleanly.
        rounds: gives participants further attempts; None if there are none.

    Attributes:
        sent: how many requests left for participants.
        sending_seconds: the time it took to send them.
    """

    def __init__(
        self,
        change: Change,
        attempts: Attempts,
        client: Client,
        states: StateReader,
        options: RolloutOptions,
        stopped: threading.Event,
        rounds: Rounds | None = None,
    ) -> None:
        self._change = change
        self._rounds = rounds
        self._attempts = attempts
        self._waves = Waves(change)
        self._states = states
        self._options = options
        self._stopped = stopped
        self._switch = StopSwitch()
        limiter = RateLimiter(options.maximum_per_second, self._switch)
        self._delivery = Delivery(client, limiter, self._switch, self._may_leave)
        record = change.record()
        # A person can have looked at refusals only if the change has stopped because of them.
        if options.resume_aborted and record.status not in (*NOT_BEGUN_STATUSES, ChangeStatus.ABORTED):
            self._delivery.refusals.accept_alike()
        self._change_id, self._action, self._status = record.change_id, record.action, record.status
        self._tally_since = record.judged_from
        self._tally = Tally(0, 0)
        self.sent = 0
        self.sending_seconds = 0.0

    def carry_out(self) -> None:
        """Send for all planned participants, as far as the options allow.

        Raises:
            InvalidInputError: the change was aborted before, or another run has taken it over.
            ApiError, OutcomeUnknownError: too many attempts went wrong; the change is aborted now.
            TransportError: a signal stopped it.
            HeldError: somebody holds or has stopped the change.
            YateotaError: the server or the ledger failed. What was sent is recorded.
        """
        if self._status == ChangeStatus.ABORTED:
            self._resume_aborted()
        self._attempts.mark_interrupted()
        if self._change.counts()[RowState.UNKNOWN]:
            self._settle_unknown()
            if self._options.resend:
                self._attempts.plan_unknown_again(self._rounds.maximum if self._rounds else None)
        if self._change.counts()[RowState.PLANNED] or (self._rounds and self._rounds.outlook().may_send):
            self._wait_for_window()
        self._plan_due()
        self._recount()
        waves = 0
        while waves != self._options.max_waves and self._carry_out_wave():
            waves += 1
        self._end()

    def _plan_due(self) -> None:
        """Plan the next attempts that are due. Those that are planned already come first."""
        is_open = self._options.is_open(self._change.clock.now())
        if self._rounds and is_open and not self._change.counts()[RowState.PLANNED]:
            self._rounds.plan_due()

    def _resume_aborted(self) -> None:
        check_resumable(self._change, self._options)
        self._tally_since = self._change.clock.moment()
        self._change.update(judged_from=self._tally_since)

    def _wait_for_window(self) -> None:
        """Wait for the window if the options say so.

        The lease is kept, so that no other run begins.
        """
        change, window = self._change, self._options.window
        if self._options.wait_for_window and not window.allows(change.clock.now()):
            change.update(status=ChangeStatus.WINDOW_CLOSED)
            wait_for(window, change.clock.now, self._may_wait, self._wait)

    def _may_wait(self) -> bool:
        """Return whether to wait longer; ``_may_send`` gives the reason if not."""
        lease = self._change.lease
        is_over = self._stopped.is_set() or self._switch.is_on or self._change.halt
        return not (is_over or (lease and lease.is_lost()))

    def _settle_unknown(self) -> None:
        if self._change.counts()[RowState.PLANNED]:
            self._states.read()
        else:
            self._states.read_unknown()
        self._attempts.settle_unknown(functools.partial(policy.proves_carried_out, self._action))

    # --- Waves -----------------------------------------------------------------------------------------------------

    def _carry_out_wave(self) -> bool:
        """Send the next wave, or the rest of a begun one; return whether it ended."""
        wave = self._waves.current()
        if wave is None and not self._change.counts()[RowState.PLANNED]:
            return False
        self._options.window.refresh(self._change.clock.now())
        if not self._may_send():
            return self._stop()
        if self._states.is_older_than(self._options.recheck_after):
            self._states.read()
        started = sa.func.coalesce(changes.c.started, self._change.clock.moment())
        self._change.update(status=ChangeStatus.IN_PROGRESS, started=started, finished=None)
        if wave is None:
            wave = self._waves.begin(self._options.canary or self._options.wave_size, self._options.wave_size)
        self._send_wave(wave)
        if self._switch.is_on:
            if self._change.counts()[RowState.PLANNED]:
                return self._stop()
            # If no participant is left, the reason to stop does not matter: ``_end`` records the change as applied, and
            # the module reports what went wrong by ``ModuleState.check_end``.
        elif not self._soak(wave):
            return self._stop()
        self._waves.end(wave)
        return True

    def _send_wave(self, wave: int) -> None:
        number, begun = self._options.senders, time.monotonic()
        senders = SenderPool(self._delivery, self._action, number, self._switch, self._change.clock.moment)
        pipeline = Pipeline(self._attempts, senders, number, self._switch, self._may_send)
        try:
            with senders:
                pipeline.run(self._with_verdicts(wave), self._add_to_tally)
        finally:
            self.sent += pipeline.sent
            self.sending_seconds += time.monotonic() - begun
        self._take_back()

    def _with_verdicts(self, wave: int) -> Iterator[tuple[Attempt, policy.LeftOut | None]]:
        """Judge the rest of a wave by the server states as last read."""
        for attempt in self._waves.planned(wave):
            state, is_read = attempt.state_now, attempt.is_read
            if attempt.is_further:
                most = self._rounds.maximum if self._rounds else None
                yield attempt, left_out_of_further(self._action, state, is_read, attempt.made, most)
            else:
                yield attempt, policy.left_out_of_wave(self._action, attempt.identification, state, is_read)

    def _take_back(self) -> None:
        """Plan again the participants whose refusal concerned every request.

        They were recorded as refused before that was known.
        """
        refused = [attempt for attempt in self._delivery.refusals.taken_back if attempt.state != RowState.PLANNED]
        for attempt in refused:
            plan_again(attempt)
        if refused:
            self._attempts.record(refused, [])
            self.sent -= len(refused)
            self._tally = self._attempts.tally(self._tally_since, self._bad_rule)

    def _soak(self, wave: int) -> bool:
        """Wait for the wave's new states and judge by them; return whether to continue."""
        last_sent = self._waves.last_sent(wave)
        if self._options.soak and last_sent:
            if not self._wait(last_sent + self._options.soak - self._change.clock.moment()):
                return self._may_send()
            self._states.read(include_done=True)
            self._recount()
        return not self._switch.is_on

    def _wait(self, seconds: float) -> bool:
        """Wait; return False as soon as a signal, a hold or a stop ends the run."""
        until = elapsed() + seconds
        while (left := until - elapsed()) > 0:
            if self._stopped.wait(min(left, _PAUSE)):
                return False
            with contextlib.suppress(LedgerAwayError):  # it may be back when the wait is over
                self._change.look_once()
            if self._change.halt:
                return False
        return not self._stopped.is_set()

    # --- Reasons to stop -------------------------------------------------------------------------------------------

    @property
    def _bad_rule(self) -> BadRule:
        """Return which attempts are bad.

        Where there are further attempts, states are read to find who needs one: only a soak judges by them.
        """
        return policy.BAD_RULE._replace(came_back=()) if self._rounds and not self._options.soak else policy.BAD_RULE

    def _recount(self) -> None:
        """Count the recorded attempts; stop if too many went wrong and some are left."""
        self._tally = self._attempts.tally(self._tally_since, self._bad_rule)
        if self._change.counts()[RowState.PLANNED]:
            self._check_threshold()

    def _add_to_tally(self, attempt: Attempt) -> None:
        """Count an attempt whose outcome is recorded."""
        if attempt.state != RowState.PLANNED:
            is_bad = attempt.state in self._bad_rule.row_states
            self._tally = Tally(self._tally.executed + 1, self._tally.bad + is_bad)
            self._check_threshold()

    def _check_threshold(self) -> None:
        """Stop if too many attempts went wrong."""
        executed, bad, limit = self._tally.executed, self._tally.bad, self._options.threshold_percentage
        if policy.must_abort(executed, bad, self._options.minimum_executed, limit):
            self._switch.stop(
                AbortedError(
                    f"Change {self._change_id} is aborted: {bad} of {executed} attempts went wrong "
                    f"(limit {limit:g} %). Nothing more was sent."
                )
            )

    def _may_leave(self) -> bool:
        """Return whether a request may leave now: nobody held the change a moment ago."""
        lease = self._change.lease
        while self._may_send():
            if lease is None or lease.seconds_since_look() < _SEEN_WITHIN:
                return self._change.halt is None
            self._switch.wait(0.02)  # until the pipeline has looked, even if the ledger or the machine is slow
        return False

    def _may_send(self) -> bool:
        """Return whether sending may continue; stop if it may not."""
        while self._change.ledger.outage.is_on and not self._switch.is_on:
            self._switch.wait(0.1)  # nothing is sent while the ledger is away
        if self._stopped.is_set():
            stop = f"Change {self._change_id} was stopped by a signal: run it again to continue."
            self._switch.stop(TransportError(stop))
        elif self._change.halt:
            self._switch.stop(why_halted(self._change_id, self._change.halt))
        elif self._change.lease and not self._change.lease.is_safe():
            self._switch.stop(
                InvalidInputError(
                    f"Change {self._change_id} was held up until its lease nearly ran out: nothing more was sent. "
                    "Run it again, with more lease_seconds where the machine or the ledger is slow."
                )
            )
        elif not self._options.is_open(self._change.clock.now()):
            self._switch.stop(None)
        return not self._switch.is_on

    def _stop(self) -> bool:
        """Record why sending stops; raise a failure, or return False otherwise."""
        error = self._switch.error
        if error is None:
            self._change.update(status=ChangeStatus.WINDOW_CLOSED)
            return False
        if isinstance(error, AbortedError):
            self._change.update(status=ChangeStatus.ABORTED)
            # The outcomes of all requests under way are recorded only now.
            reasons = Report(self._change, masked=True).most_frequent(self._tally.bad)
            raise AbortedError(f"{error} {reasons} {_RESUME}")
        if self._delivery.refusals.taken_back and isinstance(error, ApiError):
            own = "If these participants themselves are the reason, set resume_aborted to record it and continue."
            raise error.restated(f"{error} {own}", {})
        raise error

    def _end(self) -> None:
        """Settle what can be settled; record the end if nothing is left to send."""
        counts = self._change.counts()
        if counts[RowState.UNKNOWN] and self.sent and not counts[RowState.PLANNED]:
            self._settle_unknown()
        if counts[RowState.PLANNED]:
            return
        if self._rounds and self._rounds.end():
            self._change.update(status=ChangeStatus.WAITING, finished=None)
        elif self._status not in ENDED_STATUSES or self.sent:
            self._change.update(status=ChangeStatus.APPLIED, finished=self._change.clock.moment())
