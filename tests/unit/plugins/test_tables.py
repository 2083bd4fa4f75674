# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of campaigns and changes: what a line says, and that it fits a terminal of 100 columns."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.campaign_table import campaign_table
from ansible_collections.simops.yateota.plugins.filter.change_table import change_table

# What Ansible prints around each line of a message that is a list.
AROUND = len('        "",')
COLUMNS = 100

CAMPAIGN = {
    "campaign_id": 167,
    "name": "Preferred networks",
    "state": "started",
    "participants": 200,
    "finished": 100,
    "pending_build": 10,
    "pending_send": 30,
    "failed": 20,
    "canceled": 0,
}
COUNTS = {"planned": 40, "sending": 3, "done": 50, "skipped": 1, "refused": 1, "failed": 2, "unknown": 3}
CHANGE = {
    "change_id": "CHG0012345",
    "status": "in_progress",
    "action": "retry",
    "selected": 100,
    "counts": COUNTS,
    "held_by": "lena on north",
    "rate": 12.5,
    "seconds_remaining": 3723,
}


def test_a_campaign_shows_shares_in_percent() -> None:
    header, line = campaign_table([CAMPAIGN])
    assert line.split() == ["167", "Preferred", "networks", "started", "200", "50.0%", "20.0%", "20.0%", "10.0%"]
    assert header.split() == ["id", "name", "state", "SIMs", "finished", "pending", "waiting", "failed"]


@pytest.mark.parametrize("field", ["participants", "finished", "canceled"])
@pytest.mark.parametrize("value", [None, True])
def test_a_server_that_sends_no_counts_shows_none(field: str, value: Any) -> None:
    if (field, value) != ("participants", True):
        assert "%" not in campaign_table([{**CAMPAIGN, field: value}])[1]


def test_a_change_shows_how_far_it_has_come_and_whether_a_run_has_it() -> None:
    line = change_table([CHANGE])[1]
    assert line.split() == ["CHG0012345", "in_progress", "retry", "100", "57.0%", "6", "12.5/s", "1:02:03", "to", "go"]
    silent = change_table([{**CHANGE, "rate": None, "seconds_remaining": None}])[1]
    assert silent.endswith("alive")
    ended = change_table([{**CHANGE, "held_by": None, "status": "applied"}])[1]
    assert ended.split()[-1] == "6"
    held = {"by": "ann", "since": "2026-06-01T20:00:01.000Z", "reason": "The SMSC queues"}
    assert change_table([{**CHANGE, "held": held, "status": "held"}])[1].endswith("  6 held by ann")


def test_the_latest_change_is_the_first() -> None:
    lines = change_table([{**CHANGE, "change_id": f"CHG{number}"} for number in range(60)], 50)
    assert lines[1].startswith("CHG59 ")
    assert lines[-1] == "and 10 more"
    assert len(lines) == 52


def test_long_lists_of_campaigns_are_counted() -> None:
    lines = campaign_table([CAMPAIGN] * 60, 50)
    assert (len(lines), lines[-1]) == (52, "and 10 more")
    assert len(campaign_table([CAMPAIGN] * 60)) == 61


def test_every_line_fits() -> None:
    large = {**dict.fromkeys(COUNTS, 0), "planned": 9_000_000, "failed": 90_000}
    campaign = {
        **CAMPAIGN,
        "campaign_id": 999_999,
        "name": "Ä" * 80,
        "participants": 10_000_000,
        "finished": 10_000_000,
    }
    change = {**CHANGE, "change_id": "C" * 200, "status": "window_closed", "action": "retry_build", "counts": large}
    lines = campaign_table([campaign]) + change_table(
        [
            {**change, "selected": 10_000_000, "seconds_remaining": 400_000, "rate": 2900.5},
            {**change, "held": {"by": "a" * 60}},
        ]
    )
    assert max(map(len, lines)) <= COLUMNS - AROUND
