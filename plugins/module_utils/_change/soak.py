# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait after a wave for its new states, and judge the wave by them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

from .._core.clock import elapsed
from .._core.errors import TransportError
from .._core.rollout_policy import is_proven, pause_between_readings, shortfall
from .._ledger.waves import Waves
from .options import RolloutOptions
from .states_reader import StateReader


class Judgment(NamedTuple):
    """The judgment of a wave.

    Attributes:
        percentage: the share of it at its goal; None if it is not judged, or nothing was sent for it.
        shortfall: why it is not proven; None if it is, or is not judged.
    """

    percentage: float | None
    shortfall: str | None


class Soak:
    """The wait after a wave: as long as ``soak``, or until enough of the wave is at its goal.

    Args:
        waves: the change's.
        states: reads the new states.
        options: the rollout options.
        goal: the server state that the action leads to in the end.
        now: returns the present moment, as moments are recorded.
        wait: waits for some seconds; returns False if the run must end.
        recount: counts the attempts by the new states; returns False if the run must end.
    """

    def __init__(
        self,
        waves: Waves,
        states: StateReader,
        options: RolloutOptions,
        goal: str,
        now: Callable[[], float],
        wait: Callable[[float], bool],
        recount: Callable[[], bool],
    ) -> None:
        self._waves = waves
        self._states = states
        self._options = options
        self._goal = goal
        self._now = now
        self._wait = wait
        self._recount = recount
        self._reading_seconds = 0.0
        self._waited_at_reading = 0.0

    def wait_for(self, wave: int) -> bool:
        """Wait for a wave, and read its new states; return False if the run must end.

        With ``success_percentage`` they are read again and again, until enough are at their goal or the soak is over.
        The soak begins with the wave's last request, also if another run has sent that.

        Raises:
            YateotaError: as ``StateReader.read``. A ``TransportError`` only from the last reading: before that, the
                server or the ledger is asked again.
        """
        if not self._options.soak or (last_sent := self._waves.last_sent(wave)) is None:
            return True
        while True:
            remaining = last_sent + self._options.soak - self._now()
            pause = self._pause(self._now() - last_sent)
            if not self._wait(min(remaining, pause)):
                return False
            is_last = remaining <= pause
            passing = () if is_last else (TransportError,)  # before, the server or the ledger may be away
            with contextlib.suppress(*passing):
                self._read(self._now() - last_sent)
                if not self._recount():
                    return False
                if is_last or self._is_proven(wave):
                    return True

    def _pause(self, waited: float) -> float:
        if self._options.success_percentage is None:
            return math.inf
        return pause_between_readings(waited, self._reading_seconds)

    def _read(self, waited: float) -> None:
        begun = elapsed()
        try:
            self._states.read(include_done=True)
        finally:
            self._reading_seconds = elapsed() - begun
        self._waited_at_reading = waited

    def _is_proven(self, wave: int) -> bool:
        wanted = self._options.success_percentage
        return wanted is not None and is_proven(self._waves.count(wave, self._goal), wanted, is_over=False)

    def judge(self, wave: int) -> Judgment:
        """Judge a wave by its latest reading."""
        wanted = self._options.success_percentage
        if wanted is None:
            return Judgment(None, None)
        count = self._waves.count(wave, self._goal)
        why = None if is_proven(count, wanted) else shortfall(wave, count, wanted, self._goal, self._waited_at_reading)
        return Judgment(count.percentage, why)
