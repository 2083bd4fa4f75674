# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further attempts of a change: as many as each participant needs, at their time, and never more than allowed."""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.attempt_policy import (
    ATTEMPT_ACTIONS,
    left_out_of_further,
    prospect,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.policy import Verdict, plan_participant
from ansible_collections.simops.yateota.plugins.module_utils._core.states import Prospect, ServerState
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.further_attempts import FurtherAttempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import (
    earlier_attempts,
    participants,
    sa,
)
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

from yateota_sandbox import Sandbox
from yateota_sandbox.timeline import Chance

pytestmark = pytest.mark.any_database

LATER = {"maximum": 3, "interval": 21600}
DUE = {"maximum": 3, "interval": 0.000001}
"""The interval has passed as soon as an attempt has ended."""
SOME_TIME = 100_000  # seconds in which every message ends
SIZE = 30
FIRST = 1000

Series = Callable[..., Sandbox]


@pytest.fixture
def series(start_sandbox: Callable[..., Sandbox]) -> Series:
    """Start a sandbox with a campaign of failed participants, which succeed at the given attempts."""

    def start(succeeds_at: tuple[int, int] | None = (1, 3), initial: str = "failed", **campaign: Any) -> Sandbox:
        sims = {"count": SIZE, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
        fields = {"campaign_id": 167, "name": "Attempts", "type": "RFM", "state": "started", "first_participant": FIRST}
        fields |= {"initial": {initial: SIZE}, "succeeds_at": succeeds_at, **campaign}
        return start_sandbox(scenario={"sims": [sims], "campaigns": [fields]})

    return start


def attempts(box: Sandbox) -> Counter[int]:
    """How many requests the server had for each participant."""
    return Counter(int(entry["params"]["participant_id"]) for entry in box.writes())


def needed(last: int) -> Counter[int]:
    """How many attempts each participant needs where the first to succeed is drawn from 1 to the last."""
    return Counter({each: 1 + int(last * Chance(1).draws(each, -2)[0]) for each in range(FIRST, FIRST + SIZE)})


def is_finished(box: Sandbox, participant_id: int) -> bool:
    return bool(box.participant(participant_id)["state"] == "finished")


# --- Policy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ATTEMPT_ACTIONS)
@pytest.mark.parametrize("state", [*ServerState, None, "archived"])
def test_another_attempt_is_made_only_in_a_state_that_the_action_acts_on(action: str, state: str | None) -> None:
    first, last = prospect(action, state, 2, 3), prospect(action, state, 3, 3)
    if first is Prospect.AGAIN:
        assert plan_participant(action, state).verdict is Verdict.ACT
        assert last is Prospect.EXHAUSTED
        assert left_out_of_further(action, state, True, 2, 3) is None
    else:
        assert last is (Prospect.LAST if first is Prospect.WAITING else first)
        assert left_out_of_further(action, state, True, 2, 3)
    assert left_out_of_further(action, state, True, 3, 3)
    assert left_out_of_further(action, state, False, 2, 3)


@pytest.mark.parametrize(
    ("action", "again", "reached"),
    [
        ("retry", {"failed"}, {"finished"}),
        ("retry_build", {"unallocated"}, {"pending_send", "waiting_por", "finished", "failed"}),
        ("hurry", {"pending_build", "pending_send"}, {"waiting_por", "finished"}),
    ],
)
def test_each_action_has_its_goal(action: str, again: set[str], reached: set[str]) -> None:
    found = {state: prospect(action, state, 1, 3) for state in map(str, ServerState)}
    assert {state for state, each in found.items() if each is Prospect.AGAIN} == again
    assert {state for state, each in found.items() if each is Prospect.REACHED} == reached


# --- Retry -----------------------------------------------------------------------------------------------------------


def test_each_gets_as_many_attempts_as_it_needs(
    bulk: Bulk, series: Series, tmp_path: Path, run_task: Any, ledger: str
) -> None:
    box = series((1, 3))
    for turn in range(1, 4):
        result = bulk("applied", box, attempts=DUE, rollout={"wave_size": 20})
        assert result["change"]["status"] == "waiting"
        assert result["change"]["finished"] is None
        assert max(attempts(box).values()) == turn
        box.advance(SOME_TIME)
    end = bulk("applied", box, attempts=DUE, report_dest=str(tmp_path / "report.csv"))
    assert (end["change"]["status"], end["change"]["sent"], end["changed"]) == ("applied", 0, False)
    assert end["change"]["attempts"] == {**DUE, "outstanding": 0, "next_due": None, "exhausted": 0, "is_due": False}
    assert attempts(box) == needed(3)
    assert set(attempts(box).values()) == {1, 2, 3}
    assert all(is_finished(box, each) for each in attempts(box))
    with (tmp_path / "report.csv").open() as file:
        assert {int(row["participant_id"]): int(row["attempts"]) for row in csv.DictReader(file)} == attempts(box)
    box.clear_journal()
    audited = run_task(yateota_bulk_info, box, change_id="CHG1", ledger=ledger, audit=True)
    assert not audited.get("failed"), audited["msg"]
    assert bulk("verified", box, attempts=DUE)["change"]["status"] == "verified"
    assert not bulk("applied", box, attempts=DUE)["changed"]
    assert not box.writes()


def test_nothing_is_asked_or_sent_before_an_attempt_is_due(bulk: Bulk, series: Series) -> None:
    box = series((2, 3))
    first = bulk("applied", box, attempts=LATER)
    assert (first["change"]["status"], first["change"]["sent"]) == ("waiting", SIZE)
    box.advance(SOME_TIME)
    box.clear_journal()
    for _turn in range(2):
        again = bulk("applied", box)  # it follows the plan
        assert (again["changed"], again["change"]["status"], again["change"]["sent"]) == (False, "waiting", 0)
        assert again["change"]["attempts"] == first["change"]["attempts"]
    assert again["change"]["attempts"]["outstanding"] == SIZE
    assert again["change"]["attempts"]["next_due"] > again["change"]["started"]
    assert not box.journal()


def test_who_has_spent_all_attempts_is_exhausted_and_listed(
    bulk: Bulk, series: Series, run_task: Any, ledger: str, tmp_path: Path
) -> None:
    box = series((9, 9))
    for _turn in range(2):
        bulk("applied", box, attempts={**DUE, "maximum": 2})
        box.advance(SOME_TIME)
    end = bulk("applied", box, attempts={**DUE, "maximum": 2})
    assert end["failed"]
    assert f"{SIZE} exhausted" in end["msg"]
    assert (end["change"]["status"], end["change"]["attempts"]["exhausted"]) == ("applied", SIZE)
    assert set(attempts(box).values()) == {2}
    assert [each["participant_id"] for each in end["exhausted"]] == list(range(FIRST, FIRST + 20))
    info = run_task(yateota_bulk_info, box, change_id="CHG1", ledger=ledger)
    assert (info["change"]["attempts"]["exhausted"], info["exhausted"]) == (SIZE, end["exhausted"])

    # With more attempts, the same change continues.
    more = bulk("applied", box, attempts={**DUE, "maximum": 3}, report_dest=str(tmp_path / "r.csv"))
    assert (more["change"]["status"], more["change"]["sent"], more["exhausted"]) == ("waiting", SIZE, [])


def test_one_that_was_canceled_or_finished_in_the_meantime_is_left_out_with_its_reason(
    bulk: Bulk, series: Series, ledger: str, run_task: Any
) -> None:
    box = series((9, 9))
    bulk("applied", box, attempts=DUE)
    box.advance(SOME_TIME)
    # The first wave of the second attempts is sent, the other participants are planned.
    bulk("applied", box, attempts=DUE, rollout={"wave_size": 10}, max_waves=1)
    late = FIRST + 25
    box.clear_journal()
    _act(run_task, box, "cancel", late)
    result = bulk("applied", box, attempts=DUE, rollout={"wave_size": 10}, recheck_after=0)
    assert result["change"]["counts"]["skipped"] == 1
    row = _rows(ledger)[25]
    assert (row.state, row.reason, row.attempt) == ("skipped", "it is canceled now, without another attempt", 1)
    assert [entry["params"]["action"] for entry in box.writes() if int(entry["params"]["participant_id"]) == late] == [
        "cancel"
    ]


def test_one_whose_message_is_under_way_gets_no_second_attempt(bulk: Bulk, series: Series) -> None:
    box = series((1, 1))
    bulk("applied", box, attempts=DUE)  # the clock does not run
    for _turn in range(2):
        again = bulk("applied", box, attempts=DUE, recheck_after=0)
        assert (again["change"]["status"], again["change"]["sent"], again["changed"]) == ("waiting", 0, False)
    assert set(attempts(box).values()) == {1}


def test_earlier_attempts_keep_their_wave_time_and_answer(bulk: Bulk, series: Series, ledger: str) -> None:
    box = series((2, 2))
    for _turn in range(2):
        bulk("applied", box, attempts=DUE, rollout={"canary": 10, "wave_size": 20})
        box.advance(SOME_TIME)
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.read() as connection:
        earlier = connection.execute(sa.select(earlier_attempts).order_by(earlier_attempts.c.seq)).all()
    assert [(each.wave, each.outcome, each.code) for each in earlier] == [(1, "done", 0)] * 10 + [(2, "done", 0)] * 20
    rows = _rows(ledger)
    assert {(row.wave, row.attempt, row.state) for row in rows} == {(3, 1, "done"), (4, 1, "done")}
    assert all(row.sent_at > each.answered_at for row, each in zip(rows, earlier, strict=True))


def test_an_unknown_attempt_counts_and_is_followed_by_none(bulk: Bulk, series: Series) -> None:
    box = series((9, 9))
    box.fault(request="action_participant", nth=1, kind="drop_before")
    bulk("applied", box, attempts={**DUE, "maximum": 2})
    first, *_others = attempts(box)
    for _turn in range(2):
        box.advance(SOME_TIME)
        bulk("applied", box, attempts={**DUE, "maximum": 2})
    assert (attempts(box)[first], set(attempts(box).values())) == (1, {1, 2})
    for _turn in range(2):
        end = bulk("applied", box, attempts={**DUE, "maximum": 2}, unknown="resend")
        box.advance(SOME_TIME)
    assert max(attempts(box).values()) == 2
    assert end["change"]["counts"]["unknown"] == 0


# --- The other actions -----------------------------------------------------------------------------------------------


def test_messages_that_could_not_be_built_are_tried_again(bulk: Bulk, series: Series) -> None:
    box = series((1, 1), "unallocated", subscriber_rate=0.4, appears=[50_000, 60_000])
    selection = {"campaign_id": 167, "state": "unallocated"}
    first = bulk("applied", box, action="retry_build", attempts=DUE, selection=selection)
    built = {each for each in range(FIRST, FIRST + SIZE) if box.participant(each)["state"] != "unallocated"}
    assert 0 < len(built) < SIZE
    assert (first["change"]["sent"], first["change"]["status"]) == (SIZE, "waiting")
    box.advance(SOME_TIME)
    second = bulk("applied", box, action="retry_build", attempts=DUE, selection=selection)
    assert second["change"]["sent"] == SIZE - len(built)
    box.advance(SOME_TIME)
    end = bulk("applied", box, action="retry_build", attempts=DUE, selection=selection)
    assert (end["change"]["status"], end["change"]["sent"]) == ("applied", 0)


def test_a_hurried_message_that_came_back_failed_is_not_hurried_again(bulk: Bulk, series: Series) -> None:
    box = series(None, "pending_send", failure_rate=1)
    selection = {"campaign_id": 167, "state": "pending_send"}
    bulk("applied", box, action="hurry", attempts=DUE, selection=selection)
    box.advance(SOME_TIME)
    end = bulk("applied", box, action="hurry", attempts=DUE, selection=selection)
    assert (end["change"]["status"], end["change"]["sent"], end["change"]["states"]) == (
        "applied",
        0,
        {"failed": SIZE},
    )


def test_a_message_that_could_not_be_built_has_not_come_back_failed(bulk: Bulk, series: Series) -> None:
    box = series((1, 1), "unallocated", subscriber_rate=0)
    given = {"action": "retry_build", "selection": {"campaign_id": 167, "state": "unallocated"}}
    for _attempt in range(2):
        result = bulk("applied", box, attempts=DUE, rollout={"soak": 0.01}, **given)
        assert (result.get("msg", ""), result["change"]["status"]) == ("", "waiting")
        assert result["change"]["sent"] == SIZE
        box.advance(SOME_TIME)


@pytest.mark.parametrize("action", ["rerun", "cancel"])
def test_attempts_are_refused_for_what_is_sent_only_once(bulk: Bulk, sandbox: Sandbox, action: str) -> None:
    result = bulk("planned", action=action, attempts=DUE)
    assert result["failed"]
    assert result["msg"].startswith(f"attempts must not be given with action={action}, expected retry, retry_build or")
    bulk("planned", action=action)
    result = bulk("applied", action=None, attempts=DUE)
    assert result["failed"]
    assert f"action={action}" in result["msg"]
    assert not sandbox.writes()


def test_who_has_no_campaign_gets_one_attempt_and_a_warning(bulk: Bulk, series: Series) -> None:
    box = series((9, 9))
    selection = {"participants": [{"participant_id": FIRST}]}
    first = bulk("applied", box, attempts=DUE, selection=selection)
    assert any(
        warning.startswith("attempts: 1 participants of change CHG1 get only one") for warning in first["warnings"]
    )
    assert (first["change"]["status"], first["change"]["sent"]) == ("applied", 1)


# --- Windows, holds, approvals, aborts, check mode -------------------------------------------------------------------


def test_outside_the_window_nothing_is_read_or_planned_again(bulk: Bulk, series: Series) -> None:
    box = series((2, 2))
    bulk("applied", box, attempts=DUE)
    box.advance(SOME_TIME)
    box.clear_journal()
    closed = bulk("applied", box, attempts=DUE, window={"end": "2020-01-01T00:00:00Z"})
    assert (closed["change"]["status"], closed["changed"], box.journal()) == ("waiting", False, [])
    assert bulk("applied", box, attempts=DUE)["change"]["sent"] == SIZE


def test_a_run_that_is_killed_after_it_planned_attempts_leaves_a_change_that_has_not_ended(
    bulk: Bulk, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = series((2, 2))
    bulk("applied", box, attempts={**DUE, "maximum": 1})
    box.advance(SOME_TIME)
    ended = bulk("applied", box, attempts={**DUE, "maximum": 1}, recheck_after=0)
    assert ended["change"]["status"] == "applied"
    plan_again = FurtherAttempts.plan_again

    def plan_and_crash(those: FurtherAttempts) -> None:
        plan_again(those)
        raise RuntimeError

    with monkeypatch.context() as crashing:
        crashing.setattr(FurtherAttempts, "plan_again", plan_and_crash)
        crashed = bulk("applied", box, attempts=DUE)
    assert (crashed["failed"], crashed["changed"], crashed["change"]["counts"]["planned"]) == (True, True, SIZE)
    assert crashed["change"]["status"] == "in_progress"
    assert "it has not ended" in bulk("purged", box)["msg"]
    assert bulk("applied", box, attempts=DUE)["change"]["sent"] == SIZE


def test_a_held_change_makes_no_attempt(bulk: Bulk, series: Series) -> None:
    box = series((2, 2))
    bulk("applied", box, attempts=LATER)
    box.advance(SOME_TIME)
    assert bulk("held", box, reason="a look")["change"]["status"] == "held"
    assert not bulk("applied", box, attempts=LATER).get("failed")  # nothing is due
    box.clear_journal()
    refused = bulk("applied", box, attempts=DUE)
    assert refused["failure"]["kind"] == "held"
    assert not box.journal()
    bulk("released", box)
    assert bulk("applied", box, attempts=DUE)["change"]["sent"] == SIZE
    bulk("stopped", box, reason="enough")
    assert bulk("applied", box, attempts=DUE)["failure"]["kind"] == "stopped"


@pytest.mark.parametrize(
    ("attempts", "word"),
    [
        ({"maximum": 4, "interval": 3600}, "attempts.maximum is 4, expected 3 or tighter"),
        ({"maximum": 3, "interval": 60}, "attempts.interval is 60, expected 3600 or tighter"),
    ],
)
def test_more_or_quicker_attempts_than_approved_are_refused(
    bulk: Bulk, sandbox: Sandbox, attempts: dict[str, Any], word: str
) -> None:
    plan = bulk("planned", attempts={"maximum": 3, "interval": 3600})
    bulk("approved", approved_by="j.doe")
    refused = bulk("applied", attempts=attempts)
    assert word in refused["msg"]
    assert not sandbox.writes()
    assert bulk("applied", attempts={"maximum": 2, "interval": 7200})["change"]["status"] == "waiting"
    assert bulk("planned", change_id="CHG2")["change"]["plan_digest"] != plan["change"]["plan_digest"]


def test_more_attempts_for_the_exhausted_are_approved_anew(bulk: Bulk, series: Series) -> None:
    box = series((9, 9))
    bulk("planned", box, attempts={**DUE, "maximum": 1})
    bulk("approved", box, approved_by="j.doe")
    bulk("applied", box)
    box.advance(SOME_TIME)
    assert f"{SIZE} exhausted" in bulk("applied", box)["msg"]
    assert "nothing remains to be approved" in bulk("approved", box, approved_by="m.roe")["msg"]
    more = {**DUE, "maximum": 2}
    assert "attempts.maximum is 2, expected 1 or tighter" in bulk("applied", box, attempts=more)["msg"]
    assert bulk("planned", box, attempts=more, replan=True)["change"]["approval"] is None
    assert bulk("approved", box, approved_by="m.roe")["change"]["approval"]["by"] == "m.roe"
    assert bulk("applied", box)["change"]["sent"] == SIZE
    assert set(attempts(box).values()) == {2}


def test_attempts_that_nobody_has_approved_are_refused(bulk: Bulk, sandbox: Sandbox) -> None:
    bulk("planned")
    bulk("approved", approved_by="j.doe")
    assert "attempts.maximum is 3" in bulk("applied", attempts=LATER)["msg"]
    assert not sandbox.writes()


def test_attempts_count_for_the_abort_threshold_after_a_soak(bulk: Bulk, series: Series) -> None:
    box = series((9, 9))
    bulk("applied", box, attempts=DUE)
    box.advance(SOME_TIME)
    # 30 attempts came back failed. Without a soak they do not count, with one they do.
    judged = bulk("applied", box, attempts=DUE, rollout={"soak": 0.01})
    assert judged["change"]["status"] == "aborted"
    assert "30 of 30 attempts went wrong" in judged["msg"]
    box.clear_journal()
    goes_on = bulk("applied", box, attempts=DUE, resume_aborted=True)
    assert (goes_on["change"]["status"], goes_on["change"]["sent"]) == ("waiting", SIZE)


def test_check_mode_says_whether_an_attempt_is_due_and_writes_nothing(bulk: Bulk, series: Series, ledger: str) -> None:
    box = series((2, 2))
    bulk("applied", box, attempts=LATER)
    box.advance(SOME_TIME)
    box.clear_journal()
    before = _rows(ledger)
    assert not bulk("applied", box, attempts=LATER, check_mode=True)["changed"]
    assert bulk("applied", box, attempts=DUE, check_mode=True)["changed"]
    assert (_rows(ledger), box.writes()) == (before, [])


def _rows(ledger: str) -> list[Any]:
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        with opened.read() as connection:
            query = sa.select(participants).where(change.rows).order_by(participants.c.seq)
            return list(connection.execute(query).all())


def _act(run_task: Any, box: Sandbox, action: str, participant_id: int) -> None:
    from ansible_collections.simops.yateota.plugins.modules import yateota_participant

    entry = {"participant_id": participant_id, "campaign_id": 167}
    result = run_task(yateota_participant, box, action=action, participants=[entry])
    assert result["changed"], result
