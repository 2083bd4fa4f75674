# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quiet hours of several servers: no campaign is paused that no record will start again."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import Ansible, Run

Quiet = Callable[..., Run]
IDS = {"campaign_id": 167, "name": "Preferred networks spring"}


@pytest.fixture
def boxes(start_sandbox: Callable[..., Any]) -> dict[str, Any]:
    """The servers."""
    return {name: start_sandbox() for name in ("north", "south")}


@pytest.fixture
def quiet(ansible_for: Callable[[Any], Ansible], boxes: dict[str, Any], tmp_path: Path) -> Quiet:
    """Run the role in quiet hours, or after them, for the servers with one record."""
    options = {name: {"api_url": box.url, "api_secret": SECRET} for name, box in boxes.items()}
    own = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {name: {**own, "yateota_connection": each} for name, each in options.items()}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    now = datetime.datetime.now(datetime.UTC)
    start, end = (f"{now + datetime.timedelta(hours=hours):%H:%M}" for hours in (-2, 2))

    def run(record: str, *arguments: str, is_quiet: bool = True) -> Run:
        given = {"yateota_hosts": "all", "campaigns_desired": [], "campaigns_quiet_record": f"{tmp_path}/{record}"}
        given |= {"campaigns_quiet_hours": {"start": start, "end": end}} if is_quiet else {}
        ansible = ansible_for(boxes["north"])
        return ansible("campaigns", given, "-i", str(tmp_path / "inventory.json"), *arguments)

    return run


def test_two_servers_with_one_record(quiet: Quiet, boxes: dict[str, Any], tmp_path: Path) -> None:
    done = quiet("quiet.json")
    assert not done.ok
    assert (
        "quiet.json was written for another server at the same time: give each server a file of its own" in done.words
    )
    recorded = json.loads((tmp_path / "quiet.json").read_text())
    (url,) = {entry["api_url"] for entry in recorded}
    (kept,) = (box for box in boxes.values() if box.url == url)
    (other,) = (box for box in boxes.values() if box.url != url)
    assert {entry["campaign_id"] for entry in recorded} == {sent["params"]["campaign_id"] for sent in kept.writes()}
    assert other.writes() == []

    before = len(kept.writes())
    again = quiet("quiet.json")
    assert f"quiet.json has campaigns of another server, {url}, node ota: give each server a file" in again.words
    assert (len(kept.writes()), other.writes()) == (before, [])
    assert json.loads((tmp_path / "quiet.json").read_text()) == recorded


def test_each_server_with_its_own(quiet: Quiet, boxes: dict[str, Any], tmp_path: Path) -> None:
    """A record of release 1.0.0, which names no server, is read."""
    (tmp_path / "north.json").write_text(json.dumps([IDS]))
    for is_quiet in (True, False):
        done = quiet("{{ inventory_hostname }}.json", is_quiet=is_quiet)
        assert done.ok, done.output
    for name, box in boxes.items():
        actions = [sent["params"]["action"] for sent in box.writes()]
        assert actions.count("pause") == actions.count("restart") > 0
        assert json.loads((tmp_path / f"{name}.json").read_text()) == []
