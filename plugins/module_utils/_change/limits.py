# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the limits of a change, and find those that a later task loosens."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .._core.rollout_policy import covers
from .hours import DAYS, read_hours
from .options import FLEET, read_reasons
from .windows import read_moment

LIMITS = ("rollout", "abort", "window", "attempts")
"""The options that are limits. The module has some or all of them."""

_DAY = 1440  # minutes

Limits = Mapping[str, Mapping[str, Any]]


def _more(approved: Any, given: Any) -> bool:
    return approved is not None and (given is None or given > approved)


def _less(approved: Any, given: Any) -> bool:
    return approved is not None and (given is None or given < approved)


def _beyond(approved: Any, given: Any) -> bool:
    return approved is not None and (given is None or not given <= approved)


def _given_up(approved: Any, given: Any) -> bool:
    return bool(approved) and not given


def _covers_fewer(approved: Any, given: Any) -> bool:
    return given is not None and (approved is None or not covers(given, approved))


def _other_soak(approved: Any, given: Any) -> bool:
    """Compare the soaks, each with whether the SIMs of a wave must answer within it.

    A shorter soak shows fewer failures. A longer one gives the SIMs longer to answer than is approved.
    """
    (soak, must_answer), other = approved, given[0]
    return _less(soak, other) or (must_answer and _more(soak, other))


def _another(approved: Any, given: Any) -> bool:
    return approved is not None and given != approved


def _given_up_fleet(approved: Any, given: Any) -> bool:
    return bool(approved == FLEET and given != FLEET)


_LOOSER: Mapping[str, Callable[[Any, Any], bool]] = {
    "rollout.canary": _more,
    "rollout.wave_size": _more,
    "rollout.maximum_per_second": _more,
    "rollout.concurrency": _more,
    "rollout.soak": _other_soak,
    "rollout.success_percentage": _less,
    "abort.threshold_percentage": _more,
    "abort.minimum_executed": _more,
    "abort.count_unanswered": _given_up,
    "abort.on_reason": _covers_fewer,
    "abort.scope": _another,
    "rollout.rate_scope": _given_up_fleet,
    "attempts.maximum": _more,
    "attempts.interval": _less,
    "window.start": _less,
    "window.end": _more,
    "window.days": _beyond,
    "window.hours": _beyond,
    "window.time_zone": _another,
    "window.calendar": _another,
    "window.calendar_means": _another,
}
"""Suboption -> whether a given value is looser than the approved one. A value that is not set sets no limit."""


class Loosened(NamedTuple):
    """A limit looser than approved: suboption, approved value and given value."""

    option: str
    approved: Any
    given: Any


def limits_of(params: Mapping[str, Any], arguments: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Read the limits from the module's options, with defaults for the rest.

    The defaults are recorded with the rest, so that those of a later release do not change what was approved.

    Args:
        params: the module's options.
        arguments: the module's argument spec, for the defaults of suboptions.

    Raises:
        InvalidInputError: a moment or a reason is not valid.
    """
    limits: dict[str, dict[str, Any]] = {}
    for option in LIMITS:
        if option in arguments and (params[option] is not None or option != "attempts"):
            given, spec = params[option] or {}, arguments[option]["options"]
            limits[option] = {name: given.get(name, each.get("default")) for name, each in spec.items()}
    for name in ("start", "end"):
        moment = read_moment(f"window.{name}", limits["window"][name])
        limits["window"][name] = moment and moment.astimezone(datetime.UTC).isoformat()
    reasons = read_reasons("abort.on_reason", limits["abort"]["on_reason"])
    limits["abort"]["on_reason"] = None if reasons is None else list(reasons)
    return limits


def loosened(approved: Limits, given: Limits) -> list[Loosened]:
    """List the limits that are looser than those approved.

    Args:
        approved: as ``limits_of`` returned them when the change was planned.
        given: as ``limits_of`` returns them now.
    """
    found = []
    before, now = _effective(approved), _effective(given)
    if _beyond(before["window.days"], now["window.days"]):
        before["window.hours"] = None  # so that only one of them is reported
    for option, is_looser in _LOOSER.items():
        if is_looser(before.get(option), now.get(option)):
            name, suboption = option.split(".")
            found.append(Loosened(option, approved.get(name, {}).get(suboption), given.get(name, {}).get(suboption)))
    return found


def _effective(limits: Limits) -> dict[str, Any]:
    """Flatten limits into values that can be compared.

    Without a canary the first wave is like all others, and without ``attempts`` there is one attempt.
    """
    flat = {f"{option}.{name}": value for option, those in limits.items() for name, value in those.items()}
    flat["rollout.canary"] = flat.get("rollout.canary") or flat.get("rollout.wave_size")
    must_answer = flat.get("rollout.success_percentage") is not None or flat.get("abort.count_unanswered", False)
    flat["rollout.soak"] = flat.get("rollout.soak"), must_answer
    if "attempts.maximum" not in flat:
        flat |= {"attempts.maximum": 1, "attempts.interval": math.inf}
    hours, days = flat.get("window.hours"), flat.get("window.days")
    recurs = hours is not None or days is not None
    flat["window.days"] = None if days is None else set(days)
    flat["window.hours"] = _minutes(hours, days) if recurs else None
    if not recurs and flat.get("window.calendar") is None:
        flat["window.time_zone"] = None  # no part uses it
    return flat


def _minutes(hours: Sequence[str] | None, days: Sequence[str] | None) -> set[int]:
    """Return the minutes of a week that hours and days allow.

    Hours over midnight belong to the day on which they start.
    """
    spans = [read_hours("window.hours", each) for each in hours or ["00:00-24:00"]]
    starts = [DAYS.index(day) * _DAY for day in days or DAYS]
    return {
        minute % (len(DAYS) * _DAY)
        for midnight in starts
        for start, end in spans
        for minute in range(midnight + start // 60, midnight + end // 60)
    }


def first_difference(recorded: Limits, given: Limits) -> tuple[str, str, str] | None:
    """Return the first suboption that differs between two sets of limits, and both values in words.

    Args:
        recorded: as ``limits_of`` returned them when the change was planned.
        given: as ``limits_of`` returns them now.
    """
    for option in LIMITS:
        before, now = recorded.get(option) or {}, given.get(option) or {}
        for name in dict.fromkeys((*before, *now)):
            if before.get(name) != now.get(name):
                return f"{option}.{name}", _shown(before.get(name)), _shown(now.get(name))
    return None


def described(loose: Loosened) -> str:
    """Describe in words what is looser than approved."""
    approved, given = (_shown(value) for value in loose[1:])
    return f"{loose.option} is {given}, expected {approved} or tighter"


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
