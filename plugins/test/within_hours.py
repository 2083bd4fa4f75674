# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the test ``within_hours``: whether a moment is in a daily span of hours."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: within_hours
short_description: Test whether a moment is within hours of the day
version_added: 1.0.0
description:
  - Tests whether a moment is in a daily span of hours in a time zone.
  - A span that ends before it starts includes midnight. Its start belongs to it, its end does not.
author:
  - The simops.yateota contributors (@simops)
positional: start, end, zone
options:
  _input:
    description: The moment. Without a zone, as from C(now(utc=true\)), it is in UTC.
    type: raw
    required: true
  start:
    description: When the span starts, as V('22:00'). Quote it, because YAML would read it as a number.
    type: str
    required: true
  end:
    description: When the span ends, as O(start).
    type: str
    required: true
  zone:
    description: The time zone's name in the zone database, such as V(Europe/Berlin).
    type: str
    default: UTC
"""

EXAMPLES = r"""
- name: Say whether it is night
  ansible.builtin.debug:
    msg: "{{ now(utc=true) is simops.yateota.within_hours('22:00', '06:00', 'Europe/Berlin') }}"
"""

RETURN = r"""
_value:
  description: Whether the moment is in the span.
  type: bool
"""


def within_hours(moment: Any, start: Any, end: Any, zone: Any = "UTC") -> bool:
    """Return whether ``moment`` is from ``start`` on and before ``end`` in ``zone``.

    Raises:
        AnsibleFilterError: an argument is not valid; names it, its value and the fix.
    """
    if not isinstance(moment, datetime.datetime):
        raise AnsibleFilterError(f"within_hours: {moment!r} is not valid: give a moment, such as now(utc=true).")
    first, last = _time_of_day("start", start), _time_of_day("end", end)
    if first == last:
        raise AnsibleFilterError(f"within_hours: start and end are both {start!r}: give a span between two times.")
    try:
        clock = moment.replace(tzinfo=moment.tzinfo or datetime.UTC).astimezone(zoneinfo.ZoneInfo(str(zone))).time()
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise AnsibleFilterError(
            f"within_hours: zone {zone!r} is not known here: give a name such as 'Europe/Berlin', "
            "or install the zone database (tzdata)."
        ) from None
    return first <= clock < last if first < last else not last <= clock < first


def _time_of_day(name: str, value: Any) -> datetime.time:
    if not isinstance(value, str) or not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise AnsibleFilterError(
            f"within_hours: {name} {value!r} is not a time of day: give hours and minutes in quotes, as in '22:00'."
        )
    return datetime.time.fromisoformat(value)


class TestModule:
    """The tests of this file, by their names."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        """Return the tests by their names."""
        return {"within_hours": within_hours}
