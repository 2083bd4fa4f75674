# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of a change on several servers share an abort threshold and a rate, and begin in stages."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_verdict import change_verdict
from ansible_collections.simops.yateota.plugins.module_utils._change.limits import loosened
from ansible_collections.simops.yateota.plugins.module_utils._core.states import RowState
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempt, Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import (
    Change,
    find_change,
    find_or_create_change,
)
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.fleet import abort_all, resume_all
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease_time import lease_remaining
from ansible_collections.simops.yateota.plugins.module_utils._ledger.siblings import Siblings
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes, participants, sa
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.test_fleet import acted_on, api_url, fleet
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.test_rollout import scenario_that_fails
from ansible_collections.simops.yateota.tests.unit.plugins.servers import StartSandbox

from yateota_sandbox import Sandbox

__all__ = ["fleet"]

PLANNED = (sa.literal("planned"), sa.literal(0))
"""The state of a participant, and how often it was found."""

BUDGET = {"scope": "fleet", "threshold_percentage": 10, "minimum_executed": 10}


class Runs:
    """A run for each server, all at once, each in a thread of its own."""

    def __init__(self, bulk: Bulk, boxes: list[Sandbox], **options: Any) -> None:
        self._results: dict[str, dict[str, Any]] = {}
        self._boxes = boxes

        def run(box: Sandbox) -> None:
            self._results[box.url] = bulk("applied", box, **options)

        self._threads = [threading.Thread(target=run, args=(box,)) for box in boxes]
        for thread in self._threads:
            thread.start()

    def results(self) -> list[dict[str, Any]]:
        for thread in self._threads:
            thread.join()
        return [self._results[box.url] for box in self._boxes]


def refuse(box: Sandbox, times: int = 1000) -> None:
    """Let a server answer each action with an error of its participant."""
    box.fault(request="action_participant", kind="code", code=404, message="Participant not found", times=times)


# --- The budget -------------------------------------------------------------------------------------------------------


def test_the_budget_of_all_trips_at_one_server_and_stops_the_others(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet:
        bulk("planned", box, abort=BUDGET)
    refuse(fleet[2])
    results = Runs(bulk, fleet, abort=BUDGET, rollout={"maximum_per_second": 8}).results()
    assert [result["change"]["status"] for result in results] == ["aborted"] * 3
    assert all(
        re.search(r"on all (its )?servers .*went wrong|on all servers went wrong", result["msg"]) for result in results
    )
    assert all("went wrong (limit 10 %)" in result["msg"] for result in results)
    assert {result["failure"]["kind"] for result in results} == {"api"}
    last_bad = max(entry["time"] for entry in fleet[2].writes())
    for box, result in zip(fleet, results, strict=True):
        assert 0 < len(box.writes()) < 44
        assert result["change"]["counts"]["sending"] == 0
        assert max(entry["time"] for entry in box.writes()) < last_bad + 2

    for box in fleet:
        refused = bulk("applied", box, abort=BUDGET)
        assert "is aborted" in refused["msg"]
    fleet[2].clear_faults()
    resumed = [bulk("applied", box, abort=BUDGET, resume_aborted=box is fleet[0]) for box in fleet]
    assert [result["change"]["counts"]["planned"] for result in resumed] == [0, 0, 0]
    for box in fleet[:2]:
        assert dict(acted_on(box)) == dict.fromkeys(acted_on(box), 1)
        assert len(acted_on(box)) == 44


@pytest.mark.any_database
def test_a_budget_of_each_stops_one_server_alone(bulk: Bulk, fleet: list[Sandbox]) -> None:
    budget = {**BUDGET, "scope": "change"}
    for box in fleet[:2]:
        bulk("planned", box, abort=budget)
    refuse(fleet[1])
    results = Runs(bulk, fleet[:2], abort=budget).results()
    assert [result["change"]["status"] for result in results] == ["applied", "aborted"]


def test_a_server_that_has_not_begun_does_not_begin_after_an_abort(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box in fleet[:2]:
        bulk("planned", box, abort=BUDGET)
    refuse(fleet[0])
    bulk("applied", fleet[0], abort=BUDGET)
    late = bulk("planned", fleet[2], abort=BUDGET)
    assert late["change"]["status"] == "aborted"
    for box in fleet[1:]:
        for check_mode in (True, False):
            assert "is aborted" in bulk("applied", box, abort=BUDGET, check_mode=check_mode)["msg"]
        assert not box.writes()
    done = bulk("applied", fleet[1], abort=BUDGET, resume_aborted=True)
    assert done["change"]["counts"]["done"] == 44
    assert bulk("applied", fleet[2], abort=BUDGET)["change"]["counts"]["done"] == 44


@pytest.mark.any_database
def test_bad_attempts_count_in_relation_to_all(bulk: Bulk, fleet: list[Sandbox]) -> None:
    """4 of 44 on the last server are more than 5 percent there, and less than 5 percent of all."""
    budget = {**BUDGET, "threshold_percentage": 5}
    for box in fleet:
        bulk("planned", box, abort=budget)
    for box in fleet[:2]:
        bulk("applied", box, abort=budget)
    refuse(fleet[2], 4)
    assert bulk("applied", fleet[2], abort=budget)["change"]["status"] == "applied"


def test_a_later_abort_is_not_resumed_by_a_run_that_began_before(bulk: Bulk, fleet: list[Sandbox], ledger: str) -> None:
    bulk("planned", fleet[0])
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        began = change.clock.moment()
        assert abort_all(change, "too many")
        assert not abort_all(change, "another")
        resume_all(change, began - 1)
        assert change.record().abort_reason == "too many"
        resume_all(change, change.clock.moment())
        assert change.record().aborted_at is None


def test_a_run_reads_no_participants_to_know_of_the_others(bulk: Bulk, fleet: list[Sandbox], ledger: str) -> None:
    for box in fleet:
        bulk("planned", box)
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        shard = find_change(opened, "CHG1", (api_url(fleet[0]), "ota"))
        assert shard
        with opened.write() as connection:
            others = changes.c.number != shard.number
            busy = {"executed": 7, "bad": 2, "is_sending": True, "lease_expires": opened.clock() + 60}
            connection.execute(changes.update().where(others).values(busy))
            siblings = Siblings(shard.number, lease_remaining(opened))
            statements: list[str] = []
            sa.event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
            siblings.look(connection)
            siblings.look(connection)  # a moment later: it is not read again
        assert (siblings.executed, siblings.bad, siblings.sending) == (14, 4, 2)
        assert len(statements) == 1
        assert "participants" not in statements[0]


def test_a_block_reads_no_other_participants_of_a_new_plan(new_database: str) -> None:
    """Also before PostgreSQL has statistics of it."""
    number, read = 2000, []
    fetched = "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname = "
    with contextlib.closing(open_ledger(new_database, None)) as opened:
        change = find_or_create_change(opened, "CHG1", api_url="http://x", node="ota", action="retry", selection={})
        plan = sa.select(sa.literal(change.number), sa.column("seq"), sa.cast(sa.column("seq"), sa.Text), *PLANNED)
        given = plan.select_from(sa.func.generate_series(0, number - 1).alias("seq"))
        with opened.write() as connection:
            columns = ["change", "seq", "name", "state", "found"]
            connection.execute(participants.insert().from_select(columns, given, include_defaults=False))
        attempts = Attempts(change, 1)

        def read_and_commit(connection: sa.Connection) -> None:
            read.append(connection.exec_driver_sql(f"{fetched}'{participants.name}'").scalar_one())

        sa.event.listen(opened._engine, "commit", read_and_commit)
        change.update(started=change.clock.moment())  # the clock reads the change's moments once
        block = [Attempt(seq, {}, "failed", True) for seq in range(100, 108)]
        attempts.record([], block)
        for attempt in block:
            attempt.state, attempt.sent_at = RowState.DONE, change.clock.moment()
        attempts.record(block, [])
    assert len(read) == 3
    assert read[-1] - read[0] < number / 10


# --- Stages -----------------------------------------------------------------------------------------------------------


def test_stage_two_begins_when_stage_one_has_ended(bulk: Bulk, fleet: list[Sandbox]) -> None:
    for box, stage in zip(fleet, (1, 1, 2), strict=True):
        assert bulk("planned", box, stage=stage)["change"]["stage"] == stage
    bulk("applied", fleet[0])
    bulk("applied", fleet[1], rollout={"canary": 5}, max_waves=1)
    waiting = bulk("applied", fleet[2])
    assert (waiting["change"]["status"], waiting.get("failed"), waiting["remaining"]) == ("waiting_for_stage", None, 44)
    assert not fleet[2].writes()
    bulk("applied", fleet[1])
    assert bulk("applied", fleet[2])["change"]["status"] == "applied"


def test_stage_two_does_not_begin_beyond_the_threshold(bulk: Bulk, fleet: list[Sandbox]) -> None:
    """All of stage 1 were sent for before its last outcomes were recorded."""
    budget = {"threshold_percentage": 10, "minimum_executed": 45}
    for box, stage in zip(fleet[:2], (1, 2), strict=True):
        bulk("planned", box, stage=stage, abort=budget)
    refuse(fleet[0])
    ended = bulk("applied", fleet[0], abort=budget)
    assert ended["change"]["status"] == "applied"
    given = {"threshold_percentage": 10, "minimum_executed": 40}
    refused = bulk("applied", fleet[1], abort=given)
    assert (refused["failure"]["kind"], refused["change"]["status"]) == ("api", "waiting_for_stage")
    assert "44 of 44 attempts of earlier stages went wrong (limit 10 %)" in refused["msg"]
    assert not change_verdict(refused, {}, {})["well"]


def test_stage_two_does_not_begin_if_what_was_sent_last_fails_within_the_soak(
    bulk: Bulk, start_sandbox: StartSandbox
) -> None:
    """Nothing remains on stage 1 that an abort could keep from being sent."""
    budget = {"threshold_percentage": 10, "minimum_executed": 40}
    options = {"selection": {"campaign_id": 9, "state": "failed"}, "rollout": {"soak": 1.0}, "abort": budget}
    # A thousand times as fast as life, so that messages fail within the soak.
    boxes = [start_sandbox(scenario=scenario_that_fails(), speed=1000) for _server in range(2)]
    for box, stage in zip(boxes, (1, 2), strict=True):
        bulk("planned", box, stage=stage, **options)
    ended = bulk("applied", boxes[0], **options)
    assert (ended["change"]["status"], ended["change"]["states"]) == ("applied", {"failed": 40})
    assert "attempts of earlier stages went wrong" in bulk("applied", boxes[1], **options)["msg"]
    assert not boxes[1].writes()


@pytest.mark.any_database
def test_a_small_stage_one_that_went_wrong_keeps_stage_two_from_beginning(bulk: Bulk, fleet: list[Sandbox]) -> None:
    few = {"selection": {"campaign_id": 167, "participants": [{"participant_id": 195}]}}
    bulk("planned", fleet[0], stage=1, **few)
    bulk("planned", fleet[1], stage=2)
    refuse(fleet[0])
    assert bulk("applied", fleet[0], **few)["change"]["status"] == "applied"
    assert "1 of 1 attempts of earlier stages went wrong" in bulk("applied", fleet[1])["msg"]
    assert not fleet[1].writes()
    # A person has looked at it. What has begun then is not stopped by its stage.
    begun = bulk("applied", fleet[1], resume_aborted=True, rollout={"canary": 5}, max_waves=1)
    assert (begun["change"]["status"], begun["change"]["counts"]["done"]) == ("in_progress", 5)
    assert bulk("applied", fleet[1])["change"]["counts"]["done"] == 44


@pytest.mark.any_database
def test_a_stage_that_may_begin_still_stops_at_a_server_that_refuses_everything(
    bulk: Bulk, fleet: list[Sandbox]
) -> None:
    bulk("planned", fleet[1], stage=2)
    assert bulk("applied", fleet[1])["change"]["status"] == "waiting_for_stage"
    fleet[1].fault(request="action_participant", kind="code", code=401, message="Invalid value", times=1000)
    refused = bulk("applied", fleet[1], resume_aborted=True)
    assert "The server refuses every request alike" in refused["msg"]
    assert refused["change"]["counts"]["planned"] == 44


@pytest.mark.any_database
def test_a_stage_waits_until_each_earlier_one_is_planned(bulk: Bulk, fleet: list[Sandbox]) -> None:
    bulk("planned", fleet[2], stage=3)
    for missing, box in ((1, fleet[0]), (2, fleet[1])):
        refused = bulk("applied", fleet[2])
        assert f"and on no server with stage {missing}" in refused["msg"]
        assert (refused["failure"]["kind"], refused["change"]["status"]) == ("invalid_input", "waiting_for_stage")
        bulk("planned", box, stage=missing)
        assert bulk("applied", fleet[2]).get("failed") is None  # the stage before has not ended
        bulk("applied", box)
    assert not fleet[2].writes()
    assert bulk("applied", fleet[2])["change"]["status"] == "applied"


@pytest.mark.any_database
def test_what_waits_for_its_stage_can_be_planned_again_with_another(bulk: Bulk, fleet: list[Sandbox]) -> None:
    bulk("planned", fleet[0], stage=2)
    bulk("applied", fleet[0])
    assert bulk("planned", fleet[0], stage=1, replan=True)["change"]["stage"] == 1
    assert bulk("applied", fleet[0])["change"]["status"] == "applied"


@pytest.mark.any_database
def test_another_stage_is_refused(bulk: Bulk, fleet: list[Sandbox]) -> None:
    bulk("planned", fleet[0], stage=2)
    assert "is recorded with stage 2" in bulk("applied", fleet[0], stage=1)["msg"]
    assert bulk("planned", fleet[0], stage=1, replan=True)["change"]["stage"] == 1


# --- The rate ---------------------------------------------------------------------------------------------------------


def test_a_rate_for_all_is_shared_by_those_that_send(bulk: Bulk, fleet: list[Sandbox]) -> None:
    rate = {"maximum_per_second": 30, "rate_scope": "fleet"}
    for box in fleet:
        bulk("planned", box, rollout=rate)
    begun = time.monotonic()
    results = Runs(bulk, fleet, rollout=rate).results()
    assert [result["change"]["counts"]["done"] for result in results] == [44] * 3
    assert time.monotonic() - begun > 3 * 44 / 30
    moments = sorted(entry["time"] for box in fleet for entry in box.writes())
    for first in moments:
        assert (
            sum(first <= moment < first + 1 for moment in moments) < 60
        )  # 90 if not shared: a slow machine shifts some


@pytest.mark.parametrize(
    ("option", "approved", "given", "is_looser"),
    [
        ("rollout.rate_scope", "fleet", "change", True),
        ("rollout.rate_scope", "change", "fleet", False),
        ("abort.scope", "fleet", "change", True),
        ("abort.scope", "change", "fleet", True),
        ("abort.scope", "fleet", "fleet", False),
    ],
)
def test_scopes_are_limits(option: str, approved: str, given: str, is_looser: bool) -> None:
    name, suboption = option.split(".")
    window: dict[str, Any] = {"window": {}}
    found = loosened({name: {suboption: approved}, **window}, {name: {suboption: given}, **window})
    assert [each.option for each in found] == [option] * is_looser


def test_a_run_that_ends_is_not_counted_as_sending(bulk: Bulk, fleet: list[Sandbox], ledger: str) -> None:
    rate = {"maximum_per_second": 500, "rate_scope": "fleet"}
    bulk("planned", fleet[0], rollout=rate)
    ended = bulk("applied", fleet[0], rollout=rate)
    assert ended["change"]["counts"]["done"] == 44, ended.get("msg")
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change: Change | None = find_change(opened, "CHG1")
        assert change
        record = change.record()
        assert (record.is_sending, record.executed, record.bad) == (False, 44, 0)
