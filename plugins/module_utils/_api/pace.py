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
"""The share of a core from which on this process is the bottleneck. Its times then say little about the server, but for
that of the first answer."""

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

    While this process is the bottleneck, no more need be under way than arrive in the time that it computes for a page:
    further threads take Python's lock from each other. If hardly any of that time passes until a page arrives, to have
    one under way is not worth a thread.

    Args:
        most: the largest number. The reading begins with it.
        moment, computed: return the seconds of a clock, and the seconds that this process has computed.

    Attributes:
        limit: the present number. 0: none is worth a thread, and each is read when it is needed.
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
        self._noted = 0  # since ``_since``
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
        if under_way == max(1, self.limit):  # others are from before the limit was changed, or from the list's end
            self._times.append(seconds)
        self._noted += 1
        if self._noted >= _ROUND and (computed := self._busy_seconds()):
            self._suit_own_time(computed / self._noted)
        elif len(self._times) >= _ROUND:
            self._judge(self._typical_time())
        else:
            return
        self._since, self._noted, self._times = (self._moment(), self._computed()), 0, []

    def _typical_time(self) -> float:
        return max(statistics.median(self._times), 1e-6)

    def _busy_seconds(self) -> float:
        """Return the seconds that this process has computed in this round if it is the bottleneck, otherwise 0."""
        passed, computed = (
            now - then for now, then in zip((self._moment(), self._computed()), self._since, strict=True)
        )
        return computed if computed > _BUSY * passed else 0.0

    def _suit_own_time(self, seconds: float) -> None:
        """Lower the limit to what this process can take, which computes so many seconds for a page."""
        self._before_trial = None
        if self.limit == 0 and self._times:
            self._time_alone, self.limit = self._typical_time(), self._most
        if self._time_alone is not None:
            arriving = round(self._time_alone / seconds)
            self.limit = min(self.limit, 1 + arriving if arriving else 0)

    def _judge(self, seconds: float) -> None:
        rate = self.limit / seconds
        if self._before_trial is not None and not self._is_better(*self._before_trial, rate):
            self.limit = self._before_trial[0]
            self._before_trial = None
            return
        self._before_trial = None
        if self.limit <= 1:
            self._time_alone = seconds
        fewer, more = self._fewer.is_due(), self._more.is_due()
        if self.limit > 1 and fewer and self._some_wait(seconds):
            self._before_trial, self.limit = (self.limit, rate), self.limit - 1
        elif self.limit == 0:
            self.limit = 1
        elif self.limit < self._most and more:
            self._before_trial, self.limit = (self.limit, rate), self.limit + 1

    def _some_wait(self, seconds: float) -> bool:
        """Return whether answers take so long that one request fewer may be as quick."""
        return self._time_alone is not None and seconds * (self.limit - 1) * _GAIN > self._time_alone * self.limit

    def _is_better(self, before: int, rate_before: float, rate: float) -> bool:
        """Return whether the number that was tried is better than the one before; else put its trials off."""
        if self.limit < before:
            helps = rate_before <= rate * _GAIN
            (self._more if helps else self._fewer).put_off()
        else:
            helps = rate > rate_before * _GAIN
            if not helps:
                self._more.put_off()
        return helps
