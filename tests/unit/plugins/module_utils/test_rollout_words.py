# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bulk modules tell people: which ledger, which window, which reasons, and what check mode can foresee."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database


def test_check_mode_names_the_ledger_that_is_meant(bulk: Bulk, ledger: str) -> None:
    """It works on a copy of its own, which is nobody's to look for."""
    shown = sa.make_url(ledger).render_as_string() if "://" in ledger else ledger
    assert f"is not in the ledger '{shown}'" in bulk("verified", check_mode=True)["msg"]


def test_a_ledger_that_is_not_there_yet_is_told_from_one_that_cannot_be_read(
    run_task: RunTask, tmp_path: Path, sandbox: Sandbox
) -> None:
    (tmp_path / "other").write_text("no ledger")
    for name, found in (("none", False), ("other", True)):
        told = run_task(yateota_bulk_info, sandbox, ledger=str(tmp_path / name))
        assert told["failed"]
        assert told.get("ledger_found", True) is found


def at(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_window_that_is_yet_to_open_tells_when(bulk: Bulk, check_mode: bool, sandbox: Sandbox) -> None:
    opens = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    told = bulk("applied", window={"start": opens.isoformat()}, check_mode=check_mode)["change"]["window_opens"]
    assert abs(datetime.datetime.fromisoformat(told) - opens) < datetime.timedelta(seconds=1)
    for window in ({"start": at(-60)}, {"end": at(-60)}, None):
        assert bulk("planned", window=window)["change"]["window_opens"] is None
    assert not sandbox.writes()


def test_an_abort_tells_its_most_frequent_reasons(bulk: Bulk, sandbox: Sandbox) -> None:
    said = "SIM 89310100000000001 is locked"
    sandbox.fault(request="action_participant", kind="code", code=403, message=said, times=2)
    sandbox.fault(request="action_participant", kind="code", code=402, message="busy", nth=3)
    options: dict[str, Any] = {"rollout": {"canary": 5}, "abort": {"minimum_executed": 5, "threshold_percentage": 50}}
    aborted = bulk("applied", **options)
    reasons = "The most frequent reasons: 2 refused with code 403 (SIM … is locked), 1 refused with code 402 (busy)."
    assert f"(limit 50 %). Nothing more was sent. {reasons} Find the cause, then set resume_aborted" in aborted["msg"]
    assert f"is aborted. {reasons} Find the cause, then set resume_aborted to continue." in bulk("applied")["msg"]


@pytest.mark.parametrize("state", ["planned", "applied"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_rerun_that_is_sent_once_more_is_warned_of(
    bulk: Bulk, sandbox: Sandbox, state: str, check_mode: bool
) -> None:
    for action, warned in (("rerun", True), ("retry", False)):
        change = {"change_id": action, "action": action, "selection": {"participants": [sim(sandbox, action)]}}
        sandbox.fault(request="action_participant", kind="drop_before")
        first = bulk("applied", **change, unknown="resend")
        assert first["change"]["counts"]["unknown"] == 1
        assert not said_twice(first)
        assert said_twice(bulk(state, **change, unknown="resend", check_mode=check_mode)) is warned
        assert not said_twice(bulk(state, **change, check_mode=True))


def sim(box: Sandbox, action: str) -> dict[str, str]:
    return {"iccid": box.participant(195 if action == "rerun" else 197)["iccid"], "campaign_id": 167}


def said_twice(result: dict[str, Any]) -> bool:
    return any("counters are reset a second time" in warning for warning in result["warnings"])
