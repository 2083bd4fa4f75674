# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What yateota_participant shows of many participants: each reason once with its count, and no endless diff."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.modules import yateota_participant
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

FAILED = 44  # of campaign 167


@pytest.fixture
def retry(run_task: RunTask, sandbox: Sandbox) -> Any:
    def run(count: int, **options: Any) -> dict[str, Any]:
        failed = [each for each in range(185, 265) if sandbox.participant(each)["state"] == "failed"]
        participants = [{"participant_id": each, "campaign_id": 167} for each in failed[:count]]
        return run_task(yateota_participant, sandbox, action="retry", participants=participants, **options)

    return run


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_long_diff_tells_how_many_more_there_are(retry: Any, check_mode: bool) -> None:
    result = retry(FAILED, check_mode=check_mode)
    assert result["summary"]["acted"] == FAILED
    for side in ("before", "after"):
        assert len(result["diff"][side]) == 21
        assert list(result["diff"][side])[-1] == "and 24 more"


@pytest.mark.parametrize("count", [1, 20])
def test_a_short_diff_is_whole(retry: Any, count: int) -> None:
    result = retry(count, check_mode=True)
    assert [len(result["diff"][side]) for side in ("before", "after")] == [count, count]


def test_each_reason_is_told_once_with_its_count(retry: Any, sandbox: Sandbox) -> None:
    for place in (2, 4, 6):
        said = f"SIM 8931010000000{place:06} is locked"
        sandbox.fault(request="action_participant", kind="code", code=404, message=said, nth=place)
    sandbox.fault(request="action_participant", kind="code", code=402, message="busy", nth=8)
    result = retry(12, concurrency=1)
    assert result["summary"]["refused"] == 4
    assert "retry of 12 participants came to 8 acted, 4 refused. The first: " in result["msg"]
    reasons = " Reasons: 3 refused with code 404 (SIM … is locked), 1 refused with code 402 (busy)."
    assert result["msg"].endswith(reasons)
    assert result["msg"].count("busy") == 1
