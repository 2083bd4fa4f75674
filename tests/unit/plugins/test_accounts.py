# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks say of changes, participants, nodes and traces."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter import change_account as change_plugin
from ansible_collections.simops.yateota.plugins.filter import node_account as node_plugin
from ansible_collections.simops.yateota.plugins.filter import participant_account as participant_plugin
from ansible_collections.simops.yateota.plugins.filter import trace_lines as trace_plugin

change_account = change_plugin.FilterModule().filters()["change_account"]
participant_account = participant_plugin.FilterModule().filters()["participant_account"]
node_account = node_plugin.FilterModule().filters()["node_account"]
trace_lines = trace_plugin.FilterModule().filters()["trace_lines"]

DIGEST = "0123456789abcdef" * 4
MOMENT = "2026-11-26T20:00:00.000Z"
APPROVAL = {"by": "bob", "at": MOMENT, "job": "42", "digest": DIGEST, "note": "seen"}
HALT = {"by": "carol", "since": MOMENT, "reason": "alarms"}
COUNTS = {"planned": 3, "sending": 0, "done": 5, "skipped": 1, "refused": 0, "failed": 1, "unknown": 0}


def change(**facts: Any) -> dict[str, Any]:
    known = {
        "change_id": "CHG1", "status": "in_progress", "action": "retry", "api_url": "https://ota.example/api.php",
        "node": "ota", "selected": 10, "selection": {"campaign_id": 2, "identified_by": "iccid"}, "counts": COUNTS,
        "states": {}, "waves_done": 1, "planned": MOMENT, "started": None, "finished": None, "plan_digest": None,
        "approval": None, "require_approval": False, "requested_by": "alice", "job_id": None, "approved_by": None,
        "held": None, "stopped": None, "held_by": None,
    }  # fmt: skip
    return {**known, **facts}


def test_a_change_that_waits_for_its_approval() -> None:
    lines = change_account({"change": change(status="planned", require_approval=True, plan_digest=DIGEST)})
    assert lines == [
        "Change CHG1 is planned: retry on https://ota.example/api.php, node ota.",
        "Selected: 10 participants, campaign_id 2.",
        "3 planned, 5 done, 1 skipped, 1 failed",
        "Waves that have ended: 1.",
        f"Planned {MOMENT}, started never, finished not yet.",
        "Plan digest 0123456789ab, waits for approval.",
        "Requested by alice, job none, approved by nobody.",
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [("intact", ": the record fits it"), ("altered", ": the record was altered"), ("unchecked", ", not checked")],
)
def test_the_head_of_the_audit_chain_is_shown_whole(status: str, said: str) -> None:
    audit = {"status": status, "head": DIGEST, "links": 7, "wave": None, "unlinked": 0, "problem": None}
    assert f"Audit chain {DIGEST}, 7 links{said}." in change_account({"change": change(audit=audit)})
    servers = [
        {"api_url": "https://a.example", "node": "ota", **audit},
        {"api_url": "https://b.example", "node": "ota", **audit},
    ]
    whole = change_account({"change": change(audit={**audit, "head": None, "shards": servers})})
    assert f"Audit chain of https://b.example, node ota: {DIGEST}." in whole
    assert f"2 audit chains{said}." in whole


def test_a_change_with_all_that_can_be_said_of_it() -> None:
    told = change(
        status="held", approval=APPROVAL, held=HALT, held_by="host, process 7", states={"finished": 4, "failed": 1},
        approved_by="bob", job_id="42", started=MOMENT,
    )  # fmt: skip
    failure = {"participant_id": None, "iccid": "8931", "imsi": None, "msisdn": None, "state": "failed"}
    lines = change_account({"change": told, "failures": [{**failure, "message": "no such SIM"}]})
    assert lines[3] == "Last known states of the participants acted on: 4 finished, 1 failed."
    assert f"approved by bob at {MOMENT}, job 42, plan digest 0123456789ab: seen." in lines[6]
    assert lines[-3:] == [
        f"Held by carol since {MOMENT}: alarms",
        "It is being run by host, process 7.",
        "8931: failed, no such SIM",
    ]


def test_the_groups_that_fail_most_come_before_the_participants() -> None:
    groups = {"worst": [{"sentence": f"group {number}"} for number in range(7)], "reasons": [{"sentence": "6: no key"}]}
    lines = change_account({"change": change(), "cohorts": {"size": 90, "failed": 30, **groups}})
    assert lines[7:] == [
        "Of 90 sent for, 30 failed. group 0.",
        *(f"group {number}." for number in range(1, 5)),
        "6: no key.",
    ]


@pytest.mark.parametrize(
    ("facts", "result", "check_mode", "line"),
    [
        (
            {"approval": APPROVAL},
            {"changed": True},
            False,
            f"Change CHG1 is approved by bob at {MOMENT}: plan digest 0123456789ab, retry of 10, 3 to send for.",
        ),
        (
            {"approval": APPROVAL},
            {"changed": False},
            True,
            f"It was approved before. Change CHG1 is approved by bob at {MOMENT}: "
            "plan digest 0123456789ab, retry of 10, 3 to send for.",
        ),
        (
            {},
            {"changed": True},
            True,
            "In check mode nothing is recorded. The plan of change CHG1 would be approved: "
            "plan digest not recorded yet, retry of 10, 3 to send for.",
        ),
    ],
)
def test_an_approval(facts: dict[str, Any], result: dict[str, Any], check_mode: bool, line: str) -> None:
    done = {**result, "change": change(**facts), "remaining": 3}
    assert change_account(done, "approved", check_mode) == [line]


@pytest.mark.parametrize(
    ("facts", "about", "changed", "check_mode", "lines"),
    [
        (
            {"held": HALT, "status": "held"},
            "held",
            True,
            False,
            [f"Change CHG1 is held, by carol since {MOMENT}: alarms"],
        ),
        (
            {"stopped": HALT, "held": HALT, "status": "stopped"},
            "stopped",
            False,
            False,
            ["The change was already stopped.", f"Change CHG1 is stopped, by carol since {MOMENT}: alarms"],
        ),
        ({}, "released", False, False, ["The change was not held.", "Change CHG1 is in_progress"]),
        (
            {},
            "held",
            True,
            True,
            ["Nothing is recorded in check mode. The change would be held.", "Change CHG1 is in_progress"],
        ),
    ],
)
def test_a_hold(facts: dict[str, Any], about: str, changed: bool, check_mode: bool, lines: list[str]) -> None:
    remaining = "3 of 10 participants remain."
    assert change_account({"changed": changed, "change": change(**facts)}, about, check_mode) == [*lines, remaining]


@pytest.mark.parametrize("given", [{}, "change", None])
def test_what_is_no_result_is_refused(given: object) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a result"):
        change_account(given)


def test_an_unknown_account_is_refused_with_the_choices() -> None:
    with pytest.raises(AnsibleFilterError, match=r"about is 'began', expected one of status, approved, held"):
        change_account({"change": change()}, "began")


def test_what_was_done_with_participants() -> None:
    sim = {"iccid": None, "imsi": None, "msisdn": None}
    acted = {**sim, "participant_id": 7, "outcome": "acted", "before": "failed", "after": "pending_send"}
    refused = {**sim, "participant_id": None, "msisdn": "882", "outcome": "refused", "before": None, "after": None}
    results = [{**acted, "action": "retry", "message": None}, {**refused, "action": None, "message": "not known"}]
    done = {"results": results, "summary": {"acted": 1, "refused": 1, "unknown": 0}}
    first = "retry of participants: 1 acted, 1 refused."
    assert participant_account(done, "retry") == [
        first,
        "7: acted, failed -> pending_send",
        "882: refused, not known",
    ]
    assert participant_account(done, "retry", most=1) == [first, "7: acted, failed -> pending_send", "and 1 more."]
    nothing = {"results": [], "summary": {"acted": 0}}
    assert participant_account(nothing, "retry", True) == [
        "retry of participants, in check mode with nothing sent: none."
    ]


def test_a_node() -> None:
    stats = {"queue": {"waiting": 3, "sent": 4}, "http": {}}
    status = {"operational": False, "state": "stopped"}
    lines = ["queue: waiting 3, sent 4", "http: "]
    assert node_account({"status": status, "stats": stats}) == ["The node is NOT operational: stopped.", *lines]
    assert node_account({"status": None, "stats": stats}) == lines


@pytest.mark.parametrize(
    ("trace", "lines"),
    [
        ([{"time": "20:00", "event": "sent"}, "PoR"], ["20:00  sent", "PoR"]),
        ({"time": "20:00", "code": 0}, ["20:00  0"]),
        ("no trace", ["no trace"]),
        ([], ["No message of this participant has been built yet."]),
    ],
)
def test_a_trace(trace: object, lines: list[str]) -> None:
    assert trace_lines({"trace": trace}) == lines
