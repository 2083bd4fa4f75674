# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles on campaigns say of them, and under which change a campaign is swept."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter import campaign_account as account_plugin
from ansible_collections.simops.yateota.plugins.filter import campaign_problems as problems_plugin
from ansible_collections.simops.yateota.plugins.filter import sweep_change as sweep_plugin

campaign_account = account_plugin.FilterModule().filters()["campaign_account"]
campaign_problems = problems_plugin.FilterModule().filters()["campaign_problems"]
sweep_change = sweep_plugin.FilterModule().filters()["sweep_change"]


def sent(changed: bool = True, state: str | None = "paused", name: str | None = "Spring") -> dict[str, Any]:
    return {
        "changed": changed,
        "action": "pause" if changed else None,
        "campaign": {"campaign_id": 144, "name": name, "state": state},
    }


@pytest.mark.parametrize(
    ("result", "check_mode", "line"),
    [
        (sent(), False, "Campaign 144 (Spring): pause was sent, it is paused."),
        (sent(), True, "Campaign 144 (Spring): pause would be sent, it would be paused."),
        (sent(changed=False), True, "Campaign 144 (Spring): nothing to send, it is paused."),
        (
            sent(state=None, name=None),
            False,
            "Campaign 144 (name not known): pause was sent, it is in a state that the server does not report.",
        ),
    ],
)
def test_what_was_sent_for_a_campaign(result: dict[str, Any], check_mode: bool, line: str) -> None:
    assert campaign_account([result, result], check_mode) == [line, line]


def test_why_a_list_of_campaigns_is_refused() -> None:
    checked = [sent(), {"failed": True, "msg": "There is none"}, {"failed": True}, sent()]
    assert campaign_problems(checked) == [
        "Entry 2 of campaigns_desired: There is none.",
        "Entry 3 of campaigns_desired: it could not be checked.",
        "Campaign 144 is in campaigns_desired more than once: name it once.",
    ]
    assert campaign_problems([sent()]) == []


NOW = datetime.datetime.now(datetime.UTC)
LONG_AGO = "2026-01-01T00:00:00.000Z"
SPRING = {"campaign_id": 14, "participants": 40, "finished": 20, "pending_build": 0, "pending_send": 0}
SPRING |= {"failed": 10, "canceled": 0}


def swept(number: int, status: str = "applied", planned: str = LONG_AGO, campaign: int = 14) -> dict[str, Any]:
    return {"change_id": f"a.b-{campaign}-{number}", "status": status, "planned": planned}


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ([], 1),
        ([swept(1)], 2),
        ([swept(9), swept(10)], 11),
        ([swept(1), swept(2, "in_progress")], 2),
        ([swept(1), swept(2, "aborted")], 2),
        ([swept(1, "purged")], 2),
        ([swept(7, campaign=1)], 1),
        ([{**swept(3), "change_id": "axb-14-3"}], 1),
        ([{**swept(3), "change_id": "a.b-14-3-x"}], 1),
    ],
)
def test_the_change_of_a_sweep(changes: list[dict[str, Any]], number: int) -> None:
    assert sweep_change(changes, "a.b", SPRING) == {"change_id": f"a.b-14-{number}", "is_empty": False}


def test_a_sweep_of_this_hour_is_gone_on_with() -> None:
    """Unless it is purged. Either side of the hour's end is the same hour for the test's table."""
    planned = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = sweep_change([swept(1, planned=planned)], "a.b", SPRING)["change_id"]
    assert found == ("a.b-14-1" if datetime.datetime.now(datetime.UTC).hour == NOW.hour else "a.b-14-2")
    assert sweep_change([swept(1, "purged", planned)], "a.b", SPRING)["change_id"] == "a.b-14-2"


@pytest.mark.parametrize(
    ("counts", "empty"),
    [({"failed": 20}, True), ({"failed": 19}, False), ({"failed": True}, False), ({"canceled": None}, False)],
)
def test_a_campaign_that_nobody_is_unallocated_in(counts: dict[str, Any], empty: bool) -> None:
    assert sweep_change([], "a.b", {**SPRING, **counts})["is_empty"] is empty
    # One that is gone on with may have others to send for.
    assert sweep_change([swept(1, "in_progress")], "a.b", {**SPRING, **counts})["is_empty"] is False
