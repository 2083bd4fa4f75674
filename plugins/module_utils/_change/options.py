# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the options of a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .._core.errors import InvalidInputError
from .._core.rollout_policy import BadReasons, bad_rule
from .._core.tallies import BadRule
from .windows import Window, window_of

RESEND = "resend"
CHANGE, FLEET = SCOPES = "change", "fleet"
"""What a limit is for: the change on one server, or on all."""


@dataclass(frozen=True)
class RolloutOptions:
    """The options by which a change is carried out, as the module has them.

    Attributes:
        window: when requests may be sent.
        on_reason: the codes and texts; None if all bad attempts count.
        scope: whether the abort threshold is for this server's shard or for all, ``CHANGE`` or ``FLEET``.
        rate_scope: the same of ``maximum_per_second``.
        wait_for_window: whether a run waits for a window that is closed when it begins.
        Others: the options of the same name.
    """

    canary: int | None
    wave_size: int
    maximum_per_second: float | None
    concurrency: int
    soak: float
    success_percentage: float | None
    threshold_percentage: float
    minimum_executed: int
    count_unanswered: bool
    on_reason: BadReasons | None
    window: Window
    wait_for_window: bool
    resume_aborted: bool
    resend: bool
    recheck_after: float
    max_waves: int | None
    scope: str = CHANGE
    rate_scope: str = CHANGE

    @property
    def senders(self) -> int:
        """Return the largest number of requests under way at once.

        It is one more than the server is to serve, so that the server has the next request when it has answered one.
        Otherwise it waits for the way there and back: a tenth of a request of 20 ms. With a ``concurrency`` of 1 it is
        strictly one.
        """
        return self.concurrency + (self.concurrency > 1)

    @property
    def bad_rule(self) -> BadRule:
        """Return the rule by which attempts count as bad."""
        return bad_rule(self.on_reason, self.soak if self.count_unanswered else None)

    def is_open(self, moment: float) -> bool:
        """Return whether the window is open."""
        return self.window.allows(moment)

    def waits_until(self, moment: float) -> float | None:
        """Return when a closed window opens next, or None.

        None means that it is open, or does not open within the days that are looked ahead.
        """
        return None if self.window.allows(moment) else self.window.next_opening(moment)


def rollout_options(params: Mapping[str, Any], arguments: Mapping[str, Mapping[str, Any]]) -> RolloutOptions:
    """Read the rollout options from the module's options.

    Args:
        params: the module's options, their numbers within their bounds.
        arguments: the module's argument spec, for the defaults of suboptions.

    Raises:
        InvalidInputError: an option has a wrong value; names the option, the value and the fix.
    """
    given: dict[str, Any] = {}
    for option in ("rollout", "abort"):
        spec = arguments[option]["options"]
        given |= {name: (params[option] or {}).get(name, each.get("default")) for name, each in spec.items()}
    for option, name in (("rollout", "success_percentage"), ("abort", "count_unanswered")):
        if given[name] not in (None, False) and not given["soak"]:
            raise InvalidInputError(
                f"rollout.soak must be more than 0 with {option}.{name}, got {given['soak']:g}. Give the seconds that "
                "the SIMs of a wave may take to answer."
            )
    given["on_reason"] = read_reasons("abort.on_reason", given["on_reason"])
    return RolloutOptions(
        **{field.name: given[field.name] for field in fields(RolloutOptions) if field.name in given},
        window=window_of(params["window"] or {}),
        wait_for_window=params["wait_for_window"],
        resume_aborted=params["resume_aborted"],
        resend=params["unknown"] == RESEND,
        recheck_after=params["recheck_after"],
        max_waves=params["max_waves"],
    )


def read_reasons(option: str, given: Sequence[Any] | None) -> BadReasons | None:
    """Read a list of codes and texts; digits are a code.

    Returns:
        The entries, each once and in order, codes as numbers. None if none are given.

    Raises:
        InvalidInputError: the list is empty, or an entry is neither a code nor a text.
    """
    if given is None:
        return None
    if not given:
        raise InvalidInputError(
            f"{option} must name one or more codes or texts, got an empty list. Leave it out, so that all bad attempts "
            "count."
        )
    return tuple(dict.fromkeys(_reason(option, each) for each in given))


def _reason(option: str, given: Any) -> int | str:
    text = " ".join(given.split()) if isinstance(given, str) else str(given)
    is_code = isinstance(given, (int, str)) and not isinstance(given, bool) and text.isascii() and text.isdecimal()
    if is_code and int(text) > 0:
        return int(text)
    if is_code or not isinstance(given, str) or not text:
        raise InvalidInputError(
            f"{option} must have codes of 1 or more and texts, got {given!r}. Give the code of an answer, such as 404, "
            "or a part of its message."
        )
    return text
