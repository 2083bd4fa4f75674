# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow a run from wave to wave, without a look at all participants after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from .._core.states import RowState
from .._ledger.change import Change
from .._ledger.queries import Report
from .._ledger.summary import Summary

Watch = Callable[[Summary, int, float], None]
"""Receives the sums of a change after a wave, how many requests the wave took, and the seconds to send them."""


class WaveProgress:
    """The waves that a run has carried out, and what the change comes to after each.

    Args:
        change: the change, written under the lease of this run.
        watch: called after each wave; None if that is not needed: nothing is counted then.

    Attributes:
        waves: how many waves have ended.
    """

    def __init__(self, change: Change, watch: Watch | None) -> None:
        self._change = change
        self._watch = watch
        self._summary: Summary | None = None
        self._others: Counter[str] = Counter()
        self._open: int | None = None
        self._sent, self._seconds = 0, 0.0
        self.waves = 0

    def count_all(self) -> None:
        """Count all participants.

        It is called before the first wave, and whenever others than those of the present wave were written.
        """
        if self._watch is None:
            return
        self._summary = self._change.summary()
        self._others, self._open = Counter(self._summary.counts), None
        latest = self._latest_wave()
        if latest and latest["finished"] is None:
            self._open = latest["wave"]
            self._others.subtract(latest["counts"])

    def end_wave(self, sent: int, seconds: float) -> None:
        """Count a wave that has ended, and call ``watch``.

        Args:
            sent: how many requests the run has sent so far.
            seconds: the time it took to send them.
        """
        self.waves += 1
        latest = self._latest_wave() if self._watch else None
        if self._watch is None or self._summary is None or latest is None:
            return
        if latest["wave"] != self._open:
            self._others[RowState.PLANNED] -= latest["size"]  # they were planned, and in no wave
        counts = {state: self._others[state] + number for state, number in latest["counts"].items()}
        self._others, self._open = Counter(counts), None
        present = self._summary._replace(counts=counts, waiting=counts[RowState.PLANNED])
        self._watch(present, sent - self._sent, seconds - self._seconds)
        self._sent, self._seconds = sent, seconds

    def _latest_wave(self) -> dict[str, Any] | None:
        return next(iter(Report(self._change, masked=False).waves(1)), None)
