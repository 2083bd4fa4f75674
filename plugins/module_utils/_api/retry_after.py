# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the time that a server names for the next try (RFC 9110, 10.2.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_MOST = 30.0  # seconds


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, up to a limit.

    It is None if the server names neither seconds nor a date.

    Args:
        headers: the answer's headers by lower-case names.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return _MOST if len(value) > 9 else min(float(value), _MOST)
    until = _moment(value)
    if until is None:
        return None
    now = _moment(headers.get("date", ""))  # by the server's own clock, which may differ from this machine's
    return max(0.0, min(until - (time.time() if now is None else now), _MOST))


def _moment(date: str) -> float | None:
    """Return an HTTP date as Unix seconds; None if it is not a date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
