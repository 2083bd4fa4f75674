# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how many requests are worth having under way at a server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

_ROUND = 6
"""How many answers make a round, which is judged by their median."""

_GAIN = 1.1
"""How many times as quick a further request under way must make the reading."""

_BUSY = 0.6
"""The share of a core that this process uses if it is the bottleneck: its answers then say little about the server."""

_ROUNDS_FIRST = 4
"""Rounds until a trial that did not help is repeated; twice as many after each further one."""


class _Trials:
    """The trials of one fewer or of one more, ever more seldom the less they help."""

    def __init__(self) -> None:
        self._rest, self._rest_next = 0, _ROUNDS_FIRST

    def are_due(self) -> bool:
        """Return whether one may be made in this round."""
        self._rest = max(0, self._rest - 1)
        return not self._rest

    def put_off(self) -> None:
        """Make none for some rounds."""
        self._rest, self._rest_next = self._rest_next, self._rest_next * 2


class Pace:
    """The number of reads that are worth having under way at once.

    A server works on some requests at a time, and lets others wait. One that waits makes nothing quicker, and keeps
    others from the server. So where answers come later with several under way than with one alone, one fewer is tried,
    and kept if the reading is hardly slower. One more is tried again from time to time.

    Args:
        most: the largest number, with which it begins.
        moment, computed: return seconds, those that have passed and those that this process has computed.

    Attributes:
        limit: the number now.
    """

    def __init__(
        self,
        most: int,
        moment: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.process_time,
    ) -> None:
        self.limit = most
        self._most = most
        self._moment, self._computed = moment, computed
        self._since = moment(), computed()
        self._alone: float | None = None
        self._times: list[float] = []
        self._tried_from: tuple[int, float] | None = None  # a number of requests, and the rate that it came to
        self._fewer, self._more = _Trials(), _Trials()

    def note(self, seconds: float, together: int) -> None:
        """Note that an answer came.

        Args:
            seconds: how long it was waited for.
            together: how many requests were under way meanwhile, this one included.
        """
        if self._alone is None and together == 1:
            self._alone = seconds
        if together == self.limit:  # others are from before the limit was changed, or from the list's end
            self._times.append(seconds)
        if len(self._times) == _ROUND:
            times, self._times = self._times, []
            self._judge(max(statistics.median(times), 1e-6), self._is_busy())

    def _is_busy(self) -> bool:
        """Return whether this process was the bottleneck since this was last asked."""
        before, self._since = self._since, (self._moment(), self._computed())
        passed, computed = (now - then for now, then in zip(self._since, before, strict=True))
        return computed > _BUSY * passed

    def _judge(self, seconds: float, busy: bool) -> None:
        rate = self.limit / seconds
        if self._tried_from is not None and not self._keeps(*self._tried_from, rate, busy):
            self.limit = self._tried_from[0]
            self._tried_from = None
            return
        self._tried_from = None
        if self.limit == 1:
            self._alone = seconds
        fewer, more = self._fewer.are_due(), self._more.are_due()
        if self.limit > 1 and fewer and not busy and self._some_wait(seconds):
            self._tried_from, self.limit = (self.limit, rate), self.limit - 1
        elif self.limit < self._most and more and not busy:
            self._tried_from, self.limit = (self.limit, rate), self.limit + 1

    def _some_wait(self, seconds: float) -> bool:
        """Return whether answers take so long that one fewer may be as quick."""
        return self._alone is not None and seconds * (self.limit - 1) * _GAIN > self._alone * self.limit

    def _keeps(self, before: int, rate_before: float, rate: float, busy: bool) -> bool:
        """Return whether the number that was tried is better than the one before."""
        if self.limit < before:
            helps = not busy and rate_before <= rate * _GAIN
            (self._more if helps else self._fewer).put_off()
        else:
            helps = not busy and rate > rate_before * _GAIN
            if not helps:
                self._more.put_off()
        return helps
