# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which attempts are bad, when to abort, and whether a wave is proven.

All are pure functions on plain values.
"""

from __future__ import annotations

import functools
from fractions import Fraction

from .states import BAD_STATES, ServerState
from .tallies import BadRule, WaveCount, in_tenths

BadReasons = tuple["int | str", ...]
"""What makes an attempt count as bad: codes of the server's answer, and texts of its message."""


def bad_rule(reasons: BadReasons | None = None, unanswered_after: float | None = None) -> BadRule:
    """Return the rule by which attempts count as bad for the abort threshold.

    The server gives no reason for an attempt that it has carried out: a participant that failed afterwards has none of
    ``reasons``.

    Args:
        reasons: only attempts with one of these count; None for all.
        unanswered_after: the seconds after which a SIM that has not answered counts; None if it never does.
    """
    return BadRule(
        row_states=BAD_STATES,
        came_back=(ServerState.FAILED,) if reasons is None else (),
        unanswered=() if unanswered_after is None else (ServerState.WAITING_POR,),
        unanswered_after=unanswered_after or 0.0,
        has_reason=None if reasons is None else functools.partial(has_reason, reasons),
    )


def has_reason(reasons: BadReasons, code: int | None, message: str | None) -> bool:
    """Return whether a reason is the code or, in any case, a part of the message."""
    text = (message or "").casefold()
    return any(code == each if isinstance(each, int) else each.casefold() in text for each in reasons)


BAD_RULE = bad_rule()
"""Which attempts count as bad if no option says otherwise."""


def must_abort(executed: int, bad: int, minimum_executed: int, threshold_percentage: float) -> bool:
    """Return whether a rollout must be aborted because of its bad attempts.

    Args:
        executed: how many attempts count.
        bad: how many of them are bad.
        minimum_executed: below it nothing aborts.
        threshold_percentage: the share of bad attempts, 0 to 100, that aborts.
    """
    return executed >= minimum_executed and _is_at_least(bad, executed, threshold_percentage)


@functools.lru_cache
def _exactly(percentage: float) -> Fraction:
    return Fraction(str(percentage))


def _is_at_least(part: int, whole: int, percentage: float) -> bool:
    """Return whether a part is at least this percentage, as it is written: 4.4 has no exact binary fraction."""
    limit = _exactly(percentage)
    return 100 * part * limit.denominator >= limit.numerator * whole


def covers(wider: BadReasons, reasons: BadReasons) -> bool:
    """Return whether each attempt with one of ``reasons`` has one of ``wider`` too."""
    return all(
        any(
            each == other if isinstance(each, int) or isinstance(other, int) else other.casefold() in each.casefold()
            for other in wider
        )
        for each in reasons
    )


def reached(count: WaveCount, is_over: bool) -> int:
    """Return how many of those sent for have reached the goal.

    A SIM that was ``finished`` before its rerun may still be shown so before the server has begun with it [A]. Until it
    is seen in another state, it has reached the goal only when the wait for that is over.

    Args:
        count: what the latest reading shows.
        is_over: whether the wait is over: the soak of a wave, or what ``has_begun_by_now`` says for a whole change.
    """
    return count.at_goal if is_over else count.at_goal - count.as_before


BEGINS_WITHIN = 300.0
"""The seconds within which a server is taken to have begun with a SIM that it has accepted a request for [A]."""


def has_begun_by_now(since_sent: float, verify_timeout: float) -> bool:
    """Return whether the server is taken to have begun with all participants of a change.

    It is the end of the soak of a whole change: it begins with the last request, too, whichever run has sent that.

    Args:
        since_sent: the seconds from the change's last request to the latest reading.
        verify_timeout: the option; 0 for a verification that does not wait.
    """
    return since_sent >= (verify_timeout or BEGINS_WITHIN)


def is_proven(count: WaveCount, success_percentage: float, is_over: bool = True) -> bool:
    """Return whether enough of a wave has reached the goal, so that the next one may begin.

    Args:
        count: what the latest reading shows.
        success_percentage: the share that is wanted.
        is_over: whether the soak is over.
    """
    return _is_at_least(reached(count, is_over), count.sent, success_percentage)


def shortfall(wave: int, count: WaveCount, success_percentage: float, goal: str, seconds: float) -> str:
    """Return the reason for which a wave is not proven.

    Args:
        wave: its number.
        count: what the last reading showed.
        success_percentage: the share that was wanted.
        goal: the server state that the action leads to in the end.
        seconds: the time from its last request to the reading.
    """
    share = in_tenths(count.percentage or 0.0)
    return f"wave {wave}: {share:g} % {goal} after {seconds:.0f} s, expected {success_percentage:g} %"


_PAUSE_PER_WAIT = 0.25
"""The pause before the next reading, as a share of the wait so far: a proof is seen that much later at most."""
_PAUSE_PER_READING = 10
"""How many times as long as a reading its pause must be, so that the server is read for a tenth of the time at most."""
_SHORTEST_PAUSE = 1.0  # seconds


def pause_between_readings(waited: float, last_reading: float) -> float:
    """Return how many seconds to wait until the new states of a wave are read again.

    Args:
        waited: the seconds since the wave's last request.
        last_reading: the seconds that the last reading took.
    """
    return max(_SHORTEST_PAUSE, waited * _PAUSE_PER_WAIT, last_reading * _PAUSE_PER_READING)
