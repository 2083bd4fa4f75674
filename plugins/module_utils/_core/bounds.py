# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounds of numbers that are given as options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import InvalidInputError

_LARGEST = 2**63 - 1  # no ledger can hold a larger whole number

Limits = Mapping[str, float]
"""Any of ``least`` (this or more), ``above`` (more than this) and ``most`` (this or less)."""


def check_number(option: str, value: float | None, limits: Limits) -> None:
    """Refuse a number outside its limits; None passes.

    A whole number that no ledger can hold is refused too.

    Raises:
        InvalidInputError: names the option, the value and the fix.
    """
    if value is None:
        return
    shown = f"{value:g}" if isinstance(value, float) else value
    if not (limits.get("least", value) <= value <= limits.get("most", value)) or value <= limits.get(
        "above", value - 1
    ):
        raise InvalidInputError(f"{option} {shown} is not valid: give {words(limits)}.")
    if isinstance(value, int) and value > _LARGEST:
        raise InvalidInputError(f"{option} {shown} is not valid: give {_LARGEST} or less.")


def words(limits: Limits) -> str:
    """Return the limits in words, as in ``1 or more``."""
    if "above" in limits:
        return f"more than {limits['above']}" + (f" and up to {limits['most']}" if "most" in limits else "")
    if "most" in limits:
        return f"{limits['least']} to {limits['most']}"
    return f"{limits['least']} or more" if "least" in limits else "a number"


def check_bounds(params: Mapping[str, Any], bounds: Mapping[str, Limits]) -> None:
    """Refuse the first option whose number is outside its limits.

    Args:
        params: the options of a module.
        bounds: the limits by the path of the option, such as ``rollout.canary``.

    Raises:
        InvalidInputError: names the option, the value and the fix.
    """
    for path, limits in bounds.items():
        value: Any = params
        for key in path.split("."):
            value = (value or {}).get(key)
        check_number(path, value, limits)
