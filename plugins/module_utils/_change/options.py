# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a rollout, checked."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import InvalidInputError

REPORT, RESEND = "report", "resend"


@dataclass(frozen=True)
class Rollout:
    """How a change is rolled out; the fields are the module's options, seconds and percent as numbers.

    Attributes:
        opens, closes: the window, as Unix seconds; None where it has no such end.
        Others: the options of the same name.
    """

    canary: int | None
    wave_size: int
    maximum_per_second: float | None
    concurrency: int
    soak: float
    threshold_percentage: float
    minimum_executed: int
    opens: float | None
    closes: float | None
    resume_aborted: bool
    resend: bool
    recheck_after: float
    max_waves: int | None

    @property
    def senders(self) -> int:
        """How many requests are under way at once, at the most.

        One more than the server is to serve, so that it has the next when it has answered one: what the way there and
        back takes would be lost otherwise, a tenth of a request of 20 ms. With a ``concurrency`` of 1 there is strictly
        one.
        """
        return self.concurrency + (self.concurrency > 1)

    def is_open(self, moment: float) -> bool:
        """Whether the window is open."""
        return (self.opens is None or moment >= self.opens) and (self.closes is None or moment < self.closes)

    def waits_until(self, moment: float) -> float | None:
        """When the window opens, where that is yet to come."""
        return self.opens if self.opens is not None and moment < self.opens else None


def rollout_of(params: Mapping[str, Any], suboptions: Mapping[str, Mapping[str, Any]]) -> Rollout:
    """The rollout that the module's options describe.

    Args:
        params: the module's options.
        suboptions: the argument specs of ``rollout``, ``abort`` and ``window``, for their defaults.

    Raises:
        InvalidInputError: an option has a value that cannot be; names the option, the value and the mend.
    """
    given: dict[str, Any] = {}
    for option, spec in suboptions.items():
        given |= {name: (params[option] or {}).get(name, each.get("default")) for name, each in spec.items()}
    for name in ("canary", "wave_size", "concurrency"):
        _check(f"rollout.{name}", given[name], given[name] is None or given[name] >= 1, "1 or more")
    limit = given["maximum_per_second"]
    _check("rollout.maximum_per_second", limit, limit is None or limit > 0, "more than 0")
    _check("rollout.soak", given["soak"], given["soak"] >= 0, "0 or more seconds")
    percent = given["threshold_percentage"]
    _check("abort.threshold_percentage", percent, 0 < percent <= 100, "more than 0 and up to 100")
    _check("abort.minimum_executed", given["minimum_executed"], given["minimum_executed"] >= 1, "1 or more")
    _check("recheck_after", params["recheck_after"], params["recheck_after"] >= 0, "0 or more seconds")
    _check("max_waves", params["max_waves"], params["max_waves"] is None or params["max_waves"] >= 1, "1 or more")
    opens, closes = (read_moment(f"window.{name}", given.pop(name)) for name in ("start", "end"))
    if opens is not None and closes is not None and opens >= closes:
        raise InvalidInputError("window.end is not after window.start: give a later end.")
    return Rollout(
        **given,
        opens=opens,
        closes=closes,
        resume_aborted=params["resume_aborted"],
        resend=params["unknown"] == RESEND,
        recheck_after=params["recheck_after"],
        max_waves=params["max_waves"],
    )


def _check(option: str, value: Any, fits: bool, words: str) -> None:
    if not fits:
        raise InvalidInputError(f"{option} {value:g} is not valid: give {words}.")


def read_moment(option: str, value: str | None) -> float | None:
    """Unix seconds of an ISO 8601 moment; None is none.

    Raises:
        InvalidInputError: it is none, or has no zone.
    """
    if value is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError(
            f"{option} '{value}' is not valid: give ISO 8601 with a zone, such as 2026-06-01T22:00:00+02:00."
        )
    return moment.timestamp()
