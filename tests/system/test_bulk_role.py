"""Changes by the role and its playbooks: approval, waves, abort, window, kill and resume, and what an AWX job sees."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import runpy
import sqlite3
import subprocess
import sys
import time
import zoneinfo
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run, run

FAILED = 44  # of campaign 167
CHANGE = {"change_id": "CHG1", "campaign_id": 167, "bulk_change_state": "failed"}
APPROVED = {**CHANGE, "bulk_change_approved_by": "j.doe"}
UNBOUND = {**CHANGE, "bulk_change_require_approval": False}
WAVES = {"bulk_change_canary": 5, "bulk_change_wave_size": 10}
PATIENCE_SECONDS = 60


@pytest.fixture
def bulk(ansible_playbook: Ansible, tmp_path: Path) -> Ansible:
    """Runs playbooks against `sandbox`, with a ledger that is not there yet."""
    return Ansible(tmp_path, {**ansible_playbook.server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})


def acted(sandbox: Any) -> Counter[int | str]:
    """How often each participant was acted on, or each SIM by its ICCID."""
    params = [entry["params"] for entry in sandbox.writes() if entry["carried_out"]]
    return Counter(int(each["participant_id"]) if "participant_id" in each else each["iccid"] for each in params)


def all_once(sandbox: Any) -> bool:
    return len(acted(sandbox)) == FAILED == acted(sandbox).total()


def progress(done: Run) -> list[str]:
    return re.findall(r"^\[localhost\] (Wave .*)$", done.output, re.MULTILINE)


def in_seconds(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat()


# --- Before anything is sent -----------------------------------------------------------------------------------------


def test_a_rerun_is_sent_when_it_is_approved_and_counted(bulk: Ansible, sandbox: Any) -> None:
    plain = bulk("bulk_rerun", None, *(word for name, value in CHANGE.items() for word in ("-e", f"{name}={value}")))
    assert not plain.ok
    assert "Change CHG1 is planned and nothing is sent: set bulk_change_approved_by to the name of who" in plain.words
    assert f"and bulk_change_confirm_rerun={FAILED}, the number of all SIMs in the plan" in plain.words

    uncounted = bulk("bulk_rerun", {**APPROVED, "bulk_change_confirm_rerun": FAILED - 1})
    assert not uncounted.ok
    assert f"nothing is sent: set bulk_change_confirm_rerun={FAILED}," in uncounted.words
    assert f"not sent for (not {FAILED - 1});" in uncounted.words
    unapproved = bulk("bulk_rerun", {**CHANGE, "bulk_change_confirm_rerun": FAILED, "bulk_change_approved_by": " "})
    assert not unapproved.ok
    assert "nothing is sent: set bulk_change_approved_by to the name of who approves it." in unapproved.words
    assert sandbox.writes() == []

    sent = bulk("bulk_rerun", {**APPROVED, "bulk_change_confirm_rerun": FAILED})
    assert sent.ok, sent.output
    assert all_once(sandbox)
    assert {entry["params"]["action"] for entry in sandbox.writes()} == {"rerun"}


@pytest.mark.slow
def test_approval_can_be_left_to_the_ticket_system(bulk: Ansible, sandbox: Any) -> None:
    done = bulk("bulk_cancel", {**CHANGE, "bulk_change_require_approval": False})
    assert done.ok, done.output
    assert all_once(sandbox)


@pytest.mark.parametrize(
    ("playbook", "action", "state", "sends"),
    [("bulk_cancel", "cancel", "pending_build", 6), ("bulk_retry_build", "retry_build", "unallocated", 16)],
)
def test_other_actions(playbook: str, action: str, state: str, sends: int, bulk: Ansible, sandbox: Any) -> None:
    done = bulk(playbook, {**APPROVED, "campaign_id": 176, "bulk_change_state": state})
    assert done.ok, done.output
    assert [entry["params"]["action"] for entry in sandbox.writes()] == [action] * sends


def test_check_mode_shows_the_plan_and_leaves_the_ledger_as_it_is(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    checked = bulk("bulk_rerun", {**CHANGE, **WAVES}, "--check")
    assert checked.ok, checked.output
    assert f"rerun of {FAILED} SIMs" in checked.words
    assert f"{FAILED} to be sent in 5 waves. In check mode nothing is recorded or sent." in checked.words
    assert "set bulk_change_approved_by" in checked.words
    assert not list(tmp_path.glob("ledger*"))
    no_folder = {"bulk_change_report_directory": f"{tmp_path}/ansible.cfg/reports"}
    (tmp_path / "ansible.cfg").write_text("")
    refused = bulk("bulk_rerun", {**CHANGE, **no_folder}, "--check")
    assert not refused.ok
    assert "/ansible.cfg is missing or cannot be written)" in refused.words

    bulk("bulk_rerun", {**CHANGE, **WAVES})
    before = {path.name: path.read_bytes() for path in tmp_path.glob("ledger*")}
    assert before
    again = bulk("bulk_rerun", {**APPROVED, **WAVES}, "--check")
    assert again.ok, again.output
    assert {path.name: path.read_bytes() for path in tmp_path.glob("ledger*")} == before
    assert sandbox.writes() == []


def test_the_number_that_is_passed_on_is_that_of_one_host(
    start_sandbox: Callable[..., Any], bulk: Ansible, tmp_path: Path
) -> None:
    """By default, Ansible would append the text of one host to that of another."""
    own = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    servers = {name: {"api_url": start_sandbox().url, "api_secret": SECRET} for name in ("north", "south")}
    hosts = {name: {**own, "yateota_connection": server} for name, server in servers.items()}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    shown = {"ANSIBLE_SHOW_CUSTOM_STATS": "1"}
    given = {**CHANGE, "yateota_hosts": "all", "bulk_change_only": "plan"}
    planned = bulk("bulk_rerun", given, "-i", str(tmp_path / "inventory.json"), environ=shown)
    assert planned.ok, planned.output
    (number,) = re.findall(r'"bulk_change_confirm_rerun": "?(\d+)', planned.output)
    assert int(number) == FAILED


ALICE, BOB = {"awx_user_name": "alice"}, {"awx_user_name": "bob", "awx_job_id": 72}
APPROVE = {"change_id": "CHG1", "bulk_change_approval_note": "seen with the SIMs' owner"}


def test_one_person_plans_and_another_approves(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    """The digest is the same in the plan, the approval, the status and the report; it binds the limits."""
    given, by_bob = {**CHANGE, **WAVES, **ALICE}, {**BOB, "yateota_files_root": str(tmp_path)}
    planned = bulk("bulk_retry", {**given, "bulk_change_only": "plan"})
    assert planned.ok, planned.output
    (digest,) = re.findall(r"Plan digest ([0-9a-f]{12})\. Change CHG1 waits for approval", planned.words)
    assert (
        "by another person than alice: ansible-playbook simops.yateota.bulk_approve -e change_id=CHG1." in planned.words
    )
    for only in ("apply", ""):
        waiting = bulk("bulk_retry", {**given, "bulk_change_only": only})
        assert not waiting.ok
        assert f"Plan digest {digest}. Change CHG1 waits for approval" in waiting.words

    refused = bulk("bulk_approve", {**APPROVE, **ALICE, "bulk_change_approved_by": "bob"})
    assert not refused.ok
    assert "was planned by alice, and alice cannot approve it" in refused.words
    checked = bulk("bulk_approve", {**APPROVE, **by_bob}, "--check")
    assert checked.ok, checked.output
    assert f"would be approved: plan digest {digest}" in checked.words
    assert sandbox.writes() == []
    approved = bulk("bulk_approve", {**APPROVE, **by_bob})
    assert "Change CHG1 is approved by bob at 20" in approved.words
    assert f"plan digest {digest}, retry of {FAILED}, {FAILED} to send for." in approved.words
    shown = bulk("bulk_status", {"change_id": "CHG1"})
    assert f"Plan digest {digest}, approved by bob at 20" in shown.words
    assert f"job 72, plan digest {digest}: seen with the SIMs' owner." in shown.words

    looser = bulk("bulk_retry", {**given, "bulk_change_wave_size": 11})
    assert not looser.ok
    assert "rollout.wave_size is 11, expected 10 or tighter. Nothing was sent." in looser.words
    assert sandbox.writes() == []
    sent = bulk("bulk_retry", {**given, "bulk_change_report_directory": str(tmp_path / "reports")})
    assert sent.ok, sent.output
    assert f"Plan digest {digest}, approved by bob at 20" in sent.words
    assert all_once(sandbox)
    assert f"<th>Digest approved</th><td>{digest}" in (tmp_path / "reports/CHG1.html").read_text()


@pytest.mark.slow
def test_a_rerun_is_approved_with_its_number(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    by_bob = {**BOB, "yateota_files_root": str(tmp_path)}
    planned = bulk("bulk_rerun", {**CHANGE, **ALICE, "bulk_change_only": "plan"})
    assert f"-e change_id=CHG1 -e bulk_change_confirm_count={FAILED}." in planned.words
    refused = bulk("bulk_approve", {**APPROVE, **by_bob})
    assert f"confirm_count must be {FAILED}, the number that change CHG1 acts on" in refused.words
    approved = bulk("bulk_approve", {**APPROVE, **by_bob, "bulk_change_confirm_count": FAILED})
    assert approved.ok, approved.output
    assert bulk("bulk_rerun", {**CHANGE, **ALICE}).ok
    assert all_once(sandbox)


def test_who_asks_cannot_name_himself_as_approver(bulk: Ansible, sandbox: Any) -> None:
    refused = bulk("bulk_retry", {**APPROVED, "awx_user_name": "J.Doe"})
    assert not refused.ok
    assert "was planned by J.Doe, and j.doe cannot approve it" in refused.words
    assert sandbox.writes() == []


ACTING = ["bulk_cancel", "bulk_rerun", "bulk_retry", "bulk_retry_build"]
HALTING = ["bulk_approve", "bulk_hold", "bulk_hold_all", "bulk_release", "bulk_stop"]  # above, and test_hold.py


def test_every_bulk_playbook_is_tested() -> None:
    assert {*ACTING, *HALTING, "bulk_report", "bulk_status"} == {
        path.stem for path in COLLECTION.glob("playbooks/bulk_*.yml")
    }


@pytest.mark.parametrize("playbook", ACTING)
def test_what_is_missing_is_named(playbook: str, bulk: Ansible, sandbox: Any) -> None:
    nothing = bulk(playbook)
    assert not nothing.ok
    assert "change_id is missing: give the change, for example -e change_id=" in nothing.words
    assert "campaign_id or sims or bulk_change_source is missing: give the campaign's id" in nothing.words
    assert sandbox.journal() == []


@pytest.mark.parametrize("playbook", ["bulk_retry", "bulk_status", "bulk_report"])
def test_without_a_ledger_the_variable_is_named(playbook: str, bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    given = {**APPROVED, "bulk_change_report_directory": str(tmp_path)}
    lost = bulk(playbook, given, environ={"YATEOTA_LEDGER": None})
    assert not lost.ok
    assert "The ledger is not known: set its path or URL, for example export YATEOTA_LEDGER=" in lost.words
    assert sandbox.journal() == []


# --- Waves -----------------------------------------------------------------------------------------------------------


def test_each_wave_tells_its_progress_and_a_second_run_sends_nothing(bulk: Ansible, sandbox: Any) -> None:
    first = bulk("bulk_retry", {**APPROVED, **WAVES})
    assert first.ok, first.output
    lines = progress(first)
    assert [line.partition(":")[0] for line in lines] == [f"Wave {number} of 5" for number in range(1, 6)]
    assert re.fullmatch(r"Wave 2 of 5: 15 of 44 done, 29 remaining; [0-9.]+/s, 0:00:0[0-9] to go", lines[1])
    assert "The participants that were acted on: 44 pending_send." in first.words
    assert "Change CHG1 is applied: 44 done." in first.words
    assert first.changed == 3  # the plan, its approval, what was sent
    assert all_once(sandbox)

    sandbox.clear_journal()
    again = bulk("bulk_retry", {**APPROVED, **WAVES})
    assert again.ok, again.output
    assert (again.changed, sandbox.writes()) == (0, [])
    assert "Change CHG1 is applied: 44 done." in again.words


def test_a_file_of_sims(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    (tmp_path / "sims.csv").write_text("Participant ID;campaign_id\n195;167\n197;167\n")
    done = bulk(
        "bulk_retry",
        {"change_id": "CHG2", "bulk_change_approved_by": "j.doe", "bulk_change_source": str(tmp_path / "sims.csv")},
    )
    assert done.ok, done.output
    assert "Read from the file: participant_id under 'Participant ID'." in done.words
    assert acted(sandbox) == {195: 1, 197: 1}


@pytest.mark.slow
def test_sims_named_as_text(bulk: Ansible, sandbox: Any) -> None:
    text = f"{sandbox.participant(195)['imsi']}\n{sandbox.participant(197)['iccid']}\n"
    done = bulk(
        "bulk_retry", {"change_id": "CHG2", "bulk_change_approved_by": "j.doe", "campaign_id": 167, "sims": text}
    )
    assert done.ok, done.output
    assert len(sandbox.writes()) == 2
    assert {sandbox.participant(each)["state"] for each in (195, 197)} == {"pending_send"}


@pytest.mark.slow
def test_each_step_can_be_a_job_of_its_own(bulk: Ansible, sandbox: Any) -> None:
    early = bulk("bulk_retry", {**CHANGE, "bulk_change_only": "verify"})
    assert not early.ok
    assert "change_id 'CHG1' is not in the ledger" in early.words

    planned = bulk("bulk_retry", {**CHANGE, "bulk_change_only": "plan"})
    assert planned.ok, planned.output
    assert f"retry of {FAILED} participants" in planned.words
    unapproved = bulk("bulk_retry", {**CHANGE, "bulk_change_only": "apply"})
    assert not unapproved.ok
    assert sandbox.writes() == []

    applied = bulk("bulk_retry", {**APPROVED, "bulk_change_only": "apply"})
    assert applied.ok, applied.output
    assert "The participants that were acted on" not in applied.words
    assert all_once(sandbox)

    unfinished = bulk("bulk_retry", {**APPROVED, "bulk_change_only": "verify", "bulk_change_verify_timeout": 1})
    assert not unfinished.ok
    assert f"{FAILED} of them have not finished within 1 seconds." in unfinished.words
    verified = bulk("bulk_retry", {**APPROVED, "bulk_change_only": "verify"})
    assert verified.ok, verified.output
    assert f"The participants that were acted on: {FAILED} pending_send." in verified.words
    assert all_once(sandbox)


def test_a_bad_canary_aborts_and_is_resumed_on_purpose_alone(bulk: Ansible, sandbox: Any) -> None:
    sandbox.fault(request="action_participant", kind="code", code=403, message="the card is locked", times=2)
    given = {**APPROVED, **WAVES, "bulk_change_abort_minimum_executed": 5}
    aborted = bulk("bulk_retry", given)
    assert not aborted.ok
    assert "Change CHG1 is aborted: 2 of 5 attempts went wrong" in aborted.words
    assert (
        "The most frequent reasons: 2 refused with code 403 (the card is locked). Find the cause, then" in aborted.words
    )
    assert "set bulk_change_resume_aborted to continue." in aborted.words
    assert (
        "Change CHG1 is aborted: 39 planned, 3 done, 2 refused. Find out why its attempts went wrong" in aborted.words
    )
    assert len(sandbox.writes()) == 5
    assert len(progress(aborted)) == 1

    refused = bulk("bulk_retry", given)
    assert not refused.ok
    assert "run this again with bulk_change_resume_aborted=true." in refused.words
    assert len(sandbox.writes()) == 5

    resumed = bulk("bulk_retry", {**given, "bulk_change_resume_aborted": True})
    assert not resumed.ok
    assert "Change CHG1 is applied: 42 done, 2 refused. The report has the reason for each." in resumed.words
    assert len(acted(sandbox)) == acted(sandbox).total() == FAILED - 2


@pytest.mark.slow
def test_a_window_that_ends_in_the_middle_and_then_a_wave_at_a_time(bulk: Ansible, sandbox: Any) -> None:
    for seconds in (8, 16, 32, 64):  # at a rate that half of them fit in, as soon as the machine begins in time
        slow = {"bulk_change_maximum_per_second": FAILED / 2 / seconds, "bulk_change_window_end": in_seconds(seconds)}
        stopped = bulk("bulk_retry", {**UNBOUND, "bulk_change_wave_size": 30, **slow})
        assert not stopped.ok
        sent = len(sandbox.writes())
        if sent:
            break
    assert 0 < sent < 30
    assert f"Change CHG1 is window_closed: {FAILED - sent} planned, {sent} done. Run this again" in stopped.words

    sandbox.fault(request="action_participant", kind="drop_before")
    limited = bulk("bulk_retry", {**UNBOUND, "bulk_change_max_waves": 1, "bulk_change_wave_size": 30})
    assert limited.ok, limited.output
    assert "Change CHG1 is in_progress: 14 planned, 29 done, 1 unknown. Run this again" in limited.words

    resumed = bulk("bulk_retry", {**UNBOUND, "bulk_change_unknown": "resend"})
    assert resumed.ok, resumed.output
    assert all_once(sandbox)


def test_a_window_that_is_yet_to_open(bulk: Ansible, sandbox: Any) -> None:
    early = bulk("bulk_retry", {**APPROVED, "bulk_change_window_start": "2126-11-26T22:00:00+01:00"})
    assert not early.ok
    opens = "opens at 2126-11-26T22:00:00+01:00 (2126-11-26T21:00:00.000Z)"
    assert f"Its window {opens}." in early.words
    assert f"Change CHG1 waits for its window, which {opens}." in early.words
    assert f"It waits for its window, which {opens}: run this again then." in early.words
    assert sandbox.writes() == []


@pytest.mark.slow
def test_windows_that_recur_and_a_run_that_waits(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    def there(hours: float) -> datetime.datetime:
        return datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Kolkata")) + datetime.timedelta(hours=hours)

    hours = f"{there(2):%H:%M}-{there(3):%H:%M}"
    days = {"bulk_change_window_days": "mon, tue, wed, thu, fri, sat, sun"}
    nightly = {**days, "bulk_change_window_hours": hours, "bulk_change_window_time_zone": "Asia/Kolkata"}
    early = bulk("bulk_retry", {**UNBOUND, **nightly})
    assert not early.ok
    assert f"T{hours[:5]}:00+05:30 (" in early.words.partition("which opens at ")[2]
    wrong = bulk("bulk_retry", {**UNBOUND, **nightly, "bulk_change_window_hours": "22-5"})
    assert "window.hours must be HH:MM-HH:MM, got '22-5'." in wrong.words

    freezes = tmp_path / "freezes.ics"
    event = f"BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:{there(-48):%Y%m%d}\nDURATION:P9D\nEND:VEVENT"
    freezes.write_text(f"BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Kolkata\n{event}\nEND:VCALENDAR\n")
    given = {"bulk_change_window_calendar": str(freezes), "bulk_change_window_calendar_means": "frozen"}
    assert "waits for its window" in bulk("bulk_retry", {**UNBOUND, **given}).words
    assert sandbox.writes() == []

    waits = {"bulk_change_wait_for_window": True, "bulk_change_window_start": in_seconds(15)}
    waited = bulk("bulk_retry", {**UNBOUND, **waits})
    assert waited.ok, waited.output
    assert all_once(sandbox)


def test_an_outcome_that_nothing_tells_is_sent_again_only_when_told_to(bulk: Ansible, sandbox: Any) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=3)
    sandbox.fault(request="action_participant", kind="drop_after", nth=9)
    doubtful = bulk("bulk_retry", {**APPROVED, "bulk_change_abort_percentage": 50})
    assert not doubtful.ok
    assert f"Change CHG1 is applied: {FAILED - 1} done, 1 unknown. Nothing proves whether" in doubtful.words
    assert "run this again with bulk_change_unknown=resend" in doubtful.words
    assert acted(sandbox).total() == FAILED - 1

    sandbox.clear_journal()
    told = bulk("bulk_retry", {**APPROVED, "bulk_change_unknown": "resend"})
    assert told.ok, told.output
    assert acted(sandbox).total() == len(sandbox.writes()) == 1


@pytest.mark.slow
def test_who_becomes_unknown_while_resending_is_left_for_another_run(bulk: Ansible, sandbox: Any) -> None:
    sandbox.fault(request="action_participant", kind="drop_before", nth=2)
    given = {**APPROVED, **WAVES, "bulk_change_abort_percentage": 50}
    first = bulk("bulk_retry", {**given, "bulk_change_unknown": "resend"})
    assert not first.ok
    assert f"Change CHG1 is applied: {FAILED - 1} done, 1 unknown. Nothing proves whether" in first.words
    assert len(sandbox.writes()) == FAILED


def test_one_that_was_being_sent_when_it_was_killed_needs_its_number_again(
    bulk: Ansible, sandbox: Any, tmp_path: Path
) -> None:
    confirmed = {**APPROVED, "bulk_change_confirm_rerun": FAILED}
    sandbox.fault(request="action_participant", kind="drop_before", nth=FAILED)
    bulk("bulk_rerun", {**confirmed, "bulk_change_verify": False})
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as ledger:  # as a kill leaves it
        assert ledger.execute("UPDATE yateota_participants SET state = 'sending' WHERE state = 'unknown'").rowcount == 1
        ledger.commit()
    sandbox.clear_journal()
    refused = bulk("bulk_rerun", {**CHANGE, "bulk_change_unknown": "resend"})
    assert not refused.ok
    assert "where the first rerun was carried out, the SIM's OTA counter is reset a second time" in refused.words
    # Older ansible-core wraps a warning.
    assert "where the first was carried out, their OTA counters are reset a second time" in refused.words
    assert len(refused.warnings) == 1, refused.output
    assert (
        f"nothing is sent: set bulk_change_confirm_rerun={FAILED}, the number of all SIMs in the plan" in refused.words
    )
    assert sandbox.writes() == []


def test_who_has_not_finished_in_time_is_a_failure(bulk: Ansible) -> None:
    late = bulk("bulk_retry", {**APPROVED, "bulk_change_verify_timeout": 1})
    assert not late.ok
    assert f"Change CHG1 is applied: {FAILED} done. {FAILED} of them have not finished within 1 seconds." in late.words


@pytest.mark.slow
def test_states_that_cannot_be_read_are_a_failure(bulk: Ansible, sandbox: Any) -> None:
    applied = bulk("bulk_retry", {**APPROVED, "bulk_change_only": "apply"})
    assert applied.ok, applied.output
    sandbox.fault(request="query_participants", kind="http_500", times=50)
    unread = bulk("bulk_retry", {**APPROVED, "bulk_change_only": "verify"})
    assert not unread.ok
    assert "The states could not be read. " in unread.words
    assert f"Change CHG1 is applied: {FAILED} done. Its new states could not be read." in unread.words


def test_a_killed_run_is_resumed_by_the_same_command(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    sandbox.set(service_time=0.1)
    given = {**APPROVED, **WAVES, "bulk_change_abort_percentage": 50}  # unknown outcomes do not abort here
    command = ["ansible-playbook", "simops.yateota.bulk_retry", "-e", json.dumps(given)]
    with subprocess.Popen(command, cwd=tmp_path, env=bulk.environ(), stdout=subprocess.DEVNULL) as playbook:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(sandbox.writes()) < FAILED // 2:
            assert playbook.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        runpy.run_path(str(COLLECTION / "scripts/demo"))["kill"](playbook)
    sandbox.set(service_time=0)
    time.sleep(1)  # what the server had begun it carries out
    assert len(sandbox.writes()) < FAILED // 2 + 5

    resumed = bulk("bulk_retry", given)
    assert acted(sandbox).total() == len(acted(sandbox))
    doubtful = FAILED - len(acted(sandbox))
    assert resumed.ok == (doubtful == 0), resumed.output
    if doubtful:
        assert f"{FAILED - doubtful} done, {doubtful} unknown." in resumed.words
        resent = bulk("bulk_retry", {**given, "bulk_change_unknown": "resend"})
        assert resent.ok, resent.output
    assert all_once(sandbox)


# --- Afterwards ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_status_tells_the_changes_and_one_of_them(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    sandbox.fault(request="action_participant", kind="code", code=403, message="the card is locked")
    job = {"awx_job_id": 4711, "awx_user_name": "noc", "yateota_files_root": str(tmp_path)}
    bulk("bulk_retry", {**APPROVED, **job})
    unset = {"YATEOTA_API_URL": None, "YATEOTA_API_SECRET": None}

    every = bulk("bulk_status", environ=unset)
    assert every.ok, every.output
    assert re.search(r"CHG1 applied retry 44 100[.]0% 1\b", every.words)

    one = bulk("bulk_status", {"change_id": "CHG1", "mask_identifiers": True}, environ=unset)
    assert one.ok, one.output
    assert "43 done, 1 refused" in one.words
    assert "Requested by noc, job 4711, approved by j.doe." in one.words
    assert "refused, the card is locked" in one.words
    assert (one.changed, every.changed) == (0, 0)

    lost = bulk("bulk_status", {"change_id": "CHG9"}, environ=unset)
    assert not lost.ok
    assert "change_id 'CHG9' is not in the ledger" in lost.words


@pytest.mark.slow
def test_an_awx_job_of_20_waves_stays_readable(
    start_sandbox: Callable[..., Any], ansible_for: Callable[[Any], Ansible], tmp_path: Path
) -> None:
    """By AWX's own engine: no event is as large as one with a line for each participant, and all together are small."""
    many = start_sandbox(scenario=crowd(2_000))
    environ = Ansible(
        tmp_path, {**ansible_for(many).server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")}
    ).environ()
    (tmp_path / "job/env").mkdir(parents=True)
    given = {
        **APPROVED,
        "campaign_id": 1,
        "awx_job_id": 4711,
        "yateota_files_root": str(tmp_path),
        "bulk_change_wave_size": 100,
        "bulk_change_report_directory": str(tmp_path / "reports"),
    }
    (tmp_path / "job/env/extravars").write_text(json.dumps(given))
    command = [
        str(Path(sys.executable).parent / "ansible-runner"),
        "run",
        "job",
        "-p",
        "simops.yateota.bulk_retry",
        "-q",
    ]
    done = run(command, environ, tmp_path)
    events = list(tmp_path.glob("job/artifacts/*/job_events/*.json"))
    texts = [json.loads(path.read_text())["stdout"] for path in events]
    assert done.ok, "\n".join(texts)
    assert len(many.writes()) == 2_000
    assert any("Wave 20 of 20: 2000 of 2000 done" in text for text in texts)
    sizes = [path.stat().st_size for path in events]
    assert max(sizes) < 32_000
    assert sum(sizes) < 2_000_000
    assert max(len(text) for text in texts) < 2_000


def crowd(size: int) -> dict[str, Any]:
    """A scenario of one campaign of which all have failed."""
    sims = {"count": size, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Crowd", "type": "RFM", "state": "started", "first_participant": 1}
    return {"sims": [sims], "campaigns": [{**campaign, "initial": {"failed": size}}]}


@pytest.mark.slow
def test_the_guide_shows_what_a_run_prints(bulk: Ansible, tmp_path: Path) -> None:
    """Its transcript is what its own command prints, but for what differs from run to run; it fits 100 columns."""
    guide = (COLLECTION / "docs/bulk.md").read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(TASK .*?)^```$", guide, re.MULTILINE | re.DOTALL)
    command = re.search(r"^```sh\n([^`]*bulk_change_canary=5 .*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert shown
    assert command
    plan, approve = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)[2:4]
    run(["bash", "-euc", plan], bulk.environ(), tmp_path)
    assert run(["bash", "-euc", approve], bulk.environ(), tmp_path).ok
    done = run(["bash", "-euc", command[1]], bulk.environ(), tmp_path)
    assert done.ok, done.output
    assert steady(shown[1]) in steady(done.output)
    assert max(len(line) for line in shown[1].splitlines()) <= 100


def steady(output: str) -> str:
    """Output without its rates, and without the stars that fill a line of the terminal."""
    return re.sub(r"[*]{3,}", "***", re.sub(r"[0-9.]+/s(, [0-9:]+ to go)?", "N/s", output))


@pytest.mark.parametrize("in_process", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_wave_takes_one_line_and_leaves_standard_output_to_callbacks(
    bulk: Ansible, tmp_path: Path, in_process: bool
) -> None:
    command = ["ansible-playbook", "simops.yateota.bulk_retry", "-e", json.dumps({**APPROVED, **WAVES})]
    environ = bulk.environ({"YATEOTA_IN_PROCESS": str(int(in_process))})
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Wave" not in done.stdout
    assert len(re.findall("Wave", done.stderr)) == len(progress(Run(0, done.stderr))) == 5
    sending = done.stdout.partition("Send wave by wave, and show progress]")[2].partition("\nTASK")[0]
    assert sending.split() == [sending.split()[0], "changed:", "[localhost]"]


@pytest.mark.slow
def test_the_guide_runs_as_it_stands(bulk: Ansible, sandbox: Any, tmp_path: Path) -> None:
    """Its commands in their order; what is held has not ended, and purging comes last, as it says there."""
    guide = (COLLECTION / "docs/bulk.md").read_text(encoding="utf-8").replace("/var/lib/yateota", str(tmp_path))
    commands = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    ledger, checked, planned, *others = commands
    purged = next(command for command in others if "purged" in command)
    halting = [command for command in others if "bulk_hold" in command or "bulk_release" in command]
    assert len(halting) == 2
    expected = {ledger: 0, checked: 0, planned: 2} | dict.fromkeys(halting, 0)
    expected |= {command: 0 for command in others if command not in (purged, *halting)} | {purged: 0}
    for command, code in expected.items():
        done = run(["bash", "-euc", ledger + command], bulk.environ({"YATEOTA_LEDGER": None}), tmp_path)
        assert done.code == code, f"{command}\n{done.output}"
        if command == planned:
            assert sandbox.writes() == []
    assert Counter(entry["params"]["action"] for entry in sandbox.writes()) == {"retry": FAILED, "rerun": 4}
    told = bulk("bulk_status", {"change_id": "CHG0012345"})
    assert "Change CHG0012345 is purged" in told.words


# --- Further attempts ------------------------------------------------------------------------------------------------


def test_a_playbook_that_a_schedule_runs_makes_attempts_when_they_are_due(bulk: Ansible, sandbox: Any) -> None:
    later = {**UNBOUND, "bulk_change_attempts_maximum": 2, "bulk_change_attempts_interval": 86400}
    first = bulk("bulk_retry", later)
    assert first.ok, first.output
    assert all_once(sandbox)
    assert f"Change CHG1 is waiting: {FAILED} done. {FAILED} participants may need another attempt, the" in first.words
    sent = acted(sandbox)
    sandbox.advance(100_000)
    sandbox.clear_journal()
    early = bulk("bulk_retry", later)
    assert (early.ok, early.changed, sandbox.journal()) == (True, 0, [])
    assert f"{FAILED} participants may need another attempt, the first from " in early.words

    failed = {each for each in sent if sandbox.participant(each)["state"] == "failed"}
    assert failed
    due = bulk("bulk_retry", {**later, "bulk_change_attempts_interval": 0.001, "bulk_change_recheck_after": 0})
    assert due.ok, due.output
    assert acted(sandbox) == dict.fromkeys(failed, 1)
