# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode that a play sets: no role acts in a run that says that it does not."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import Ansible

NOW = datetime.datetime.now(datetime.UTC)
HOURS = {name: f"{NOW + datetime.timedelta(hours=hours):%H:%M}" for name, hours in (("start", -2), ("end", 2))}
QUIET = {"campaigns_desired": [], "campaigns_quiet_hours": HOURS}
CHANGE = {"bulk_change_id": "CHG1", "bulk_change_action": "retry", "bulk_change_campaign_id": 167}
ROLES = {
    "bulk_change": {**CHANGE, "bulk_change_state": "failed", "bulk_change_require_approval": False},
    "campaigns": {"campaigns_desired": [{"campaign_id": 167, "state": "paused"}]},
    "campaigns in quiet hours": QUIET,
    "retry_build_sweep": {"retry_build_sweep_campaigns": "176"},
    "node_health": {},
}


def play(folder: Path, role: str, check_mode: bool) -> Path:
    """A play that sets check mode for a role."""
    head = {"hosts": "localhost", "connection": "local", "gather_facts": False, "check_mode": check_mode}
    (folder / "play.yml").write_text(json.dumps([{**head, "roles": [f"simops.yateota.{role.split()[0]}"]}]))
    return folder / "play.yml"


@pytest.fixture
def ansible(ansible_playbook: Ansible, tmp_path: Path) -> Ansible:
    return Ansible(tmp_path, {**ansible_playbook.server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})


def given(role: str, folder: Path) -> dict[str, Any]:
    record = {"campaigns_quiet_record": f"{folder}/quiet.json"} if role == "campaigns in quiet hours" else {}
    return {**ROLES[role], **record}


@pytest.mark.parametrize(("role", "way"), [*((role, "true") for role in ROLES), ("bulk_change", "false")])
def test_a_role_that_would_act_in_check_mode_is_refused(
    role: str, way: str, ansible: Ansible, sandbox: Any, tmp_path: Path
) -> None:
    done = ansible(play(tmp_path, role, False), given(role, tmp_path), "--check", "-e", f"yateota_in_process={way}")
    assert not done.ok
    assert "check_mode is false for this role, and Ansible runs with --check: remove one of them" in done.words
    assert sandbox.writes() == []
    assert not list(tmp_path.glob("*.json"))
    assert not list(tmp_path.glob("ledger*"))


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_nothing_is_paused_or_recorded_in_check_mode(
    arguments: list[str], ansible: Ansible, sandbox: Any, tmp_path: Path
) -> None:
    role = "campaigns in quiet hours"
    done = ansible(play(tmp_path, role, True), given(role, tmp_path), *arguments)
    assert done.ok, done.output
    assert sandbox.writes() == []
    assert not (tmp_path / "quiet.json").exists()
