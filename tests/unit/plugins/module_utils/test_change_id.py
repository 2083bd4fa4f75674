# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a change: what may look like another is refused, and two tasks that race for one do not mix it up."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import task as change_task
from ansible_collections.simops.yateota.plugins.module_utils._core.change_id import alike, check_change_id
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

ONE, OTHER = {"participants": [{"imsi": "001010000000011"}]}, {"participants": [{"imsi": "001010000000013"}]}


UNSEEN = "\n\r\t\x00\u00a0\u200b\ufeff\u2028\u2029\u202e\ud800\ue000\u2003"
FILLERS = "\u034f\u115f\u17b4\u180b\u2800\u3164\ufe0f\uffa0\U000e0100"
ODD = ["", " ", " CHG7", "CHG7 ", "A\u030a", "x" * 201]


@pytest.mark.parametrize("change_id", [*ODD, *(f"CH{each}G7" for each in UNSEEN + FILLERS)], ids=ascii)
def test_what_may_look_like_another_is_refused(change_id: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^change_id '.*' is not valid: expected 1 to 200 characters") as error:
        check_change_id(change_id)
    assert str(error.value).isascii()


@pytest.mark.parametrize("change_id", ["CHG0012345", "CHG 7 / b", "\u00c4nderung 7", "x" * 200])
def test_what_is_seen_as_it_is_passes(change_id: str) -> None:
    check_change_id(change_id)


def test_names_that_are_alike() -> None:
    assert alike("chg7", ["CHG6", "CHG7"]) == "CHG7"
    assert alike("\uff23\uff28\uff277", ["chg7"]) == "chg7"
    assert alike("stra\u00dfe", ["STRASSE"]) == "STRASSE"
    assert alike("CHG  7", ["CHG 7"]) == "CHG 7"
    assert alike("CHG7", ["CHG7", "CHG70", "CHG 7"]) is None


@pytest.mark.parametrize("state", ["planned", "applied", "verified", "purged"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_one_that_differs_by_case_alone_is_refused(
    bulk: Bulk, sandbox: Sandbox, run_task: RunTask, ledger: str, state: str, check_mode: bool
) -> None:
    bulk("planned", change_id="CHG7")
    for other in ("chg7", "\uff23\uff28\uff277"):
        result = bulk(state, change_id=other, check_mode=check_mode)
        assert result["failure"]["kind"] == "invalid_input"
        assert "'CHG7'" in result["msg"]
    bad = bulk(state, change_id="CHG7 ", check_mode=check_mode)
    assert "change_id 'CHG7 ' is not valid" in bad["msg"]
    assert not sandbox.writes()
    told = run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="chg7")
    assert "it holds 'CHG7', give that" in told["msg"]


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ({"action": "rerun", "selection": ONE}, "is recorded with action 'rerun', not 'retry'"),
        ({"action": "retry", "selection": OTHER}, "is recorded with another selection"),
        (
            {"action": "retry", "selection": {"campaign_id": 144, "state": "canceled"}},
            "ended without a plan",
        ),
    ],
)
def test_a_change_that_another_task_planned_meanwhile_is_not_carried_out(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, theirs: dict[str, Any], words: str
) -> None:
    """B has found nothing recorded; before it has its lease, A has planned another change under the name."""
    take = change_task._leased

    def late(*asked: Any) -> Any:
        monkeypatch.setattr(change_task, "_leased", take)
        assert "failure" not in bulk("planned", **theirs)
        return take(*asked)

    monkeypatch.setattr(change_task, "_leased", late)
    result = bulk("applied", action="retry", selection=ONE)
    assert result["failure"]["kind"] == "invalid_input"
    assert words in result["msg"]
    assert not sandbox.writes()


def test_of_two_tasks_that_race_for_a_change_one_carries_out_its_own(bulk: Bulk, sandbox: Sandbox) -> None:
    """In whichever order: nothing but the one's own is sent, and of two names that are alike one is recorded."""
    for turn in range(3):
        results: dict[str, Any] = {}
        tasks = {"retry": ("Race", ONE), "cancel": ("Race" if turn < 2 else "RACE", OTHER)}

        def run(action: str, change_id: str, selection: Any) -> None:
            results[action] = bulk("applied", action=action, change_id=change_id, selection=selection)  # noqa: B023

        threads = [
            threading.Thread(target=run, args=(action, f"{name}{turn}", what)) for action, (name, what) in tasks.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lost = [
            action for action, result in results.items() if result.get("failure", {}).get("kind") == "invalid_input"
        ]
        won = [action for action in tasks if action not in lost]
        assert len(won) == 1, results
        assert [write["params"]["action"] for write in sandbox.writes()][turn:] == won
