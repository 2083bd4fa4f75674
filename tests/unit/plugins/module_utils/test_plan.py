# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: every state and action, and what follows from them."""

from __future__ import annotations

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import OPERATIONS, PARTICIPANT_ACTIONS
from ansible_collections.simops.yateota.plugins.module_utils._core.policy import (
    ACT,
    CAMPAIGN_STATES,
    REFUSED,
    UNCHANGED,
    plan_campaign,
    plan_participant,
    proves_carried_out,
)

# Current state -> what each desired state sends: the action, nothing (None), or a refusal with these words.
CAMPAIGN_TABLE: dict[str | None, dict[str, str | None]] = {
    "started": {"started": None, "paused": "pause", "stopped": "stop", "restarted": "restart"},
    "paused": {"started": "restart", "paused": None, "stopped": "stop", "restarted": "restart"},
    "stopped": {"started": "restart", "paused": "!only a running", "stopped": None, "restarted": "restart"},
    "finished": {
        "started": "!use state 'restarted'",
        "paused": "!nothing left to pause",
        "stopped": "!nothing left to stop",
        "restarted": "restart",
    },
    "archiving": {"started": "restart", "paused": "pause", "stopped": "stop", "restarted": "restart"},
    None: {"started": "restart", "paused": "pause", "stopped": "stop", "restarted": "restart"},
}


@pytest.mark.parametrize("desired", CAMPAIGN_STATES)
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
    assert plan.reached("finished") is (plan.after == "started")
    assert not plan.reached(None)


def test_campaign_actions_are_those_of_the_api() -> None:
    sent = {action for row in CAMPAIGN_TABLE.values() for action in row.values() if action and action[0] != "!"}
    assert sent == set(OPERATIONS["action_campaign"])


STATES = ("unallocated", "pending_build", "pending_send", "waiting_por", "finished", "failed", "canceled")
A, U, R = ACT, UNCHANGED, REFUSED
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
        assert plan.after == (LEADS_TO[action] if verdict == ACT else state)
        assert bool(plan.reason) is (verdict != ACT)


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_participant_whose_state_tells_nothing(action: str) -> None:
    for state in ("new_state", None):
        assert plan_participant(action, state).verdict == ACT


@pytest.mark.parametrize("action", PARTICIPANT_TABLE)
def test_force_sends_whatever_the_state(action: str) -> None:
    for state in STATES:
        plan = plan_participant(action, state, force=True)
        assert (plan.verdict, plan.before, plan.after, plan.reason) == (ACT, state, LEADS_TO[action], "")


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
