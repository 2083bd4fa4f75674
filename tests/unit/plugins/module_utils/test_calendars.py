# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars of windows and freezes: what of an iCalendar file counts, and every doubt about one is an error."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import calendars
from ansible_collections.simops.yateota.plugins.module_utils._change.windows import Window, window_of
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError

Make = Callable[..., Window]
NIGHTS = """
    DTSTART;TZID=Europe/Berlin:20260101T220000
    DTEND;TZID=Europe/Berlin:20260102T050000
    RRULE:FREQ=DAILY
"""
ONE = "DTSTART:20260601T200000Z\nDTEND:20260601T210000Z"
BERLIN = "Europe/Berlin"
DAYS = [f"{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29, 2)]


def text(*events: str, head: str = "") -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.split()]
    for number, event in enumerate(events):
        uid = [] if "UID:" in event else [f"UID:{number}"]
        lines += ["BEGIN:VEVENT", *uid, *(line.strip() for line in event.strip().splitlines()), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(content: str | bytes, means: str = "allowed", time_zone: str | None = None, **given: Any) -> Window:
        path = tmp_path / "calendar.ics"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        given |= {"calendar": str(path), "calendar_means": means, "time_zone": time_zone}
        return window_of(given)

    return make


def unix(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def opened(window: Window, moment: str, until: str) -> list[tuple[str, str]]:
    """When it is open between two moments, in UTC."""
    found, now, last = [], unix(f"{moment}+00:00"), unix(f"{until}+00:00")
    while (opening := window.next_opening(now)) is not None and opening < last:
        now = min(window.closes_at(opening) or last, last)
        shown = [f"{datetime.datetime.fromtimestamp(each, datetime.UTC):%m-%d %H:%M}" for each in (opening, now)]
        found.append((shown[0], shown[1]))
        if now == last:
            break
    return found


def test_recurrences_keep_the_clock_on_the_wall_over_clock_changes(make: Make) -> None:
    assert opened(make(text(NIGHTS)), "2026-03-28T12:00", "2026-03-30T12:00") == [
        ("03-28 21:00", "03-29 03:00"),
        ("03-29 20:00", "03-30 03:00"),
    ]
    assert opened(make(text(NIGHTS), "frozen"), "2026-10-24T12:00", "2026-10-26T12:00") == [
        ("10-24 12:00", "10-24 20:00"),
        ("10-25 04:00", "10-25 21:00"),
        ("10-26 04:00", "10-26 12:00"),
    ]


@pytest.mark.parametrize("zone", [BERLIN, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_no_night_of_two_years_is_missed(make: Make, zone: str) -> None:
    nights = make(text("DTSTART:20260101T220000\nDTEND:20260102T050000\nRRULE:FREQ=DAILY"), time_zone=zone)
    days = make(text(*[f"DTSTART;VALUE=DATE:{year}{day}" for year in (2026, 2027) for day in DAYS]), time_zone=zone)
    assert len(opened(nights, "2026-01-03T17:00", "2028-01-03T17:00")) == 730
    assert len(opened(days, "2025-12-30T00:00", "2028-01-03T00:00")) == 2 * len(DAYS)


def test_a_time_that_does_not_come_is_read_by_the_offset_before_and_one_that_comes_twice_is_the_first(
    make: Make,
) -> None:
    event = """
        DTSTART;TZID=Europe/Berlin:{}T023000
        DTEND;TZID=Europe/Berlin:{}T040000
    """
    assert opened(make(text(event.format("20260329", "20260329"))), "2026-03-28T00:00", "2026-03-30T00:00") == [
        ("03-29 01:30", "03-29 02:00")
    ]
    assert opened(make(text(event.format("20261025", "20261025"))), "2026-10-24T00:00", "2026-10-26T00:00") == [
        ("10-25 00:30", "10-25 03:00")
    ]


@pytest.mark.parametrize(
    ("head", "zone", "expected"),
    [
        ("", BERLIN, ("06-01 22:00", "06-02 22:00")),
        ("X-WR-TIMEZONE:America/New_York", BERLIN, ("06-02 04:00", "06-03 04:00")),  # the file knows best
        ("X-WR-TIMEZONE:America/New_York", None, ("06-02 04:00", "06-03 04:00")),
    ],
)
@pytest.mark.parametrize(
    "event", ["DTSTART;VALUE=DATE:20260602", "DTSTART:20260602T000000\nDTEND:20260603T000000"], ids=["day", "floating"]
)
def test_whole_days_and_floating_times_are_of_the_zone_that_is_given(
    make: Make, event: str, head: str, zone: str | None, expected: tuple[str, str]
) -> None:
    assert opened(make(text(event, head=head), time_zone=zone), "2026-06-01T00:00", "2026-06-05T00:00") == [expected]


def test_what_is_cancelled_excluded_or_moved_does_not_count(make: Make) -> None:
    override = "UID:0\nRECURRENCE-ID;TZID=Europe/Berlin:2026060{}T220000\nSTATUS:{}\n"
    times = "DTSTART;TZID=Europe/Berlin:20260604T{}0000\nDTEND;TZID=Europe/Berlin:20260604T{}0000"
    content = text(
        f"UID:0{NIGHTS}EXDATE;TZID=Europe/Berlin:20260601T220000",
        override.format(2, "CANCELLED") + times.format("00", "01"),
        override.format(3, "CONFIRMED") + times.format(12, 13),
        f"{ONE}\nSTATUS:CANCELLED",
    )
    assert opened(make(content), "2026-06-01T12:00", "2026-06-05T00:00") == [
        ("06-04 10:00", "06-04 11:00"),
        ("06-04 20:00", "06-05 00:00"),
    ]


def test_a_tentative_event_freezes_and_is_no_window(make: Make) -> None:
    content = text(f"{ONE}\nSTATUS:TENTATIVE", "DTSTART:20260601T220000Z\nDURATION:PT1H")
    assert opened(make(content), "2026-06-01T12:00", "2026-06-02T00:00") == [("06-01 22:00", "06-01 23:00")]
    assert opened(make(content, "frozen"), "2026-06-01T12:00", "2026-06-02T00:00") == [
        ("06-01 12:00", "06-01 20:00"),
        ("06-01 21:00", "06-01 22:00"),
        ("06-01 23:00", "06-02 00:00"),
    ]


def test_a_long_freeze_ends_where_its_last_event_ends(make: Make) -> None:
    content = text(
        "DTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20270107", "DTSTART;VALUE=DATE:20270106\nDURATION:P3D"
    )
    window = make(content, "frozen", BERLIN, hours=["22:00-05:00"])
    assert opened(window, "2026-12-01T12:00", "2027-01-10T12:00")[0] == ("01-08 23:00", "01-09 04:00")


def test_zones_that_the_file_describes_and_those_of_outlook_are_known(make: Make) -> None:
    zone = "BEGIN:VTIMEZONE TZID:Ours BEGIN:STANDARD DTSTART:19700101T000000 TZOFFSETFROM:{0} TZOFFSETTO:{0}"
    times = "DTSTART;TZID={0}:20260601T220000\nDTEND;TZID={0}:20260601T230000"
    for offset, expected in (("+0300", ("06-01 19:00", "06-01 20:00")), ("+0500", ("06-01 17:00", "06-01 18:00"))):
        own = text(times.format("Ours"), head=f"{zone.format(offset)} END:STANDARD END:VTIMEZONE")
        assert opened(make(own), "2026-06-01T12:00", "2026-06-02T00:00") == [expected]
    outlook = text(times.format("W. Europe Standard Time"))
    assert opened(make(outlook), "2026-06-01T12:00", "2026-06-02T00:00") == [("06-01 20:00", "06-01 21:00")]


def test_several_calendars_in_one_file_all_count(make: Make) -> None:
    content = b"\xef\xbb\xbf" + (text(ONE) + text(ONE.replace("T2", "T1"))).encode()
    assert opened(make(content), "2026-06-01T00:00", "2026-06-02T00:00") == [
        ("06-01 10:00", "06-01 11:00"),
        ("06-01 20:00", "06-01 21:00"),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no event. Give the file of a calendar that has the windows or freezes."),
        (text(), "has no event."),
        ("BEGIN:VEVENT\r\nDTSTART:20260601T200000Z\r\nEND:VEVENT\r\n", "has no event."),
        ("<html></html>", "is not an iCalendar file (RFC 5545). Export it again, as .ics."),
        (text(ONE)[:-30], "has no event."),
        (text("SUMMARY:Freeze"), "has the event 'Freeze', which has no DTSTART. Correct it."),
        (text("DTSTART:2026-06-01T20:00"), "has the event '0', which has a wrong DTSTART."),
        (text(f"{ONE}\nRRULE:FREQ=NEVER"), "has the event '0', which has a wrong RRULE."),
        (text(f"{ONE}\nRDATE:soon"), "has the event '0', which has a wrong RDATE."),
        (text(f"{ONE}\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY"), "has the event '0', which has an EXRULE, which is not"),
        (text(f"{ONE}\nRRULE:FREQ=MINUTELY"), "has the event '0', which recurs more often than 4 times an hour."),
        (text(f"{ONE}\nRRULE:FREQ=HOURLY;BYMINUTE=1,2,3,4,5"), "has the event '0', which recurs more often than 4"),
        (text(f"{ONE}\nRRULE:RSCALE=HEBREW;FREQ=YEARLY"), "has "),
        (text(f"{ONE}\nRDATE;VALUE=PERIOD:20260602T100000Z/PT0S"), "has an occurrence without length. Correct it, or"),
        (text("DTSTART:20260601T200000Z"), "has the event '0', which does not end after it starts."),
        (text(ONE.replace("T21", "T19")), "has the event '0', which does not end after it starts."),
        (text(ONE.replace("T210000Z", "T230000")), "has the event '0', which has a DTEND of another kind than its"),
        (
            text("DTSTART;VALUE=DATE:20260601\nDTEND:20260601T210000Z"),
            "has the event '0', which has a DTEND of another",
        ),
        (text("DTSTART;TZID=Ours:20260601T200000\nDURATION:PT1H"), "has the event '0', which names a time zone (TZID)"),
        (
            text("DTSTART:20260601T200000\nDURATION:PT1H"),
            "has the event '0', of which a time has no zone. Give window.",
        ),
        (text("DTSTART;VALUE=DATE:20260601"), "has the event '0', of which a time has no zone. Give window.time_zone"),
        (text(ONE, head="X-WR-TIMEZONE:Ours"), "has the unknown X-WR-TIMEZONE 'Ours'. Give it a name such as"),
        (text(f"UID:7\n{ONE}", f"UID:7\n{NIGHTS}"), "has two events with the UID '7'. Give each its own."),
        (text(*[ONE] * 5001), "has more than 5000 events. Give one with the windows or freezes alone."),
        (" " * (4 * 2**20 + 1), "is larger than 4 MiB. Give one with the windows or freezes alone."),
    ],
)
def test_a_doubtful_calendar_is_refused_with_the_reason(make: Make, content: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        make(content).refresh(unix("2026-06-01T00:00:00+00:00"))
    words = str(raised.value)
    assert words.startswith(f"window.calendar '{words.split(chr(39))[1]}' {sentence}")
    assert words.split("'")[1].endswith("calendar.ics")


def test_occurrences_without_number_are_refused(make: Make) -> None:
    hourly = "DTSTART:20260601T000000Z\nDURATION:PT1M\nRRULE:FREQ=HOURLY;BYMINUTE=0,10,20,30"
    with pytest.raises(InvalidInputError, match=r"has more than 20000 occurrences in 64 days\. Give one with"):
        make(text(*[hourly] * 4)).refresh(unix("2026-07-01T00:00:00+00:00"))


@pytest.mark.parametrize(("path", "why"), [("missing.ics", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^window\.calendar '.*' cannot be read \({why}\)\. Give a file that"):
        window_of({"calendar": str(tmp_path / path), "calendar_means": "frozen"})


def test_what_is_not_installed_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "_LIBRARIES", ("icalendar_that_is_not_there", "recurring_too"))
    with pytest.raises(
        InvalidInputError,
        match="needs icalendar-that-is-not-there and recurring-too on the machine that runs the module",
    ):
        make(text(ONE))


def test_other_meanings_than_the_two_are_refused(make: Make) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^window\.calendar_means must be allowed or frozen, got 'open'\. Give"
    ):
        make(text(ONE), "open")


def test_the_guides_example_is_as_the_guide_says() -> None:
    path = Path(__file__).parents[4] / "docs" / "examples" / "freezes.ics"
    window = window_of({"calendar": str(path), "calendar_means": "frozen"})
    assert opened(window, "2026-06-02T00:00", "2026-08-01T00:00") == [
        ("06-02 00:00", "06-30 16:00"),  # the canceled night is no freeze
        ("07-01 10:00", "07-31 16:00"),
    ]
    assert opened(window, "2026-12-01T12:00", "2027-01-10T00:00") == [
        ("12-01 12:00", "12-17 23:00"),
        ("01-06 23:00", "01-10 00:00"),
    ]


def test_a_file_that_has_changed_is_read_again(make: Make, tmp_path: Path) -> None:
    window, now = make(text(ONE), "frozen"), unix("2026-06-01T12:30:00+00:00")
    assert window.allows(now)
    new = tmp_path / "new.ics"
    new.write_text(text(ONE, "DTSTART:20260601T120000Z\nDURATION:PT1H"), newline="")
    os.replace(new, tmp_path / "calendar.ics")
    assert window.allows(now)  # it is read when the run asks for it, not in the middle of sending
    window.refresh(now)
    assert not window.allows(now)
    assert window.next_opening(now) == now + 1800
    (tmp_path / "calendar.ics").write_text("half a ", newline="")
    with pytest.raises(InvalidInputError, match="is not an iCalendar file"):
        window.refresh(now)
    assert not window.allows(now)
