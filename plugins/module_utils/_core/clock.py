# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read moments that can be compared between the machines that run a change, and write moments as text."""

from __future__ import annotations

import datetime
import time

_STEP = 0.001
"""Seconds between the latest moment that is recorded and the first of a further run."""


_LATEST = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp()
"""The latest moment that is written, for all later ones: an interval or a soak may be of any length."""


def iso(moment: float | None, timespec: str = "milliseconds") -> str | None:
    """Write Unix seconds as ISO 8601 in UTC."""
    if moment is None:
        return None
    return (
        datetime.datetime.fromtimestamp(min(moment, _LATEST), datetime.UTC)
        .isoformat(timespec=timespec)
        .replace("+00:00", "Z")
    )


def readable(moment: float) -> str:
    """Write Unix seconds in UTC for a sentence."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def elapsed() -> float:
    """Return the seconds of a clock that also runs during system sleep.

    If the system has no such clock, it is the monotonic clock.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """The ledger's clock, read once and continued by a clock that cannot be set.

    Args:
        now: the present moment by the ledger's clock, in Unix seconds.
        latest: the latest moment that is recorded of the change.
    """

    def __init__(self, now: float, latest: float) -> None:
        self._offset = now - elapsed()
        # The clock of a SQLite ledger is its machine's, which may have been set back since.
        self._ahead = max(0.0, latest + _STEP - now)

    def now(self) -> float:
        """Return the present moment, in Unix seconds."""
        return self._offset + elapsed()

    def moment(self) -> float:
        """Return the present moment, later than all recorded ones, to keep their order."""
        return self.now() + self._ahead
