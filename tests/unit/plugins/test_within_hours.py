# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hours of the day: over midnight, by the clocks of a zone in summer and in winter, and given wrongly."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.test import within_hours as plugin

within_hours = plugin.TestModule().tests()["within_hours"]
WINTER = datetime.datetime(2026, 1, 15, 21, 30)
SUMMER = datetime.datetime(2026, 7, 15, 21, 30)


@pytest.mark.parametrize(
    ("moment", "start", "end", "zone", "expected"),
    [
        (WINTER, "21:00", "22:00", "UTC", True),
        (WINTER, "21:30", "22:00", "UTC", True),
        (WINTER, "20:00", "21:30", "UTC", False),
        (WINTER, "21:00", "06:00", "UTC", True),
        (WINTER, "22:00", "21:31", "UTC", True),
        (WINTER, "22:00", "21:30", "UTC", False),
        # Half past ten in Berlin in winter, half past eleven in summer.
        (WINTER, "22:00", "23:00", "Europe/Berlin", True),
        (SUMMER, "22:00", "23:00", "Europe/Berlin", False),
        (SUMMER, "23:00", "06:00", "Europe/Berlin", True),
        # A moment that says its zone is taken at its word.
        (
            WINTER.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
            "16:00",
            "17:00",
            "UTC",
            True,
        ),
    ],
)
def test_within(moment: datetime.datetime, start: str, end: str, zone: str, expected: bool) -> None:
    assert within_hours(moment, start, end, zone) is expected


@pytest.mark.parametrize(
    ("moment", "start", "end", "zone", "sentence"),
    [
        ("21:30", "22:00", "06:00", "UTC", "'21:30' is not valid: give a moment"),
        # What YAML makes of 22:00 without quotes.
        (WINTER, 1320, "06:00", "UTC", "start 1320 is not a time of day: give hours and minutes in quotes"),
        (WINTER, "22:00", "24:00", "UTC", "end '24:00' is not a time of day"),
        (WINTER, "22:00", "22:00", "UTC", "start and end are both '22:00'"),
        (WINTER, "22:00", "06:00", "Berlin", "zone 'Berlin' is not known here: give a name such as 'Europe/Berlin'"),
        (WINTER, "22:00", "06:00", "", "zone '' is not known here"),
        (WINTER, "22:00", "06:00", "../etc/passwd", "zone '../etc/passwd' is not known here"),
    ],
)
def test_what_cannot_be_is_named(moment: Any, start: Any, end: Any, zone: str, sentence: str) -> None:
    with pytest.raises(AnsibleFilterError, match="within_hours") as raised:
        within_hours(moment, start, end, zone)
    assert sentence in str(raised.value)
