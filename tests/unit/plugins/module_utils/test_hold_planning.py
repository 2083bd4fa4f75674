# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change is held and stopped while its plan is being made, and where the run that made it was killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.plan import Plan
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, nonzero_counts
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

HALTS = {
    "held": {"requested_by": "ann", "reason": "The SMSC queues.", "action": None, "selection": None},
    "stopped": {"requested_by": "bob", "reason": "wrong campaign", "action": None, "selection": None},
}
Info = Callable[..., dict[str, Any]]


class KilledError(BaseException):
    """Ends a run as a signal would."""


@pytest.fixture
def info(run_task: RunTask, ledger: str) -> Info:
    """Read the change as a whole with the module that only reads."""
    return lambda: run_task(yateota_bulk_info, "", ledger=ledger, change_id="CHG1")


@pytest.fixture
def kill_planner(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leave a change as a run does that is killed when it has read its selection."""

    def killed(*_given: Any, **_named: Any) -> None:
        raise KilledError

    def kill(*server: Sandbox) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Plan, "leave_out_misidentified", killed)
            patched.setattr(Change, "discard", lambda _change: None)
            patched.setattr(Change, "end_run", lambda *_given: None)
            with pytest.raises(KilledError):
                bulk("planned", *server)

    return kill


def while_planning(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> list[Any]:
    """Let something happen once, when the first rows of a plan were read; the list gets what it returns."""
    add, done = Plan.add, []

    def act_first(plan: Plan, *given: Any) -> None:
        if not done:
            done.append(act())
        add(plan, *given)

    monkeypatch.setattr(Plan, "add", act_first)
    return done


def both_modes(bulk: Bulk, state: str, *server: Sandbox) -> tuple[dict[str, Any], ...]:
    """The results of a hold or a stop in check mode, and really."""
    return tuple(bulk(state, *server, check_mode=check_mode, **HALTS[state]) for check_mode in (True, False))


@pytest.mark.parametrize("state", HALTS)
def test_a_run_that_still_plans_sends_nothing(
    bulk: Bulk, sandbox: Sandbox, info: Info, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    halts = while_planning(monkeypatch, lambda: both_modes(bulk, state))
    result = bulk("applied")
    for foreseen_or_made in halts[0]:
        assert "failed" not in foreseen_or_made, foreseen_or_made["msg"]
        assert foreseen_or_made["changed"]
    assert (halts[0][0]["change"]["status"], halts[0][1]["change"]["status"]) == ("planning", state)
    assert (result["failure"]["kind"], nonzero_counts(result)) == (state, {"planned": 44})
    assert sandbox.writes() == []
    assert info()["change"]["status"] == state
    planned = bulk("planned")
    assert (planned["change"]["status"], planned["change"][state]["by"]) == (state, HALTS[state]["requested_by"])


@pytest.mark.parametrize("state", HALTS)
def test_a_change_whose_planner_was_killed_is_halted(
    bulk: Bulk, kill_planner: Callable[..., None], info: Info, state: str
) -> None:
    kill_planner()
    assert info()["change"]["status"] == "planning"
    foreseen, made = both_modes(bulk, state)
    assert (foreseen["changed"], foreseen["change"]["status"]) == (True, "planning")
    assert (made["changed"], made["change"]["status"], info()["change"]["status"]) == (True, state, state)
    assert [each["changed"] for each in both_modes(bulk, state)] == [False, False]
    planned = bulk("planned")
    assert (planned["changed"], planned["change"]["status"], planned["remaining"]) == (True, state, 44)
    assert bulk("applied")["failure"]["kind"] == state


def test_a_hold_on_an_unfinished_plan_is_released(bulk: Bulk, kill_planner: Callable[..., None]) -> None:
    kill_planner()
    both_modes(bulk, "held")
    released = bulk("released", action=None, selection=None)
    assert (released["changed"], released["change"]["status"]) == (True, "planning")
    assert nonzero_counts(bulk("applied")) == {"done": 44}


def test_options_that_are_refused_name_the_halt(bulk: Bulk, kill_planner: Callable[..., None]) -> None:
    kill_planner()
    refused = bulk("held", **{**HALTS["held"], "action": "rerun"})
    assert "is recorded with action 'retry', not 'rerun'" in refused["msg"]
    both_modes(bulk, "stopped")
    for check_mode in (True, False):
        refused = bulk("held", check_mode=check_mode, **HALTS["held"])
        assert (refused["failure"]["kind"], refused["change"]["stopped"]["by"]) == ("stopped", "bob")


@pytest.mark.parametrize("state", HALTS)
def test_a_server_whose_planner_was_killed_halts_the_others(
    bulk: Bulk, sandbox: Sandbox, start_sandbox: StartSandbox, kill_planner: Callable[..., None], state: str
) -> None:
    other = start_sandbox()
    bulk("planned")
    kill_planner(other)
    foreseen, made = both_modes(bulk, state, other)
    assert (foreseen["changed"], made["changed"], len(made["shards"])) == (True, True, 2)
    assert bulk("applied")["failure"]["kind"] == state
    assert sandbox.writes() == []


@pytest.mark.parametrize("state", HALTS)
def test_a_halt_outlives_a_plan_that_fails(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Whoever held it relies on it: the next run of the job must not send."""

    def halt_and_fail() -> None:
        both_modes(bulk, state)
        raise InvalidInputError("The list cannot be read.")

    with monkeypatch.context() as patched:
        while_planning(patched, halt_and_fail)
        assert bulk("applied")["msg"] == "The list cannot be read."
    assert bulk("applied")["failure"]["kind"] == state
    assert sandbox.writes() == []


def test_a_halt_outlives_a_plan_that_is_empty(bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = {"campaign_id": 167, "state": "unallocated"}
    with monkeypatch.context() as patched:
        while_planning(patched, lambda: both_modes(bulk, "held"))
        assert not bulk("applied", selection=empty)["changed"]
    assert bulk("applied")["failure"]["kind"] == "held"
    bulk("released", action=None, selection=None)
    assert nonzero_counts(bulk("applied")) == {"done": 44}


@pytest.mark.parametrize("state", HALTS)
def test_a_change_that_was_given_up_meanwhile_is_not_reported_as_halted(
    bulk: Bulk, kill_planner: Callable[..., None], monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Its planner fails when the hold has found the change, before the hold is recorded."""
    kill_planner()
    set_once = Change._set_once

    def given_up_before(change: Change, *given: Any) -> bool:
        change.discard()
        return set_once(change, *given)

    monkeypatch.setattr(Change, "_set_once", given_up_before)
    refused = bulk(state, **HALTS[state])
    assert refused["failed"]
    assert "change_id 'CHG1' is not in the ledger" in refused["msg"]
