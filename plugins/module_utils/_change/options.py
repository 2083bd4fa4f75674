# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the options of a rollout."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .._core.errors import InvalidInputError

REPORT, RESEND = "report", "resend"


@dataclass(frozen=True)
class RolloutOptions:
    """How a change is carried out: the module's options, with seconds and percent as numbers.

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
        """Give the largest number of requests under way at once.

        It is one more than the server is to serve, so that the server has the next request when it has answered one.
        Otherwise it waits for the way there and back: a tenth of a request of 20 ms. With a ``concurrency`` of 1 it is
        strictly one.
        """
        return self.concurrency + (self.concurrency > 1)

    def is_open(self, moment: float) -> bool:
        """Tell whether the window is open."""
        return (self.opens is None or moment >= self.opens) and (self.closes is None or moment < self.closes)

    def waits_until(self, moment: float) -> float | None:
        """Find when the window opens, where that is still to come."""
        return self.opens if self.opens is not None and moment < self.opens else None


def rollout_options(params: Mapping[str, Any], arguments: Mapping[str, Mapping[str, Any]]) -> RolloutOptions:
    """Read the rollout options from the module's options.

    Args:
        params: the module's options, their numbers within their bounds.
        arguments: the module's argument spec, for the defaults of suboptions.

    Raises:
        InvalidInputError: an option has a wrong value; names the option, the value and the fix.
    """
    given: dict[str, Any] = {}
    for option in ("rollout", "abort", "window"):
        spec = arguments[option]["options"]
        given |= {name: (params[option] or {}).get(name, each.get("default")) for name, each in spec.items()}
    opens, closes = (read_moment(f"window.{name}", given.pop(name)) for name in ("start", "end"))
    if opens is not None and closes is not None and opens >= closes:
        raise InvalidInputError("window.end is not after window.start: give a later end.")
    return RolloutOptions(
        **{field.name: given[field.name] for field in fields(RolloutOptions) if field.name in given},
        opens=opens,
        closes=closes,
        resume_aborted=params["resume_aborted"],
        resend=params["unknown"] == RESEND,
        recheck_after=params["recheck_after"],
        max_waves=params["max_waves"],
    )


def read_moment(option: str, value: str | None) -> float | None:
    """Read an ISO 8601 moment as Unix seconds; None stays None.

    Raises:
        InvalidInputError: it is not a moment, or has no zone.
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
