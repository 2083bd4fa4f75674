# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry a planned change out, judge each wave, and end a run cleanly for each reason to stop."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator

from .._api.client import Client
from .._api.delivery import Delivery, RateLimiter, StopSwitch
from .._core import policy
from .._core.attempt_policy import comes_back_failed, left_out_of_further
from .._core.errors import ApiError, TransportError
from .._core.states import ENDED_STATUSES, ChangeStatus, RowState
from .._ledger.attempts import Attempt, Attempts
from .._ledger.change import Change
from .._ledger.tables import changes, sa
from .._ledger.waves import Waves
from .abort import AbortedError
from .fleet_rollout import FleetPart
from .further_attempts import AttemptPlanner
from .hold import why_halted
from .options import RolloutOptions
from .sending import Pipeline, SenderPool, plan_again
from .soak import Soak
from .stages import waits_for_stage
from .states_reader import StateReader
from .threshold import AbortThreshold
from .waiting import wait_for, wait_unless_halted
from .wave_progress import Watch, WaveProgress

_SEEN_WITHIN = 0.6
"""The maximum age in seconds of the last reading of holds and stops when a request is sent.

It is less than the second within which a hold must be seen: the time until the bytes are sent is not measured.
"""


class Rollout:
    """A rollout of a planned change, whose lease this run holds until its end.

    Args:
        change: the change.
        attempts: records the attempts.
        client: sends.
        states: reads server states.
        options: how it is carried out.
        stopped: set by the caller to stop cleanly.
        check: raises where nothing may be sent; called before this run sends, and once more after it has waited.
        planner: plans further attempts; None if there are none.
        watch: as for ``WaveProgress``.

    Attributes:
        sent: how many requests were sent for participants.
        sending_seconds: the time it took to send them.
        shortfall: why the last wave is not proven; None if it is, or is not judged.
    """

    def __init__(
        self,
        change: Change,
        attempts: Attempts,
        client: Client,
        states: StateReader,
        options: RolloutOptions,
        stopped: threading.Event,
        check: Callable[[], None],
        planner: AttemptPlanner | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._change = change
        self._progress = WaveProgress(change, watch)
        self._check, self._is_checked, self._planner = check, False, planner
        self._attempts = attempts
        self._waves = Waves(change, attempts.chain)
        self._states = states
        self._options = options
        self._stopped = stopped
        self._wait = functools.partial(wait_unless_halted, change, stopped)
        self._switch = StopSwitch()
        limiter = RateLimiter(options.maximum_per_second, self._switch)
        self._delivery = Delivery(client, limiter, self._switch, self._may_send_now)
        self._fleet = FleetPart(change, options, limiter)
        record = change.record()
        # A person can have looked at refusals only if the change has begun, and has stopped because of them.
        if options.resume_aborted and record.started is not None and record.status != ChangeStatus.ABORTED:
            self._delivery.refusals.accept_alike()
        self._change_id, self._action, self._status = record.change_id, record.action, record.status
        rule = options.bad_rule._replace(earlier_came_back=comes_back_failed(self._action))
        if planner and not options.soak:
            # Where there are further attempts, states are read to find those that need one: only a soak judges by them.
            rule = rule._replace(came_back=())
        self._threshold = AbortThreshold(change, attempts, options, rule, self._fleet, self._switch)
        goal, moment = policy.goal_of(self._action), change.clock.moment
        self._soak = Soak(self._waves, states, options, goal, moment, self._wait, self._recount_read)
        self.sent, self.sending_seconds = 0, 0.0
        self.shortfall: str | None = None

    def carry_out(self) -> None:
        """Send for all planned participants, as far as the options allow.

        Raises:
            InvalidInputError: the change was aborted before, or another run has taken it over.
            AbortedError: too many attempts went wrong; the change is aborted now.
            ApiError: the server refuses every request, or the change is aborted on all its servers.
            UnexpectedError: an unexpected exception ended a request.
            TransportError: a signal stopped it.
            HeldError: somebody holds or has stopped the change, or a wave is not proven.
            YateotaError: the server or the ledger failed. What was sent is recorded.
        """
        if self._status == ChangeStatus.ABORTED or self._fleet.is_aborted():
            self._threshold.resume()
        self._attempts.mark_interrupted()
        is_judged = self._end_sent_wave()
        if self._change.counts()[RowState.UNKNOWN]:
            self._settle_unknown()
            if self._options.resend and is_judged and self._change.counts()[RowState.UNKNOWN]:
                self._check()
                self._attempts.plan_unknown_again(self._planner.maximum if self._planner else None)
        if waits_for_stage(self._change, self._options):
            return
        if self._change.counts()[RowState.PLANNED] or (self._planner and self._planner.outlook().may_send):
            self._wait_for_window()
        if is_judged:
            self._plan_due()
        self._recount()
        self._progress.count_all()
        while self._progress.waves != self._options.max_waves and self._carry_out_wave():
            self._progress.end_wave(self.sent, self.sending_seconds)
        self._end()

    def _plan_due(self) -> None:
        """Plan the next attempts that are due. Those that are planned already come first."""
        is_open = self._options.is_open(self._change.clock.now())
        if self._planner and is_open and not self._change.counts()[RowState.PLANNED]:
            self._planner.plan_due()

    def _wait_for_window(self) -> None:
        """Wait for the window if the options say so, with the lease, so that no other run begins."""
        change, window = self._change, self._options.window
        if self._options.wait_for_window and not window.allows(change.clock.now()):
            change.update(status=ChangeStatus.WINDOW_CLOSED)
            wait_for(window, change.clock.now, self._may_wait, self._wait)
            self._is_checked = False

    def _may_wait(self) -> bool:
        """Return whether to wait longer; if not, ``_continue_or_stop`` finds the reason."""
        lease = self._change.lease
        is_over = self._stopped.is_set() or self._switch.is_on or self._change.halt
        return not (is_over or (lease and lease.is_lost()))

    def _end_sent_wave(self) -> bool:
        """End a begun wave whose requests were all sent; return False if it cannot be judged yet.

        It is judged before any of its participants is planned again and leaves it.
        """
        plans_again = self._options.resend or self._planner
        wave = self._waves.current() if plans_again and self._options.success_percentage is not None else None
        if wave is None or next(self._waves.planned(wave), None):
            return True
        return self._end_resumed(wave)

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
        self._waves.hold_back(self._states.short_campaigns)
        if wave is None and not self._is_any_waiting():
            return False
        if wave is not None and next(self._waves.planned(wave), None) is None:
            return self._end_resumed(wave)
        self._options.window.refresh(self._change.clock.now())
        if not self._continue_or_stop():
            return self._record_stop()
        if not self._is_checked:
            self._check()  # once, since it looks at the whole change
        self._is_checked = True
        if self._states.is_older_than(self._options.recheck_after):
            self._states.read()
        self._waves.hold_back(self._states.short_campaigns)
        if wave is None and not self._is_any_waiting():
            return False
        self._note_in_progress()
        if wave is None:
            wave = self._waves.begin(self._options.canary or self._options.wave_size, self._options.wave_size)
        self._send_wave(wave)
        if self._switch.is_on:
            is_judged_later = self._options.soak and not isinstance(self._switch.error, AbortedError)
            if is_judged_later or self._change.counts()[RowState.PLANNED]:
                return self._record_stop()
            self._waves.end(wave)  # nothing remains: the module reports by ``ModuleState.check_end`` what went wrong
            return True
        return self._soak_and_judge(wave)

    def _is_any_waiting(self) -> bool:
        """Return whether a later wave has participants; raise if all that remain are held back."""
        is_any = self._waves.is_any_waiting()
        if not is_any and self._change.counts()[RowState.PLANNED]:
            self._states.check_whole()
        return is_any

    def _note_in_progress(self) -> None:
        started = sa.func.coalesce(changes.c.started, self._change.clock.moment())
        self._change.update(status=ChangeStatus.IN_PROGRESS, started=started, finished=None)

    def _end_resumed(self, wave: int) -> bool:
        """Soak and judge a wave that another run has sent, also while the window is closed: this only reads."""
        if not self._continue_or_stop(sends=False):
            return self._record_stop()
        self._note_in_progress()
        return self._soak_and_judge(wave)

    def _soak_and_judge(self, wave: int) -> bool:
        if not self._soak.wait_for(wave):
            self._continue_or_stop()
            return self._record_stop()
        return self._judge(wave)

    def _send_wave(self, wave: int) -> None:
        number, begun = self._options.senders, time.monotonic()
        moment, note_answer = self._change.clock.moment, self._threshold.note_answer
        senders = SenderPool(self._delivery, self._action, number, self._switch, moment, note_answer)
        pipeline = Pipeline(self._attempts, senders, number, self._switch, self._continue_or_stop)
        self._fleet.begin_sending()
        try:
            with senders:
                pipeline.run(self._with_verdicts(wave), self._threshold.note_recorded)
        finally:
            self._fleet.end_sending()
            self.sent += pipeline.sent
            self.sending_seconds += time.monotonic() - begun
        self._take_back()

    def _with_verdicts(self, wave: int) -> Iterator[tuple[Attempt, policy.LeftOut | None]]:
        """Judge the rest of a wave by the server states as last read."""
        for attempt in self._waves.planned(wave):
            state, is_read = attempt.state_now, attempt.is_read
            if attempt.is_further:
                most = self._planner.maximum if self._planner else None
                yield attempt, left_out_of_further(self._action, state, is_read, attempt.made, most)
            else:
                yield attempt, policy.left_out_of_wave(self._action, attempt.identification, state, is_read)

    def _take_back(self) -> None:
        """Plan again the participants that were recorded as refused too early.

        It was not known yet that the server refused every request, and not these participants.
        """
        refused = [attempt for attempt in self._delivery.refusals.taken_back if attempt.state != RowState.PLANNED]
        for attempt in refused:
            plan_again(attempt)
        if refused:
            self._attempts.take_back(refused)
            self.sent -= len(refused)
            self._threshold.recount()

    def _judge(self, wave: int) -> bool:
        """End a wave whose new states are read; hold the change if it is not proven and another one would follow."""
        percentage, why = self._soak.judge(wave)
        if why is None or not self._fleet.has_planned():
            self.shortfall = why
            self._waves.end(wave, percentage)
            return True
        if halt := self._waves.end_held(wave, percentage or 0.0, f"{why}{self._fleet.here()}"):
            self._switch.stop(why_halted(self._change_id, halt))
            self._end()  # perhaps nothing remains on this server
        self._continue_or_stop()  # otherwise a person holds or has stopped it
        return self._record_stop()

    # --- Reasons to stop -------------------------------------------------------------------------------------------

    def _recount(self) -> None:
        """Count the recorded attempts; stop if too many went wrong and some remain."""
        self._threshold.recount()
        if self._change.counts()[RowState.PLANNED]:
            self._threshold.check()

    def _recount_read(self) -> bool:
        """Count the attempts by new states; return False if the run must end."""
        if self._options.success_percentage is not None:  # what is proven now may be what the wave lacks
            self._attempts.settle_unknown(functools.partial(policy.proves_carried_out, self._action))
        self._recount()
        self._progress.count_all()
        return not self._switch.is_on

    def _may_send_now(self) -> bool:
        """Return whether a request may be sent now: nobody held the change a moment ago."""
        lease = self._change.lease
        while self._continue_or_stop():
            if lease is None or lease.seconds_since_look() < _SEEN_WITHIN:
                return self._change.halt is None
            self._switch.wait(0.02)  # until the pipeline has looked, even if the ledger or the machine is slow
        return False

    def _continue_or_stop(self, sends: bool = True) -> bool:
        """Stop if something forbids to send, or to read where nothing ``sends``; return whether it continues."""
        while self._change.ledger.outage.is_on and not self._switch.is_on:
            self._switch.wait(0.1)  # nothing is sent while the ledger is away
        if self._stopped.is_set():
            stop = f"Change {self._change_id} was stopped by a signal: run it again to continue."
            self._switch.stop(TransportError(stop))
        elif self._change.halt:
            self._switch.stop(why_halted(self._change_id, self._change.halt))
        elif self._change.lease and not self._change.lease.is_safe():
            self._switch.stop(self._change.lease.delayed_error())
        elif sends and not self._options.is_open(self._change.clock.now()):
            self._switch.stop(None)
        self._fleet.share_rate()
        return not self._switch.is_on

    def _record_stop(self) -> bool:
        """Record why sending stops; raise a failure, or return False otherwise."""
        error = self._switch.error
        if error is None:
            self._change.update(status=ChangeStatus.WINDOW_CLOSED)
            return False
        if isinstance(error, AbortedError):
            self._change.update(status=ChangeStatus.ABORTED)
            raise self._threshold.failure(error)  # the outcomes of all requests under way are recorded only now
        if self._delivery.refusals.taken_back and isinstance(error, ApiError):
            own = "If these participants themselves are the reason, set resume_aborted to record it and continue."
            raise error.restated(f"{error} {own}")
        if self._delivery.refusals.is_every_outcome_unknown:
            self._threshold.forget()
        raise error

    def _end(self) -> None:
        """Settle what can be settled; record the end if nothing remains to be sent or judged."""
        counts = self._change.counts()
        if counts[RowState.UNKNOWN] and self.sent and not counts[RowState.PLANNED]:
            self._settle_unknown()
        if counts[RowState.PLANNED] or self._waves.current() is not None:
            return
        if self._planner and self._planner.end():
            self._change.update(status=ChangeStatus.WAITING, finished=None)
        elif self._change.record().status not in ENDED_STATUSES or self.sent:
            self._change.update(status=ChangeStatus.APPLIED, finished=self._change.clock.moment())
