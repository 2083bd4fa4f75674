# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode the JSON that a body begins with.

Numbers that other code or the databases cannot hold become texts.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

_LONGEST_NUMBER = 400  # characters of a number with a fraction or an exponent
_CONTAINERS_MOST = 1_000_000  # lists and objects in one answer: each takes far more memory than the text it came from
_LARGEST_INTEGER = 2**63 - 1


def decoded(text: str) -> Any:
    """Return the JSON value that a text begins with.

    Raises:
        ValueError: there is no complete one, or it has too many parts.
        RecursionError, MemoryError: it is too deep or too large.
    """
    if text.count("{") + text.count("[") > _CONTAINERS_MOST:
        raise ValueError
    # An object can have two codes only if the word is there twice, or has escapes of its letters (\u0063 to \u006f).
    has_one_code = text.count('"code"') < 2 and "\\u006" not in text
    return (_QUICK_DECODER if has_one_code else _DECODER).raw_decode(text)[0]


def _integer(digits: str) -> int | str:
    """Return an integer of 64 bits, or the text of a longer one."""
    if len(digits) > 20:
        return digits
    number = int(digits)
    return number if abs(number) <= _LARGEST_INTEGER else digits


def _fraction(digits: str) -> float | str:
    """Return a float, or the text itself if a float would change the value.

    A float would be infinite (1e400), 0 (1e-400), or another whole number.
    """
    if len(digits) > _LONGEST_NUMBER:
        return digits
    number = float(digits)
    try:
        exact = not math.isinf(number) and (not number.is_integer() or Decimal(digits) == number)
    except ArithmeticError:  # an exponent beyond Decimal's
        exact = False
    return number if exact else digits


def _one_code(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, without its code if it has several codes."""
    found = dict(pairs)
    if len(found) < len(pairs) and len({repr(value) for key, value in pairs if key == "code"}) > 1:
        found["code"] = None
    return found


_NUMBERS: dict[str, Any] = {"parse_int": _integer, "parse_float": _fraction, "parse_constant": str}
_DECODER = json.JSONDecoder(**_NUMBERS, object_pairs_hook=_one_code)
_QUICK_DECODER = json.JSONDecoder(**_NUMBERS)
