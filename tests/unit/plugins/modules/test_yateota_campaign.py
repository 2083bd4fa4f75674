# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a campaign to a state: what is sent, what is waited for, and what is said when no answer comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.modules import yateota_campaign
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox, http

from yateota_sandbox import Sandbox

MAY_WRITE = ("started", "paused", "stopped", "restarted")


def sent(box: Sandbox) -> list[tuple[int, str]]:
    return [(entry["params"]["campaign_id"], entry["params"]["action"]) for entry in box.writes()]


def answers(*states: str | None) -> list[bytes]:
    """A server whose campaign 5 is in these states, one after the other; None for an accepted action."""
    items = [
        {"campaign": [{"campaign": "Five", "campaign_id": 5, "state": state}]} if state else {} for state in states
    ]
    return [http(json.dumps({"code": 0, **item})) for item in items]


@pytest.mark.parametrize("options", [{"campaigns": "full"}, {"campaigns": "bare"}])
def test_pause(run_task: RunTask, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    box = start_sandbox(**options)
    result = run_task(yateota_campaign, box, campaign_id=144, state="paused")
    assert (result["changed"], result["action"], result["warnings"]) == (True, "pause", [])
    assert result["campaign"]["state"] == "paused"
    assert result["campaign"]["name"] == "Applet 3.2 install"
    assert result["diff"] == {
        "before": {"campaign_id": 144, "state": "started"},
        "after": {"campaign_id": 144, "state": "paused"},
    }
    again = run_task(yateota_campaign, box, campaign_id=144, state="paused")
    assert (again["changed"], again["action"]) == (False, None)
    assert again["diff"]["before"] == again["diff"]["after"]
    assert sent(box) == [(144, "pause")]


@pytest.mark.parametrize("state", MAY_WRITE)
@pytest.mark.parametrize("name", ["Applet 3.2 install", "Applet 3.1 removal"])
def test_check_mode_says_what_the_real_run_then_does(
    run_task: RunTask, sandbox: Sandbox, name: str, state: str
) -> None:
    sandbox.set(refuse_writes=True)
    foretold = run_task(yateota_campaign, sandbox, check_mode=True, name=name, state=state)
    assert sandbox.writes() == []
    sandbox.set(refuse_writes=False)
    assert run_task(yateota_campaign, sandbox, name=name, state=state) == foretold
    assert len(sandbox.writes()) == int(foretold["changed"])


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_transition_that_makes_no_sense(run_task: RunTask, sandbox: Sandbox, check_mode: bool) -> None:
    run_task(yateota_campaign, sandbox, campaign_id=144, state="stopped")
    sandbox.clear_journal()
    result = run_task(yateota_campaign, sandbox, check_mode, campaign_id=144, state="paused")
    assert result["failed"]
    assert result["msg"].startswith("Campaign 144 is stopped and cannot become paused: only a running campaign")
    assert result["failure"]["kind"] == "invalid_input"
    assert sandbox.writes() == []


def test_restarted_is_sent_each_time(run_task: RunTask, sandbox: Sandbox) -> None:
    for _again in range(2):
        result = run_task(yateota_campaign, sandbox, campaign_id=144, state="restarted")
        assert (result["changed"], result["action"]) == (True, "restart")
        assert result["diff"]["after"] == {"campaign_id": 144, "state": "started", "restarted": True}
    assert sent(sandbox) == [(144, "restart")] * 2


def test_a_state_that_no_answer_tells(run_task: RunTask, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(campaigns="bare", get_campaign=False)
    result = run_task(yateota_campaign, box, campaign_id=144, state="paused")
    assert (result["changed"], result["campaign"]["state"]) == (True, None)
    assert "The state of campaign 144 could not be read: pause is sent in any state." in result["warnings"]
    assert sent(box) == [(144, "pause")]


def test_an_action_that_was_carried_out_unseen(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_campaign", kind="drop_after")
    result = run_task(yateota_campaign, sandbox, campaign_id=144, state="paused")
    assert (result["changed"], result["campaign"]["state"]) == (True, "paused")
    assert result["warnings"] == ["No answer came to pause of campaign 144, but it is paused now."]
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize(
    ("state", "faults"),
    [
        ("paused", [{"kind": "drop_before"}]),
        ("restarted", [{"kind": "drop_after"}]),
        ("paused", [{"kind": "drop_after"}, {"kind": "http_500", "request": "get_campaign", "nth": 2}]),
    ],
    ids=["not carried out", "no other state", "state not read"],
)
def test_an_outcome_that_stays_unknown(
    run_task: RunTask, sandbox: Sandbox, state: str, faults: list[dict[str, Any]]
) -> None:
    for fault in faults:
        sandbox.fault(**({"request": "action_campaign"} | fault))
    result = run_task(yateota_campaign, sandbox, campaign_id=144, state=state)
    assert result["failed"]
    assert result["failure"]["kind"] == "outcome_unknown"
    assert result["failure"]["request"] == "action_campaign"
    assert "read the state before you send it again" in result["msg"]
    assert len(sent(sandbox)) == 1


def test_a_refused_action(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_campaign", kind="code", code=403, message="Not you")
    result = run_task(yateota_campaign, sandbox, campaign_id=144, state="paused")
    assert result["failed"]
    assert "changed" not in result
    assert result["msg"] == (
        "action_campaign (pause) for campaign 144: the server said 'Not you' (code 403); "
        "ask the server's administrator whether this secret may do it."
    )


def test_an_accepted_action_is_told_though_the_look_afterwards_fails(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="query_campaigns", nth=2, kind="http_500")
    result = run_task(yateota_campaign, sandbox, campaign_id=144, state="paused")
    assert result["failed"]
    assert (result["changed"], result["action"], result["diff"]["after"]["state"]) == (True, "pause", "paused")
    assert result["msg"].startswith("pause of campaign 144 was accepted, but: query_campaigns for campaign 144: ")
    assert result["failure"]["kind"] == "transport"


def test_wait_looks_until_the_state_has_come(run_task: RunTask, parrot: Any) -> None:
    parrot.answers = answers("started", None, "stopping", "stopping", "stopped")
    result = run_task(yateota_campaign, parrot.api_url, campaign_id=5, state="stopped", wait=True, wait_interval=1)
    assert (result["campaign"]["state"], result["warnings"]) == ("stopped", [])
    assert len(parrot.heard) == 5


def test_wait_ends_at_its_timeout(run_task: RunTask, parrot: Any) -> None:
    parrot.answers = answers("started", None, "stopping")
    result = run_task(
        yateota_campaign, parrot.api_url, campaign_id=5, state="stopped", wait=True, wait_timeout=1, wait_interval=60
    )
    assert result["failed"]
    assert result["changed"]
    assert result["msg"] == (
        "stop of campaign 5 was accepted, but: it is stopping and not stopped 1 s later: look at the server, or raise "
        "wait_timeout."
    )


def test_without_wait_a_state_that_has_not_come_is_warned_of(run_task: RunTask, parrot: Any) -> None:
    parrot.answers = answers("started", None, "stopping")
    result = run_task(yateota_campaign, parrot.api_url, campaign_id=5, state="stopped")
    assert result["campaign"]["state"] == "stopping"
    assert result["warnings"] == ["The server accepted stop, but campaign 5 is still stopping."]


def test_a_campaign_that_is_finished_by_then_was_started(run_task: RunTask, parrot: Any) -> None:
    parrot.answers = answers("paused", None, "finished")
    result = run_task(yateota_campaign, parrot.api_url, campaign_id=5, state="started", wait=True)
    assert (result["campaign"]["state"], result["warnings"]) == ("finished", [])


@pytest.mark.parametrize("option", ["campaign_id", "wait_timeout", "wait_interval"])
def test_numbers_that_cannot_be(run_task: RunTask, sandbox: Sandbox, option: str) -> None:
    result = run_task(yateota_campaign, sandbox, state="paused", **({"campaign_id": 144} | {option: 0}))
    assert result["msg"] == f"{option} 0 is not valid: give 1 or more."
    assert sandbox.journal() == []


def finished(count: int, state: str = "finished") -> bytes:
    item = {"campaign": "Five", "campaign_id": 5, "state": state, "finished": count, "failed": 9 - count}
    return http(json.dumps({"code": 0, "campaign": [item]}))


@pytest.mark.parametrize(
    ("afterwards", "well"),
    [([finished(4)], False), ([finished(4), finished(5)], True), ([finished(4), finished(4, "started")], True)],
)
def test_a_finished_campaign_is_restarted_when_it_shows_something_else(
    run_task: RunTask, parrot: Any, afterwards: list[bytes], well: bool
) -> None:
    parrot.answers = [finished(4), *answers(None), *afterwards]
    waits = {"wait": True, "wait_timeout": 60 if well else 1, "wait_interval": 1}
    result = run_task(yateota_campaign, parrot.api_url, campaign_id=5, state="restarted", **waits)
    assert bool(result.get("failed")) is not well
    assert result["changed"]
    if not well:
        assert "restart of campaign 5 was accepted, but: it is finished and not started 1 s later" in result["msg"]
        assert result["msg"].endswith("It may have run through meanwhile.")
    parrot.answers = [finished(4), *answers(None), *afterwards[:1]]
    at_once = run_task(yateota_campaign, parrot.api_url, campaign_id=5, state="restarted")
    assert at_once["warnings"] == ["The server accepted restart, but campaign 5 is still finished."]
