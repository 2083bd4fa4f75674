# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The campaigns that quiet hours paused, whatever has become of them in the meantime."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.quiet_campaigns import FilterModule

quiet_campaigns = FilterModule().filters()["quiet_campaigns"]

HERE = {"api_url": "https://ota.example.net/api.php", "node": "ota"}
PAUSED = {"campaign_id": 167, "name": "Spring", "state": "paused"}
OLD = {"campaign_id": 167, "name": "Spring"}
NEW = {**OLD, **HERE}


@pytest.mark.parametrize(
    ("entry", "campaign", "restarts", "is_missing"),
    [
        (NEW, PAUSED, True, False),
        (NEW, {**PAUSED, "name": "Spring, renamed"}, True, False),
        ({**NEW, "api_url": "https://ota.example.net:443//api.php"}, PAUSED, True, False),
        (NEW, {**PAUSED, "state": "started"}, False, False),
        (NEW, {**PAUSED, "campaign_id": 168}, False, True),
        ({**NEW, "api_url": "https://other.example.net/api.php"}, PAUSED, False, True),
        ({**NEW, "node": "ota2"}, PAUSED, False, True),
        # As release 1.0.0 has recorded it: it may be the record of another server.
        (OLD, PAUSED, True, False),
        (OLD, {**PAUSED, "name": "Spring, renamed"}, False, True),
    ],
)
def test_a_campaign_is_found_by_the_server_and_its_id(
    entry: dict[str, Any], campaign: dict[str, Any], restarts: bool, is_missing: bool
) -> None:
    found = quiet_campaigns([entry], {**HERE, "campaigns": [campaign]})
    restart = [{name: campaign[name] for name in ("campaign_id", "name")}]
    assert (found["to_start"], found["missing"]) == (restart if restarts else [], [entry] if is_missing else [])


def test_a_campaign_that_the_list_pauses_stays_paused_and_is_not_missing() -> None:
    assert quiet_campaigns([NEW], {**HERE, "campaigns": [PAUSED]}, [167]) == {
        "to_start": [],
        "missing": [],
        "elsewhere": [],
    }


def test_one_that_is_recorded_twice_is_started_once() -> None:
    found = quiet_campaigns([OLD, {**NEW, "name": "Before"}, NEW], {**HERE, "campaigns": [PAUSED]})
    assert (found["to_start"], found["missing"]) == ([OLD], [])


def test_entries_of_another_server_are_named() -> None:
    """One that names no server, or has another way to write this one, is none of them."""
    others = [{**NEW, "node": "ota2"}, {**NEW, "api_url": "https://other.example.net/api.php"}]
    here = [OLD, NEW, {**NEW, "campaign_id": 999}, {**NEW, "api_url": "https://ota.example.net:443//api.php"}]
    assert quiet_campaigns([*here, *others], {**HERE, "campaigns": [PAUSED]})["elsewhere"] == others
