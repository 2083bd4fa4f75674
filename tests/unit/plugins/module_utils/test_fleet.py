# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change over several servers: each has its shard, and they are planned, held and shown as one."""

from __future__ import annotations

import contextlib
import csv
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.states import ChangeStatus, whole_status
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

from yateota_sandbox import Sandbox

HOLD = {"requested_by": "ann", "reason": "The SMSC queues."}


@pytest.fixture
def fleet(start_sandbox: StartSandbox) -> list[Sandbox]:
    """Three servers, in the order of their URLs."""
    return sorted((start_sandbox() for _each in range(3)), key=lambda box: box.url)


@pytest.fixture
def info(run_task: RunTask, ledger: str) -> Callable[..., dict[str, Any]]:
    """Read the ledger, for a server or for all."""

    def read(server: Sandbox | None = None, **options: Any) -> dict[str, Any]:
        return run_task(yateota_bulk_info, server.url if server else "", ledger=ledger, **options)

    return read


def api_url(box: Sandbox) -> str:
    return f"{box.url.rstrip('/')}/api.php" if not box.url.endswith(".php") else box.url


# --- The key ----------------------------------------------------------------------------------------------------------


@pytest.mark.any_database
def test_one_change_id_has_a_shard_for_each_server(bulk: Bulk, fleet: list[Sandbox], info: Any) -> None:
    for box in fleet:
        plan = bulk("planned", box)
        assert (plan["changed"], plan["remaining"], plan["change"]["api_url"]) == (True, 44, api_url(box))
    assert not any(bulk("planned", box)["changed"] for box in fleet)
    bulk("applied", fleet[0])
    bulk("applied", fleet[1], max_waves=1, rollout={"canary": 5})

    whole = info(change_id="CHG1")
    assert (whole["change"]["status"], whole["remaining"], whole["change"]["selected"]) == ("in_progress", 83, 132)
    assert (whole["change"]["api_url"], whole["change"]["node"]) == (None, "ota")
    assert [(shard["api_url"], shard["status"], shard["counts"]["done"]) for shard in whole["shards"]] == [
        (api_url(fleet[0]), "applied", 44),
        (api_url(fleet[1]), "in_progress", 5),
        (api_url(fleet[2]), "planned", 0),
    ]
    assert len(whole["change"]["runs"]) == 8
    part = info(fleet[1], change_id="CHG1")
    assert (part["change"]["counts"]["done"], part["remaining"]) == (5, 39)
    assert [shard["api_url"] for shard in part["shards"]] == [api_url(fleet[1])]
    (listed,) = info()["changes"]
    assert (listed["servers"], listed["selected"], listed["counts"]["done"]) == (3, 132, 49)
    assert listed["shards"] == whole["shards"]

    for box in fleet:
        assert bulk("applied", box)["change"]["counts"]["done"] == 44
        assert not bulk("applied", box)["changed"]
        assert set(acted_on(box).values()) == {1}
        assert len(acted_on(box)) == 44
    assert info(change_id="CHG1")["change"]["status"] == "applied"


def test_the_report_of_the_whole_has_all_participants(
    bulk: Bulk, fleet: list[Sandbox], info: Any, tmp_path: Path
) -> None:
    for box in fleet:
        bulk("planned", box)
    dest = tmp_path / "report.csv"
    info(change_id="CHG1", report_dest=str(dest))
    rows = list(csv.DictReader(dest.read_text().splitlines()))
    assert Counter(row["api_url"] for row in rows) == dict.fromkeys(map(api_url, fleet), 44)
    info(fleet[0], change_id="CHG1", report_dest=str(dest))
    assert {row["api_url"] for row in csv.DictReader(dest.read_text().splitlines())} == {api_url(fleet[0])}
    page = tmp_path / "page.html"
    info(change_id="CHG1", report_dest=str(page), format="html")
    shown = page.read_text()
    assert all(api_url(box) in shown for box in fleet)


@pytest.mark.any_database
def test_a_server_is_the_same_however_its_url_is_spelled(
    bulk: Bulk, fleet: list[Sandbox], info: Any, ledger: str
) -> None:
    url = api_url(fleet[0])
    bulk("planned", f" {url.replace('http://', 'HTTP://').replace('/api.php', '//api.php/')}")
    assert not bulk("planned", url)["changed"]
    assert [shard["api_url"] for shard in info(change_id="CHG1")["shards"]] == [url]
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.write() as connection:
        connection.execute(changes.update().values(api_url=f"{url}/"))  # as release 1.0.0 recorded it
    assert not bulk("planned", url)["changed"]
    assert bulk("applied", url)["change"]["counts"]["done"] == 44
    assert len(info(change_id="CHG1")["shards"]) == 1
    assert set(acted_on(fleet[0]).values()) == {1}


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"action": "hurry"}, "is recorded with action 'retry' on {}, not 'hurry': a change has the same action"),
        ({"rollout": {"wave_size": 7}}, "is recorded with rollout.wave_size 1000 on {}, not 7: a change has the same"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_another_action_or_other_limits_are_refused(
    bulk: Bulk, fleet: list[Sandbox], options: dict[str, Any], words: str, check_mode: bool
) -> None:
    bulk("planned", fleet[0])
    refused = bulk("planned", fleet[1], check_mode=check_mode, **options)
    assert refused["failure"]["kind"] == "invalid_input"
    assert words.format(api_url(fleet[0])) in refused["msg"]
    assert bulk("planned", fleet[1])["changed"]


@pytest.mark.any_database
@pytest.mark.parametrize("state", ["applied", "verified", "purged"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_only_planning_adds_a_server(bulk: Bulk, fleet: list[Sandbox], state: str, check_mode: bool) -> None:
    bulk("planned", fleet[0])
    refused = bulk(state, fleet[1], check_mode=check_mode)
    assert f"is recorded for {api_url(fleet[0])} (node 'ota'), not for {api_url(fleet[1])}" in refused["msg"]
    assert not any(box.writes() for box in fleet)


def test_shards_that_are_planned_at_once_are_one_change(bulk: Bulk, fleet: list[Sandbox], info: Any) -> None:
    """Two of them with the same limits, and one with others: what comes last is refused, whichever that is."""
    results: dict[str, dict[str, Any]] = {}

    def plan(box: Sandbox, size: int) -> None:
        results[box.url] = bulk("planned", box, rollout={"wave_size": size})

    threads = [threading.Thread(target=plan, args=each) for each in zip(fleet, (10, 10, 20), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = {box.url: size for box, size in zip(fleet, (10, 10, 20), strict=True)}
    taken = {sizes[url] for url, result in results.items() if not result.get("failed")}
    assert len(taken) == 1
    assert len(info(change_id="CHG1")["shards"]) == (2 if taken == {10} else 1)


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (["applied", "applied"], "applied"),
        (["verified", "applied"], "applied"),
        (["waiting", "applied"], "waiting"),
        (["waiting", "planned"], "in_progress"),
        (["verified", "purged"], "verified"),
        (["planned", "approved"], "planned"),
        (["planned", "applied"], "in_progress"),
        (["applied", "in_progress"], "in_progress"),
        (["window_closed", "applied"], "window_closed"),
        (["aborted", "in_progress"], "aborted"),
        (["held", "applied"], "held"),
    ],
)
def test_the_status_of_the_whole(statuses: list[str], whole: str) -> None:
    for order in (statuses, statuses[::-1]):
        assert whole_status([ChangeStatus(status) for status in order]) == whole


# --- Hold, release, stop ----------------------------------------------------------------------------------------------


def test_a_hold_and_a_stop_are_for_all_servers(bulk: Bulk, fleet: list[Sandbox], info: Any) -> None:
    for box in fleet[:2]:
        bulk("planned", box)
    held = bulk("held", fleet[2], **HOLD)  # the server does not matter
    assert held["changed"]
    assert info(change_id="CHG1")["change"]["status"] == "held"
    assert not bulk("held", fleet[0], **HOLD)["changed"]
    late = bulk("planned", fleet[2])
    assert (late["change"]["status"], late["change"]["held"]["by"]) == ("held", "ann")
    for box in fleet:
        assert bulk("applied", box)["failure"]["kind"] == "held"
    assert bulk("released", fleet[1])["changed"]
    assert {shard["status"] for shard in info(change_id="CHG1")["shards"]} == {"planned"}
    bulk("applied", fleet[0])
    assert bulk("stopped", fleet[1], **HOLD)["changed"]
    assert [bulk("applied", box).get("failure", {}).get("kind") for box in fleet] == [None, "stopped", "stopped"]
    whole = info(change_id="CHG1")
    assert [shard["status"] for shard in whole["shards"]] == ["applied", "stopped", "stopped"]
    assert (whole["change"]["status"], len(acted_on(fleet[0])), len(fleet[1].writes())) == ("stopped", 44, 0)


def test_a_hold_is_seen_by_the_runs_of_all_servers(bulk: Bulk, fleet: list[Sandbox], ledger: str) -> None:
    results: list[dict[str, Any]] = []
    for box in fleet:
        bulk("planned", box)
    runs = [
        threading.Thread(
            target=lambda box=box: results.append(bulk("applied", box, rollout={"maximum_per_second": 10}))
        )
        for box in fleet
    ]
    for run in runs:
        run.start()
    while not all(len(box.writes()) >= 2 for box in fleet):
        runs[0].join(0.02)
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        assert change.hold("ann", "now")
    held = time.time()
    for run in runs:
        run.join()
    assert [result["failure"]["kind"] for result in results] == ["held"] * 3
    assert all(len(box.writes()) < 44 for box in fleet)
    assert max(entry["time"] for box in fleet for entry in box.writes()) < held + 2


def test_a_shard_that_ended_does_not_keep_the_others_from_being_held(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet[:2]:
        bulk("planned", box)
    bulk("applied", fleet[0])
    assert bulk("held", fleet[0], **HOLD)["changed"]
    assert bulk("applied", fleet[1])["failure"]["kind"] == "held"
    assert bulk("planned", fleet[0])["change"]["status"] == "applied"


# --- Approval ---------------------------------------------------------------------------------------------------------

APPROVER = {"approved_by": "j.doe"}


def test_one_approval_with_the_total_is_for_all_servers(bulk: Bulk, fleet: list[Sandbox], info: Any) -> None:
    for box in fleet:
        plan = bulk("planned", box, require_approval=True)
    assert sum(shard["counts"]["planned"] for shard in plan["shards"]) == 132
    for count, got in ((None, "it is not set"), (44, "got 44")):
        refused = bulk("approved", fleet[1], confirm_count=count, **APPROVER)
        assert f"confirm_count must be 132, the number that change CHG1 acts on on 3 servers; {got}" in refused["msg"]
    assert bulk("applied", fleet[0])["failure"]["kind"] == "invalid_input"
    done = bulk("approved", fleet[1], confirm_count=132, **APPROVER)
    assert (done["changed"], {shard["status"] for shard in done["shards"]}) == (True, {"approved"})
    assert not bulk("approved", fleet[0], confirm_count=132, **APPROVER)["changed"]
    whole = info(change_id="CHG1")["change"]
    assert whole["plan_digest"] == whole["approval"]["fleet_digest"] == done["change"]["approval"]["fleet_digest"]
    for box in fleet:
        assert bulk("applied", box)["change"]["counts"]["done"] == 44


def test_a_server_that_is_planned_afterwards_voids_the_approval_of_all(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet[:2]:
        bulk("planned", box, require_approval=True)
    bulk("approved", fleet[0], confirm_count=88, **APPROVER)
    bulk("applied", fleet[0])
    late = bulk("planned", fleet[2], require_approval=True)
    assert [shard["status"] for shard in late["shards"]] == ["applied", "planned", "planned"]
    for box in fleet[1:]:
        assert "waits for approval" in bulk("applied", box)["msg"]
    assert "confirm_count must be 88" in bulk("approved", fleet[0], confirm_count=44, **APPROVER)["msg"]
    assert bulk("approved", fleet[0], confirm_count=88, **APPROVER)["changed"]
    assert all(bulk("applied", box)["change"]["status"] == "applied" for box in fleet)


@pytest.mark.any_database
def test_an_approval_that_misses_a_server_is_void(bulk: Bulk, fleet: list[Sandbox], ledger: str) -> None:
    """As where the other server is planned while the approval is being recorded."""
    for box in fleet[:2]:
        bulk("planned", box)
    bulk("approved", fleet[0], confirm_count=88, **APPROVER)
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change = find_change(opened, "CHG1", (api_url(fleet[1]), "ota"))
        assert change
        change.update(plan_digest="0" * 64)
    refused = bulk("applied", fleet[0])
    assert "is void: j.doe approved the plans of all servers together" in refused["msg"]
    assert not fleet[0].writes()


@pytest.mark.any_database
def test_a_shard_can_be_approved_alone(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet[:2]:
        bulk("planned", box, require_approval=True)
        assert bulk("approved", box, approval_scope="shard", confirm_count=44, **APPROVER)["changed"]
    bulk("planned", fleet[2], require_approval=True)
    assert all(bulk("applied", box)["change"]["counts"]["done"] == 44 for box in fleet[:2])
    assert "waits for approval" in bulk("applied", fleet[2])["msg"]


@pytest.mark.any_database
def test_plans_with_other_limits_are_not_approved_together(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet[:2]:
        bulk("planned", box)
    new = {"replan": True, "rollout": {"wave_size": 7}}
    bulk("planned", fleet[0], **new)
    refused = bulk("approved", fleet[0], confirm_count=88, **APPROVER)
    assert f"rollout.wave_size 7 on {api_url(fleet[0])}, and with 1000 on {api_url(fleet[1])}" in refused["msg"]
    bulk("planned", fleet[1], **new)
    assert bulk("approved", fleet[0], confirm_count=88, **APPROVER)["changed"]


@pytest.mark.any_database
def test_who_planned_one_of_them_cannot_approve_all(bulk: Bulk, fleet: list[Sandbox]) -> None:
    bulk("planned", fleet[0], requested_by="ann")
    bulk("planned", fleet[1], requested_by="bob")
    refused = bulk("approved", fleet[0], confirm_count=88, approved_by="bob")
    assert "was planned by ann and bob, and bob cannot approve it" in refused["msg"]
