# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the bad attempts of a rollout as their answers come, and stop the sending at the abort threshold."""

from __future__ import annotations

import threading

from .._api.delivery import StopSwitch
from .._core.tallies import BadRule, Tally
from .._ledger.attempts import Attempt, Attempts
from .._ledger.change import Change
from .abort import AbortedError, why_aborted, with_reasons, with_those_under_way
from .fleet_rollout import FleetPart
from .options import RolloutOptions


class AbortThreshold:
    """The abort threshold of one run.

    The threads that send count their answers themselves: until the ledger records them, many more would be sent.

    Args:
        change: the change.
        attempts: those that the ledger has recorded.
        options: how the change is carried out.
        rule: which attempts are bad.
        fleet: shares the counts with the other servers, where the threshold is for all.
        switch: turned on at the threshold.
    """

    def __init__(
        self,
        change: Change,
        attempts: Attempts,
        options: RolloutOptions,
        rule: BadRule,
        fleet: FleetPart,
        switch: StopSwitch,
    ) -> None:
        self._change = change
        self._attempts = attempts
        self._options = options
        self._rule = rule
        self._fleet = fleet
        self._switch = switch
        record = change.record()
        self._change_id, self._since = record.change_id, record.judged_from
        self._lock = threading.Lock()
        self._tally = Tally()
        self._before: Tally | None = None
        self._reached: Tally | None = None
        self._is_shared = False

    def resume(self) -> None:
        """Continue after an abort, as ``FleetPart.resume``: the attempts count from now on."""
        self._since = self._fleet.resume()

    def forget(self) -> None:
        """Let this run's attempts not count for the next: what answered them was not about these participants.

        Nothing is forgotten where attempts of earlier runs count: only all can be, and theirs must not.
        """
        if self._before is None or not self._before.executed:
            self._since = self._fleet.count_from_now()

    def recount(self) -> None:
        """Count the recorded attempts, while none is under way."""
        self._tally = self._attempts.tally(self._since, self._rule)
        self._before = self._before or self._tally  # the first count comes before anything is sent
        self._fleet.share(self._tally)  # also if none remain: it decides whether a later stage begins

    def note_answer(self, attempt: Attempt) -> None:
        """Count an attempt that was answered, or whose outcome is unknown; stop the sending at the threshold.

        It does not use the ledger, and is called by the threads that send.
        """
        is_bad = self._rule.counts(attempt.state, attempt.code, attempt.message or attempt.reason)
        with self._lock:
            self._tally = self._tally.plus(is_bad)
            self._stop_if_reached()

    def note_recorded(self) -> None:
        """Note that outcomes are recorded: the other servers are to know of them."""
        self._fleet.share(self._tally)
        self.check()

    def check(self) -> None:
        """Stop at the threshold, on all servers where it is for all."""
        with self._lock:
            self._stop_if_reached()
        if self._reached and not self._is_shared:
            self._fleet.abort(self._reached)
            self._is_shared = True

    def _stop_if_reached(self) -> None:
        if self._switch.is_on:
            return
        total = self._fleet.total(self._tally)
        if error := why_aborted(self._change_id, total, self._options, self._fleet.where):
            self._switch.stop(error)
            if self._switch.error is error:
                self._reached = total

    def failure(self, error: AbortedError) -> AbortedError:
        """Return the failure of the change that is aborted, once the outcomes of all requests are recorded.

        Args:
            error: as the switch has it.
        """
        total = self._fleet.total(self._tally)
        since = f"{error}{with_those_under_way(self._reached or total, total)}"
        return with_reasons(since, self._change, self._tally, self._rule)
