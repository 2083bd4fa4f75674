# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define when a change may send.

A start and an end, hours, days and a calendar must all allow a moment.
"""

from __future__ import annotations

import bisect
import datetime
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from .._core.errors import InvalidInputError
from .calendars import Calendar
from .hours import DAYS, Hours, read_hours, read_zone
from .spans import Spans, common

_PIECE = 8 * 86400.0
"""The seconds of one piece, whose spans are computed together."""

HORIZON_DAYS = 400
"""How many days ahead an opening or an end is searched for: a yearly window is found."""


class Part(Protocol):
    """One condition of a window."""

    def spans(self, start: float, end: float) -> Spans:
        """Return the spans that it allows between two moments."""


class Window:
    """The moments at which a change may send; safe to use from several threads.

    The allowed spans are computed for some days at a time and kept, so that ``allows`` costs less than a microsecond.

    Args:
        opens, closes: the start and the end, in Unix seconds; None if there is none.
        parts: further conditions.
        zone: the time zone that moments are shown in.
        calendar: the part that a file can change, if there is one.
    """

    def __init__(
        self,
        opens: float | None = None,
        closes: float | None = None,
        parts: Sequence[Part] = (),
        zone: datetime.tzinfo = datetime.UTC,
        calendar: Calendar | None = None,
    ) -> None:
        self._opens = -math.inf if opens is None else opens
        self._closes = math.inf if closes is None else closes
        self._parts = [*parts, *([calendar] if calendar else [])]
        self._calendar = calendar
        self._zone = zone
        self._known: dict[int, Spans] = {}
        self._last = (0.0, 0.0, False)
        self._lock = threading.Lock()

    def allows(self, moment: float) -> bool:
        """Return whether a request may be sent at a moment, in Unix seconds."""
        start, end, is_open = self._last
        if start <= moment < end:
            return is_open
        with self._lock:  # otherwise an answer from before a refresh would outlast it
            self._last = state = self._state(moment)
        return state[2]

    def next_opening(self, moment: float) -> float | None:
        """Return the first allowed moment from one on; None if beyond ``HORIZON_DAYS``."""
        moment = max(moment, self._opens)
        for start, end in self._ahead(moment):
            if end > moment:
                return max(start, moment)
        return None

    def closes_at(self, moment: float) -> float | None:
        """Return the first forbidden moment from one on; None if beyond ``HORIZON_DAYS``."""
        until = moment
        for start, end in self._ahead(moment):
            if start > until:
                return until
            until = max(until, end)
        return until if until < self._limit(moment) else None

    def local(self, moment: float) -> str:
        """Return a moment by the clock of the window's zone, in ISO 8601 with its offset."""
        return datetime.datetime.fromtimestamp(math.floor(moment), self._zone).isoformat()

    def refresh(self, moment: float) -> None:
        """Read the calendar again if its file has changed.

        Check too that the calendar can be followed from the moment on.

        Raises:
            InvalidInputError: it cannot be read, or cannot be followed.
        """
        with self._lock:
            if self._calendar and self._calendar.refresh():
                self._known, self._last = {}, (0.0, 0.0, False)
        self.next_opening(moment)

    def _limit(self, moment: float) -> float:
        return moment + HORIZON_DAYS * 86400

    def _ahead(self, moment: float) -> Iterator[tuple[float, float]]:
        """Yield what is allowed, from the piece of a moment on to the horizon."""
        limit = min(self._limit(moment), self._closes)
        piece = math.floor(moment / _PIECE)
        while piece * _PIECE < limit:
            yield from self._spans(piece)
            piece += 1

    def _state(self, moment: float) -> tuple[float, float, bool]:
        """Return the known span around a moment with one answer, and the answer."""
        piece = math.floor(moment / _PIECE)
        spans = self._spans(piece)
        place = bisect.bisect_right(spans, (moment, math.inf))
        before = spans[place - 1] if place else None
        if before and moment < before[1]:
            return *before, True
        after = spans[place][0] if place < len(spans) else (piece + 1) * _PIECE
        return before[1] if before else piece * _PIECE, after, False

    def _spans(self, piece: int) -> Spans:
        known, found = self._known, self._known.get(piece)
        if found is None:
            start, end = piece * _PIECE, (piece + 1) * _PIECE
            found = common([(start, end)], [(self._opens, self._closes)])
            for part in self._parts:
                found = common(found, part.spans(start, end)) if found else found
            known[piece] = found
        return found


def window_of(given: Mapping[str, Any]) -> Window:
    """Return the window that the suboptions of ``window`` describe.

    Suboptions that are None or missing are not given.

    Raises:
        InvalidInputError: one has a value that is not valid, or lacks another that it needs.
    """
    start, end = (read_moment(f"window.{name}", given.get(name)) for name in ("start", "end"))
    if start and end and start >= end:
        raise InvalidInputError("window.end is not after window.start: give a later end.")
    name, hours, days = given.get("time_zone"), given.get("hours"), given.get("days")
    zone = None if name is None else read_zone("window.time_zone", name)
    parts = [] if hours is None and days is None else [_hours_of(hours, days, zone)]
    own = start.tzinfo if start else None
    return Window(
        start.timestamp() if start else None,
        end.timestamp() if end else None,
        parts,
        zone or own or datetime.UTC,
        _calendar_of(given.get("calendar"), given.get("calendar_means"), zone),
    )


def read_moment(option: str, value: str | None) -> datetime.datetime | None:
    """Return the moment of an ISO 8601 text with a zone; None stays None.

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
    return moment


def _hours_of(hours: Sequence[str] | None, days: Sequence[str] | None, zone: datetime.tzinfo | None) -> Hours:
    for option, values in (("hours", hours), ("days", days)):
        if values is not None and not values:
            raise InvalidInputError(f"window.{option} must name one or more, got an empty list. Leave it out for all.")
    for day in days or ():
        if day not in DAYS:
            raise InvalidInputError(f"window.days must be of {', '.join(DAYS)}, got {day!r}. Give one of these names.")
    if zone is None:
        option = "hours" if days is None else "days"
        raise InvalidInputError(
            f"window.time_zone must be given with window.{option}, got none. Name the zone of the clock that they are "
            "read by, such as Europe/Berlin or UTC."
        )
    return Hours([read_hours("window.hours", each) for each in hours or ()], days or (), zone)


def _calendar_of(path: str | None, means: str | None, zone: datetime.tzinfo | None) -> Calendar | None:
    if path is None and means is None:
        return None
    if path is None or means is None:
        lacking, other = ("calendar", "calendar_means") if path is None else ("calendar_means", "calendar")
        fix = "the path of an iCalendar file" if path is None else "allowed where its events are windows, else frozen"
        raise InvalidInputError(f"window.{lacking} must be given with window.{other}, got none. Give {fix}.")
    return Calendar(path, means, zone)
