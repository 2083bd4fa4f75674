# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The participants of a change, from campaigns, lists and files; bad entries are reported, duplicates are dropped."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import source as source_module
from ansible_collections.simops.yateota.plugins.module_utils._change.selection import (
    Selection,
    same_selection,
    words,
)
from ansible_collections.simops.yateota.plugins.module_utils._change.source import Source
from ansible_collections.simops.yateota.plugins.module_utils._core.entries import participant_name, row_name
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.modules import yateota_participant_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, http

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

ICCID_OF_195 = "8931010000000000113"
ON_A_FILE = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


def rows(bulk: Bulk, tmp_path: Path, selection: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[Any]]:
    """A plan's result, and its rows as (participant_id, iccid, state, reason)."""
    dest = tmp_path / "rows.jsonl"
    result = bulk("planned", selection=selection, report_dest=str(dest), format="jsonl", **options)
    if "change" not in result:
        return result, []
    columns = ("participant_id", "iccid", "state", "reason")
    return result, [tuple(json.loads(line)[name] for name in columns) for line in dest.read_text().splitlines()]


def test_a_campaign_in_a_state_that_the_server_cannot_filter_by(bulk: Bulk, tmp_path: Path) -> None:
    result, _rows = rows(bulk, tmp_path, {"campaign_id": 167, "state": "canceled"})
    assert result["change"]["counts"]["planned"] == 1


@ON_A_FILE
@pytest.mark.parametrize(
    ("state", "shown", "words"),
    [
        ("failed", [{"state": 4}] * 5, "of 5 participants, 0 show no state, and the others '4'"),
        ("failed", [{"state": "finished"}], "of 1 participants, 0 show no state, and the others 'finished'"),
        (
            "unallocated",
            [{"participant_status": "unallocated"}] * 2,
            "of 2 participants, 2 show no state. Nothing is recorded",
        ),
        ("unallocated", [{"state": 1}, {"state": 2}], "and the others '1', '2'"),
        ("unallocated", [{"state": "unallocated"}, {}], "of 2 participants, 1 show no state, and the others"),
        ("canceled", [{"state": "unallocated"}], ""),
        ("canceled", [], ""),
        ("failed", [{"state": "failed"}, {"state": "pending_send"}], ""),
        ("failed", [{}, {}], ""),  # they are in the state that the server was asked for
    ],
)
def test_a_selection_by_states_that_cannot_be_read_is_not_empty(
    bulk: Bulk, parrot: Any, state: str, shown: list[dict[str, Any]], words: str
) -> None:
    rows = [{"participant_id": number, **each} for number, each in enumerate(shown, start=1)]
    answers: list[dict[str, Any]] = [] if state == "failed" else [{"count": len(rows)}]
    answers += [{"participants": rows}, {"participants": rows[-1:]}]
    parrot.answers = [http(json.dumps({"code": 0, **each})) for each in answers]
    result = bulk("planned", parrot.api_url, selection={"campaign_id": 167, "state": state})
    assert bool(words) == bool(result.get("failed")), result
    if words:
        assert result["failure"]["kind"] == "bad_answer"
        assert f"selection.state '{state}' cannot be compared with the list of campaign 167" in result["msg"]
        assert words in result["msg"]
        assert "is not in the ledger" in bulk("held", parrot.api_url, selection=None, action=None)["msg"]


def test_a_whole_campaign_leaves_out_whom_the_action_does_nothing_for(bulk: Bulk, tmp_path: Path) -> None:
    result, _rows = rows(bulk, tmp_path, {"campaign_id": 167})
    counts = result["change"]["counts"]
    # 30 finished, 44 failed, 3 waiting_por, 2 pending_send, 1 canceled
    assert (counts["planned"], counts["skipped"], result["change"]["selected"]) == (45, 35, 80)


def test_a_list_under_different_identifiers(bulk: Bulk, tmp_path: Path) -> None:
    listed = [
        {"participant_id": 195},
        {"iccid": ICCID_OF_195},
        {"participant_id": 195, "state": "failed", "extra": {}},
        {"msisdn": "+882990000013"},
        {"participant_id": 185},
        {"participant_id": 9999},
        {"iccid": "8931010000000000022", "campaign_id": 142},
    ]
    result, found = rows(bulk, tmp_path, {"campaign_id": 167, "participants": listed})
    assert result["change"]["duplicates"] == 2
    assert found == [
        (195, ICCID_OF_195, "planned", None),
        (197, "8931010000000000139", "planned", None),
        (185, "8931010000000000014", "skipped", "its message has been delivered already"),
        (9999, None, "refused", "its campaign has no such participant; check the identifiers"),
        (162, "8931010000000000022", "skipped", "its message has been delivered already"),
    ]


def test_a_list_without_a_campaign_is_not_looked_up(bulk: Bulk, tmp_path: Path, sandbox: Sandbox) -> None:
    _result, found = rows(bulk, tmp_path, {"participants": [{"iccid": ICCID_OF_195}, {"iccid": ICCID_OF_195}]})
    assert found == [(None, ICCID_OF_195, "planned", None)]
    assert not sandbox.journal()


@pytest.mark.parametrize("name", ["sims.csv", "sims.jsonl"])
def test_a_file(bulk: Bulk, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    entries = [{"participant_id": 195, "note": "x"}, {"iccid": ICCID_OF_195}, {"participant_id": "197"}]
    if name.endswith("csv"):
        source.write_text(f"\ufeffnote,iccid,participant_id\nx,,195\n,{ICCID_OF_195},\n,,197\n", encoding="utf-8")
    else:
        source.write_text("\n".join(map(json.dumps, entries)) + "\n\n")
    result, found = rows(bulk, tmp_path, {"campaign_id": 167, "source": str(source)})
    assert [row[0] for row in found] == [195, 197]
    assert result["change"]["duplicates"] == 1
    assert result["change"]["selection"]["source"] == str(source)

    moved = source.rename(tmp_path / f"moved-{name}")
    assert not bulk("planned", selection={"campaign_id": 167, "source": str(moved)})["changed"]
    moved.write_text(moved.read_text().replace("197", "198"))
    changed = bulk("planned", selection={"campaign_id": 167, "source": str(moved)})
    assert "recorded with another selection" in changed["msg"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('195,"left open', "it is not valid CSV"),
        ("99999999999999999999,", "participant_id 99999999999999999999 is not valid: give 9223372036854775807 or less"),
    ],
)
def test_lines_that_would_swallow_others_or_fit_no_ledger(
    bulk: Bulk, tmp_path: Path, sandbox: Sandbox, line: str, words: str
) -> None:
    source = tmp_path / "sims.csv"
    source.write_text(f"participant_id,note\n197,\n{line}\n198,\n199,\n")
    result = bulk("applied", selection={"campaign_id": 167, "source": str(source)})
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert words in result["msg"]
    assert not sandbox.writes()


def planned(bulk: Bulk, entries: list[dict[str, Any]], **options: Any) -> dict[str, int]:
    """Planned for a rerun: how many rows of each state there are, and how many entries were duplicates."""
    change = bulk("planned", action="rerun", selection={"participants": entries}, **options)["change"]
    counts = {state: count for state, count in change["counts"].items() if count}
    return counts | {"duplicates": change["duplicates"]}


IMSI, ICCID, MSISDN = "001010000000011", ICCID_OF_195, "882990000011"
IN_167 = {"campaign_id": 167}
# 195 of campaign 167 has these; 161 of campaign 142 and 185 of campaign 167 are one SIM.


@pytest.mark.parametrize(
    "entries",
    [
        [{"imsi": IMSI, "msisdn": "+" + MSISDN}, {"msisdn": MSISDN}],
        [{"msisdn": MSISDN}, {"imsi": IMSI, "msisdn": "+" + MSISDN}],
        [{"imsi": IMSI}, {"imsi": IMSI, "iccid": ICCID}],
        [{"imsi": IMSI}, {"imsi": IMSI, **IN_167}],
        [{"iccid": ICCID}, {"iccid": ICCID + "F"}, {"iccid": ICCID + "f", **IN_167}],
        [{"imsi": IMSI, **IN_167}, {"iccid": ICCID, **IN_167}, {"msisdn": MSISDN, **IN_167}],
        [{"imsi": IMSI, **IN_167}, {"iccid": ICCID}],
        [{"iccid": ICCID}, {"participant_id": 195, **IN_167}],
        [{"participant_id": "0195", **IN_167}, {"participant_id": 195, "imsi": IMSI}],
        # One connects two that share nothing, in whichever order.
        [{"imsi": IMSI}, {"msisdn": MSISDN}, {"imsi": IMSI, "msisdn": MSISDN}],
        [{"imsi": IMSI, "msisdn": "1"}, {"imsi": IMSI, "msisdn": MSISDN}, {"msisdn": MSISDN}],
        [{"iccid": ICCID, "imsi": IMSI}, {"msisdn": MSISDN, "iccid": ICCID}, {"msisdn": MSISDN}],
    ],
    ids=str,
)
def test_a_sim_under_several_names_is_rerun_once(bulk: Bulk, sandbox: Sandbox, entries: list[dict[str, Any]]) -> None:
    counts = planned(bulk, [*entries, {"imsi": "001010000000013", "iccid": "8931010000000000139", "msisdn": "1"}])
    assert counts == {"planned": 2, "duplicates": len(entries) - 1}
    change = bulk("applied", action="rerun", selection=None)["change"]
    assert (change["counts"]["done"], change["sent"]) == (2, 2)
    assert (sandbox.participant(195)["reruns"], sandbox.participant(197)["reruns"]) == (1, 1)


def test_a_sim_of_two_campaigns_is_rerun_once(bulk: Bulk, sandbox: Sandbox) -> None:
    ended = {each: sandbox.participant(each)["iccid"] for each in (*range(161, 185), *range(185, 265))}
    ended = {
        each: iccid for each, iccid in ended.items() if sandbox.participant(each)["state"] in ("finished", "failed")
    }
    pairs = [(one, other) for one in ended for other in ended if one < 185 <= other and ended[one] == ended[other]]
    assert pairs
    entries = [{"participant_id": each, "campaign_id": 142 if each < 185 else 167} for pair in pairs for each in pair]
    change = bulk("applied", action="rerun", selection={"participants": entries})["change"]
    assert (change["selected"], change["duplicates"], change["sent"]) == (len(pairs),) * 3
    assert all(sandbox.participant(each)["reruns"] == 1 for pair in pairs for each in pair)
    assert {tuple(entry["params"]) for entry in sandbox.writes()} == {("iccid", "action")}


def test_a_sim_that_is_under_way_in_one_of_its_campaigns_is_not_rerun(bulk: Bulk, sandbox: Sandbox) -> None:
    under_way = next(
        (one, other)
        for one in range(161, 185)
        for other in range(185, 265)
        if sandbox.participant(one)["iccid"] == sandbox.participant(other)["iccid"]
        and sandbox.participant(one)["state"].startswith("pending")
        and sandbox.participant(other)["state"] in ("finished", "failed")
    )
    entries = [{"participant_id": each, "campaign_id": 142 if each < 185 else 167} for each in reversed(under_way)]
    assert planned(bulk, entries) == {"skipped": 1, "duplicates": 1}


@pytest.mark.parametrize(
    ("entries", "two"),
    [
        ([{"imsi": IMSI}, {"iccid": ICCID}], f"imsi {IMSI} and iccid {ICCID}"),
        ([{"imsi": IMSI}] * 3 + [{"msisdn": MSISDN}], f"imsi {IMSI} and msisdn {MSISDN}"),
        ([{"msisdn": "1", "imsi": IMSI}, {"iccid": ICCID}], f"imsi {IMSI} msisdn 1 and iccid {ICCID}"),
    ],
    ids=str,
)
def test_a_rerun_of_what_may_be_one_sim_is_refused(
    bulk: Bulk, sandbox: Sandbox, entries: list[dict[str, Any]], two: str
) -> None:
    result = bulk("applied", action="rerun", selection={"participants": entries})
    assert result["failure"]["kind"] == "invalid_input"
    assert result["msg"] == (
        f"rerun is refused, nothing was recorded or sent. Nothing that was read shows whether {two} are one SIM: name "
        "all SIMs by the same kind of identifier, or give campaign_id, so that its list shows it."
    )
    assert not sandbox.journal()


def test_two_numbers_of_one_card_and_one_number_of_two_cards(bulk: Bulk) -> None:
    """An ICCID is of one SIM alone; a number or an IMSI may have moved to another."""
    cards = [
        {"iccid": ICCID, "msisdn": "1"},
        {"iccid": "8931010000000000139", "msisdn": "1"},
        {"iccid": ICCID, "msisdn": "2"},
    ]
    assert planned(bulk, [*cards, {"msisdn": "1"}]) == {"planned": 2, "duplicates": 2}


@pytest.mark.parametrize(
    ("action", "entry", "words"),
    [
        ("rerun", {"participant_id": 195}, "rerun is sent by iccid, else imsi, else msisdn, and participant_id is all"),
        ("retry_build", {"participant_id": 195}, "retry_build is sent by iccid, else imsi, and participant_id is all"),
        ("retry", {"msisdn": MSISDN}, "retry is sent by participant_id, else iccid, else imsi, and msisdn is all"),
    ],
)
def test_who_cannot_be_named_is_refused_before_anything_is_recorded(
    bulk: Bulk, sandbox: Sandbox, action: str, entry: dict[str, Any], words: str
) -> None:
    result = bulk("applied", action=action, selection={"participants": [{"imsi": IMSI}, entry]})
    assert "participants[1]: " in result["msg"]
    assert words in result["msg"]
    assert "give its campaign_id" in result["msg"]
    assert not sandbox.journal()


@pytest.mark.parametrize(
    ("action", "entry", "form"),
    [
        ("rerun", {"participant_id": 195}, {"iccid": ICCID}),
        ("rerun", {"participant_id": 195, "msisdn": "+" + MSISDN}, {"msisdn": MSISDN}),
        ("rerun", {"imsi": IMSI}, {"imsi": IMSI}),
        ("retry", {"msisdn": MSISDN}, {"participant_id": 195}),
        ("retry", {"iccid": ICCID, "campaign_id": None}, {"participant_id": 195}),
        ("retry_build", {"imsi": "unallocated", "campaign_id": 176}, {"campaign_id": 176}),
    ],
)
def test_how_a_request_names_its_participant_or_sim(
    bulk: Bulk, sandbox: Sandbox, action: str, entry: dict[str, Any], form: dict[str, Any]
) -> None:
    if action == "retry_build":
        who = next(each for each in range(331, 371) if sandbox.participant(each)["state"] == "unallocated")
        entry["imsi"] = sandbox.participant(who)["imsi"]
        form = {"imsi": entry["imsi"], "campaign_id": 176}
    result = bulk("applied", action=action, selection={"campaign_id": 167, "participants": [entry]})
    assert result["change"]["counts"]["done"] == 1, result
    assert [write["params"] for write in sandbox.writes()] == [{**form, "action": action}]


@pytest.mark.parametrize(
    "content",
    [
        # A European spreadsheet's separator, rows of empty cells, a name with a blank in front.
        "iccid;imsi\r\n8931010000000000295;\r\n",
        "iccid,imsi\r\n8931010000000000295,\r\n,\r\n,\r\n",
        "SIM number, Campaign ID\n8931010000000000295, 167\n",
    ],
)
@ON_A_FILE
def test_a_list_as_a_spreadsheet_writes_it(bulk: Bulk, tmp_path: Path, sandbox: Sandbox, content: str) -> None:
    source = tmp_path / "sims.csv"
    source.write_bytes(content.encode())
    result = bulk("applied", selection={"campaign_id": 167, "source": str(source)})
    assert (result["change"]["selected"], result["change"]["counts"]["done"]) == (1, 1)
    columns = result["change"]["selection"]["columns"]
    assert columns["iccid"] == ("SIM number" if "SIM number" in content else "iccid")
    assert len(sandbox.writes()) == 1


@ON_A_FILE
def test_a_column_that_is_ours_but_for_a_blank_is_read(bulk: Bulk, tmp_path: Path, sandbox: Sandbox) -> None:
    """It was left out, and the SIM acted on in the selection's campaign."""
    source = tmp_path / "sims.csv"
    source.write_text("imsi, campaign_id\n001010000000011, 167\n")
    dest = tmp_path / "rows.jsonl"
    given = {"selection": {"campaign_id": 142, "source": str(source)}, "report_dest": str(dest), "format": "jsonl"}
    bulk("planned", **given)
    assert json.loads(dest.read_text())["campaign_id"] == 167


@ON_A_FILE
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_the_collection_exports_is_a_list_as_it_is(
    bulk: Bulk, run_task: RunTask, tmp_path: Path, sandbox: Sandbox, form: str
) -> None:
    """A campaign's participants first, as the server lists them, and then the report of a change."""
    dest, report = str(tmp_path / "all"), str(tmp_path / "report")
    run_task(yateota_participant_info, sandbox, campaign_id=167, dest=dest, format=form)
    reported = {"report_dest": report, "format": form}
    first = bulk("planned", selection={"source": dest}, **reported)["change"]
    assert (first["selected"], first["duplicates"], first["counts"]["planned"]) == (80, 0, 45)
    again = bulk("planned", change_id="CHG2", selection={"source": report})["change"]
    assert (again["selected"], again["counts"]) == (80, first["counts"])


@ON_A_FILE
@pytest.mark.parametrize("iccid", [f"{ICCID_OF_195}F", f"{ICCID_OF_195}f", f"'{ICCID_OF_195}"])
def test_an_iccid_is_matched_however_it_is_padded(bulk: Bulk, tmp_path: Path, iccid: str) -> None:
    source = tmp_path / "sims.csv"
    source.write_text(f"iccid,participant_id\n{iccid},\n,195\n")
    change = bulk("planned", selection={"campaign_id": 167, "source": str(source)})["change"]
    assert (change["selected"], change["duplicates"]) == (1, 1)


@ON_A_FILE
def test_the_line_of_a_bad_quote_is_told(bulk: Bulk, tmp_path: Path, sandbox: Sandbox) -> None:
    source = tmp_path / "sims.csv"
    source.write_text('iccid,note\n8931010000000000295,a\n8931010000000000303,"a "b" c"\n')
    result = bulk("applied", selection={"campaign_id": 167, "source": str(source)})
    assert "has 1 bad entries, nothing was recorded or sent. line 3: it is not valid CSV" in result["msg"]
    assert not sandbox.writes()


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "sims.csv"
    source.write_text("participant_id\n" + "195\n" * 2000)
    selection = Selection({"source": str(source)})
    blocks = selection.rows("retry", None, lambda: None, print)  # type: ignore[arg-type]
    next(blocks)
    source.write_text("participant_id\n197\n")
    with pytest.raises(InvalidInputError, match="has changed while it was read"):
        list(blocks)


def test_one_that_was_written_a_moment_ago_is_digested_again(tmp_path: Path) -> None:
    """Its size and its times may then be those from before."""
    source = tmp_path / "sims.csv"
    source.write_text("participant_id\n" + "195\n" * 2000)
    times = source.stat()
    blocks = Selection({"source": str(source)}).rows("retry", None, lambda: None, print)  # type: ignore[arg-type]
    next(blocks)
    source.write_text("participant_id\n" + "197\n" * 2000)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InvalidInputError, match="has changed while it was read"):
        list(blocks)


@ON_A_FILE
def test_a_file_is_opened_and_digested_once_in_a_task(
    bulk: Bulk, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each wave is a task, which looks whether the selection is still the one recorded."""
    monkeypatch.setattr(source_module, "_GRAIN", -3600.0)  # as if it had been written long ago
    opened: list[Any] = []
    digested: list[Any] = []
    monkeypatch.setattr(Source, "__enter__", noted(Source.__enter__, opened))
    monkeypatch.setattr(Source, "digest", noted(Source.digest, digested))
    source = tmp_path / "sims.csv"
    source.write_text("participant_id\n195\n197\n198\n")
    selection = {"campaign_id": 167, "source": str(source)}
    for state in ("planned", "planned", "applied", "applied", "applied", "verified"):
        opened.clear()
        digested.clear()
        bulk(state, selection=selection, rollout={"wave_size": 1}, max_waves=1)
        assert (len(opened), len(digested)) == (1, 1), state
    assert len(sandbox.writes()) == 2  # one of them has had its message
    source.write_text("participant_id\n195\n197\n199\n")
    assert "recorded with another selection" in bulk("applied", selection=selection)["msg"]


def test_a_purged_change_takes_no_other_selection(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    """It would send nothing for it, and succeed."""
    source = tmp_path / "sims.csv"
    source.write_text("participant_id\n195\n")
    selection = {"campaign_id": 167, "source": str(source)}
    others = [
        {"participants": [{"participant_id": each, "campaign_id": 167} for each in (197, 199, 201)]},
        {"campaign_id": 167, "state": "failed"},
    ]
    bulk("applied", selection=selection)
    assert bulk("purged", selection=None)["changed"]
    for state in ("planned", "applied"):
        for check_mode in (True, False):
            for other in others:
                refused = bulk(state, selection=other, check_mode=check_mode)
                assert refused["msg"].startswith("change_id 'CHG1' is recorded with another selection (source '")
                assert refused["msg"].endswith("'): it is purged, and sends nothing. Give another change_id.")
        assert not bulk(state, selection=selection)["changed"]
    source.unlink()
    assert not bulk("purged", selection=selection)["changed"]
    assert len(sandbox.writes()) == 1


def noted(call: Any, calls: list[Any]) -> Any:
    def noting(*arguments: Any) -> Any:
        calls.append(arguments)
        return call(*arguments)

    return noting


def test_bad_lines_are_told_by_number_and_nothing_is_recorded(bulk: Bulk, tmp_path: Path, sandbox: Sandbox) -> None:
    source = tmp_path / "sims.csv"
    source.write_text(f"iccid,participant_id\n{ICCID_OF_195},\n12345,\n,x\n,\n,197\n")
    result = bulk("applied", selection={"campaign_id": 167, "source": str(source)})
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    for place in ("line 3: iccid '12345' is not valid", "line 4: participant_id 'x' is not valid"):
        assert place in result["msg"]
    assert "2 bad entries" in result["msg"]
    assert not sandbox.writes()
    source.write_text("participant_id\n197\n")
    assert bulk("applied", selection={"campaign_id": 167, "source": str(source)})["change"]["counts"]["done"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "name,number\nx,1\n", "has no column that identifies a participant"),
        ("a.csv", "", "is empty"),
        ("a.jsonl", '1\n{"imsi": 2}\n', "has no column that identifies a participant"),
        ("a.jsonl", '{"iccid":\n{\n', "it is not valid JSON"),
        ("a.jsonl", '{"imsi": 1010000000012}\n', "line 1: imsi was read as the number 1010000000012, expected text"),
        ("a.csv", b"iccid\n\xff\xfe\n", "line 2: iccid "),
        ("a.csv", b"iccid\n\x00\n", "is a binary file"),
        (None, "", "cannot be read (No such file or directory)"),
    ],
)
def test_files_that_are_none(bulk: Bulk, tmp_path: Path, name: str | None, content: str | bytes, message: str) -> None:
    source = tmp_path / (name or "nowhere.csv")
    if name:
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = bulk("planned", selection={"source": str(source)})
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert message in result["msg"]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"state": "failed"}, "selection names no participants"),
        ({"campaign_id": 0}, "selection.campaign_id 0 is not valid"),
        ({"participants": [{"participant_id": 1}], "source": "x"}, "names participants and a source"),
        ({"participants": [{"participant_id": 1}], "state": "failed"}, "goes with campaign_id alone"),
        ({"participants": [{"campaign_id": 1}]}, "participants[0]: A participant needs one of"),
    ],
)
def test_selections_that_cannot_be(bulk: Bulk, selection: dict[str, Any], message: str) -> None:
    result = bulk("planned", selection=selection)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert message in result["msg"]


def test_a_change_without_participants_is_not_recorded(bulk: Bulk, sandbox: Sandbox) -> None:
    empty = {"campaign_id": 144, "state": "canceled"}
    warning = (
        "selection is empty: campaign 144, state canceled matches no participant. Change CHG1 is not recorded, and "
        "nothing is sent."
    )
    for state in ("planned", "applied", "applied"):
        result = bulk(state, selection=empty)
        assert (result["changed"], result["change"]["selected"], result["remaining"]) == (False, 0, 0)
        assert result["warnings"] == [warning]
    for state in ("verified", "purged"):
        assert "change_id 'CHG1' is not in the ledger" in bulk(state)["msg"]
    # The participants that the campaign has by then are acted on.
    assert bulk("applied", selection={"campaign_id": 167, "state": "failed"})["change"]["counts"]["done"] == 44
    assert len(sandbox.writes()) == 44


def test_a_change_that_an_older_release_recorded_without_participants_is_planned_anew(
    bulk: Bulk, ledger: str, sandbox: Sandbox
) -> None:
    opened = open_ledger(ledger, None)
    facts = {"api_url": sandbox.url, "node": "ota", "action": "retry", "selection": {}}
    find_or_create_change(opened, "CHG1", **facts).update(status="applied")
    opened.close()
    assert bulk("applied")["change"]["counts"]["done"] == 44


def test_twenty_thousand_lines(bulk: Bulk, tmp_path: Path) -> None:
    """`make bench` plans a million, and measures the memory that takes."""
    source = tmp_path / "sims.csv"
    source.write_text("participant_id\n" + "".join(f"{number % 18_000 + 1}\n" for number in range(20_000)))
    result = bulk("planned", selection={"source": str(source)})
    assert (result["change"]["selected"], result["change"]["duplicates"]) == (18_000, 2_000)


def test_descriptions() -> None:
    assert same_selection({"source": "a", "digest": "1"}, {"source": "b", "digest": "1"})
    assert not same_selection({"source": "a", "digest": "1"}, {"source": "a", "digest": "2"})
    assert words({"source": "a.csv", "digest": "1"}) == "source 'a.csv'"
    assert words({"participants": 3, "digest": "1"}) == "a list of 3 participants"


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), b"001010000000011", {"imsi"}], ids=str)
def test_a_list_with_a_value_that_json_does_not_have(bulk: Bulk, sandbox: Sandbox, value: Any) -> None:
    """YAML has dates and bytes, and a task that runs in the controller gets them as they are."""
    result = bulk("planned", selection={"participants": [{"imsi": value}]})
    assert f"participants[0]: imsi was read as {type(value).__name__} " in result["msg"]
    assert not sandbox.journal()


@pytest.mark.parametrize("campaign_id", [None, 167])
def test_the_name_of_a_listed_participant_is_the_one_of_a_row(campaign_id: int | None) -> None:
    assert participant_name(161, campaign_id) == row_name(["participant_id"], {"participant_id": 161}, campaign_id)
