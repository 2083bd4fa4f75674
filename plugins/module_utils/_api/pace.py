# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure with how many requests under way a server is read most quickly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

_ROUND = 6
"""The number of answers in a round. A round is judged by their median time."""

_GAIN = 1.1
"""How many times as quick the reading must become for a further request under way to be kept."""

_BUSY = 0.6
"""The share of a core from which on this process is the bottleneck. Its times then say little about the server."""

_FIRST_PAUSE = 4
"""The rounds until a trial that did not help is repeated. Each further pause is twice as long."""


class _Trials:
    """The trials of one request fewer, or of one more: rarer each time that they do not help."""

    def __init__(self) -> None:
        self._rounds_to_wait, self._next_pause = 0, _FIRST_PAUSE

    def is_due(self) -> bool:
        """Count this round, and return whether a trial may be made in it."""
        self._rounds_to_wait = max(0, self._rounds_to_wait - 1)
        return not self._rounds_to_wait

    def put_off(self) -> None:
        """Make no trial for some rounds."""
        self._rounds_to_wait, self._next_pause = self._next_pause, self._next_pause * 2


class Pace:
    """The number of reads under way at which a list is read most quickly.

    A server works on some requests at a time, and lets the others wait. A request that waits makes nothing quicker, and
    delays other clients. So if answers take longer with several requests under way than with one, one fewer is tried,
    and kept if the reading is hardly slower. One more is tried again from time to time.

    Args:
        most: the largest number. The reading begins with it.
        moment, computed: return the seconds of a clock, and the seconds that this process has computed.

    Attributes:
        limit: the present number.
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
        self._time_alone: float | None = None  # an answer's, with one request under way
        self._times: list[float] = []
        self._before_trial: tuple[int, float] | None = None  # the limit then, and its rate
        self._fewer, self._more = _Trials(), _Trials()

    def note(self, seconds: float, under_way: int) -> None:
        """Note that an answer came.

        Args:
            seconds: how long it was waited for.
            under_way: how many requests were under way meanwhile, this one included.
        """
        if self._time_alone is None and under_way == 1:
            self._time_alone = seconds
        if under_way == self.limit:  # others are from before the limit was changed, or from the list's end
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
        if self._before_trial is not None and not self._is_better(*self._before_trial, rate, busy):
            self.limit = self._before_trial[0]
            self._before_trial = None
            return
        self._before_trial = None
        if self.limit == 1:
            self._time_alone = seconds
        fewer, more = self._fewer.is_due(), self._more.is_due()
        if self.limit > 1 and fewer and not busy and self._some_wait(seconds):
            self._before_trial, self.limit = (self.limit, rate), self.limit - 1
        elif self.limit < self._most and more and not busy:
            self._before_trial, self.limit = (self.limit, rate), self.limit + 1

    def _some_wait(self, seconds: float) -> bool:
        """Return whether answers take so long that one request fewer may be as quick."""
        return self._time_alone is not None and seconds * (self.limit - 1) * _GAIN > self._time_alone * self.limit

    def _is_better(self, before: int, rate_before: float, rate: float, busy: bool) -> bool:
        """Return whether the number that was tried is better than the one before; else put its trials off."""
        if self.limit < before:
            helps = not busy and rate_before <= rate * _GAIN
            (self._more if helps else self._fewer).put_off()
        else:
            helps = not busy and rate > rate_before * _GAIN
            if not helps:
                self._more.put_off()
        return helps
