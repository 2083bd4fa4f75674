# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parameters of a request."""

from __future__ import annotations

from typing import Any

from .actions import RefusedError

Params = dict[str, Any]


def given(params: Params, name: str) -> bool:
    """Return whether a parameter is given: in examples, unused ones are empty [S]."""
    return params.get(name) not in (None, "")


def required(params: Params, name: str) -> Any:
    """Return a parameter.

    Raises:
        RefusedError: it is not given.
    """
    if not given(params, name):
        raise RefusedError(402, f"Missing parameter '{name}'")
    return params[name]


def whole_number(params: Params, name: str) -> int:
    """Return a number of 0 or more, sent as a number or as digits.

    Raises:
        RefusedError: it is not given, or no such number.
    """
    value = required(params, name)
    if not isinstance(value, bool) and isinstance(value, (int, str)):
        digits = str(value)
        if digits.isascii() and digits.isdigit() and len(digits) <= 18:
            return int(digits)
    raise RefusedError(401, f"Invalid value '{value}' for parameter '{name}'")


def text(params: Params, name: str) -> str:
    """Return a SIM's identifier from digits or a number; + may begin a phone number.

    Raises:
        RefusedError: it has anything else.
    """
    value = params[name]
    digits = str(value).removeprefix("+") if name == "msisdn" else str(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not (digits.isascii() and digits.isdigit()):
        raise RefusedError(401, f"Invalid value '{value}' for parameter '{name}'")
    return digits


def page(params: Params) -> tuple[int, int]:
    """Return limit and offset; a limit of -1 means no limit.

    Raises:
        RefusedError: as `whole_number`.
    """
    limit = whole_number(params, "limit") if given(params, "limit") else -1
    offset = whole_number(params, "offset") if given(params, "offset") else 0
    return limit, offset
