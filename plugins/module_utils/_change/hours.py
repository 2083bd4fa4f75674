# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define hours of the day and days of the week, by a wall clock of a time zone."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterator, Sequence

from .._core.errors import InvalidInputError
from .spans import Spans, merged

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The values of ``window.days``."""

_MINUTE, _DAY = 60, 86400
_EPOCH_WEEKDAY = DAYS.index("thu")  # of 1970-01-01
_SAMPLED = 21600
"""Seconds between two readings of a zone's offset: no zone changes it twice in this time."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))", re.ASCII)


def read_hours(option: str, value: str) -> tuple[int, int]:
    """Return the start and the end of ``HH:MM-HH:MM``, in seconds of the day.

    The end is the greater number, also for hours over midnight.

    Raises:
        InvalidInputError: it has another form, or no length.
    """
    found = _HOURS.fullmatch(value.strip())
    if not found:
        raise InvalidInputError(
            f"{option} must be HH:MM-HH:MM, got {value!r}. Give 24 hours with two digits, such as '22:00-05:00'."
        )
    first, minute, last, last_minute = (int(part) for part in found.groups() if part is not None)
    start, end = (first * 60 + minute) * _MINUTE, (last * 60 + last_minute) * _MINUTE
    if start == end:
        raise InvalidInputError(
            f"{option} must have two different times, got {value!r}. Give '00:00-24:00' for the whole day."
        )
    return start, end if start < end else end + _DAY


def zone_named(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the time zone of a name, or None if this machine knows no such zone."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_zone(option: str, name: str) -> zoneinfo.ZoneInfo:
    """Return the time zone that an option names.

    Raises:
        InvalidInputError: this machine knows no such zone.
    """
    zone = zone_named(name)
    if zone is None:
        raise InvalidInputError(
            f"{option} must be the name of a time zone, such as Europe/Berlin, got {name!r}. Where the name is right, "
            "install the Python package tzdata on the machine that runs the module."
        )
    return zone


class Hours:
    """Hours of chosen days, by a wall clock.

    If clocks are set forward, skipped hours do not come that night; if they are set back, repeated hours count both
    times. A span over midnight belongs to the day on which it starts.

    Args:
        hours: spans of the day, as ``read_hours`` returns them; none for the whole day.
        days: of ``DAYS``; none for every day.
        zone: the time zone of the clock.
    """

    def __init__(self, hours: Sequence[tuple[int, int]], days: Sequence[str], zone: datetime.tzinfo) -> None:
        self._hours = hours or [(0, _DAY)]
        self._days = {DAYS.index(day) for day in days or DAYS}
        self._zone = zone

    def spans(self, start: float, end: float) -> Spans:
        """Return the hours between two moments."""
        found: Spans = []
        for first, last, offset in self._offsets(start, end):
            for day in range(int((first + offset) // _DAY) - 1, int((last + offset) // _DAY) + 1):
                if (day + _EPOCH_WEEKDAY) % 7 in self._days:
                    midnight = day * _DAY - offset
                    found += [(max(first, midnight + since), min(last, midnight + to)) for since, to in self._hours]
        return merged(found)

    def _offsets(self, start: float, end: float) -> Iterator[tuple[float, float, float]]:
        """Yield the zone's offsets between two moments, each with its start and end."""
        offset = self._offset(start)
        first = at = start
        while at < end:
            following = min(at + _SAMPLED, end)
            after = self._offset(following)
            if after != offset:
                change = self._change(at, following, offset)
                yield first, change, offset
                first, offset = change, after
            at = following
        yield first, end, offset

    def _change(self, before: float, after: float, offset: float) -> float:
        """Return the moment, a whole second, at which the offset changes."""
        low, high = int(before), -int(-after // 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        return high

    def _offset(self, moment: float) -> float:
        offset = datetime.datetime.fromtimestamp(moment, self._zone).utcoffset()
        return offset.total_seconds() if offset else 0.0
