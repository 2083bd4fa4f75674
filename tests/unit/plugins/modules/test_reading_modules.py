# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that only read: what they return, what they write to files, and what they make of odd answers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.modules import (
    yateota_campaign_info,
    yateota_participant_info,
    yateota_stats_info,
    yateota_trace,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox, http

from yateota_sandbox import Sandbox

# Small: how many participants of campaign 167 start in each state.
STATES_167 = {"finished": 30, "failed": 44, "waiting_por": 3, "pending_send": 2, "canceled": 1}


def test_campaign_info(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_campaign_info, sandbox)
    assert (result["changed"], result["count"]) == (False, 5)
    by_id = {campaign["campaign_id"]: campaign for campaign in result["campaigns"]}
    assert by_id[167] | {"extra": None} == {
        "campaign_id": 167,
        "name": "Preferred networks spring",
        "type": "RFM",
        "state": "started",
        "participants": 80,
        "finished": 30,
        "pending_build": 0,
        "pending_send": 2,
        "failed": 44,
        "canceled": 1,
        "progress": 93.8,
        "extra": None,
    }
    for given in ({"campaign_id": 167}, {"name": "Preferred networks spring"}):
        assert run_task(yateota_campaign_info, sandbox, **given)["campaigns"] == [by_id[167]]
    part = run_task(yateota_campaign_info, sandbox, limit=2, offset=1)
    assert part["campaigns"] == result["campaigns"][1:3]


def test_participant_info(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant_info, sandbox, campaign_id=167, page_size=9)
    assert (result["changed"], result["count"], result["states"]) == (False, 80, STATES_167)
    truth = {name: sandbox.participant(195)[name] for name in ("imsi", "iccid", "msisdn", "state")}
    assert result["participants"][10] == {"participant_id": 195, "campaign_id": 167, "extra": {}, **truth}
    failed = run_task(yateota_participant_info, sandbox, campaign_id=167, state="failed")
    assert failed["participants"] == [each for each in result["participants"] if each["state"] == "failed"]
    assert failed["states"] == {"failed": 44}
    part = run_task(yateota_participant_info, sandbox, campaign_id=167, limit=3, offset=10)
    assert (part["participants"], part["count"]) == (result["participants"][10:13], 3)


def test_count_only(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant_info, sandbox, campaign_id=167, count_only=True)
    assert result == {"changed": False, "count": 80, "states": {}, "warnings": []}
    assert len(sandbox.journal()) == 1
    failed = run_task(yateota_participant_info, sandbox, campaign_id=167, count_only=True, state="failed")
    assert failed == {"changed": False, "count": 44, "states": {"failed": 44}, "warnings": []}


def test_a_server_that_tells_no_count_has_its_list_counted(run_task: RunTask, parrot: Any) -> None:
    rows = [{"participant_id": 1}, {"participant_id": 2, "state": "failed"}]
    none, page, last = ({}, {"participants": rows}, {"participants": rows[1:]})
    parrot.answers = [http(json.dumps({"code": 0, **answer})) for answer in (none, none, page, last)]
    result = run_task(yateota_participant_info, parrot.api_url, campaign_id=5, count_only=True)
    assert (result["count"], result["states"]) == (2, {"unknown": 1, "failed": 1})


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export(run_task: RunTask, sandbox: Sandbox, tmp_path: Path, form: str) -> None:
    dest = tmp_path / "out"
    given = {"campaign_id": 167, "dest": str(dest), "format": form}
    foretold = run_task(yateota_participant_info, sandbox, check_mode=True, **given)
    assert not dest.exists()
    result = run_task(yateota_participant_info, sandbox, **given)
    assert result == foretold
    assert result == {"changed": True, "count": 80, "states": STATES_167, "dest": str(dest), "warnings": []}
    assert not run_task(yateota_participant_info, sandbox, **given)["changed"]
    listed = run_task(yateota_participant_info, sandbox, campaign_id=167)["participants"]
    text = dest.read_text(encoding="utf-8")
    if form == "jsonl":
        assert [json.loads(line) for line in text.splitlines()] == listed
    else:
        rows = list(csv.DictReader(text.splitlines()))
        assert rows == [{name: str(value) if value else "" for name, value in each.items()} for each in listed]


def test_an_export_that_fails_half_way_leaves_the_old_file(run_task: RunTask, sandbox: Sandbox, tmp_path: Path) -> None:
    dest = tmp_path / "out.csv"
    dest.write_text("old")
    sandbox.fault(request="query_participants", nth=3, kind="truncated", times=9)
    result = run_task(yateota_participant_info, sandbox, campaign_id=167, page_size=20, dest=str(dest))
    assert result["failure"]["kind"] == "bad_answer"
    assert (dest.read_text(), list(tmp_path.iterdir())) == ("old", [dest])


def test_an_export_to_nowhere_asks_nothing(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant_info, sandbox, campaign_id=167, dest="/nowhere/out.csv")
    assert result["msg"].startswith("dest '/nowhere/out.csv' cannot be written (the folder /nowhere is missing")
    assert sandbox.journal() == []


def test_trace(run_task: RunTask, sandbox: Sandbox, tmp_path: Path) -> None:
    truth = sandbox.participant(195)
    by_id = run_task(yateota_trace, sandbox, campaign_id=167, participant_id=195)
    assert not by_id["changed"]
    assert {event["participant_id"] for event in by_id["trace"]} == {"195"}
    for name in ("imsi", "msisdn"):
        assert run_task(yateota_trace, sandbox, campaign_id=167, **{name: truth[name]})["trace"] == by_id["trace"]
    dest = tmp_path / "trace.json"
    given = {"campaign_id": 167, "participant_id": 195, "dest": str(dest)}
    assert run_task(yateota_trace, sandbox, check_mode=True, **given)["changed"]
    assert not dest.exists()
    assert run_task(yateota_trace, sandbox, **given) == by_id | {"changed": True, "dest": str(dest)}
    assert json.loads(dest.read_text()) == by_id["trace"]
    assert not run_task(yateota_trace, sandbox, **given)["changed"]


def test_a_trace_by_another_name_is_kept_and_none_is_an_error(run_task: RunTask, parrot: Any, tmp_path: Path) -> None:
    dest = tmp_path / "trace.json"
    given = {"campaign_id": 5, "participant_id": 1, "dest": str(dest)}
    parrot.answers = [http('{"code": 0, "messages": ["sent"]}')]
    assert run_task(yateota_trace, parrot.api_url, **given)["trace"] == ["sent"]
    parrot.answers = [http('{"code": 0}')]
    result = run_task(yateota_trace, parrot.api_url, **given)
    assert result["failed"]
    assert "The answer to trace carries no trace; it has nothing." in result["msg"]
    assert json.loads(dest.read_text()) == ["sent"]


def test_stats(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_stats_info, sandbox)
    assert result["stats"]["engine"]["congestion"] == 0
    assert result["status"] == {"operational": True, "level": "NOTE", "state": "Full service", "service": "ota"}
    assert (result["changed"], result["version"], result["warnings"]) == (False, "6.4.0-1", [])


def test_stats_of_a_server_without_status(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="get_node_status", kind="code", code=401, message="Unknown request")
    result = run_task(yateota_stats_info, sandbox)
    assert (result["status"], result["version"]) == (None, result["stats"]["engine"]["node_version"])
    assert len(result["warnings"]) == 1
    assert "The node's status is not known: get_node_status: the server said" in result["warnings"][0]


@pytest.mark.parametrize(
    ("answer", "stats"),
    [({"stats": []}, {}), ({}, {}), ({"stats": None}, {}), ({"stats": {"engine": []}}, {"engine": []})],
)
def test_stats_that_are_empty(run_task: RunTask, parrot: Any, answer: dict[str, Any], stats: dict[str, Any]) -> None:
    parrot.answers = [http(json.dumps({"code": 0, **answer}))]
    result = run_task(yateota_stats_info, parrot.api_url)
    assert (result["stats"], result["status"], result["version"]) == (stats, None, None)


@pytest.mark.parametrize("stats", ["up", [1], {"engine": "up"}])
def test_stats_that_are_none(run_task: RunTask, parrot: Any, stats: Any) -> None:
    parrot.answers = [http(json.dumps({"code": 0, "stats": stats}))]
    result = run_task(yateota_stats_info, parrot.api_url)
    assert result["failure"]["kind"] == "bad_answer"
    assert result["msg"].startswith("The answer to query_stats cannot be read: its statistics are not an object. Check")


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        (yateota_campaign_info, {"limit": -1}, "limit -1 is not valid: give 1 or more."),
        (yateota_campaign_info, {"limit": 1, "offset": -1}, "offset -1 is not valid: give 0 or more."),
        (yateota_campaign_info, {"page_size": 1}, "page_size 1 is not valid: give 2 or more."),
        (yateota_campaign_info, {"campaign_id": 0}, "campaign_id 0 is not valid: give 1 or more."),
        (yateota_participant_info, {"campaign_id": 1, "limit": -1}, "limit -1 is not valid: give 1 or more."),
        (yateota_trace, {"campaign_id": 1, "imsi": "x"}, "imsi 'x' is not valid: expected 14 or 15 digits."),
        (yateota_trace, {"campaign_id": 0, "participant_id": 1}, "campaign_id 0 is not valid: give 1 or more."),
        (yateota_stats_info, {"timeout": 0}, "timeout 0 is not valid: give more than 0 and up to 86400."),
    ],
)
def test_options_that_cannot_be(
    run_task: RunTask, sandbox: Sandbox, module: ModuleType, given: dict[str, Any], message: str
) -> None:
    result = run_task(module, sandbox, **given)
    assert result == {
        "failed": True,
        "msg": message,
        "failure": {"kind": "invalid_input", "request": None, "code": None, "http_status": None, "message": None},
        "warnings": [],
    }
    assert sandbox.journal() == []


@pytest.mark.parametrize(
    ("module", "given"),
    [
        (yateota_campaign_info, {}),
        (yateota_participant_info, {"campaign_id": 167}),
        (yateota_stats_info, {}),
        (yateota_trace, {"campaign_id": 167, "participant_id": 195}),
    ],
)
def test_reading_is_the_same_whatever_the_server_varies_in(
    run_task: RunTask, start_sandbox: StartSandbox, module: ModuleType, given: dict[str, Any]
) -> None:
    """Ids as strings or numbers, noise after the JSON, closed connections, other keys: one result for all."""
    plain = start_sandbox()
    odd = start_sandbox(ids="number", not_writeable=True, connection="close", participant_state="status")
    results = [run_task(module, box, **given) for box in (plain, odd)]
    if module is yateota_stats_info:
        results = [{**each, "stats": sorted(each["stats"])} for each in results]
    if module is yateota_campaign_info:
        results = [{**each, "api_url": "that of its server"} for each in results]
    if module is yateota_trace:  # given as the server gave it
        results = [{**each, "trace": json.loads(json.dumps(each["trace"]), parse_int=str)} for each in results]
    assert results[0] == results[1]
