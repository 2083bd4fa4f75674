# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do between the check of a plan or an approval and what follows from it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import approve as approving
from ansible_collections.simops.yateota.plugins.module_utils._change.options import RolloutOptions
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.plan import Plan
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.test_fleet import fleet

from yateota_sandbox import Sandbox

__all__ = ["fleet"]

pytestmark = pytest.mark.any_database

NEEDED: dict[str, Any] = {"require_approval": True, "requested_by": "ann"}
WAVES: dict[str, Any] = {"rollout": {"wave_size": 10, "maximum_per_second": 40}}


def approve(bulk: Bulk, server: Sandbox, **options: Any) -> dict[str, Any]:
    return bulk("approved", server, **{"approved_by": "bob", "action": None, "selection": None, **options})


@pytest.fixture
def opens_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Close every window until the rollout has begun: the check before it finds nothing that could be sent."""

    def do() -> None:
        answers = iter([False])
        is_open = RolloutOptions.is_open
        monkeypatch.setattr(RolloutOptions, "is_open", lambda self, now: next(answers, is_open(self, now)))

    return do


@pytest.mark.parametrize(
    ("plan", "given", "words"),
    [
        ({}, {}, "waits for approval"),
        ({"rollout": {"wave_size": 10}}, {"rollout": {"wave_size": 20}}, "waits for approval"),
    ],
)
def test_an_approval_is_asked_for_when_the_window_opens_later(
    bulk: Bulk,
    sandbox: Sandbox,
    opens_later: Callable[[], None],
    plan: dict[str, Any],
    given: dict[str, Any],
    words: str,
) -> None:
    bulk("planned", **NEEDED, **plan)
    opens_later()
    refused = bulk("applied", **NEEDED, **(plan | given))
    assert (refused["failed"], refused["failure"]["kind"]) == (True, "invalid_input")
    assert words in refused["msg"]
    assert not sandbox.writes()
    approve(bulk, sandbox)
    assert bulk("applied", **NEEDED, **plan)["change"]["counts"]["done"] == 44


def test_looser_limits_are_refused_when_the_window_opens_later(
    bulk: Bulk, sandbox: Sandbox, opens_later: Callable[[], None]
) -> None:
    bulk("planned", **NEEDED, rollout={"wave_size": 10})
    approve(bulk, sandbox)
    opens_later()
    refused = bulk("applied", **NEEDED, rollout={"wave_size": 20})
    assert "is approved with tighter limits" in refused["msg"]
    assert not sandbox.writes()


def test_unknown_outcomes_are_not_planned_again_without_an_approval(
    bulk: Bulk, sandbox: Sandbox, opens_later: Callable[[], None]
) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=3, times=1)
    bulk("planned", **NEEDED, **WAVES)
    approve(bulk, sandbox)
    begun = bulk("applied", **NEEDED, **WAVES, max_waves=1)
    assert begun["change"]["counts"]["unknown"] == 1
    bulk("planned", **NEEDED, rollout={"wave_size": 1000}, replan=True)  # other limits, which nobody has approved
    opens_later()
    refused = bulk("applied", **NEEDED, rollout={"wave_size": 1000}, unknown="resend")
    assert "waits for approval" in refused["msg"]
    assert refused["change"]["counts"]["unknown"] == 1
    assert len(sandbox.writes()) == len(acted_on(sandbox)) + 1 == 10


def test_a_run_ends_when_its_approval_is_void(bulk: Bulk, fleet: list[Sandbox]) -> None:
    first, second = fleet[:2]
    bulk("planned", first, **NEEDED, **WAVES)
    approve(bulk, first)
    results: list[dict[str, Any]] = []
    running = threading.Thread(target=lambda: results.append(bulk("applied", first, **NEEDED, **WAVES)))
    running.start()
    while not first.writes() and running.is_alive():
        time.sleep(0.01)
    bulk("planned", second, **NEEDED, **WAVES)
    void_at = time.time()
    running.join()
    (ended,) = results
    assert "The approval of change CHG1 is void" in ended["msg"]
    assert ended["failure"]["kind"] == "invalid_input"
    assert max(entry["time"] for entry in first.writes()) < void_at + 1
    assert 0 < len(first.writes()) < 44
    assert "waits for approval" in bulk("applied", first, **NEEDED, **WAVES)["msg"]

    approve(bulk, first, confirm_count=88 - len(first.writes()))
    for box in (first, second):
        assert bulk("applied", box, **NEEDED, **WAVES)["change"]["counts"]["done"] == 44
        assert set(acted_on(box).values()) == {1}


def test_a_run_that_needs_no_approval_is_not_ended_when_one_is_void(bulk: Bulk, fleet: list[Sandbox]) -> None:
    first, second = fleet[:2]
    bulk("planned", first, **WAVES, requested_by="ann")
    approve(bulk, first)
    results: list[dict[str, Any]] = []
    running = threading.Thread(target=lambda: results.append(bulk("applied", first, **WAVES)))
    running.start()
    while not first.writes() and running.is_alive():
        time.sleep(0.01)
    bulk("planned", second, **WAVES, requested_by="ann")
    running.join()
    assert results[0]["change"]["counts"]["done"] == 44


def test_an_approval_of_all_leaves_what_has_begun_as_it_is(
    bulk: Bulk, fleet: list[Sandbox], monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    """A run of another server begins while the plans are read; planned again, it would forget what it has sent."""
    first, second = fleet[:2]
    for box in (first, second):
        bulk("planned", box, **WAVES, requested_by="ann")
    record = approving.record_approvals

    def begin_first(*given: Any, **named: Any) -> None:
        assert bulk("applied", second, **WAVES, max_waves=1)["change"]["counts"]["done"] == 10
        record(*given, **named)

    monkeypatch.setattr(approving, "record_approvals", begin_first)
    assert approve(bulk, first, confirm_count=88)["changed"]
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        found = find_change(opened, "CHG1", (second.url, "ota"))
        assert found is not None
        assert found.record().status == "in_progress"
        with opened.write() as connection:  # as another way to this status would have it
            connection.execute(changes.update().values(status="approved"))
        with pytest.raises(InvalidInputError, match="has begun, so that it cannot be planned again"):
            Plan(found).begin()
    again = bulk("planned", second, **WAVES, requested_by="ann", replan=True)
    assert (again["changed"], again["change"]["counts"]["done"]) == (False, 10)
    assert bulk("applied", second, **WAVES)["change"]["counts"]["done"] == 44
    assert set(acted_on(second).values()) == {1}


def test_what_is_approved_is_what_was_counted(
    bulk: Bulk, fleet: list[Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The approver plans another server himself after his number of SIMs was checked."""
    first, second = fleet[:2]
    bulk("planned", first, **NEEDED)
    record = approving.record_approvals

    def plan_first(*given: Any, **named: Any) -> None:
        bulk("planned", second, **{**NEEDED, "requested_by": "bob"})
        record(*given, **named)

    monkeypatch.setattr(approving, "record_approvals", plan_first)
    refused = approve(bulk, first, confirm_count=44)
    assert "A plan was made while it was being approved" in refused["msg"]
    monkeypatch.undo()
    assert "was planned by ann and bob, and bob cannot approve it" in approve(bulk, first, confirm_count=88)["msg"]
    for box in (first, second):
        assert "waits for approval" in bulk("applied", box, **NEEDED)["msg"]
        assert not box.writes()
