# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change that a sweep of a campaign makes or continues, by what real modules return of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.sweep_change import FilterModule
from ansible_collections.simops.yateota.plugins.modules import yateota_campaign_info
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

sweep_change = FilterModule().filters()["sweep_change"]


def crowd(**initial: int) -> dict[str, Any]:
    """A scenario of one campaign with so many participants in each state."""
    size = sum(initial.values())
    sims = {"count": size, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Range", "type": "RFM", "state": "started", "first_participant": 1}
    return {"sims": [sims], "campaigns": [{**campaign, "initial": initial}]}


@pytest.mark.parametrize(
    ("initial", "is_empty"),
    [
        ({"finished": 3, "failed": 1, "canceled": 1}, True),
        ({"finished": 3, "unallocated": 2}, False),
        ({"finished": 3, "pending_build": 2}, False),  # those may be unallocated: the list shows it
        ({"finished": 3, "pending_build": 1, "unallocated": 2}, False),
        ({"finished": 3, "waiting_por": 2}, False),
    ],
)
@pytest.mark.parametrize("unallocated_count", ["none", "pending_build"])
def test_a_campaign_is_passed_over_only_where_no_count_can_hide_unallocated_ones(
    start_sandbox: StartSandbox, run_task: RunTask, unallocated_count: str, initial: dict[str, int], is_empty: bool
) -> None:
    box = start_sandbox(scenario=crowd(**initial), unallocated_count=unallocated_count)
    (campaign,) = run_task(yateota_campaign_info, box, campaign_id=1)["campaigns"]
    assert sweep_change([], "sweep", campaign) == {"change_id": "sweep-1-1", "is_empty": is_empty}


def test_flags_instead_of_counts_show_nothing() -> None:
    campaign = {"campaign_id": 1, "participants": 1, "finished": True, "failed": False, "canceled": False}
    assert sweep_change([], "sweep", campaign)["is_empty"] is False
