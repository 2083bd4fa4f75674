# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of bulk changes: the plan and what it lacks, a wave's progress, and the verdict in the end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter.change_plan import FilterModule as PlanFilters
from ansible_collections.simops.yateota.plugins.filter.change_verdict import FilterModule as VerdictFilters
from ansible_collections.simops.yateota.plugins.plugin_utils._change_words import has_stopped, progress_line

change_plan = PlanFilters().filters()["change_plan"]
change_verdict = VerdictFilters().filters()["change_verdict"]

STATES = ("planned", "sending", "done", "skipped", "refused", "failed", "unknown")
APPROVED = {"approved_by": "j.doe"}


def change(status: str = "in_progress", **facts: Any) -> dict[str, Any]:
    """A change with these counts (0 for others) and facts."""
    counts = {state: facts.pop(state, 0) for state in STATES}
    return {
        "change_id": "CHG1",
        "status": status,
        "action": "retry",
        "api_url": "https://ota.example.net/api.php",
        "node": "ota",
        "selection": {"campaign_id": 167},
        "selected": sum(counts.values()),
        "duplicates": 0,
        "counts": counts,
        "states": {},
        "waves": [],
        "waves_done": 0,
        "waves_total": 1,
        "window_opens": None,
        "sent": 0,
        "rate": 0.0,
        **facts,
    }


def result(of: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"change": of, "remaining": of["counts"]["planned"], "changed": True, **further}


def failed(of: dict[str, Any], msg: str) -> dict[str, Any]:
    return result(of, failed=True, failure={"kind": "api"}, msg=msg)


# --- The plan --------------------------------------------------------------------------------------------------------

HEAD = "Change CHG1: retry of 44 participants on https://ota.example.net/api.php, node ota. "


@pytest.mark.parametrize(
    ("planned", "settings", "text"),
    [
        (change(planned=44, waves_total=5), APPROVED, "44 to be sent in 5 waves."),
        (change(planned=4, done=40, waves_total=5, waves_done=4), APPROVED, "4 to be sent in 1 wave, 40 done."),
        (
            change(done=43, skipped=1, duplicates=2),
            {},
            "Nothing remains to be sent, 43 done, 1 skipped, 2 named more than once.",
        ),
        (change(done=43, unknown=1), {}, "Nothing remains to be sent, 43 done, 1 unknown."),
        (
            change(done=43, unknown=1),
            {**APPROVED, "unknown": "resend"},
            "The unknown are to be sent once more, unless their states prove that the action was carried out, "
            "43 done, 1 unknown.",
        ),
        (
            change(planned=44, waves_total=5, window_opens="2126-01-01T00:00:00Z"),
            APPROVED,
            "44 to be sent in 5 waves. Its window opens at 2126-01-01T00:00:00Z.",
        ),
        (
            change(planned=44, window_opens="2126-01-01T00:00:00Z", window_opens_local="2126-01-01T00:00:00+00:00"),
            APPROVED,
            "44 to be sent in 1 wave. Its window opens at 2126-01-01T00:00:00Z.",
        ),
        (
            change(planned=44, window_opens="2126-01-01T00:00:00Z", window_opens_local="2126-01-01T01:00:00+01:00"),
            APPROVED,
            "44 to be sent in 1 wave. Its window opens at 2126-01-01T01:00:00+01:00 (2126-01-01T00:00:00Z).",
        ),
        (
            change(planned=44, selection={"columns": {"iccid": "SIM", "imsi": "imsi", "msisdn": "Phone"}}),
            APPROVED,
            "44 to be sent in 1 wave. Read from the file: iccid under 'SIM', msisdn under 'Phone'.",
        ),
    ],
)
def test_a_plan_in_sentences(planned: dict[str, Any], settings: dict[str, Any], text: str) -> None:
    sends = not text.startswith("Nothing remains")
    approves = sends and "approved_by" in settings
    expected = {"text": HEAD + text, "sends": sends, "approves": approves, "lacks": ""}
    assert change_plan(result(planned), settings) == expected


PLANNED = {"planned": 44, "plan_digest": "2c26b46b68ff" + "0" * 52, "requested_by": "alice"}
BY_BOB = {"approval": {"by": "bob", "at": "2026-06-01T20:00:00Z"}}
WAITS = (
    "Plan digest 2c26b46b68ff. Change CHG1 waits for approval by another person than alice: ansible-playbook "
    "simops.yateota.bulk_approve -e change_id=CHG1"
)


@pytest.mark.parametrize(
    ("facts", "settings", "text", "approves"),
    [
        ({}, {"only": "plan"}, f"{WAITS}.", False),
        ({"action": "rerun"}, {"only": "plan"}, f"{WAITS} -e bulk_change_confirm_count=44.", False),
        ({"require_approval": True}, {"only": "plan", "require_approval": False}, f"{WAITS}.", False),
        ({}, {"require_approval": False}, "Plan digest 2c26b46b68ff.", False),
        ({}, APPROVED, "Plan digest 2c26b46b68ff.", True),
        (BY_BOB, {}, "Plan digest 2c26b46b68ff, approved by bob at 2026-06-01T20:00:00Z.", False),
        (
            {**BY_BOB, "action": "rerun"},
            APPROVED,
            "Plan digest 2c26b46b68ff, approved by bob at 2026-06-01T20:00:00Z.",
            False,
        ),
    ],
)
def test_a_plan_tells_its_digest_and_who_approves_it(
    facts: dict[str, Any], settings: dict[str, Any], text: str, approves: bool
) -> None:
    told = change_plan(result(change(**PLANNED, **facts)), settings)
    assert told["text"].endswith(text)
    assert told["approves"] is approves


def test_the_number_of_sims_is_asked_again_before_a_second_rerun() -> None:
    """The approval is of the plan, in which each SIM is sent for once."""
    doubtful = result(change(action="rerun", done=43, unknown=1, **BY_BOB))
    assert change_plan(doubtful, {})["lacks"] == ""
    assert "set bulk_change_confirm_rerun=44," in change_plan(doubtful, {"unknown": "resend"})["lacks"]
    assert change_plan(doubtful, {"unknown": "resend", "confirm_rerun": 44})["lacks"] == ""


def test_a_rerun_says_what_it_does_to_each_sim() -> None:
    planned = result(change(action="rerun", done=43, sending=1))
    told = change_plan(planned, {**APPROVED, "unknown": "resend", "confirm_rerun": 44})
    assert "rerun of 44 SIMs" in told["text"]
    assert "All older campaigns of each SIM run again." in told["text"]
    assert "is reset a second time, which can lock the SIM out of OTA." in told["text"]
    assert told["lacks"] == ""


APPROVER = "bulk_change_approved_by to the name of who approves it"


@pytest.mark.parametrize(
    ("planned", "settings", "lacks"),
    [
        (change(planned=44), {}, APPROVER),
        (change(planned=44), {"approved_by": " "}, APPROVER),
        (change(planned=44), {"require_approval": False}, ""),
        (change(done=44), {}, ""),
        (change(unknown=44), {}, ""),
        (change(unknown=44), {"unknown": "resend"}, APPROVER),
        (change(sending=44), {"unknown": "resend"}, APPROVER),
        (change(planned=44, action="rerun"), {**APPROVED, "confirm_rerun": 44}, ""),
        (
            change(planned=44, action="rerun"),
            APPROVED,
            "bulk_change_confirm_rerun=44, the number of all SIMs in the plan, also of those not sent for; "
            "the OTA counter of each SIM that is sent for is reset",
        ),
        (
            change(planned=44, action="rerun"),
            {"confirm_rerun": 0},
            f"{APPROVER}, and bulk_change_confirm_rerun=44, the number of all SIMs in the plan, also of those not "
            "sent for (not 0); the OTA counter of each SIM that is sent for is reset",
        ),
    ],
)
def test_what_a_plan_lacks(planned: dict[str, Any], settings: dict[str, Any], lacks: str) -> None:
    told = change_plan(result(planned), settings, check_mode=True)
    assert told["lacks"] == (f"Change CHG1 is planned and nothing is sent: set {lacks}." if lacks else "")
    assert told["text"].endswith(f"In check mode nothing is recorded or sent. {told['lacks']}".rstrip())
    alone = change_plan(result(planned), {**settings, "only": "plan"})
    assert alone["lacks"] == told["lacks"]
    assert "is planned and nothing is sent" not in alone["text"]


# --- Progress --------------------------------------------------------------------------------------------------------


FOURTEEN: dict[str, Any] = {
    "planned": 30,
    "done": 14,
    "waves_total": 4,
    "waves_done": 1,
    "waves": [{"wave": 1}],
    "rate": 10.0,
}


def ahead(seconds: int | None, fits: bool = True, **further: Any) -> dict[str, Any]:
    moments = {"ends": "2026-06-02T21:10:30.000Z", "ends_local": "2026-06-02T23:10:30+02:00"}
    return {"seconds": seconds, "fits": fits, "remaining_then": 0, **moments, **further}


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (change(planned=44), "Wave 0 of 1: 0 of 44 done, 44 remaining"),
        (
            change(
                planned=8997,
                done=2050,
                failed=3,
                waves_total=12,
                waves_done=3,
                waves=[{"wave": 3}],
                sent=1000,
                rate=148.2,
                forecast=ahead(61),
            ),
            "Wave 3 of 12: 2050 of 11050 done, 3 failed, 8997 remaining; 148.2/s, 0:01:01 to go",
        ),
        (
            change(sent=14, forecast=ahead(100_000, fits=False), **FOURTEEN),
            "Wave 1 of 4: 14 of 44 done, 30 remaining; 10.0/s, ends 2026-06-02 23:10",
        ),
        (
            change(sent=14, forecast=ahead(None, fits=False, ends=None, remaining_then=12), **FOURTEEN),
            "Wave 1 of 4: 14 of 44 done, 30 remaining; 10.0/s, 12 will remain",
        ),
        (
            change(done=39, unknown=1, refused=1, skipped=1, sending=2, waves=[{"wave": 1}], sent=44, rate=0.0),
            "Wave 1 of 1: 39 of 44 done, 1 unknown, 1 refused, 1 skipped, 2 sending, 0 remaining; 0.0/s",
        ),
    ],
)
def test_progress_in_a_line(sent: dict[str, Any], line: str) -> None:
    assert progress_line(result(sent)) == line


@pytest.mark.parametrize(
    ("sent", "stopped"),
    [
        (result(change(planned=1)), False),
        (result(change("applied", done=44)), False),
        (result(change("window_closed", planned=1)), True),
        (failed(change("aborted", planned=1), "It is aborted."), True),
        ({"failed": True, "msg": "MODULE FAILURE"}, True),
    ],
)
def test_what_stops_a_run(sent: dict[str, Any], stopped: bool) -> None:
    assert has_stopped(sent) is stopped


# --- The verdict -----------------------------------------------------------------------------------------------------

SKIPPED = {"skipped": True, "changed": False}
ABORTED = "Change CHG1 is aborted: 5 of 5. Find the cause, then set resume_aborted to continue."


@pytest.mark.parametrize(
    ("sent", "verified", "settings", "well", "text"),
    [
        (result(change("applied", done=44)), SKIPPED, {}, True, "is applied: 44 done."),
        (result(change("applied")), SKIPPED, {}, True, "is applied: it has no participants."),
        (
            failed(change("aborted", planned=39, refused=5), ABORTED),
            SKIPPED,
            {},
            False,
            "is aborted: 39 planned, 5 refused. Find out why its attempts went wrong, then run this again with "
            "bulk_change_resume_aborted=true.",
        ),
        (
            result(change("window_closed", planned=44, window_opens="T")),
            SKIPPED,
            {},
            False,
            "is window_closed: 44 planned. It waits for its window, which opens at T: run this again then.",
        ),
        (
            result(change("window_closed", planned=44)),
            SKIPPED,
            {},
            False,
            "is window_closed: 44 planned. Run this again, with a window that is open, to send for the remaining ones.",
        ),
        (
            result(change("in_progress", planned=14, done=29, unknown=1)),
            SKIPPED,
            {"max_waves": 1},
            True,
            "is in_progress: 14 planned, 29 done, 1 unknown. Run this again to send for the remaining ones.",
        ),
        (
            result(change("in_progress", planned=14, done=29, failed=1)),
            SKIPPED,
            {"max_waves": 1},
            False,
            "is in_progress: 14 planned, 29 done, 1 failed. Run this again to send for the remaining ones.",
        ),
        (
            failed(change("in_progress", planned=43, done=1), "The server refuses it; lease_seconds is too short."),
            SKIPPED,
            {"max_waves": 1},
            False,
            "is in_progress: 43 planned, 1 done. The server refuses it; bulk_change_lease_seconds is too short.",
        ),
        (
            failed(change("applied", done=43, unknown=1), "It has ended with 1 unknown."),
            SKIPPED,
            {},
            False,
            "is applied: 43 done, 1 unknown. Nothing proves whether the action was carried out for the unknown. Check "
            "them, and run this again with bulk_change_unknown=resend to send for them once more.",
        ),
        (
            failed(change("applied", done=43, failed=1), "It has ended with 1 failed."),
            SKIPPED,
            {},
            False,
            "is applied: 43 done, 1 failed. The report has the reason for each.",
        ),
        (
            result(change("window_closed", done=44)),
            SKIPPED,
            {},
            False,
            "is window_closed: 44 done. All requests were sent, and its last wave is not judged yet. Run this again, "
            "also with a closed window.",
        ),
        (
            failed(change("in_progress", done=44), "It was stopped by a signal: run it again to continue."),
            result(change("in_progress", done=44)),
            {"max_waves": 1},
            False,
            "is in_progress: 44 done. It was stopped by a signal: run it again to continue.",
        ),
        (
            failed(change("waiting", done=44), "cannot reach it."),
            SKIPPED,
            {},
            False,
            "is waiting: 44 done. cannot reach it.",
        ),
        (
            SKIPPED,
            failed(change("applied", done=44), "cannot reach it."),
            {},
            False,
            "is applied: 44 done. Its new states could not be read.",
        ),
        (
            SKIPPED,
            {**result(change("applied", done=44)), "remaining": 4},
            {"verify_timeout": 1},
            False,
            "is applied: 44 done. 4 of them have not finished within 1 seconds.",
        ),
        (SKIPPED, {**result(change("applied", done=44)), "remaining": 4}, {}, True, "is applied: 44 done."),
    ],
)
def test_the_verdict(
    sent: dict[str, Any], verified: dict[str, Any], settings: dict[str, Any], well: bool, text: str
) -> None:
    told = change_verdict(sent, verified, settings)
    assert (told["well"], told["text"], told["found"]) == (well, f"Change CHG1 {text}", True)


def test_a_change_that_is_not_there_is_told_by_what_was_said_of_it() -> None:
    lost = change_verdict(SKIPPED, {"failed": True, "failure": {}, "msg": "It is not in the ledger."}, {})
    assert (lost["well"], lost["found"], lost["text"]) == (False, False, "It is not in the ledger.")
    broken = change_verdict({"failed": True, "changed": False}, SKIPPED, {})
    assert (broken["text"], broken["stopped"]) == ("The module crashed.",) * 2


@pytest.mark.parametrize(
    ("sent", "settings", "text"),
    [
        (result(change("planned", planned=44)), {}, "Change CHG1 is planned: 44 planned. It is on hold."),
        (
            result(change(planned=39, done=5)),
            {"max_waves": 2},
            "Change CHG1 is in_progress: 39 planned, 5 done. It is on hold.",
        ),
        (
            result(change("applied", done=43, unknown=1)),
            {},
            "Change CHG1 is applied: 43 done, 1 unknown. It is on hold.",
        ),
        (
            result(change("held", planned=44)),
            {},
            "Change CHG1 is held: 44 planned. It is on hold. When that is settled, release it with the playbook "
            "bulk_release, and run this again.",
        ),
        ({}, {}, "It is on hold."),
    ],
)
def test_a_gate_that_refuses_is_the_reason(sent: dict[str, Any], settings: dict[str, Any], text: str) -> None:
    verdict = change_verdict(sent, SKIPPED, settings, "It is on hold.")
    assert (verdict["well"], verdict["text"], verdict["stopped"]) == (False, text, "It is on hold.")


def test_the_verdict_says_what_has_stopped_the_run() -> None:
    assert change_verdict(SKIPPED, SKIPPED, {})["stopped"] == ""
    assert change_verdict(result(change(planned=1)), SKIPPED, {})["stopped"] == ""
    closed = change_verdict(result(change("window_closed", planned=1)), SKIPPED, {})
    assert closed["stopped"] == "The window closed."
    early = change_verdict(result(change("window_closed", planned=1, window_opens="T")), SKIPPED, {})
    assert early["stopped"] == "Change CHG1 waits for its window, which opens at T."
    aborted = change_verdict(failed(change("aborted", planned=1), ABORTED), SKIPPED, {})
    assert aborted["stopped"].endswith("then set bulk_change_resume_aborted to continue.")


@pytest.mark.parametrize(
    ("verified", "states"),
    [
        (SKIPPED, ""),
        (
            result(change(done=44, states={"finished": 4, "pending_send": 40})),
            "The participants that were acted on: 4 finished, 40 pending_send.",
        ),
        (result(change()), "The participants that were acted on: none."),
        (failed(change(), "It cannot be reached."), "The states could not be read. It cannot be reached."),
    ],
)
def test_the_states_in_a_sentence(verified: dict[str, Any], states: str) -> None:
    assert change_verdict({}, verified, {})["states"] == states


def test_what_is_not_a_result_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="change_plan expected a registered result"):
        change_plan({"msg": "failed"}, {})
    with pytest.raises(AnsibleFilterError, match="change_verdict expected registered results"):
        change_verdict("text", {}, {})
