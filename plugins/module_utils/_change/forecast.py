# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecast when a change ends, from its rate, its waves and its windows.

It assumes that a run continues now, or when the window opens, and again at each further opening; that the rate stays;
and that nothing stops a wave. The pause after a wave is the soak, or the pause measured in the latest waves if that is
longer. If a soak may end early, the forecast is an upper bound. It does not count attempts that are still to fail.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.clock import iso
from .._core.errors import InvalidInputError
from .._core.states import NOT_BEGUN_STATUSES, ChangeStatus
from .._ledger.change import Change
from .._ledger.halts import status_of
from .._ledger.pace import Pace, pace_of, rate_before
from .._ledger.summary import Summary
from .options import RolloutOptions
from .windows import Window, window_of

_AT_ONCE = 1e9  # requests per second, for a rate that is not known
_YEARS = 10
_HORIZON = _YEARS * 365.25 * 86400
"""The seconds within which an end is looked for: by then, no rate and no window is as it was."""
MEASURED, EARLIER, LIMIT = "measured", "earlier_change", "limit"
_FORESEEN = (*NOT_BEGUN_STATUSES, ChangeStatus.IN_PROGRESS, ChangeStatus.WINDOW_CLOSED)
"""The statuses of a change that continues by itself: nobody knows when another one does."""


@dataclass(frozen=True)
class PaceLimits:
    """The limits that decide how long a change takes.

    Attributes:
        canary, wave_size, soak, maximum_per_second, window: the rollout options of the same name.
        ends_early: whether a soak may end before its time.
    """

    canary: int | None
    wave_size: int
    soak: float
    maximum_per_second: float | None
    window: Window
    ends_early: bool = False


@dataclass
class Timeline:
    """The time until the end, as far as it is known.

    Attributes:
        moment: how far it has come, in Unix seconds: the end, when it is over.
        remaining: how many participants remain.
        horizon: until when an end is looked for, in Unix seconds.
        ends: whether it has an end: false if no further window opens, or if it is beyond the horizon.
        sending, pauses, closed: the seconds of sending, between waves, and of closed windows.
        closes: when the first window closes, in Unix seconds; None if it does not.
        remaining_then: how many remain at that moment; None if everything is sent before it.
    """

    moment: float
    remaining: float
    horizon: float = math.inf
    ends: bool = True
    sending: float = 0.0
    pauses: float = 0.0
    closed: float = 0.0
    closes: float | None = None
    remaining_then: float | None = None
    _has_opened: bool = False

    def send(self, size: int, count: int, rate: float, pause: float, window: Window) -> None:
        """Send waves of one size, as far as windows open."""
        work = size / rate
        while count and self.ends:
            closes = self._open(window)
            whole = _whole(count, work, pause, self.moment, closes)
            if whole:
                self._advance(whole * work, rate)
                self._rest(whole * pause)
            elif self.ends:
                self._send_one(work, rate, window)
                self._rest(pause)
            count -= max(1, whole)

    def _send_one(self, work: float, rate: float, window: Window) -> None:
        """Send a wave that does not fit into one window."""
        while work > 0 and self.ends:
            closes = self._open(window)
            step = work if closes is None else min(work, closes - self.moment)
            self._advance(step, rate)
            work -= step

    def _open(self, window: Window) -> float | None:
        """Wait until the window is open; return when it closes, or None."""
        if self.moment > self.horizon:
            self.ends = False
            return self.moment
        opening = window.next_opening(self.moment)
        if opening is None:
            self.ends, self.remaining_then = False, self.remaining_then or self.remaining
            self.closes = self.closes or self.moment
            return self.moment
        self.closed += opening - self.moment
        self.moment = opening
        closes = window.closes_at(opening)
        if not self._has_opened:
            self._has_opened, self.closes = True, closes
        elif self.closes is not None and self.remaining_then is None and opening >= self.closes:
            self.remaining_then = self.remaining
        return closes

    def _advance(self, seconds: float, rate: float) -> None:
        self.sending += seconds
        self.moment += seconds
        self.remaining = max(0.0, self.remaining - seconds * rate)

    def _rest(self, seconds: float) -> None:
        self.pauses += seconds
        self.moment += seconds


def limits_of_options(options: RolloutOptions) -> PaceLimits:
    """Return the limits that the options of a task set."""
    return PaceLimits(
        options.canary,
        options.wave_size,
        options.soak,
        options.maximum_per_second,
        options.window,
        options.success_percentage is not None,
    )


def recorded_limits(limits: Mapping[str, Any]) -> PaceLimits:
    """Return the limits that were recorded with the plan.

    Raises:
        InvalidInputError: the window's calendar cannot be read on this machine.
    """
    rollout = limits["rollout"]
    return PaceLimits(
        rollout["canary"],
        rollout["wave_size"],
        rollout["soak"],
        rollout["maximum_per_second"],
        window_of(limits["window"]),
        rollout.get("success_percentage") is not None,
    )


def forecast(change: Change, limits: PaceLimits | None = None, summary: Summary | None = None) -> dict[str, Any] | None:
    """Forecast the end of a change, as modules return it.

    Args:
        change: the change.
        limits: those of a task; without them, those recorded with the plan.
        summary: the change's sums; None to read them.

    Returns:
        The forecast. None if nothing remains to be sent, if a person must act before anything is sent, if no rate
        is known and the soaks alone fit into the window, or if it fits and its end is beyond ``_HORIZON``.
    """
    record = change.record()
    if status_of(record) not in _FORESEEN or (limits is None and not record.limits):
        return None
    pace = pace_of(change, summary)
    if not (pace.in_wave or pace.waiting):
        return None
    try:
        limits = limits or recorded_limits(record.limits)
    except InvalidInputError:  # a status on another machine than that of the runs
        return None
    rate, basis = _rate(change, pace, limits)
    now = change.clock.now()
    timeline = simulate(pace, limits, rate or _AT_ONCE, now)
    if timeline.remaining_then is None and (rate is None or not timeline.ends):
        return None  # the soaks alone fit, or it is beyond the horizon: there is nothing to say
    return _result(pace, timeline, limits, rate, basis, now)


def _rate(change: Change, pace: Pace, limits: PaceLimits) -> tuple[float | None, str | None]:
    """Return the rate to expect, and where it comes from; None if it is not known.

    A rate that all servers of the change share is counted as if this one had it alone.
    """
    most = limits.maximum_per_second
    rate, basis = pace.rate, MEASURED
    if rate is None:
        rate, basis = rate_before(change), EARLIER
    if most is not None and (rate is None or most < rate):
        return most, LIMIT
    return rate, None if rate is None else basis


def simulate(pace: Pace, limits: PaceLimits, rate: float, now: float) -> Timeline:
    """Go through the remaining waves, from one window to the next.

    Args:
        pace: what remains, and how long a wave takes beside its sending.
        limits: the limits.
        rate: requests per second.
        now: the present moment, in Unix seconds.
    """
    pause = max(limits.soak, pace.pause or 0.0)
    timeline = Timeline(now, (pace.in_wave or 0) + pace.waiting, now + _HORIZON)
    if pace.in_wave == 0 and pace.answered is not None:  # all of it are sent: the rest of its soak remains
        timeline.pauses = max(0.0, pace.answered + pause - now)
        timeline.moment += timeline.pauses
    for size, count, due in _sizes(pace, limits):
        timeline.moment = max(timeline.moment, due or 0.0)
        timeline.send(size, count, rate, pause, limits.window)
    timeline.ends = timeline.ends and timeline.moment <= timeline.horizon
    return timeline


def _sizes(pace: Pace, limits: PaceLimits) -> Iterator[tuple[int, int, float | None]]:
    """Yield sizes of waves, how many of that size there are, and when they are due at the earliest."""
    if pace.in_wave:
        yield pace.in_wave, 1, None
    waiting, is_first = pace.waiting - pace.later, pace.is_first
    for remaining, due in ((waiting, None), (pace.later, pace.due)):
        rest = remaining
        if rest and is_first and limits.canary:
            first = min(rest, limits.canary)
            yield first, 1, due
            rest -= first
        is_first = is_first and not remaining
        if rest >= limits.wave_size:
            yield limits.wave_size, rest // limits.wave_size, due
        if rest % limits.wave_size:
            yield rest % limits.wave_size, 1, due


def _whole(waves: int, work: float, pause: float, moment: float, closes: float | None) -> int:
    """Return how many waves are sent as a whole before a window closes."""
    if closes is None or work + pause <= 0:
        return waves
    return max(0, min(waves, math.floor((closes - moment - work) / (work + pause)) + 1))


def _result(
    pace: Pace, timeline: Timeline, limits: PaceLimits, rate: float | None, basis: str | None, now: float
) -> dict[str, Any]:
    ends = timeline.moment if timeline.ends and rate else None
    fits = timeline.remaining_then is None
    return {
        "ends": iso(ends),
        "ends_local": None if ends is None else limits.window.local(ends),
        "seconds": None if ends is None else round(ends - now),
        "sending_seconds": round(min(timeline.sending, _HORIZON)),
        "pause_seconds": round(min(timeline.pauses, _HORIZON)),
        "closed_seconds": round(min(timeline.closed, _HORIZON)),
        "waves": sum(count for _size, count, _due in _sizes(pace, limits)),
        "rate": rate and round(rate, 1),
        "basis": basis,
        "upper_bound": limits.ends_early,
        "fits": fits,
        "closes": None if fits else iso(timeline.closes),
        "remaining_then": 0 if fits else round(timeline.remaining_then or 0),
        "sentence": _sentence(timeline, limits.window, rate, now),
    }


def _sentence(timeline: Timeline, window: Window, rate: float | None, now: float) -> str:
    pace = f"At {rate:.3g} requests per second" if rate else "By its soaks alone"
    ends = ""
    if timeline.ends and rate:
        ends = f"ends at about {window.local(timeline.moment)}, in {duration(timeline.moment - now)}"
    if timeline.remaining_then is None or timeline.closes is None:
        return f"{pace}, it {ends}."
    closing = f"{pace}, it does not fit into the window that closes at {window.local(timeline.closes)}"
    then = f"about {timeline.remaining_then:.0f} participants remain then"
    if not timeline.ends:
        why = (
            f"It does not end within {_YEARS} years" if timeline.moment > timeline.horizon else "No later window opens"
        )
        return f"{closing}: {then}. {why}."
    return f"{closing}: {then}." + (f" It {ends}." if ends else "")


def duration(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
