# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes rolled out on the sandbox: none twice, none lost, and every way to stop is one to continue from."""

from __future__ import annotations

import contextlib
import csv
import datetime
import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._change.options import RolloutOptions
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import is_write
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import Report
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import participants
from ansible_collections.simops.yateota.plugins.module_utils._ledger.waves import Waves
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Connect, StartSandbox, free_port

from yateota_sandbox import Options, Sandbox

pytestmark = pytest.mark.any_database

C167 = range(185, 265)
NOBODY = dict.fromkeys(("planned", "sending", "done", "skipped", "refused", "failed", "unknown"), 0)


def in_state(box: Sandbox, state: str) -> set[int]:
    return {each for each in C167 if box.participant(each)["state"] == state}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def at(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat()


def test_who_approved_is_who_approved_what_was_sent(bulk: Bulk, ledger: str) -> None:
    assert bulk("planned", approved_by="a.early")["change"]["approved_by"] is None
    assert bulk("applied", approved_by="j.doe", max_waves=1)["change"]["approved_by"] == "j.doe"
    for state in ("applied", "verified", "purged"):  # nothing remains to be sent
        assert bulk(state, approved_by="m.late")["change"]["approved_by"] == "j.doe"
    with contextlib.closing(open_ledger(ledger, None)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        approvers = [run["approved_by"] for run in Report(change, masked=False).runs()]
    assert approvers == ["a.early", "j.doe", "m.late", "m.late", "m.late"]


def test_a_change_from_plan_to_purge(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    failed = in_state(sandbox, "failed")
    plan = bulk("planned", requested_by="noc", job_id="4711")
    assert (plan["changed"], plan["remaining"], plan["change"]["status"]) == (True, 44, "planned")
    assert plan["change"]["counts"] == {**NOBODY, "planned": 44}
    assert not bulk("planned")["changed"]
    assert not sandbox.writes()

    first = bulk("applied", rollout={"canary": 5, "wave_size": 20}, max_waves=1, approved_by="j.doe")
    assert (first["changed"], first["remaining"], first["change"]["status"]) == (True, 39, "in_progress")
    assert (first["change"]["waves_done"], first["change"]["waves_total"]) == (1, 3)
    assert len(acted_on(sandbox)) == 5

    done = bulk("applied", rollout={"canary": 5, "wave_size": 20})
    assert [wave["size"] for wave in done["change"]["waves"]] == [5, 20, 19]
    assert done["change"]["counts"] == {**NOBODY, "done": 44}
    assert (done["change"]["status"], done["change"]["approved_by"]) == ("applied", "j.doe")
    assert acted_on(sandbox) == dict.fromkeys(failed, 1)

    again = bulk("applied")
    assert (again["changed"], again["change"]["sent"]) == (False, 0)
    assert len(sandbox.writes()) == 44

    early = bulk("verified")
    assert (early["remaining"], early["change"]["states"], len(early["unfinished"])) == (44, {"pending_send": 44}, 20)
    sandbox.advance(1e6)
    dest = tmp_path / "report.jsonl"
    late = bulk("verified", report_dest=str(dest), format="jsonl")
    finished = in_state(sandbox, "finished")
    came_back = failed - finished
    assert {each["participant_id"] for each in late["unfinished"]} == came_back
    assert late["change"]["states"] == {"finished": 44 - len(came_back), "failed": len(came_back)}
    rows = rows_of(dest)
    assert {row["participant_id"] for row in rows} == failed
    for row in rows:
        assert (row["state"], row["state_planned"], row["state_before"], row["code"]) == ("done", "failed", "failed", 0)
        assert row["sent_at"] <= row["answered_at"] < row["read_at"]

    assert bulk("purged")["changed"]
    purged = bulk("purged", report_dest=str(dest), format="jsonl")
    assert not purged["changed"]
    assert purged["change"]["counts"] == done["change"]["counts"]
    identifiers = ("participant_id", "iccid", "imsi", "msisdn", "message")
    assert all(row[name] is None for row in rows_of(dest) for name in identifiers)


def test_check_mode_sends_and_records_nothing(bulk: Bulk, sandbox: Sandbox, ledger: str) -> None:
    plan = bulk("applied", check_mode=True)
    assert (plan["changed"], plan["change"]["counts"]["planned"]) == (True, 44)
    if "://" not in ledger:
        assert not Path(ledger).exists()
    bulk("planned")
    before = None if "://" in ledger else Path(ledger).read_bytes()
    plan = bulk("applied", check_mode=True)
    assert (plan["changed"], plan["change"]["status"], plan["remaining"]) == (True, "planned", 44)
    if before:
        assert Path(ledger).read_bytes() == before
        assert [file.name for file in Path(ledger).parent.iterdir()] == ["ledger.sqlite"]
    assert not any(is_write(entry["request"], entry["params"]) for entry in sandbox.journal())


def test_who_shifts_between_plan_and_wave_is_judged_by_the_new_state(
    bulk: Bulk, sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    bulk("planned")
    moved = sorted(in_state(sandbox, "failed"))[:3]
    client = connect(sandbox)
    for participant_id, action in zip(moved, ("retry", "retry", "cancel"), strict=True):
        client.call("action_participant", {"participant_id": participant_id, "action": action})
    sandbox.clear_journal()
    dest = tmp_path / "report.jsonl"
    result = bulk("applied", recheck_after=0, report_dest=str(dest), format="jsonl")
    assert result["change"]["counts"] == {**NOBODY, "done": 42, "skipped": 2}
    skipped = [row for row in rows_of(dest) if row["state"] == "skipped"]
    assert {(row["participant_id"], row["reason"]) for row in skipped} == {
        (each, "its message is under way already") for each in moved[:2]
    }
    assert acted_on(sandbox)[moved[2]] == 1


def test_an_outcome_that_the_state_proves_is_settled(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_after", nth=3)
    result = bulk("applied")
    assert result["change"]["counts"] == {**NOBODY, "done": 44}
    assert max(acted_on(sandbox).values()) == 1


def reads_after_the_last_write(box: Sandbox) -> list[tuple[str, str | None]]:
    """Each read that came after the last write: its request, and the number that it names."""
    journal = box.journal()
    last = max(place for place, entry in enumerate(journal) if entry["request"] == "action_participant")
    return [(entry["request"], entry["params"].get("msisdn")) for entry in journal[last + 1 :]]


def test_an_unknown_outcome_is_settled_by_one_request_for_its_number(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_after", nth=3)
    assert bulk("applied")["change"]["counts"] == {**NOBODY, "done": 44}
    (read,) = reads_after_the_last_write(sandbox)
    assert read[0] == "get_campaign"
    assert read[1]


@pytest.mark.parametrize(
    "options", [{"get_campaign": False}, {"get_campaign_msisdn": "campaigns"}, {"get_campaign_msisdn": "bare"}], ids=str
)
def test_an_unknown_outcome_is_settled_by_lists_where_no_number_can_be_asked_for(
    bulk: Bulk, start_sandbox: StartSandbox, options: dict[str, Any]
) -> None:
    box = start_sandbox(**options)
    box.fault(request="action_participant", kind="drop_after", nth=3)
    assert bulk("applied", server=box)["change"]["counts"] == {**NOBODY, "done": 44}
    assert "query_participants" in dict(reads_after_the_last_write(box))


def test_an_unknown_outcome_is_reported_and_sent_again_only_on_request(
    bulk: Bulk, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=3)
    result = bulk("applied")
    assert (result["failed"], result["failure"]["kind"]) == (True, "outcome_unknown")
    assert result["change"]["counts"] == {**NOBODY, "done": 43, "unknown": 1}
    assert [failure["state"] for failure in result["failures"]] == ["unknown"]
    again = bulk("applied")
    assert (again["failed"], again["changed"], again["change"]["sent"]) == (True, False, 0)

    dest = tmp_path / "report.jsonl"
    resent = bulk("applied", unknown="resend", report_dest=str(dest), format="jsonl")
    assert not resent.get("failed")
    assert resent["change"]["counts"] == {**NOBODY, "done": 44}
    assert acted_on(sandbox) == dict.fromkeys(acted_on(sandbox), 1)
    (row,) = [row for row in rows_of(dest) if row["earlier_sends"]]
    assert row["earlier_sends"][0]["outcome"] == "unknown"
    assert row["earlier_sends"][0]["sent_at"] < row["sent_at"]


def test_too_many_failures_abort_and_only_the_operator_goes_on(bulk: Bulk, sandbox: Sandbox) -> None:
    options = {"rollout": {"canary": 4, "wave_size": 10}, "abort": {"threshold_percentage": 50, "minimum_executed": 4}}
    sandbox.fault(request="action_participant", kind="code", code=404, message="No", times=2)
    aborted = bulk("applied", **options)
    assert (aborted["failed"], aborted["failure"]["kind"], aborted["change"]["status"]) == (True, "api", "aborted")
    assert "2 of 4 attempts went wrong" in aborted["msg"]
    assert aborted["change"]["counts"] == {**NOBODY, "planned": 40, "done": 2, "refused": 2}
    assert len(sandbox.writes()) == 4

    refused = bulk("applied", **options)
    assert (refused["failed"], refused["failure"]["kind"]) == (True, "invalid_input")
    assert "resume_aborted" in refused["msg"]
    assert len(sandbox.writes()) == 4

    resumed = bulk("applied", resume_aborted=True, **options)
    assert resumed["change"]["counts"] == {**NOBODY, "done": 42, "refused": 2}
    assert resumed["change"]["status"] == "applied"


@pytest.mark.parametrize("minimum", [20, 5, 1])
@pytest.mark.parametrize("service_time", [0.02, 0.0])
def test_after_the_abort_threshold_only_those_under_way_follow_and_the_failure_counts_them(
    bulk: Bulk, start_sandbox: StartSandbox, service_time: float, minimum: int
) -> None:
    box = start_sandbox(service_time=service_time)
    box.fault(request="action_participant", kind="code", code=404, message="No participant", times=100)
    aborted = bulk("applied", box, rollout={"concurrency": 3}, abort={"minimum_executed": minimum})
    sent = len(box.writes())
    assert minimum <= sent <= minimum + 3  # one more than ``concurrency`` is under way, and one of them was answered
    assert aborted["change"]["counts"] == {**NOBODY, "planned": 44 - sent, "refused": sent}
    first = f"{minimum} of {minimum} attempts went wrong (limit 10 %). "
    since = f"With the {sent - minimum} under way then, it is {sent} of {sent}. " if sent > minimum else ""
    assert f"is aborted: {first}{since}Nothing more was sent. The most frequent reasons: {sent} ref" in aborted["msg"]


def test_a_soak_that_brings_failures_back_aborts(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    # A thousand times as fast as life, so that messages fail within the soak.
    box = start_sandbox(scenario=scenario_that_fails(), speed=1000)
    result = bulk(
        "applied",
        box,
        selection={"campaign_id": 9, "state": "failed"},
        rollout={"canary": 10, "soak": 1.0},
        abort={"threshold_percentage": 50, "minimum_executed": 10},
    )
    assert result["change"]["status"] == "aborted", result["msg"]
    assert result["change"]["counts"] == {**NOBODY, "planned": 30, "done": 10}
    assert result["change"]["states"] == {"failed": 10}
    assert "The most frequent reasons: 10 came back failed. Find the cause" in result["msg"]


def crowd(**initial: int) -> dict[str, Any]:
    """A scenario of one campaign, of which so many are in each state."""
    sims = {"count": sum(initial.values()), "imsi": "001010000000001", "iccid": "893101000000000001"}
    campaign = {"campaign_id": 9, "name": "Crowd", "type": "RFM", "state": "started", "first_participant": 1}
    return {"sims": [sims | {"msisdn": "882990000001"}], "campaigns": [campaign | {"initial": initial}]}


def test_a_whole_list_without_one_of_the_change_is_read_once(
    bulk: Bulk, start_sandbox: StartSandbox, ledger: str
) -> None:
    box = start_sandbox(scenario=crowd(failed=30))
    given = {"server": box, "selection": {"campaign_id": 9, "state": "failed"}}
    bulk("planned", **given)
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.write() as connection:
        gone = participants.update().where(participants.c.seq == 0)
        connection.execute(gone.values(participant_id=99, name="9/participant_id/99"))
    applied = bulk("applied", **given, recheck_after=0)
    assert applied["change"]["counts"] == {**NOBODY, "done": 29, "refused": 1}
    assert applied["change"]["pages_read"] == 1


def test_a_change_that_is_recorded_though_nothing_could_be_sent_has_changed_something(
    bulk: Bulk, sandbox: Sandbox
) -> None:
    sandbox.set(refuse_writes=True)
    result = bulk("applied")
    assert (result["failed"], result["changed"], result["change"]["sent"]) == (True, True, 0)
    again = bulk("applied")
    assert (again["failed"], again["changed"], again["change"]["sent"]) == (True, False, 0)


def write_row(opened: Ledger, seq: int, **values: Any) -> None:
    """Write a participant's row as another program does."""
    with opened.write() as connection:
        connection.execute(participants.update().where(participants.c.seq == seq).values(**values))


def row_of(ledger: str, seq: int) -> Any:
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.read() as connection:
        return connection.execute(sa.select(participants).where(participants.c.seq == seq)).one()


def before_block(monkeypatch: pytest.MonkeyPatch, number: int, interfere: Callable[[Attempts, Any, Any], None]) -> None:
    """Do something once, right before a run records a block."""
    record, blocks = Attempts.record, itertools.count(1)

    def with_interference(self: Attempts, ended: Any, marked: Any) -> None:
        if next(blocks) == number:
            interfere(self, ended, marked)
        record(self, ended, marked)

    monkeypatch.setattr(Attempts, "record", with_interference)


ONE_AT_ONCE = {"concurrency": 1}


@pytest.mark.parametrize("number", [1, 2])
def test_a_row_that_another_program_has_changed_is_neither_sent_for_nor_planned_again(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    bulk("planned")
    excluded = []

    def exclude(attempts: Attempts, _ended: Any, marked: Any) -> None:
        excluded.append(marked[0])
        write_row(attempts.ledger, marked[0].seq, state="skipped", reason="excluded")

    before_block(monkeypatch, number, exclude)
    result = bulk("applied", rollout=ONE_AT_ONCE)
    monkeypatch.undo()
    assert "another program has changed it" in result["msg"]
    (attempt,) = excluded
    row = row_of(ledger, attempt.seq)
    assert (row.state, row.reason, row.link) == ("skipped", "excluded", None)
    sent = len(sandbox.writes())
    assert result["change"]["counts"] == {**NOBODY, "planned": 43 - sent, "skipped": 1, "done": sent}
    assert bulk("applied")["change"]["counts"] == {**NOBODY, "done": 43, "skipped": 1}
    assert acted_on(sandbox).total() == 43
    assert attempt.identification["participant_id"] not in acted_on(sandbox)


@pytest.mark.parametrize("state_now", ["failed", "finished"])  # to be sent for again, or left out
def test_a_row_that_another_program_plans_again_keeps_its_link_and_is_not_sent_for_again(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch, state_now: str
) -> None:
    waves = {"wave_size": 10, "concurrency": 1}
    bulk("applied", rollout=waves, max_waves=2)
    before = row_of(ledger, 3)
    begin = Waves.begin

    def plan_again(self: Waves, *sizes: int) -> int:
        monkeypatch.undo()
        write_row(self.ledger, 3, state="planned", wave=None, state_now=state_now)
        return begin(self, *sizes)

    monkeypatch.setattr(Waves, "begin", plan_again)
    # Its place comes first in a wave that begins where all others have been sent for.
    rest = bulk("applied", rollout={"wave_size": 100, "concurrency": 1})
    again = bulk("applied")
    assert again["failure"]["kind"] == "altered", rest
    after = row_of(ledger, 3)
    assert (after.link, after.state) == (before.link, "planned")
    assert acted_on(sandbox).most_common(1)[0][1] == 1
    assert len(sandbox.writes()) == acted_on(sandbox).total()


def test_what_was_sent_is_recorded_though_another_program_plans_it_again_meanwhile(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk("planned")
    before_block(
        monkeypatch, 2, lambda attempts, ended, _marked: write_row(attempts.ledger, ended[0].seq, state="planned")
    )
    assert bulk("applied", rollout=ONE_AT_ONCE)["change"]["counts"] == {**NOBODY, "done": 44}
    assert acted_on(sandbox).total() == len(sandbox.writes()) == 44


def test_only_refusals_that_this_run_recorded_are_taken_back(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk("planned")
    sandbox.fault(request="action_participant", kind="code", code=401, message="out of order", times=3)
    take_back = Attempts.take_back

    def interfere(self: Attempts, refused: Any) -> None:
        write_row(self.ledger, refused[0].seq, state="skipped", reason="excluded")
        take_back(self, refused)

    monkeypatch.setattr(Attempts, "take_back", interfere)
    result = bulk("applied", rollout=ONE_AT_ONCE)
    assert "refuses every request alike" in result["msg"]
    assert result["change"]["counts"] == {**NOBODY, "planned": 43, "skipped": 1}


def test_states_that_no_list_holds_are_read_before_they_are_judged(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=crowd(finished=900, waiting_por=200))
    given = {"server": box, "change_id": "CHG9", "action": "cancel"}
    planned = bulk("planned", **given, selection={"campaign_id": 9, "state": "waiting_por"})
    assert planned["remaining"] == 200
    applied = bulk("applied", **given, selection=None, recheck_after=0)
    assert applied["change"]["counts"] == {**NOBODY, "done": 200}
    assert len(box.writes()) == 200
    verified = bulk("verified", **given, selection=None)
    assert (verified["change"]["status"], verified["change"]["states"]) == ("verified", {"canceled": 200})


def test_planned_and_applied_in_one_task_each_sender_keeps_its_connection(
    bulk: Bulk, start_sandbox: StartSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    bulk("applied", start_sandbox(service_time=0.01), rollout={"concurrency": 3})
    assert "discarding connection" not in caplog.text  # as urllib3 logs it


def test_a_purged_change_is_not_carried_on(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=44)
    bulk("applied", abort={"threshold_percentage": 50})
    assert bulk("purged")["changed"]
    writes = len(sandbox.writes())
    for unknown in ("report", "resend"):
        result = bulk("applied", unknown=unknown)
        assert (result["change"]["status"], result["change"]["counts"]["unknown"]) == ("purged", 1)
    assert "is purged: its remaining participants are not known any more" in result["msg"]
    assert len(sandbox.writes()) == writes


def test_an_ended_change_of_which_some_were_planned_anew_goes_on(bulk: Bulk, sandbox: Sandbox, ledger: str) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=44)
    assert bulk("applied", abort={"threshold_percentage": 50})["change"]["status"] == "applied"
    with contextlib.closing(open_ledger(ledger, None)) as opened:  # as a run leaves it that is killed right after this
        change = find_change(opened, "CHG1")
        assert change
        Attempts(change, 1).plan_unknown_again()
    result = bulk("applied")
    assert result["change"]["counts"] == {**NOBODY, "done": 44}
    assert (result["changed"], result["change"]["sent"]) == (True, 1)
    assert acted_on(sandbox).total() == 44


def test_a_resend_that_fails_before_it_sends_leaves_a_change_that_has_not_ended(
    bulk: Bulk, sandbox: Sandbox, connect: Connect
) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=44)
    unknown = bulk("applied", abort={"threshold_percentage": 50})["failures"][0]
    sandbox.fault(request="query_participants", kind="code", code=500, times=100)
    failed = bulk("applied", unknown="resend", recheck_after=0)
    assert failed["failed"]
    assert (failed["change"]["status"], failed["change"]["counts"]["planned"]) == ("in_progress", 1)
    assert "it has not ended" in bulk("purged")["msg"]
    sandbox.clear_faults()
    # Somebody else acts on it in the meantime, so that nothing remains to be sent.
    connect(sandbox).call("action_participant", {"participant_id": unknown["participant_id"], "action": "retry"})
    ended = bulk("applied", recheck_after=0)
    assert ended["change"]["counts"] == {**NOBODY, "done": 43, "skipped": 1}
    assert ended["change"]["status"] == "applied"
    again = bulk("applied")
    assert (again["changed"], again["change"]["status"]) == (False, "applied")


def test_a_change_of_which_all_failed_at_its_end_has_ended_and_is_not_aborted(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404, times=44)
    options = {"abort": {"threshold_percentage": 50, "minimum_executed": 44}}
    for sent in (44, 0):
        result = bulk("applied", **options)
        assert (result["change"]["status"], result["change"]["sent"]) == ("applied", sent)
        assert "has ended with 0 done, 44 refused" in result["msg"]


def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(bulk: Bulk, sandbox: Sandbox) -> None:
    result = bulk("applied", report_dest="/nowhere/report.csv")
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert "report_dest '/nowhere/report.csv' cannot be written" in result["msg"]
    assert not sandbox.writes()


def scenario_that_fails() -> dict[str, Any]:
    return {
        "sims": [{"count": 40, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}],
        "campaigns": [
            {
                "campaign_id": 9,
                "name": "Hopeless",
                "type": "RFM",
                "state": "started",
                "first_participant": 1,
                "initial": {"failed": 40},
                "failure_rate": 1,
            }
        ],
    }


def test_the_window_closes_in_the_middle(bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bulk("applied", window={"start": at(3600)})["change"]["status"] == "window_closed"
    assert not sandbox.writes()
    is_open = RolloutOptions.is_open
    with monkeypatch.context() as fast:  # a minute passes with each request
        fast.setattr(RolloutOptions, "is_open", lambda self, now: is_open(self, now + 60 * len(sandbox.writes())))
        closed = bulk("applied", window={"end": at(630)}, rollout={"concurrency": 1})
    assert (closed["change"]["status"], closed.get("failed")) == ("window_closed", None)
    sent = len(sandbox.writes())
    assert closed["change"]["counts"] == {**NOBODY, "planned": 44 - sent, "done": sent}
    assert 0 < sent <= 11
    assert bulk("applied")["change"]["counts"] == {**NOBODY, "done": 44}
    assert max(acted_on(sandbox).values()) == 1


def test_a_server_that_sends_away_loses_nothing(bulk: Bulk, sandbox: Sandbox) -> None:
    """A redirect does not prove that nothing was carried out, so whoever met it is unknown and not sent again."""
    sandbox.fault(request="action_participant", kind="redirect", location="http://127.0.0.1:9/", nth=6, times=99)
    away = bulk("applied", rollout={"wave_size": 10})
    counts = away["change"]["counts"]
    assert away["failed"]
    assert counts["done"] == 5
    assert counts["unknown"] > 0
    assert counts["unknown"] + counts["planned"] == 39
    sandbox.clear_faults()
    assert bulk("applied")["change"]["status"] == "aborted"  # those that are unknown count
    after = bulk("applied", resume_aborted=True)["change"]["counts"]
    assert after == {**NOBODY, "done": 44 - counts["unknown"], "unknown": counts["unknown"]}
    assert max(acted_on(sandbox).values()) == 1


def test_no_server_at_all_leaves_the_plan_as_it_is(bulk: Bulk) -> None:
    port = free_port()
    with Sandbox(Options(port=port, secret="correct-horse")) as box:
        bulk("planned", box)
        url = box.url
    gone = bulk("applied", url)
    assert (gone["failed"], gone["failure"]["kind"]) == (True, "transport")
    assert gone["change"]["counts"] == {**NOBODY, "planned": 44}


def test_a_wrong_secret_stops_at_once(bulk: Bulk, sandbox: Sandbox) -> None:
    bulk("planned")
    refused = bulk("applied", api_secret="wrong")
    assert (refused["failed"], refused["failure"]["kind"]) == (True, "auth")
    assert refused["change"]["counts"] == {**NOBODY, "planned": 44}


def test_a_server_that_has_too_many_requests_is_given_time(
    bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.simops.yateota.plugins.module_utils._api.delivery._PAUSE_FIRST", 0.05)
    sandbox.fault(request="action_participant", kind="http_429", nth=5)
    assert bulk("applied")["change"]["counts"] == {**NOBODY, "done": 44}
    assert max(acted_on(sandbox).values()) == 1


def test_the_rate_is_kept(bulk: Bulk, sandbox: Sandbox) -> None:
    begun = time.monotonic()
    result = bulk("applied", rollout={"maximum_per_second": 40})
    assert time.monotonic() - begun >= 43 / 40
    assert result["change"]["rate"] <= 44 / 43 * 40


def test_two_runs_at_once(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.set(service_time=0.05)
    results: list[dict[str, Any]] = []
    first = threading.Thread(target=lambda: results.append(bulk("applied", requested_by="first", job_id="1")))
    first.start()
    while not sandbox.writes():
        time.sleep(0.01)
    second = bulk("applied", requested_by="second")
    assert (second["failed"], second["failure"]["kind"]) == (True, "invalid_input")
    assert "being run by first on " in second["msg"]
    assert "job 1" in second["msg"]
    first.join()
    assert results[0]["change"]["counts"] == {**NOBODY, "done": 44}
    assert max(acted_on(sandbox).values()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"action": "rerun"}, "is recorded with action 'retry', not 'rerun'"),
        ({"node": "other"}, "(node 'other'): give that server, or plan the change for this one too"),
        ({"selection": {"campaign_id": 142}}, "another selection (campaign 167, state failed)"),
        ({"change_id": "CHG2", "action": None}, "action is required to plan change CHG2"),
        ({"change_id": "CHG2", "selection": None}, "selection is required to plan change CHG2"),
        ({"rollout": {"canary": 0}}, "rollout.canary 0 is not valid"),
        ({"abort": {"threshold_percentage": 0}}, "abort.threshold_percentage 0 is not valid"),
        ({"window": {"end": "tomorrow"}}, "window.end 'tomorrow' is not valid"),
        ({"window": {"end": "2026-06-01T22:00:00"}}, "with a zone"),
        ({"window": {"start": "2026-06-02T00:00:00Z", "end": "2026-06-01T00:00:00Z"}}, "not after window.start"),
        ({"lease_seconds": 0}, "lease_seconds 0 is not valid"),
        ({"max_waves": 0}, "max_waves 0 is not valid"),
    ],
)
def test_options_that_cannot_be(bulk: Bulk, sandbox: Sandbox, options: dict[str, Any], words: str) -> None:
    bulk("planned")
    sandbox.clear_journal()
    result = bulk("applied", **options)
    assert (result["failed"], result["failure"]["kind"]) == (True, "invalid_input")
    assert words in result["msg"]
    assert not sandbox.writes()


def test_a_change_that_is_not_planned_is_neither_verified_nor_purged(bulk: Bulk) -> None:
    for state in ("verified", "purged"):
        assert "is not in the ledger" in bulk(state)["msg"]
    bulk("planned")
    assert "has not ended" in bulk("purged")["msg"]


def test_masked_identifiers(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404, message="SIM 8931010000000000113 is gone")
    dest = tmp_path / "report.csv"
    result = bulk("applied", mask_identifiers=True, report_dest=str(dest))
    (failure,) = result["failures"]
    assert failure["message"] == "SIM ***************0113 is gone"
    for row in csv.DictReader(dest.read_text().splitlines()):
        for name in ("iccid", "imsi", "msisdn"):
            assert row[name][:-4].strip("*") == ""
            assert row[name][-4:].isdecimal()


def test_masked_identifiers_in_a_failure_and_a_warning(bulk: Bulk) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/api.php"
    result = bulk(
        "applied", nowhere, selection={"participants": [{"iccid": "8931010000000000114"}]}, mask_identifiers=True
    )
    assert "for iccid ***************0114: cannot reach" in result["msg"]
    assert "8931010000000000114" not in json.dumps(result)
    assert "iccid ***************0114: its last digit is not the Luhn check digit" in result["warnings"][0]
