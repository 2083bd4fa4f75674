# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a calendar of windows or of freezes from an iCalendar file.

Recurring events are expanded. Anything that could be misread is refused.
"""

from __future__ import annotations

import collections
import datetime
import math
import os
import threading
from collections.abc import Iterator
from typing import Any

from .._core.errors import InvalidInputError
from .._core.libraries import guarded, missing
from .hours import zone_named
from .spans import Spans, clipped, merged, outside

MEANINGS = ALLOWED, FROZEN = ("allowed", "frozen")
"""The values of ``window.calendar_means``."""

_LIBRARIES = ("icalendar", "recurring_ical_events")
_LARGEST = 4 * 2**20  # bytes: years of a company's calendar
_MOST_EVENTS = 5000
_MOST_AN_HOUR = 4
_MOST_AT_ONCE = 20_000  # occurrences in one part
_PART = 64 * 86400.0
"""The seconds of one part, whose recurrences are expanded together."""

_MARGIN = datetime.timedelta(days=2)  # an occurrence's wall clock may differ from the part's by a day
_MOMENTS = ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE")
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""The errors that the libraries raise for invalid files: they check little themselves."""


class Calendar:
    """The events of an iCalendar file, as times in which sending is allowed or not.

    An event that is canceled does not count; one that is tentative counts as a freeze, and not as a window. Times
    without a zone, and whole days, are of the zone that the file states (``X-WR-TIMEZONE``), else of ``zone``.

    Args:
        path: the file.
        means: ``ALLOWED``: sending is allowed during its events; ``FROZEN``: it is allowed outside them.
        zone: for times without a zone; None if none is given.

    Raises:
        InvalidInputError: the file cannot be read, or cannot be followed.
    """

    def __init__(self, path: str, means: str, zone: datetime.tzinfo | None) -> None:
        if means not in MEANINGS:
            raise InvalidInputError(f"window.calendar_means must be {ALLOWED} or {FROZEN}, got {means!r}. Give one.")
        self._path, self._freezes, self._given = path, means == FROZEN, zone
        lacking = missing(_LIBRARIES)
        if lacking:
            packages = " and ".join(name.replace("_", "-") for name in lacking)
            raise self._refused(f"needs {packages} on the machine that runs the module", f"Install {packages}")
        self._lock = threading.Lock()
        self._stamp: Any = None
        self.refresh()

    def refresh(self) -> bool:
        """Read the file again if it has changed; return whether it has.

        Raises:
            InvalidInputError: it cannot be read any more, or cannot be followed.
        """
        with self._lock:
            try:
                with open(self._path, "rb") as file:
                    found = os.fstat(file.fileno())
                    stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
                    if stamp == self._stamp:
                        return False
                    data = file.read(_LARGEST + 1)
            except OSError as error:
                raise self._refused(f"cannot be read ({error.strerror})", "Give a file that can") from None
            self._queries = self._read(data)
            self._parts: dict[int, Spans] = {}
            self._stamp = stamp
            return True

    def spans(self, start: float, end: float) -> Spans:
        """Return when sending is allowed between two moments.

        Raises:
            InvalidInputError: a recurrence cannot be expanded.
        """
        events: Spans = []
        with self._lock:
            for part in range(math.floor(start / _PART), math.ceil(end / _PART)):
                if part not in self._parts:
                    self._parts[part] = self._expanded(part * _PART, (part + 1) * _PART)
                events += self._parts[part]
        return outside(merged(events), start, end) if self._freezes else clipped(merged(events), start, end)

    # --- Reading ---------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> list[tuple[Any, datetime.tzinfo | None]]:
        """Return each calendar as a query, with the zone of its times without one."""
        if len(data) > _LARGEST:
            raise self._refused(f"is larger than {_LARGEST // 2**20} MiB", "Give one with the windows or freezes alone")
        guarded("icalendar").use_zoneinfo()  # and forget the zones that files read before have described
        try:
            calendars = guarded("icalendar").Calendar.from_ical(data.removeprefix(b"\xef\xbb\xbf"), multiple=True)
        except _FAILURES:
            raise self._refused("is not an iCalendar file (RFC 5545)", "Export it again, as .ics") from None
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        if not events or any(calendar.name != "VCALENDAR" for calendar in calendars):
            raise self._refused("has no event", "Give the file of a calendar that has the windows or freezes")
        if len(events) > _MOST_EVENTS:
            raise self._refused(f"has more than {_MOST_EVENTS} events", "Give one with the windows or freezes alone")
        queries = []
        for calendar in calendars:
            self._check_once(calendar.walk("VEVENT"))
            zone = self._zone_of(calendar)
            for event in calendar.walk("VEVENT"):
                self._check(event, zone)
            try:
                queries.append((guarded("recurring_ical_events").of(calendar), zone))
            except _FAILURES as error:
                raise self._refused(f"has events that cannot be expanded ({error})", "Correct them") from None
        return queries

    def _zone_of(self, calendar: Any) -> datetime.tzinfo | None:
        name = calendar.get("X-WR-TIMEZONE")
        if name is None:
            return self._given
        zone = zone_named(str(name))
        if zone is None:
            raise self._refused(f"has the unknown X-WR-TIMEZONE {str(name)!r}", "Give it a name such as Europe/Berlin")
        return zone

    def _check_once(self, events: list[Any]) -> None:
        """Refuse two events with one UID: the library would follow only one of them."""
        named = [(str(event["UID"]), _text(event, "RECURRENCE-ID")) for event in events if "UID" in event]
        twice = next((uid for (uid, _part), times in collections.Counter(named).items() if times > 1), None)
        if twice:
            raise self._refused(f"has two events with the UID {twice!r}", "Give each its own")

    def _check(self, event: Any, zone: datetime.tzinfo | None) -> None:
        """Refuse an event that the libraries would drop, shorten or misread."""
        wrong = _wrong(event) or _wrong_rule(event)
        if wrong:
            raise self._refused(f"has the event {_named(event)}, which {wrong}", "Correct it")
        if zone is None and any(_floats(value) for value, _name in _moments(event)):
            raise self._refused(
                f"has the event {_named(event)}, of which a time has no zone",
                "Give window.time_zone, such as Europe/Berlin",
            )

    # --- Expanding -------------------------------------------------------------------------------------------------

    def _expanded(self, begin: float, until: float) -> Spans:
        found: Spans = []
        for query, zone in self._queries:
            clock = zone or datetime.UTC
            first, last = (datetime.datetime.fromtimestamp(moment, clock) for moment in (begin, until))
            try:
                occurrences = query.between(first - _MARGIN, last + _MARGIN)
                times = [(each["DTSTART"].dt, each["DTEND"].dt) for each in occurrences if self._counts(each)]
                found += [(_moment(start, clock), _moment(end, clock)) for start, end in times]
            except _FAILURES as error:
                raise self._refused(f"has a recurrence that cannot be expanded ({error})", "Correct it") from None
            if any(start >= end for start, end in times):  # the library before 3.6 makes them of whole days
                raise self._refused(
                    "has an occurrence without length", "Correct it, or upgrade recurring-ical-events to 3.6 or later"
                )
        if len(found) > _MOST_AT_ONCE:
            raise self._refused(
                f"has more than {_MOST_AT_ONCE} occurrences in {_PART / 86400:g} days",
                "Give one with the windows or freezes alone",
            )
        return clipped(merged(found), begin, until)

    def _counts(self, event: Any) -> bool:
        status = str(event.get("STATUS", "")).upper()
        return status != "CANCELLED" and (self._freezes or status != "TENTATIVE")

    def _refused(self, wrong: str, fix: str) -> InvalidInputError:
        return InvalidInputError(f"window.calendar '{self._path}' {wrong}. {fix}.")


def _moment(value: datetime.date, zone: datetime.tzinfo) -> float:
    """Return the Unix seconds of an event's time; a day is its first moment."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return (value if value.tzinfo else value.replace(tzinfo=zone)).timestamp()


def _moments(event: Any) -> Iterator[tuple[Any, bool]]:
    """Yield all times of an event, and whether the file names a zone for each."""
    for name in _MOMENTS:
        values = event.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            for each in getattr(value, "dts", [value]):
                for moment in each.dt if isinstance(each.dt, tuple) else (each.dt,):
                    if isinstance(moment, datetime.date):  # the second of a period may be its length
                        yield moment, "TZID" in value.params


def _floats(value: datetime.date) -> bool:
    return not isinstance(value, datetime.datetime) or value.tzinfo is None


def _wrong(event: Any) -> str | None:
    """Return what is wrong with an event's times, or None."""
    if event.errors:
        return f"has a wrong {event.errors[0][0]}"
    if "DTSTART" not in event:
        return "has no DTSTART"
    for value, is_zoned in _moments(event):
        if is_zoned and isinstance(value, datetime.datetime) and value.tzinfo is None:
            return "names a time zone (TZID) that is not known here, nor described in the file"
    start = event["DTSTART"].dt
    is_day = not isinstance(start, datetime.datetime)
    length = event["DURATION"].dt if "DURATION" in event else datetime.timedelta(days=is_day)
    if "DTEND" in event:
        end = event["DTEND"].dt
        if is_day == isinstance(end, datetime.datetime) or (
            not is_day and (start.tzinfo is None) != (end.tzinfo is None)
        ):
            return "has a DTEND of another kind than its DTSTART"
        length = end - start
    return None if length > datetime.timedelta(0) else "does not end after it starts"


def _wrong_rule(event: Any) -> str | None:
    """Return which part of an event's recurrence is not followed, or None."""
    if "EXRULE" in event:
        return "has an EXRULE, which is not followed"
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        often = math.prod(max(1, len(rule.get(part, []))) for part in ("BYMINUTE", "BYSECOND"))
        if often > _MOST_AN_HOUR or {"SECONDLY", "MINUTELY"} & {str(each).upper() for each in rule.get("FREQ", [])}:
            return f"recurs more often than {_MOST_AN_HOUR} times an hour"
    return None


def _named(event: Any) -> str:
    return repr(str(event.get("SUMMARY") or event.get("UID") or "without a summary")[:60])


def _text(event: Any, name: str) -> str | None:
    return event[name].to_ical().decode() if name in event else None
