# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change that a sweep of a campaign makes or continues, by what real modules return of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter import old_sweeps as old_sweeps_plugin
from ansible_collections.simops.yateota.plugins.filter import sweep_change as sweep_change_plugin
from ansible_collections.simops.yateota.plugins.modules import (
    yateota_bulk,
    yateota_bulk_info,
    yateota_campaign_info,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

from yateota_sandbox import Sandbox

sweep_change = sweep_change_plugin.FilterModule().filters()["sweep_change"]
old_sweeps = old_sweeps_plugin.FilterModule().filters()["old_sweeps"]
HERE = {"api_url": "https://ota.example.net/api.php", "node": "ota"}
LONG_AGO = "2020-01-01T00:00:00.000Z"


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
    read = run_task(yateota_campaign_info, box, campaign_id=1)
    assert sweep_change([], "sweep", read["campaigns"][0], read) == {"change_id": "sweep-1-1", "is_empty": is_empty}


SPRING = {"campaign_id": 14, "participants": 40, "finished": 20, "failed": 10, "canceled": 0}


def swept(change_id: str, status: str = "applied", planned: str = LONG_AGO) -> dict[str, Any]:
    shards = [{**HERE, "status": status, "planned": planned}]
    return {"change_id": change_id, "status": status, "planned": planned, "shards": shards}


@pytest.mark.parametrize(
    ("counts", "is_empty"),
    [
        ({"failed": 20}, True),
        ({"failed": 19}, False),
        ({"canceled": None}, False),
        ({"participants": 1, "finished": True, "failed": False, "canceled": False}, False),  # flags instead of counts
    ],
)
def test_only_counts_that_add_up_show_that_nobody_is_unallocated(counts: dict[str, Any], is_empty: bool) -> None:
    campaign = {**SPRING, **counts}
    assert sweep_change([], "a.b", campaign, HERE) == {"change_id": "a.b-14-1", "is_empty": is_empty}
    # One that is continued may have others to send for.
    continued = sweep_change([swept("a.b-14-1", "in_progress")], "a.b", campaign, HERE)
    assert continued == {"change_id": "a.b-14-1", "is_empty": False}


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ([], 1),
        ([swept("a.b-14-1")], 2),
        ([swept("a.b-14-9"), swept("a.b-14-10")], 11),
        ([swept("a.b-14-1"), swept("a.b-14-2", "in_progress")], 2),
        ([swept("a.b-14-1"), swept("a.b-14-2", "aborted")], 2),
        ([swept("a.b-14-1", "purged")], 2),
        ([swept("a.b-1-7")], 1),
        ([swept("axb-14-3")], 1),
        ([swept("a.b-14-3-x")], 1),
    ],
)
def test_the_number_of_a_sweep_follows_the_latest_of_its_campaign(changes: list[dict[str, Any]], number: int) -> None:
    assert sweep_change(changes, "a.b", SPRING, HERE)["change_id"] == f"a.b-14-{number}"


def test_a_sweep_of_this_hour_is_continued_unless_it_is_purged() -> None:
    """Either side of the hour's end is the same hour for the test's table."""
    now = datetime.datetime.now(datetime.UTC)
    planned = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = sweep_change([swept("a.b-14-1", planned=planned)], "a.b", SPRING, HERE)["change_id"]
    assert found == ("a.b-14-1" if datetime.datetime.now(datetime.UTC).hour == now.hour else "a.b-14-2")
    assert sweep_change([swept("a.b-14-1", "purged", planned)], "a.b", SPRING, HERE)["change_id"] == "a.b-14-2"


# --- Servers that share a ledger and a name ---------------------------------------------------------------------------


@pytest.fixture
def sweep(run_task: RunTask, tmp_path: Path) -> Callable[[Sandbox], dict[str, Any]]:
    """Sweep campaign 1 of a server as the role does; the module's result, without an hour's pause between two."""
    ledger = str(tmp_path / "ledger.sqlite")

    def run(box: Sandbox) -> dict[str, Any]:
        read = run_task(yateota_campaign_info, box, campaign_id=1)
        changes = run_task(yateota_bulk_info, "", ledger=ledger).get("changes", [])
        for shard in (shard for change in changes for shard in change["shards"]):
            shard["planned"] = LONG_AGO
        change_id = sweep_change(changes, "sweep", read["campaigns"][0], read)["change_id"]
        selection = {"campaign_id": 1, "state": "unallocated"}
        options = {"action": "retry_build", "selection": selection, "require_approval": False, "max_waves": 1}
        return run_task(yateota_bulk, box, ledger=ledger, change_id=change_id, state="applied", **options)

    return run


def test_a_sweep_that_is_stuck_on_one_server_does_not_keep_another_from_its_next(
    start_sandbox: StartSandbox, sweep: Callable[[Sandbox], dict[str, Any]]
) -> None:
    here, there = (start_sandbox(scenario=crowd(finished=1, unallocated=6)) for _server in range(2))
    there.set(refuse_writes=True)
    stuck = [sweep(there)["change"]["change_id"] for _hour in range(2)]
    assert stuck == ["sweep-1-1"] * 2
    first = sweep(here)["change"]
    unallocated = [here.participant(number)["state"] for number in range(1, 8)].count("unallocated")
    second = sweep(here)["change"]
    assert [(each["change_id"], each["sent"]) for each in (first, second)] == [
        ("sweep-1-2", 6),
        ("sweep-1-3", unallocated),
    ]
    assert unallocated
    assert sweep(there)["change"]["change_id"] == "sweep-1-1"


def test_a_sweep_that_began_on_two_servers_at_once_is_judged_by_that_of_the_server() -> None:
    campaign = {"campaign_id": 1, "participants": 2, "finished": 0, "failed": 0, "canceled": 0}
    other = {**HERE, "api_url": "https://other.example.net/api.php"}
    shards = [{**HERE, "status": "applied", "planned": LONG_AGO}, {**other, "status": "aborted", "planned": LONG_AGO}]
    changes = [{"change_id": "sweep-1-1", "status": "aborted", "planned": LONG_AGO, "shards": shards}]
    assert sweep_change(changes, "sweep", campaign, HERE)["change_id"] == "sweep-1-2"
    assert sweep_change(changes, "sweep", campaign, other)["change_id"] == "sweep-1-1"
    assert sweep_change(changes, "sweep", campaign, {**HERE, "node": "ota2"})["change_id"] == "sweep-1-2"
    # As release 1.0.0 has recorded the URL.
    shards[1]["api_url"] = "https://other.example.net:443//api.php/"
    assert sweep_change(changes, "sweep", campaign, other)["change_id"] == "sweep-1-1"
    assert old_sweeps(changes, "sweep", 30, HERE) == ["sweep-1-1"]
    assert old_sweeps(changes, "sweep", 30, other) == []


@pytest.mark.parametrize(
    ("change_id", "status", "planned", "days", "is_old"),
    [
        ("sweep-1-1", "applied", LONG_AGO, 30, True),
        ("sweep-22-33", "verified", LONG_AGO, 0, True),
        ("sweep-1-1", "applied", "2999-01-01T00:00:00.000Z", 30, False),
        ("sweep-1-1", "applied", LONG_AGO, 100_000, False),
        ("sweep-1-1", "purged", LONG_AGO, 30, False),
        ("sweep-1-1", "in_progress", LONG_AGO, 30, False),
        ("sweep-1-1", "planning", None, 30, False),
        ("sweep-1", "applied", LONG_AGO, 30, False),
        ("sweep-1-1-1", "applied", LONG_AGO, 30, False),
        ("my-sweep-1-1", "applied", LONG_AGO, 30, False),
    ],
)
def test_which_sweeps_are_purged(change_id: str, status: str, planned: str | None, days: int, is_old: bool) -> None:
    shards = [{**HERE, "status": status, "planned": planned}]
    changes = [{"change_id": change_id, "status": status, "planned": planned, "shards": shards}]
    assert old_sweeps(changes, "sweep", days, HERE) == ([change_id] if is_old else [])
