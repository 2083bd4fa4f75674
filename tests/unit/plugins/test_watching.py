# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a campaign that is watched, and what the role says of it in the end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter.watch_verdict import FilterModule
from ansible_collections.simops.yateota.plugins.module_utils._core.watching import is_temporary, unread, watched

watch_verdict = FilterModule().filters()["watch_verdict"]

SETTINGS = {"max_failed_percentage": 10, "timeout": 600}
SKIPPED = {"skipped": True}


def campaign(**facts: Any) -> dict[str, Any]:
    known = {"campaign_id": 144, "name": "Spring", "state": "started", "participants": 40, "progress": 50.0}
    return {**known, "finished": 20, "failed": 0, **facts}


@pytest.mark.parametrize(
    ("found", "most", "verdict", "share"),
    [
        (campaign(), 10, "running", 0.0),
        (campaign(finished=0), 10, "running", 0.0),
        (campaign(finished=17, failed=3), 10, "bad", 15.0),
        (campaign(finished=17, failed=3), None, "running", 15.0),
        (campaign(finished=17, failed=2), 10, "running", 10.5),
        (campaign(finished=18, failed=2), 10, "running", 10.0),
        (campaign(finished=0, failed=20, state="finished"), 10, "bad", 100.0),
        (campaign(finished=0, failed=10, state="finished"), 10, "bad", 100.0),
        (campaign(finished=8, failed=1, state=None, progress=100.0), 10, "bad", 11.1),
        (campaign(finished=9, failed=1, state="finished"), 10, "finished", 10.0),
        (campaign(finished=0, failed=10, state="finished"), None, "finished", 100.0),
        (campaign(finished=0, failed=0, state="finished"), 10, "finished", 0.0),
        (campaign(state="finished"), 10, "finished", 0.0),
        (campaign(state=None, progress=100.0), 10, "finished", 0.0),
        (campaign(state=None), 10, "running", 0.0),
        (campaign(state="paused"), 10, "not_running", 0.0),
        (campaign(state="stopped"), 10, "not_running", 0.0),
        (campaign(finished=True), 10, "uncounted", None),
        (campaign(failed=None), 10, "uncounted", None),
    ],
)
def test_verdicts(found: dict[str, Any], most: float | None, verdict: str, share: float | None) -> None:
    """The share is judged from 20 on that have ended, and whenever the campaign has finished."""
    told = watched(found, most, 20)
    assert (told["verdict"], told["failed_percentage"]) == (verdict, share)
    assert told["text"].startswith("Campaign 144 (Spring) ")


def test_the_line_has_the_counts() -> None:
    line = "Campaign 144 (Spring) is started: 18 of 40 finished, 8 failed, 30.8 percent of those that have ended."
    assert watched(campaign(finished=18, failed=8), None, 20)["text"] == line


@pytest.mark.parametrize(
    ("failure", "passes"),
    [
        ({"kind": "transport", "code": None}, True),
        ({"kind": "api", "code": 200}, True),
        ({"kind": "api", "code": 401}, False),
        ({"kind": "auth", "code": None}, False),
        ({}, False),
    ],
)
def test_which_failures_may_pass(failure: dict[str, Any], passes: bool) -> None:
    assert is_temporary(failure) is passes


PAUSED = {"campaign": {"state": "paused"}, "changed": True}


@pytest.mark.parametrize(
    ("found", "paused", "check_mode", "well", "advice"),
    [
        (campaign(state="finished"), SKIPPED, False, True, ""),
        (campaign(), SKIPPED, True, True, " It would be watched."),
        (
            campaign(),
            SKIPPED,
            False,
            False,
            " It has not finished within 600 seconds: watch it again, or raise campaign_watch_timeout.",
        ),
        (campaign(state="paused"), SKIPPED, True, False, " Nothing of it is sent: start it, and watch it again."),
        (campaign(failed=20), PAUSED, False, False, " That is more than 10 percent. It is paused."),
        (campaign(failed=20), PAUSED, True, False, " That is more than 10 percent. It would be paused."),
        (
            campaign(failed=20),
            SKIPPED,
            False,
            False,
            " That is more than 10 percent. It was not paused, as it is not running.",
        ),
        (
            campaign(failed=20),
            {"failed": True, "msg": "Refused."},
            False,
            False,
            " That is more than 10 percent. It COULD NOT BE PAUSED: Refused.",
        ),
    ],
)
def test_what_came_of_it(
    found: dict[str, Any], paused: dict[str, Any], check_mode: bool, well: bool, advice: str
) -> None:
    read = {"watched": watched(found, 10, 20)}
    told = watch_verdict(read, paused, SETTINGS, check_mode)
    assert told == {"well": well, "text": read["watched"]["text"] + advice}


def test_a_campaign_that_could_not_be_read_at_last() -> None:
    told = watch_verdict({"watched": unread(144, "cannot reach it.")}, SKIPPED, SETTINGS)
    assert told["text"].startswith("Campaign 144 could not be read: cannot reach it. It has not finished within 600")
    assert told["well"] is False


def test_what_is_not_a_result_of_a_wait_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="watch_verdict expected a registered result"):
        watch_verdict({"campaigns": []}, SKIPPED, SETTINGS)
