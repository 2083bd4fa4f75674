# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows at the moments that matter: midnight, clock changes, ends; what they cost; and options given wrongly."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.spans import Spans
from ansible_collections.simops.yateota.plugins.module_utils._change.windows import HORIZON_DAYS, Window, window_of
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError

NIGHT = {"hours": ["22:00-05:00"], "time_zone": "Europe/Berlin"}
DAY = 86400.0


def unix(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def iso(moment: float | None) -> str | None:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat()[:19] if moment is not None else None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-05T21:59:59.999+02:00", False),  # a Friday
        ("2026-06-05T22:00:00+02:00", True),
        ("2026-06-06T00:00:00+02:00", True),
        ("2026-06-06T04:59:59.999+02:00", True),
        ("2026-06-06T05:00:00+02:00", False),  # the end is not part of it
        ("2026-06-06T22:00:00+02:00", False),  # Saturday's own night
        ("2026-06-05T04:00:00+02:00", False),  # Thursday's night
    ],
)
def test_hours_over_midnight_belong_to_the_day_they_start_on(moment: str, expected: bool) -> None:
    assert window_of(NIGHT | {"days": ["fri"]}).allows(unix(moment)) is expected


@pytest.mark.parametrize(
    ("hours", "day", "openings"),
    [
        # 02:00 to 03:00 does not come: what starts in it opens at 03:00, what ends in it ends there.
        (["22:00-02:30"], "2026-03-28", ["2026-03-28T21:00:00", "2026-03-29T01:00:00"]),
        (["02:30-05:00"], "2026-03-28", ["2026-03-29T01:00:00", "2026-03-29T03:00:00"]),
        (["02:15-02:45"], "2026-03-28", ["2026-03-30T00:15:00", "2026-03-30T00:45:00"]),
        (["22:00-05:00"], "2026-03-28", ["2026-03-28T21:00:00", "2026-03-29T03:00:00"]),  # an hour shorter
        # 02:00 to 03:00 comes twice.
        (["22:00-05:00"], "2026-10-24", ["2026-10-24T20:00:00", "2026-10-25T04:00:00"]),  # an hour longer
        (
            ["22:00-02:30"],
            "2026-10-24",
            ["2026-10-24T20:00:00", "2026-10-25T00:30:00", "2026-10-25T01:00:00", "2026-10-25T01:30:00"],
        ),
        (
            ["02:15-02:45"],
            "2026-10-24",
            ["2026-10-25T00:15:00", "2026-10-25T00:45:00", "2026-10-25T01:15:00", "2026-10-25T01:45:00"],
        ),
    ],
)
def test_nights_of_a_clock_change_go_by_the_clock_on_the_wall(hours: list[str], day: str, openings: list[str]) -> None:
    window = window_of({"hours": hours, "time_zone": "Europe/Berlin"})
    moment, found = unix(f"{day}T12:00:00+00:00"), []
    for turn in range(len(openings)):
        following = window.closes_at(moment) if turn % 2 else window.next_opening(moment)
        assert following is not None
        moment = following
        found.append(iso(moment))
    assert found == openings


def test_all_that_is_given_must_allow_a_moment() -> None:
    window = window_of(
        NIGHT | {"days": ["mon", "tue"], "start": "2026-06-02T00:00:00+02:00", "end": "2026-06-09T23:00:00+02:00"}
    )
    openings, moment = [], unix("2026-05-01T00:00:00+00:00")
    while (opening := window.next_opening(moment)) is not None:
        moment = window.closes_at(opening) or 0.0
        openings.append((iso(opening), iso(moment)))
    assert openings == [
        ("2026-06-01T22:00:00", "2026-06-02T03:00:00"),  # the start cuts Monday's night short
        ("2026-06-02T20:00:00", "2026-06-03T03:00:00"),
        ("2026-06-08T20:00:00", "2026-06-09T03:00:00"),
        ("2026-06-09T20:00:00", "2026-06-09T21:00:00"),  # and the end Tuesday's
    ]
    assert window.next_opening(moment) is None
    assert window.next_opening(unix("2029-01-01T00:00:00+00:00")) is None


def test_a_window_without_options_is_always_open() -> None:
    window = window_of({})
    assert window.allows(0.5)
    assert window.next_opening(7.0) == 7.0
    assert window.closes_at(7.0) is None


def test_a_start_years_ahead_is_found() -> None:
    window = window_of({"start": "2040-01-01T00:00:00+00:00"})
    assert not window.allows(unix("2039-12-31T23:59:59+00:00"))
    assert iso(window.next_opening(0.0)) == "2040-01-01T00:00:00"


class Counted:
    """A condition that is true on every other day, and counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def spans(self, start: float, end: float) -> Spans:
        self.times += 1
        days = range(int(start // DAY), int(end // DAY) + 1)
        return [(max(start, day * DAY), min(end, (day + 1) * DAY)) for day in days if day % 2]


def test_its_conditions_are_worked_out_once_in_days() -> None:
    condition = Counted()
    window = Window(parts=[condition])
    open_for = sum(window.allows(each) for each in range(0, int(16 * DAY), 30))
    assert open_for == 8 * DAY / 30
    assert condition.times == 2


def test_no_opening_is_looked_for_without_end() -> None:
    class Never:
        def spans(self, start: float, end: float) -> Spans:
            assert end < (HORIZON_DAYS + 10) * DAY
            return []

    window = Window(parts=[Never()])
    assert window.next_opening(5.0) is None
    assert window.closes_at(5.0) == 5.0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (NIGHT, "2026-06-01T22:00:00+02:00"),
        ({"start": "2026-06-01T22:00:00+03:00"}, "2026-06-01T23:00:00+03:00"),
        ({}, "2026-06-01T20:00:00+00:00"),
    ],
)
def test_a_moment_is_shown_by_the_windows_clock(given: dict[str, Any], expected: str) -> None:
    assert window_of(given).local(unix("2026-06-01T20:00:00.7+00:00")) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"hours": ["22-5"]}, "window.hours must be HH:MM-HH:MM, got '22-5'. Give 24 hours with two digits, such as"),
        ({"hours": ["22:00-5:00"]}, "window.hours must be HH:MM-HH:MM, got '22:00-5:00'."),
        ({"hours": ["22:00-25:00"]}, "window.hours must be HH:MM-HH:MM, got '22:00-25:00'."),
        ({"hours": ["24:00-05:00"]}, "window.hours must be HH:MM-HH:MM, got '24:00-05:00'."),
        ({"hours": ["22:00-24:30"]}, "window.hours must be HH:MM-HH:MM, got '22:00-24:30'."),
        ({"hours": ["٢٢:00-05:00"]}, "window.hours must be HH:MM-HH:MM, got"),
        ({"hours": ["22:00-05:00", "x"]}, "window.hours must be HH:MM-HH:MM, got 'x'."),
        ({"hours": ["05:00-05:00"]}, "window.hours must have two different times, got '05:00-05:00'. Give '00:00-24"),
        ({"hours": []}, "window.hours must name one or more, got an empty list. Leave it out for all."),
        ({"hours": None, "days": []}, "window.days must name one or more, got an empty list."),
        ({"days": ["Friday"]}, "window.days must be of mon, tue, wed, thu, fri, sat, sun, got 'Friday'. Give one of"),
        ({"time_zone": "Berlin"}, "window.time_zone must be the name of a time zone, such as Europe/Berlin, got 'Berl"),
        ({"time_zone": ""}, "window.time_zone must be the name of a time zone"),
        ({"time_zone": "../../etc/passwd"}, "window.time_zone must be the name of a time zone"),
        ({"time_zone": "Europe"}, "window.time_zone must be the name of a time zone"),
        ({"time_zone": None}, "window.time_zone must be given with window.hours, got none. Name the zone of the clock"),
        ({"time_zone": None, "hours": None, "days": ["mon"]}, "window.time_zone must be given with window.days, got"),
        ({"calendar": "/x.ics"}, "window.calendar_means must be given with window.calendar, got none. Give allowed"),
        ({"calendar_means": "frozen"}, "window.calendar must be given with window.calendar_means, got none. Give the"),
        ({"start": "2026-06-01"}, "window.start '2026-06-01' is not valid: give ISO 8601 with a zone, such as"),
        (
            {"start": "2026-06-01T00:00:00+00:00", "end": "2026-06-01T02:00:00+02:00"},
            "window.end is not after window.start: give a later end.",
        ),
    ],
)
def test_a_wrong_option_is_named_with_its_value_and_the_fix(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        window_of(NIGHT | given)
    assert str(raised.value).startswith(sentence)


def test_the_whole_day_can_be_said() -> None:
    window = window_of({"hours": ["00:00-24:00"], "days": ["sun"], "time_zone": "Europe/Berlin"})
    opening = window.next_opening(unix("2026-10-20T00:00:00+00:00"))
    assert opening is not None
    assert iso(opening) == "2026-10-24T22:00:00"
    assert window.closes_at(opening) == opening + 25 * 3600
