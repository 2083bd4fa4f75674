# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make chosen requests fail for tests.

Each fault is for the n-th request of a kind from now on, and fails it in a given way.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal[
    "drop_before",
    "drop_after",
    "delay",
    "http_404",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_429",
    "html",
    "truncated",
    "empty",
    "no_result",
    "timeout_before",
    "timeout_after",
    "code",
    "redirect",
]


class Fault(BaseModel):
    """One fault.

    `seconds` is the pause of `delay` and of the timeouts, and the Retry-After of 429 and 503.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: str = "*"
    action: str | None = None
    nth: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)
    kind: Kind
    carried_out: bool = False
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    code: int | None = None
    message: str | None = None
    location: str | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Fault:
        for kind, name in (("delay", "seconds"), ("code", "code"), ("redirect", "location")):
            if self.kind == kind and getattr(self, name) is None:
                raise ValueError(f"a fault of kind {kind} needs {name!r}")
        return self

    @property
    def acts(self) -> bool:
        """Return whether the node still carries the request out."""
        return self.kind in ("drop_after", "timeout_after", "delay") or (
            self.carried_out and self.kind not in ("drop_before", "timeout_before")
        )


class Faults:
    """The faults that have not happened yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Add a fault, whose requests are counted from now on."""
        self._waiting.append((fault, [0]))

    def clear(self) -> None:
        """Drop all faults that have not happened."""
        self._waiting.clear()

    def match(self, request: object, action: object) -> Fault | None:
        """Return the fault for this request, if any.

        If there are several, it is the one that was added first.
        """
        if not self._waiting:
            return None
        met = None
        for fault, seen in list(self._waiting):
            if fault.request not in ("*", request) or fault.action not in (None, action):
                continue
            seen[0] += 1
            if met is None and seen[0] >= fault.nth:
                met = fault
            if seen[0] >= fault.nth + fault.times - 1:
                self._waiting.remove((fault, seen))
        return met
