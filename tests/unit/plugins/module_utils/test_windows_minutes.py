# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows against a slow and plain reading of their options, minute by minute, over a year and around clock changes."""

from __future__ import annotations

import datetime
import functools
import tempfile
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.windows import Window, window_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MINUTES = 365 * 1440
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "UTC")  # one changes its clocks by half an hour
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
}


class Event(NamedTuple):
    """An event of a calendar; `days` and `minute` say when it first begins, from the start of the year."""

    days: int
    minute: int | None  # None: it lasts whole days
    length: int  # minutes, or days
    interval: int  # days
    count: int
    excluded: int | None
    status: str


class Options(NamedTuple):
    """A window's options, in a form that a plain reading needs."""

    zone: str
    hours: list[tuple[int, int]] | None  # minutes of the day
    days: list[str] | None
    start: int | None  # minutes of the year
    end: int | None
    events: list[Event] | None
    means: str


@functools.cache
def wall(zone: str) -> list[tuple[int, int]]:
    """What a clock on the wall shows in each minute of the year: the weekday, and the minute of the day."""
    clock = zoneinfo.ZoneInfo(zone)
    shown = (datetime.datetime.fromtimestamp(FIRST.timestamp() + 60 * each, clock) for each in range(MINUTES))
    return [(each.weekday(), each.hour * 60 + each.minute) for each in shown]


def begins(event: Event) -> Iterator[datetime.datetime]:
    for turn in range(event.count):
        if turn != event.excluded:
            day = FIRST.replace(tzinfo=None) + datetime.timedelta(days=event.days + turn * event.interval)
            yield day + datetime.timedelta(minutes=event.minute or 0)


def marked(options: Options) -> bytearray:
    """The minutes of the year that an event has."""
    minutes, clock = bytearray(MINUTES), zoneinfo.ZoneInfo(options.zone)
    for event in options.events or []:
        if event.status == "CANCELLED" or (event.status == "TENTATIVE" and options.means == "allowed"):
            continue
        length = (
            datetime.timedelta(days=event.length) if event.minute is None else datetime.timedelta(minutes=event.length)
        )
        for begin in begins(event):
            first, last = (
                int((each.replace(tzinfo=clock) - FIRST).total_seconds() // 60) for each in (begin, begin + length)
            )
            first, last = max(0, first), min(MINUTES, last)
            minutes[first:last] = b"\1" * max(0, last - first)
    return minutes


def plainly(options: Options, minute: int, events: bytearray) -> bool:
    """Whether a minute is allowed, by each option alone."""
    if options.start is not None and minute < options.start:
        return False
    if options.end is not None and minute >= options.end:
        return False
    if options.events is not None and bool(events[minute]) != (options.means == "allowed"):
        return False
    weekday, now = wall(options.zone)[minute]
    days = options.days or DAYS
    today, yesterday = DAYS[weekday] in days, DAYS[weekday - 1] in days
    for start, end in options.hours or [(0, 1440)]:
        if start < end and today and start <= now < end:
            return True
        if start > end and ((today and now >= start) or (yesterday and now < end)):
            return True
    return False


def written(options: Options) -> str:
    """The events as a calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, event in enumerate(options.events or []):
        form, kind = ("%Y%m%d", ";VALUE=DATE") if event.minute is None else ("%Y%m%dT%H%M%S", f";TZID={options.zone}")
        begin = next(begins(event._replace(excluded=None)))
        lines += ["BEGIN:VEVENT", f"UID:{number}", f"DTSTART{kind}:{begin:{form}}", f"STATUS:{event.status}"]
        lines += [f"DURATION:P{event.length}D" if event.minute is None else f"DURATION:PT{event.length}M"]
        if event.count > 1:
            lines += [f"RRULE:FREQ=DAILY;INTERVAL={event.interval};COUNT={event.count}"]
            if event.excluded is not None:
                without = begin + datetime.timedelta(days=event.excluded * event.interval)
                lines += [f"EXDATE{kind}:{without:{form}}"]
        lines += ["END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def window(options: Options) -> Window:
    given: dict[str, Any] = {"time_zone": options.zone, "days": options.days}
    if options.hours is not None:
        given["hours"] = [
            f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}" for start, end in options.hours
        ]
    for name, minute in (("start", options.start), ("end", options.end)):
        if minute is not None:
            given[name] = (FIRST + datetime.timedelta(minutes=minute)).isoformat()
    if options.events is None:
        return window_of(given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calendar.ics"
        path.write_text(written(options), newline="")
        return window_of(given | {"calendar": str(path), "calendar_means": options.means})


def times(low: int = 0, high: int = 1439) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(low, high), st.sampled_from([120, 150, 180, 1320]).filter(lambda each: each <= high))


HOURS = st.lists(st.tuples(times(), times(0, 1440)).filter(lambda each: each[0] != each[1]), min_size=1, max_size=3)


@st.composite
def events(draw: st.DrawFn) -> Event:
    minute = draw(st.none() | times())
    count = draw(st.sampled_from([1, 1, 2, 9, 300]))
    return Event(
        draw(st.integers(0, 364)),
        minute,
        draw(st.integers(1, 4) if minute is None else st.integers(1, 3000)),
        draw(st.sampled_from([1, 2, 7, 14])),
        count,
        draw(st.none() | st.integers(1, count - 1)) if count > 1 else None,
        draw(st.sampled_from(["CONFIRMED", "CONFIRMED", "CONFIRMED", "TENTATIVE", "CANCELLED"])),
    )


@st.composite
def windows(draw: st.DrawFn, zones: tuple[str, ...] = ZONES) -> Options:
    start, end = draw(st.none() | st.integers(0, MINUTES - 1)), draw(st.none() | st.integers(0, MINUTES - 1))
    if start is not None and end is not None and start >= end:
        start, end = (end, start) if start > end else (start, None)
    return Options(
        draw(st.sampled_from(zones)),
        draw(st.none() | HOURS),
        draw(st.none() | st.lists(st.sampled_from(DAYS), min_size=1, max_size=6, unique=True)),
        start,
        end,
        draw(st.none() | st.lists(events(), min_size=1, max_size=4)),
        draw(st.sampled_from(["allowed", "frozen"])),
    )


def moment(minute: float) -> float:
    return FIRST.timestamp() + 60 * minute


@pytest.mark.slow
# Not shrunk: where it fails, that would take minutes, and the nights of the other test are small enough to read.
@settings(max_examples=18, derandomize=True, database=None, phases=[Phase.generate])
@given(windows(), st.lists(st.integers(0, MINUTES - 1), min_size=20, max_size=20))
def test_each_minute_of_a_year_is_as_the_options_say(options: Options, asked: list[int]) -> None:
    tried, has = window(options), marked(options)
    expected = bytes(plainly(options, minute, has) for minute in range(MINUTES))
    found = bytes(tried.allows(moment(minute)) for minute in range(MINUTES))
    differing = next((minute for minute in range(MINUTES) if found[minute] != expected[minute]), None)
    assert differing is None  # pytest would take minutes to show how half a million bytes differ
    for minute in asked:
        for ask, wanted in ((tried.next_opening, b"\1"), (tried.closes_at, b"\0")):
            scanned, answer = expected.find(wanted, minute), ask(moment(minute))
            assert answer == moment(scanned) if scanned >= 0 else (answer is None or answer >= moment(MINUTES))


@settings(max_examples=120, derandomize=True, database=None)
@given(windows(tuple(CHANGES)), st.sampled_from([0, 1]))
def test_each_minute_around_a_clock_change_is_as_the_options_say(options: Options, which: int) -> None:
    night = datetime.datetime.fromisoformat(CHANGES[options.zone][which]).replace(tzinfo=datetime.UTC)
    middle = int((night - FIRST).total_seconds() // 60)
    if options.events:
        options = options._replace(events=[event._replace(days=middle // 1440 - 1) for event in options.events])
    options = options._replace(start=None, end=None)
    tried, has = window(options), marked(options)
    for minute in range(middle - 1440, middle + 2 * 1440):
        assert tried.allows(moment(minute)) is plainly(options, minute, has), minute
        assert tried.allows(moment(minute + 0.99)) is plainly(options, minute, has), minute
