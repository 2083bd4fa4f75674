# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: every state and action, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.campaign_policy import plan_campaign
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import OPERATIONS, PARTICIPANT_ACTIONS
from ansible_collections.simops.yateota.plugins.module_utils._core.policy import (
    RANK_OF_OTHERS,
    RequestOutcome,
    Verdict,
    keep_rank,
    keep_rank_by_state,
    left_out,
    left_out_of_wave,
    plan_participant,
    plan_sim,
    proves_carried_out,
    ranks,
    states_after_request,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.states import DESIRED_CAMPAIGN_STATES, RowState

# Current state -> what each desired state sends: the action, nothing (None), or a refusal with these words.
CAMPAIGN_TABLE: dict[str | None, dict[str, str | None]] = {
    "started": {"started": None, "paused": "pause", "stopped": "stop", "restarted": "restart"},
    "paused": {"started": "restart", "paused": None, "stopped": "stop", "restarted": "restart"},
    "stopped": {"started": "restart", "paused": "!only a running", "stopped": None, "restarted": "restart"},
    "finished": {
        "started": "!use state 'restarted'",
        "paused": "!nothing more to pause",
        "stopped": "!nothing more to stop",
        "restarted": "restart",
    },
    "archiving": {"started": "restart", "paused": "pause", "stopped": "stop", "restarted": "restart"},
    None: {"started": "restart", "paused": "pause", "stopped": "stop", "restarted": "restart"},
}


@pytest.mark.parametrize("desired", DESIRED_CAMPAIGN_STATES)
@pytest.mark.parametrize("current", CAMPAIGN_TABLE)
def test_campaign(current: str | None, desired: str) -> None:
    expected = CAMPAIGN_TABLE[current][desired]
    if expected and expected.startswith("!"):
        with pytest.raises(InvalidInputError) as error:
            plan_campaign(144, current, desired)
        assert str(error.value).startswith(f"Campaign 144 is {current} and cannot become {desired}: ")
        assert expected[1:] in str(error.value)
        return
    plan = plan_campaign(144, current, desired)
    assert (plan.action, plan.changed, plan.before) == (expected, expected is not None, current)
    after = {"campaign_id": 144, "state": "started" if desired == "restarted" else desired}
    if desired == "restarted":
        after["restarted"] = True
    assert plan.diff(144) == {"before": {"campaign_id": 144, "state": current}, "after": after}
    assert plan.reached(plan.after)
    assert plan.reached("finished") is (plan.after == "started" and current != "finished")
    assert plan.reached("finished", has_moved=True) is (plan.after == "started")
    assert not plan.reached(None)


def test_campaign_actions_are_those_of_the_api() -> None:
    sent = {action for row in CAMPAIGN_TABLE.values() for action in row.values() if action and action[0] != "!"}
    assert sent == set(OPERATIONS["action_campaign"])


STATES = ("unallocated", "pending_build", "pending_send", "waiting_por", "finished", "failed", "canceled")
A, U, R = Verdict.ACT, Verdict.SKIP, Verdict.REFUSE
PARTICIPANT_TABLE = {
    "cancel": (A, A, A, A, R, A, U),
    "hurry": (R, A, A, U, U, R, R),
    "retry": (R, U, U, U, U, A, A),
    "retry_build": (A, U, U, U, U, U, R),
    "rerun": (R, U, U, U, A, A, A),
}
LEADS_TO = {
    "cancel": "canceled",
    "hurry": "waiting_por",
    "retry": "pending_send",
    "retry_build": "pending_build",
    "rerun": "pending_build",
}


def test_the_table_is_whole() -> None:
    assert set(PARTICIPANT_TABLE) == set(PARTICIPANT_ACTIONS) == set(LEADS_TO)


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_participant(action: str) -> None:
    for state, verdict in zip(STATES, PARTICIPANT_TABLE[action], strict=True):
        plan = plan_participant(action, state)
        assert (plan.verdict, plan.before) == (verdict, state), state
        assert plan.after == (LEADS_TO[action] if verdict is Verdict.ACT else state)
        assert bool(plan.reason) is (verdict is not Verdict.ACT)


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_participant_whose_state_tells_nothing(action: str) -> None:
    for state in ("new_state", None):
        assert plan_participant(action, state).verdict is Verdict.ACT


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_force_sends_whatever_the_state(action: str) -> None:
    for state in STATES:
        plan = plan_participant(action, state, force=True)
        assert (plan.verdict, plan.before, plan.after, plan.reason) == (Verdict.ACT, state, LEADS_TO[action], "")


@pytest.mark.parametrize(
    ("action", "before", "now", "proven"),
    [
        ("cancel", "pending_send", "canceled", True),
        ("cancel", "pending_send", "finished", False),
        ("cancel", "pending_send", "waiting_por", False),
        ("cancel", "canceled", "canceled", False),
        ("retry", "failed", "pending_send", True),
        ("retry", "failed", "finished", True),
        ("retry", "failed", "failed", False),
        ("retry", "failed", "canceled", False),
        ("retry", "failed", None, False),
        ("retry", None, "pending_send", False),
        ("rerun", "finished", "pending_build", True),
        ("rerun", "finished", "finished", False),
        ("retry_build", "unallocated", "pending_build", True),
        ("hurry", "pending_send", "waiting_por", False),
        ("hurry", "pending_send", "finished", False),
    ],
)
def test_what_a_new_state_proves(action: str, before: str | None, now: str | None, proven: bool) -> None:
    assert proves_carried_out(action, before, now) is proven


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_a_plan_leaves_out_whom_no_request_would_go_for(action: str) -> None:
    rows = {U: RowState.SKIPPED, R: RowState.REFUSED}
    for state, verdict in zip(STATES, PARTICIPANT_TABLE[action], strict=True):
        excluded = left_out(action, state)
        assert (excluded and excluded.state) == rows.get(verdict), state
        assert excluded is None or excluded.reason == plan_participant(action, state).reason


NAMED = {"participant_id": 1, "iccid": None, "imsi": None, "msisdn": None, "campaign_id": 167}


@pytest.mark.parametrize(
    ("action", "identification", "state", "is_read", "row", "reason"),
    [
        ("retry", NAMED, "failed", True, None, ""),
        ("retry", NAMED, "finished", True, "skipped", "delivered already"),
        ("hurry", NAMED, "failed", True, "refused", "use retry"),
        ("retry", NAMED, "failed", False, "refused", "its campaign does not list it any more"),
        ("retry_build", NAMED, "unallocated", True, "refused", "retry_build is sent by iccid, else imsi"),
        ("retry_build", NAMED, "unallocated", False, "refused", "retry_build is sent by iccid, else imsi"),
    ],
)
def test_what_a_wave_leaves_out(
    action: str, identification: dict[str, Any], state: str, is_read: bool, row: str | None, reason: str
) -> None:
    excluded = left_out_of_wave(action, identification, state, is_read)
    assert (excluded and excluded.state) == row
    assert reason in (excluded.reason if excluded else "")


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_of_a_sims_participants_one_under_way_decides_then_one_to_act_on(action: str) -> None:
    verdicts = {**dict(zip(STATES, PARTICIPANT_TABLE[action], strict=True)), "not_named_yet": A, None: A}
    order = [U, A, R]
    assert ranks(action) == {state: order.index(verdicts[state]) for state in STATES}
    assert order.index(A) == RANK_OF_OTHERS
    for first in verdicts:
        for second in verdicts:
            decides = min((first, second), key=lambda state: order.index(verdicts[state]))
            plan, place = plan_sim(action, [first, second])
            assert plan == plan_participant(action, decides)
            assert plan == plan_participant(action, (first, second)[place])


def test_which_of_several_entries_stays() -> None:
    best_first = [
        keep_rank("retry", Verdict.REFUSE, "imsi", is_listed=False, was_sent=True),
        keep_rank("retry", Verdict.SKIP, "imsi", is_listed=False),
        keep_rank("retry", Verdict.ACT, "imsi", is_listed=True),
        keep_rank("retry", Verdict.ACT, "participant_id", is_listed=False),
        keep_rank("retry", Verdict.ACT, "iccid", is_listed=False),
        keep_rank("retry", Verdict.REFUSE, "participant_id", is_listed=True),
    ]
    assert best_first == sorted(best_first)
    assert keep_rank_by_state("retry", "finished", "imsi", False, False) == best_first[1]


@pytest.mark.parametrize(
    ("outcome", "code", "row", "direct"),
    [
        (RequestOutcome.CARRIED_OUT, 0, "done", "acted"),
        (RequestOutcome.UNKNOWN, None, "unknown", "unknown"),
        (RequestOutcome.UNKNOWN, 200, "unknown", "unknown"),
        (RequestOutcome.NOT_CARRIED_OUT, 403, "planned", "failed"),
        *((RequestOutcome.REFUSED, code, "refused", "refused") for code in (401, 402, 403, 404)),
        *((RequestOutcome.REFUSED, code, "failed", "failed") for code in (400, 405, 999, None)),
    ],
)
def test_an_attempt_comes_to_the_same_with_and_without_a_ledger(
    outcome: RequestOutcome, code: int | None, row: str, direct: str
) -> None:
    assert states_after_request(outcome, code) == (row, direct)
