# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is approved by a second person, and nothing but that plan, within those limits, is sent for."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._change.approve import each_plan_checked_once
from ansible_collections.simops.yateota.plugins.module_utils._change.limits import _LOOSER as LOOSER
from ansible_collections.simops.yateota.plugins.module_utils._change.limits import LIMITS, limits_of, loosened
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk, yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

Alter = Callable[[str], None]
Approve = Callable[..., dict[str, Any]]

LIMITED: dict[str, Any] = {
    "rollout": {"canary": 5, "wave_size": 20, "maximum_per_second": 500, "concurrency": 2, "soak": 0.2},
    "abort": {"threshold_percentage": 20, "minimum_executed": 10, "on_reason": [404, "busy"]},
    "window": {"start": "2026-01-01T00:00:00+01:00", "end": "2099-01-01T00:00:00+00:00"},
}


@pytest.fixture
def alter(ledger: str) -> Alter:
    """Change the ledger behind the collection's back."""
    engine = sa.create_engine(ledger if "://" in ledger else f"sqlite:///{ledger}", poolclass=sa.NullPool)

    def do(statement: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    return do


@pytest.fixture
def plan(bulk: Bulk) -> Bulk:
    """Plan, by alice, a change that needs an approval."""

    def do(state: str = "planned", **options: Any) -> dict[str, Any]:
        return bulk(state, **{"require_approval": True, "requested_by": "alice", "job_id": "71", **options})

    return do  # type: ignore[return-value]


@pytest.fixture
def approve(bulk: Bulk) -> Approve:
    """Approve it, by bob."""

    def do(by: str | None = "bob", **options: Any) -> dict[str, Any]:
        change = {"approved_by": by, "job_id": "72", "action": None, "selection": None, **options}
        return bulk("approved", **change)

    return do


def test_a_plan_of_one_person_is_approved_by_another(
    plan: Bulk, approve: Approve, bulk: Bulk, sandbox: Sandbox
) -> None:
    planned = plan()["change"]
    digest = planned["plan_digest"]
    assert (len(digest), planned["approval"], planned["require_approval"]) == (64, None, True)

    refused = bulk("applied", requested_by="alice")
    assert f"CHG1 waits for approval: plan digest {digest[:12]}, 44 to be acted on" in refused["msg"]
    for name in ("alice", " ALICE "):
        assert f"was planned by alice, and {name} cannot approve it" in approve(name)["msg"]
    assert not sandbox.writes()

    approved = approve(approval_note="seen")
    assert (approved["changed"], approved["change"]["status"]) == (True, "approved")
    assert approved["diff"] == {
        "before": {"status": "planned", "approved_by": None},
        "after": {"status": "approved", "approved_by": "bob"},
    }
    approval = approved["change"]["approval"]
    expected = {"by": "bob", "at": None, "job": "72", "note": "seen", "digest": digest}
    assert {**approval, "at": None, "fleet_digest": None} == {**expected, "fleet_digest": None}
    assert approval["at"] > planned["planned"]

    applied = bulk("applied", requested_by="alice", approved_by="mallory")["change"]
    assert (applied["counts"]["done"], applied["status"], len(sandbox.writes())) == (44, "applied", 44)
    assert (applied["approved_by"], applied["approval"], applied["plan_digest"]) == ("bob", approval, digest)


def test_an_approval_is_recorded_once_and_in_check_mode_not_at_all(plan: Bulk, approve: Approve) -> None:
    assert "is not in the ledger" in approve(check_mode=True)["msg"]
    plan()
    assert "cannot approve it" in approve("alice", check_mode=True)["msg"]
    foreseen = approve(check_mode=True)
    assert (foreseen["changed"], foreseen["change"]["approval"]) == (True, None)
    real = approve()
    assert foreseen["diff"] == real["diff"]
    again = approve("carol")
    assert (again["changed"], again["change"]["approval"]) == (False, real["change"]["approval"])
    assert approve(check_mode=True)["changed"] is False


def test_one_person_may_do_both_where_that_is_allowed(plan: Bulk, approve: Approve, bulk: Bulk) -> None:
    plan()
    approve("alice", allow_self_approval=True)
    assert bulk("applied")["change"]["counts"]["done"] == 44


def test_without_a_name_the_approver_is_who_runs_the_task(bulk: Bulk, approve: Approve) -> None:
    bulk("planned", require_approval=True)
    assert "cannot approve it" in approve(None)["msg"]
    assert approve(None, requested_by="bob")["change"]["approval"]["by"] == "bob"


def test_the_requirement_is_not_dropped_later(plan: Bulk, bulk: Bulk, sandbox: Sandbox) -> None:
    plan()
    for options in ({"require_approval": False}, {"replan": True, "require_approval": False}):
        assert bulk("planned", **options)["change"]["require_approval"] is True
        assert "waits for approval" in bulk("applied", require_approval=False)["msg"]
    assert not sandbox.writes()


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_run_that_plans_waits_for_approval_too(plan: Bulk, check_mode: bool, sandbox: Sandbox) -> None:
    refused = plan("applied", check_mode=check_mode)
    assert "waits for approval" in refused["msg"]
    assert refused["change"]["counts"]["planned"] == 44
    assert not sandbox.writes()


def test_the_requirement_can_be_added_later(plan: Bulk, bulk: Bulk) -> None:
    assert bulk("planned")["change"]["require_approval"] is False
    assert plan(check_mode=True)["changed"] is True
    assert plan()["changed"] is True
    assert plan()["changed"] is False
    assert "waits for approval" in bulk("applied")["msg"]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)  # the comparison is the same on both databases
@pytest.mark.parametrize(
    ("option", "value", "approved"),
    [
        ("rollout.canary", 6, 5),
        ("rollout.canary", None, 5),
        pytest.param("rollout.wave_size", 21, 20, marks=pytest.mark.slow),
        ("rollout.maximum_per_second", 501, 500),
        pytest.param("rollout.maximum_per_second", None, 500, marks=pytest.mark.slow),
        pytest.param("rollout.concurrency", 3, 2, marks=pytest.mark.slow),
        ("rollout.soak", 0.1, 0.2),
        ("abort.threshold_percentage", 21, 20),
        pytest.param("abort.minimum_executed", 11, 10, marks=pytest.mark.slow),
        ("abort.on_reason", ["busy"], "404 and busy"),
        ("window.start", "2025-12-31T22:59:59+00:00", "2025-12-31T23:00:00+00:00"),
        pytest.param("window.start", None, "2025-12-31T23:00:00+00:00", marks=pytest.mark.slow),
        ("window.end", "2099-01-01T00:00:01+00:00", "2099-01-01T00:00:00+00:00"),
        pytest.param("window.end", None, "2099-01-01T00:00:00+00:00", marks=pytest.mark.slow),
    ],
)
def test_a_limit_that_is_loosened_is_refused(
    plan: Bulk, approve: Approve, bulk: Bulk, sandbox: Sandbox, option: str, value: Any, approved: Any
) -> None:
    plan(**LIMITED)
    approve()
    name, suboption = option.split(".")
    looser = {**LIMITED, name: {**LIMITED[name], suboption: value}}
    shown = "not set" if value is None else " and ".join(value) if isinstance(value, list) else value
    for state in ("planned", "applied"):
        for check_mode in (True, False):
            refused = bulk(state, check_mode=check_mode, **looser)
            assert f"{option} is {shown}, expected {approved} or tighter. Nothing was sent." in refused["msg"]
    assert not sandbox.writes()
    assert bulk("applied", **LIMITED)["change"]["counts"]["done"] == 44


def test_each_limit_has_its_comparison() -> None:
    options = {name: yateota_bulk.ARGUMENTS[name]["options"] for name in LIMITS if name in yateota_bulk.ARGUMENTS}
    assert set(LOOSER) == {f"{name}.{each}" for name, those in options.items() for each in those}
    assert not loosened(given(), given())


def given(**options: Any) -> dict[str, dict[str, Any]]:
    return limits_of({**dict.fromkeys(LIMITS), **options}, yateota_bulk.ARGUMENTS)


def test_a_wave_that_is_no_larger_than_the_canary_needs_none() -> None:
    approved = given(rollout={"canary": 5, "wave_size": 20})
    assert not loosened(approved, given(rollout={"wave_size": 5}))
    assert [each.option for each in loosened(approved, given(rollout={"wave_size": 6}))] == ["rollout.canary"]


@pytest.mark.parametrize(
    ("approved", "now", "options"),
    [
        ({"success_percentage": 95}, {"success_percentage": 96}, []),
        ({"success_percentage": 95}, {"success_percentage": 94}, ["rollout.success_percentage"]),
        ({"success_percentage": 95}, {}, ["rollout.success_percentage"]),
        ({}, {"success_percentage": 0}, []),
        ({}, {"soak": 900}, []),
        ({"success_percentage": 95}, {"success_percentage": 95, "soak": 900}, ["rollout.soak"]),
        ({"success_percentage": 95}, {"success_percentage": 95, "soak": 300}, ["rollout.soak"]),
    ],
)
def test_a_proof_is_raised_and_not_lowered(approved: dict[str, Any], now: dict[str, Any], options: list[str]) -> None:
    found = loosened(given(rollout={"soak": 600, **approved}), given(rollout={"soak": 600, **now}))
    assert [each.option for each in found] == options


@pytest.mark.parametrize(
    ("approved", "now", "options"),
    [
        ({}, {"count_unanswered": True}, []),
        ({"count_unanswered": True}, {}, ["abort.count_unanswered"]),
        ({}, {"on_reason": [404]}, ["abort.on_reason"]),
        ({"on_reason": [404, "SMSC busy"]}, {"on_reason": ["404", "busy", 403]}, []),
        ({"on_reason": [404, "SMSC busy"]}, {}, []),
        ({"on_reason": [404, "busy"]}, {"on_reason": [404, "SMSC busy"]}, ["abort.on_reason"]),
    ],
)
def test_more_may_count_as_bad_and_not_less(approved: dict[str, Any], now: dict[str, Any], options: list[str]) -> None:
    rollout = {"soak": 600}
    found = loosened(given(rollout=rollout, abort=approved), given(rollout=rollout, abort=now))
    assert [each.option for each in found] == options


def test_reasons_are_recorded_in_one_form() -> None:
    assert given(abort={"on_reason": ["404", " SMSC  busy"]}) == given(abort={"on_reason": [404, "SMSC busy"]})


NIGHTS = {"hours": ["22:00-05:00"], "days": ["mon", "tue"], "time_zone": "UTC"}


@pytest.mark.parametrize(
    ("window", "options"),
    [
        (NIGHTS, []),
        (NIGHTS | {"days": ["tue"]}, []),
        (NIGHTS | {"hours": ["23:00-24:00", "23:30-04:00"]}, []),
        (NIGHTS | {"hours": ["00:00-04:00"], "days": ["tue"]}, []),
        (NIGHTS | {"calendar": "/freezes.ics", "calendar_means": "frozen"}, []),
        # Monday's first hours are of the window that starts on Sunday.
        (NIGHTS | {"hours": ["00:00-04:00"]}, ["window.hours"]),
        (NIGHTS | {"hours": ["21:59-05:00"]}, ["window.hours"]),
        (NIGHTS | {"hours": None}, ["window.hours"]),
        (NIGHTS | {"days": ["mon", "wed"]}, ["window.days"]),
        (NIGHTS | {"days": None}, ["window.days"]),
        (NIGHTS | {"time_zone": "Europe/Berlin"}, ["window.time_zone"]),
        ({}, ["window.days", "window.time_zone"]),
    ],
)
def test_a_recurring_window_is_narrowed_and_not_widened(window: dict[str, Any], options: list[str]) -> None:
    assert [each.option for each in loosened(given(window=NIGHTS), given(window=window))] == options


def test_a_calendar_stays_the_one_approved() -> None:
    frozen = {"calendar": "/freezes.ics", "calendar_means": "frozen"}
    for window, option in (
        ({"calendar": "/none.ics"}, "window.calendar"),
        ({"calendar_means": "allowed"}, "window.calendar_means"),
    ):
        found = loosened(given(window=frozen), given(window=frozen | window))
        assert [each.option for each in found] == [option]


def test_tighter_limits_are_taken(plan: Bulk, approve: Approve, bulk: Bulk) -> None:
    plan(**LIMITED)
    digest = approve()["change"]["plan_digest"]
    tighter = {
        "rollout": {"canary": 2, "wave_size": 15, "maximum_per_second": 400, "concurrency": 1, "soak": 0.3},
        "abort": {"threshold_percentage": 10, "minimum_executed": 5},
        "window": {"start": "2026-01-02T00:00:00+01:00", "end": "2098-01-01T00:00:00+00:00"},
    }
    assert bulk("planned", **tighter)["changed"] is False
    applied = bulk("applied", **tighter)["change"]
    assert [wave["size"] for wave in applied["waves"]] == [2, 15, 15, 12]
    assert applied["plan_digest"] == digest


def test_a_plan_that_is_made_anew_is_approved_anew(
    plan: Bulk, approve: Approve, bulk: Bulk, sandbox: Sandbox, tmp_path: Path
) -> None:
    """With one more SIM, then with other limits: by bob, who cannot approve what he planned."""
    listed = [{"participant_id": str(number), "campaign_id": "167"} for number in (185, 186, 187)]
    first = plan(selection={"participants": listed[:2]})["change"]
    approve()
    more = {"participants": listed}
    assert "another selection" in plan(selection=more)["msg"]
    foreseen = plan(selection=more, replan=True, check_mode=True)["change"]
    assert (foreseen["selected"], bulk("planned", selection=None)["change"]["selected"]) == (3, 2)
    second = plan(selection=more, replan=True)["change"]
    assert (second["status"], second["approval"], second["selected"]) == ("planned", None, 3)
    assert second["plan_digest"] != first["plan_digest"]
    assert "waits for approval" in bulk("applied", selection=None)["msg"]

    approve()
    third = plan(selection=more, replan=True, requested_by="bob", rollout={"wave_size": 7000})["change"]
    assert third["approval"] is None
    for name in ("alice", "bob"):
        assert f"was planned by alice and bob, and {name} cannot" in approve(name)["msg"]
    assert not sandbox.writes()
    approve("carol")
    assert bulk("applied", selection=None, rollout={"wave_size": 7000})["changed"] is True


def test_limits_are_planned_anew_in_the_middle(plan: Bulk, approve: Approve, bulk: Bulk, sandbox: Sandbox) -> None:
    """What was sent stays as it is."""
    limited = {"rollout": {"wave_size": 10}}
    plan(**limited)
    approve()
    bulk("applied", max_waves=1, **limited)
    for check_mode in (True, False):
        assert plan(replan=True, check_mode=check_mode)["changed"] is True
    change = plan(replan=True)
    assert (change["changed"], change["change"]["status"], change["change"]["approval"]) == (False, "in_progress", None)
    assert "waits for approval" in bulk("applied")["msg"]
    approve()
    bulk("applied")
    assert len({write["params"]["participant_id"] for write in sandbox.writes()}) == len(sandbox.writes()) == 44


ROW = "INSERT INTO yateota_participants (change, seq, name, state, found, attempt) VALUES (1, 99, 'x', 'planned', 0, 0)"


@pytest.mark.parametrize(
    "statement",
    [
        ROW,
        "DELETE FROM yateota_participants WHERE seq = 7",
        "UPDATE yateota_participants SET participant_id = 999 WHERE seq = 7",
        "UPDATE yateota_participants SET iccid = '8931' WHERE seq = 7",
        "UPDATE yateota_changes SET node = 'other'",
        "UPDATE yateota_changes SET limits = '{}'",
    ],
    ids=["added", "deleted", "renamed", "iccid", "node", "limits"],
)
def test_a_plan_that_is_altered_in_the_ledger_is_not_carried_out(
    plan: Bulk, approve: Approve, bulk: Bulk, alter: Alter, sandbox: Sandbox, statement: str
) -> None:
    plan()
    approve()
    alter(statement)
    node = {"node": "other"} if "node" in statement else {}
    for check_mode in (True, False):
        assert "The approval of change CHG1 is void" in bulk("applied", check_mode=check_mode, **node)["msg"]
    assert "was altered in the ledger" in approve("carol", **node)["msg"]
    assert not sandbox.writes()


def test_the_plan_is_digested_once_for_all_waves_of_a_task(
    plan: Bulk, approve: Approve, bulk: Bulk, alter: Alter, sandbox: Sandbox
) -> None:
    plan()
    approve()
    waves: dict[str, Any] = {"rollout": {"wave_size": 10}, "max_waves": 1}
    with each_plan_checked_once():
        bulk("applied", **waves)
        alter("UPDATE yateota_participants SET msisdn = '1' WHERE seq = 0")
        assert bulk("applied", **waves)["change"]["counts"]["done"] == 20
    assert "is void" in bulk("applied", **waves)["msg"]
    with each_plan_checked_once():
        assert all("is void" in bulk("applied", **waves)["msg"] for _ in range(2))
    assert len(sandbox.writes()) == 20


def test_a_rerun_is_approved_with_the_number_of_sims(bulk: Bulk, approve: Approve, sandbox: Sandbox) -> None:
    sims = [{"iccid": sandbox.participant(number)["iccid"], "campaign_id": 167} for number in (195, 196)]
    planned = bulk("planned", action="rerun", selection={"participants": sims}, requested_by="alice")
    number = planned["remaining"]
    for count, got in ((None, "it is not set"), (number + 1, f"got {number + 1}")):
        refused = approve(confirm_count=count)["msg"]
        assert f"confirm_count must be {number}, the number that change CHG1 acts on" in refused
        assert got in refused
    assert approve(confirm_count=number)["change"]["approval"]["by"] == "bob"
    assert approve()["changed"] is False


def test_a_wrong_number_is_refused_for_other_actions_too(plan: Bulk, approve: Approve) -> None:
    plan()
    assert "confirm_count must be 44" in approve(confirm_count=43)["msg"]
    assert approve(confirm_count=44)["changed"] is True


def test_what_has_ended_is_not_approved(bulk: Bulk, approve: Approve) -> None:
    bulk("planned", change_id="CHG2")
    bulk("stopped", change_id="CHG2", reason="wrong SIMs")
    assert "was stopped by" in approve(change_id="CHG2")["msg"]
    bulk("applied")
    assert "CHG1 is applied: nothing remains to be approved" in approve()["msg"]


def test_a_plan_without_a_digest_gets_one_by_its_approval(
    bulk: Bulk, approve: Approve, alter: Alter, sandbox: Sandbox
) -> None:
    """Release 1.0.0 recorded neither digest nor limits: those of the approval are approved."""
    bulk("planned", requested_by="alice")
    alter("UPDATE yateota_changes SET plan_digest = NULL, limits = NULL, planned_by = NULL")
    assert "cannot approve" in approve("alice")["msg"]
    limited = {"rollout": {"wave_size": 20}}
    digest = approve(**limited)["change"]["plan_digest"]
    assert digest
    assert "rollout.wave_size is 1000, expected 20" in bulk("applied")["msg"]
    assert not sandbox.writes()
    assert bulk("applied", **limited)["change"]["plan_digest"] == digest


def test_the_digest_is_the_same_everywhere(
    plan: Bulk, approve: Approve, run_task: RunTask, sandbox: Sandbox, ledger: str, tmp_path: Path
) -> None:
    digest = plan()["change"]["plan_digest"]
    assert approve()["change"]["approval"]["digest"] == digest
    told = run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="CHG1")["change"]
    (listed,) = run_task(yateota_bulk_info, sandbox, ledger=ledger)["changes"]
    for change in (told, listed):
        assert (change["plan_digest"], change["approval"]["digest"], change["approval"]["by"]) == (
            digest,
            digest,
            "bob",
        )
    for form in ("csv", "html"):
        dest = str(tmp_path / f"report.{form}")
        run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="CHG1", report_dest=dest, format=form)
    with (tmp_path / "report.csv").open() as file:
        assert {row["plan_digest"] for row in csv.DictReader(file)} == {digest}
    page = (tmp_path / "report.html").read_text()
    assert f"<th>Digest approved</th><td>{digest}</td>" in page
    assert f"<th>Plan digest</th><td>{digest}</td>" in page


def test_the_digest_is_the_same_on_both_databases(
    run_task: RunTask, sandbox: Sandbox, new_database: str, tmp_path: Path
) -> None:
    change = {"change_id": "CHG1", "action": "retry", "selection": {"campaign_id": 167, "state": "failed"}}
    digests = {
        run_task(yateota_bulk, sandbox, state="planned", ledger=ledger, **change)["change"]["plan_digest"]
        for ledger in (new_database, str(tmp_path / "ledger.sqlite"))
    }
    assert len(digests) == 1
