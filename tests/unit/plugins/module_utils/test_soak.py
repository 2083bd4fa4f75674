# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next wave begins when the last one has worked, and not because time has passed."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_table import change_table
from ansible_collections.simops.yateota.plugins.filter.change_verdict import change_verdict
from ansible_collections.simops.yateota.plugins.module_utils._change.options import RolloutOptions
from ansible_collections.simops.yateota.plugins.module_utils._change.rollout import Rollout
from ansible_collections.simops.yateota.plugins.module_utils._change.states_reader import StateReader
from ansible_collections.simops.yateota.plugins.module_utils._core import rollout_policy
from ansible_collections.simops.yateota.plugins.module_utils._core.clock import Clock
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import TransportError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import waves
from ansible_collections.simops.yateota.plugins.module_utils._ledger.waves import Waves
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

WAVE, HALF = 20, 60
GOOD, BAD = 8, 9
"""The campaigns of the two halves: of the second one's messages, 15 % fail."""
NO_ABORT = {"minimum_executed": 1000}
QUICK = {"build": [1, 2], "send": [1, 2], "por": [1, 2]}


def scenario(**campaigns: float) -> dict[str, Any]:
    """Return campaigns of failed participants, each with the share of messages that fails."""
    sims = {"count": HALF * 2, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    rates = campaigns or {"good": 0, "bad": 0.15}
    return {
        "seed": 5,
        "sims": [sims],
        "campaigns": [
            {
                "campaign_id": GOOD + place,
                "name": name,
                "type": "RFM",
                "state": "started",
                "first_participant": 1 + place * HALF,
                "first_sim": place * HALF,
                "initial": {"failed": HALF},
                "failure_rate": rate,
                "pace": QUICK,
            }
            for place, (name, rate) in enumerate(rates.items())
        ],
    }


def both_halves() -> dict[str, Any]:
    return {
        "participants": [
            {"participant_id": 1 + each, "campaign_id": GOOD if each < HALF else BAD} for each in range(2 * HALF)
        ]
    }


def options(**further: Any) -> dict[str, Any]:
    """Waves of 20 of both halves, of which 90 % must finish within two seconds."""
    rollout = {"wave_size": WAVE, "soak": 2.0, "success_percentage": 90, **further.pop("rollout", {})}
    return {"selection": both_halves(), "abort": NO_ABORT, **further, "rollout": rollout}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first readings of a soak follow each other quickly."""
    monkeypatch.setattr(rollout_policy, "_SHORTEST_PAUSE", 0.05)


@pytest.fixture
def quick(start_sandbox: StartSandbox) -> Sandbox:
    """A server whose messages end within some hundredths of a second."""
    return start_sandbox(scenario=scenario(), speed=1000)


def sent(box: Sandbox) -> list[int]:
    return [int(entry["params"]["participant_id"]) for entry in box.writes()]


def shares(box: Sandbox) -> list[float]:
    """Return the share of each wave that finishes, by what the server knows of it."""
    states = [box.participant(each)["state"] for each in range(1, 2 * HALF + 1)]
    waves = [states[first : first + WAVE] for first in range(0, len(states), WAVE)]
    return [100 * wave.count("finished") / WAVE for wave in waves]


def test_a_change_is_held_at_the_first_wave_that_shows_too_many_failures(bulk: Bulk, quick: Sandbox) -> None:
    held = bulk("applied", quick, **options())
    done = len(sent(quick)) // WAVE
    reached = shares(quick)[:done]
    assert done > HALF // WAVE
    assert [share >= 90 for share in reached] == [True] * (done - 1) + [False]
    assert sorted(sent(quick)) == list(range(1, done * WAVE + 1))  # nothing of the next wave

    change = held["change"]
    assert (held["failed"], held["failure"]["kind"], change["status"]) == (True, "held", "held")
    assert (change["held"]["by"], change["waves_done"], held["remaining"]) == (
        "the rollout",
        done,
        2 * HALF - done * WAVE,
    )
    assert re.fullmatch(
        rf"wave {done}: {reached[-1]:g} % finished after \d+ s, expected 90 %", change["held"]["reason"]
    )
    assert f"is held by the rollout since {change['held']['since'][:10]}" in held["msg"]
    assert [wave["success_percentage"] for wave in change["waves"]] == reached


def test_a_release_accepts_the_wave_and_the_next_one_is_judged(
    bulk: Bulk, start_sandbox: StartSandbox, run_task: RunTask, ledger: str, tmp_path: Path
) -> None:
    box = start_sandbox(scenario=scenario(bad=1, worse=1), speed=1000)
    given = options(rollout={"wave_size": HALF, "soak": 0.6})
    for wave in (1, 2):
        held = bulk("applied", box, **given)
        if wave == 1:
            assert held["change"]["held"]["reason"].startswith("wave 1: 0 % finished after ")
            again = bulk("applied", box, **given)
            assert (again["failure"]["kind"], again["change"]["sent"]) == ("held", 0)
            listed = run_task(yateota_bulk_info, box, ledger=ledger)["changes"]
            assert change_table(listed)[1].endswith("held by the rollout")
            assert bulk("released", box, selection=None)["change"]["held"] is None
        assert len(sent(box)) == wave * HALF

    # It was the last wave: there is none to hold, and its shortfall is a warning.
    assert (held.get("failed"), held["change"]["status"], held["change"]["held"]) == (None, "applied", None)
    (warning,) = held["warnings"]
    assert warning.startswith(
        "The last wave of change CHG1 did not reach rollout.success_percentage (wave 2: 0 % finished after "
    )
    assert warning.endswith(" s, expected 90 %). No participants remain, so that the change is not held.")
    assert Counter(sent(box)) == dict.fromkeys(range(1, 2 * HALF + 1), 1)
    run_task(
        yateota_bulk_info, box, ledger=ledger, change_id="CHG1", report_dest=str(tmp_path / "page.html"), format="html"
    )
    assert '<td class="number">0 %</td>' in (tmp_path / "page.html").read_text()


def test_the_next_wave_begins_as_soon_as_the_last_one_has_worked(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0), speed=1000)
    done = bulk("applied", box, **options(rollout={"wave_size": HALF, "soak": 100_000, "success_percentage": 100}))
    assert (done["change"]["status"], done["change"]["counts"]["done"]) == ("applied", 2 * HALF)
    assert [wave["success_percentage"] for wave in done["change"]["waves"]] == [100, 100]


def test_a_cancel_is_proven_by_canceled(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0))
    given = options(action="cancel", rollout={"wave_size": HALF, "success_percentage": 100})
    done = bulk("applied", box, **given)
    assert [wave["success_percentage"] for wave in done["change"]["waves"]] == [100, 100]


def rerun_of_finished(soak: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a scenario of a finished campaign, and the options of its rerun in two waves."""
    campaigns = scenario(good=0)
    campaigns["campaigns"][0]["initial"] = {"finished": HALF}
    rollout = {"wave_size": HALF // 2, "soak": soak, "success_percentage": 100}
    selection = {"campaign_id": GOOD, "state": "finished"}
    return campaigns, {"action": "rerun", "selection": selection, "max_waves": 1, "rollout": rollout}


def test_a_server_that_shows_a_rerun_late_is_waited_for(bulk: Bulk, start_sandbox: StartSandbox, ledger: str) -> None:
    """The state from before the request proves nothing before the soak is over."""
    campaigns, given = rerun_of_finished(soak=2)
    box = start_sandbox(scenario=campaigns)
    box.fault(request="action_participant", kind="code", code=0, times=HALF)  # it says yes, and has not begun
    done = bulk("applied", box, **given)
    (wave,) = done["change"]["waves"]
    assert (done["change"]["waves_done"], wave["success_percentage"]) == (1, 100)
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.read() as connection:
        sent, read = connection.exec_driver_sql(
            "SELECT max(sent_at), min(read_at) FROM yateota_participants WHERE wave = 1"
        ).one()
    assert read >= sent + 2


def test_a_rerun_that_was_seen_under_way_is_proven_at_once(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns, given = rerun_of_finished(soak=100_000)
    box, read = start_sandbox(scenario=campaigns), StateReader.read

    def read_and_deliver(reader: StateReader, include_done: bool = False) -> None:
        read(reader, include_done)
        if include_done:
            box.advance(1e6)

    monkeypatch.setattr(StateReader, "read", read_and_deliver)
    done = bulk("applied", box, **given)
    assert [wave["success_percentage"] for wave in done["change"]["waves"]] == [100]


class Interrupted:
    """A signal that comes with the first reading after a wave."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = StateReader.read

        def signal_first(reader: StateReader, include_done: bool = False) -> None:
            if include_done:
                monkeypatch.setattr(StateReader, "read", read)
                os.kill(os.getpid(), signal.SIGTERM)
            read(reader, include_done)

        monkeypatch.setattr(StateReader, "read", signal_first)


@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("resend", [True, False])
def test_a_run_that_ends_in_a_soak_judges_the_wave_when_it_is_resumed(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch, works: bool, resend: bool
) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0))
    if resend:
        box.fault(request="action_participant", kind="drop_before", nth=1, times=2)
    given = options(rollout={"wave_size": HALF, "soak": 0.2, "success_percentage": 97})
    Interrupted(monkeypatch)
    ended = bulk("applied", box, **given)
    assert "was stopped by a signal" in ended["msg"]
    assert (len(sent(box)), ended["change"]["waves_done"], ended["change"]["held"]) == (HALF, 0, None)

    if works:
        box.advance(1e6)
    resumed = bulk("applied", box, **given, unknown="resend" if resend else "report")
    if works and not resend:
        assert (len(sent(box)), resumed["change"]["waves"][0]["success_percentage"]) == (2 * HALF, 100)
        return
    reached = 96.6 if works else 0  # the two that are unknown count, also if they are to be sent once more
    assert resumed["change"]["held"]["reason"].startswith(f"wave 1: {reached:g} % finished after ")
    assert len(sent(box)) == HALF


@pytest.mark.parametrize(
    ("ends", "status", "says"),
    [
        ("signal", "in_progress", "was stopped by a signal"),
        ("hold", "held", "is held by ann"),
        ("window", "window_closed", ""),
    ],
)
@pytest.mark.parametrize("works", [True, False])
def test_a_run_that_ends_with_the_last_request_leaves_the_judgment_to_the_next(
    bulk: Bulk,
    start_sandbox: StartSandbox,
    monkeypatch: pytest.MonkeyPatch,
    works: bool,
    ends: str,
    status: str,
    says: str,
) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0))
    given = options(rollout={"wave_size": 2 * HALF, "soak": 0.2, "success_percentage": 97})
    take_back = Rollout._take_back

    def end_first(rollout: Rollout) -> None:  # after the last request, before the soak
        monkeypatch.setattr(Rollout, "_take_back", take_back)
        if ends == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        elif ends == "hold":
            bulk("held", box, selection=None, requested_by="ann", reason="The SMSC queues")
            rollout._change.read_halt_once()
        else:
            monkeypatch.setattr(RolloutOptions, "is_open", lambda *_given: False)
        rollout._continue_or_stop()

    monkeypatch.setattr(Rollout, "_take_back", end_first)
    ended = bulk("applied", box, **given)
    assert says in ended.get("msg", "")
    assert ended["change"]["counts"] == {**dict.fromkeys(ended["change"]["counts"], 0), "done": 2 * HALF}
    assert (ended["change"]["waves_done"], ended["change"]["status"]) == (0, status)
    verdict = change_verdict(ended, {}, {})
    assert (verdict["well"], bool(verdict["stopped"])) == (False, True)
    if ends == "hold":
        bulk("released", box, selection=None)
    if works:
        box.advance(1e6)
    resumed = bulk("applied", box, **given)  # the window that has closed does not open again: judging only reads
    assert resumed["change"]["waves"][0]["success_percentage"] == (100 if works else 0)
    assert (resumed["change"]["status"], len(sent(box))) == ("applied", 2 * HALF)
    assert change_verdict(resumed, {}, {})["well"]


@pytest.mark.parametrize("wanted", [97, None])
@pytest.mark.parametrize("resend", [True, False])
def test_a_run_that_ends_in_a_soak_is_judged_after_the_end_of_its_window(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch, resend: bool, wanted: float | None
) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0))
    window = {"end": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()}
    rollout = {"wave_size": 2 * HALF, "soak": 0.2, "success_percentage": wanted}
    given = {**options(rollout=rollout), "window": window, "unknown": "resend" if resend else "report"}
    Interrupted(monkeypatch)
    assert "stopped" in bulk("applied", box, **given)["msg"]
    box.advance(1e6)
    now = Clock.now
    monkeypatch.setattr(Clock, "now", lambda self: now(self) + 7200)
    judged = bulk("applied", box, **given)
    assert (judged["change"]["status"], judged["change"]["waves_done"], judged["remaining"]) == ("applied", 1, 0)
    assert judged["change"]["waves"][0]["success_percentage"] == (wanted and 100)
    assert bulk("verified", box, selection=None)["change"]["status"] == "verified"
    assert len(sent(box)) == 2 * HALF


def test_the_share_of_a_wave_is_not_rounded_up_to_what_was_wanted(
    bulk: Bulk, run_task: RunTask, sandbox: Sandbox, ledger: str
) -> None:
    bulk("applied", sandbox)
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.write() as connection:
        connection.execute(waves.update().values(success_percentage=100 * 1899 / 2000))
    shown = run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="CHG1")
    assert [wave["success_percentage"] for wave in shown["change"]["waves"]] == [94.9]


def test_a_wave_is_judged_after_the_end_of_the_window_and_the_next_one_waits_for_it(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = start_sandbox(scenario=scenario(good=0, fine=0))
    given = options(rollout={"wave_size": HALF, "soak": 0.2, "success_percentage": 97})
    Interrupted(monkeypatch)
    bulk("applied", box, **given)
    box.advance(1e6)
    monkeypatch.setattr(RolloutOptions, "is_open", lambda *_given: False)
    judged = bulk("applied", box, **given)
    assert (judged["change"]["status"], judged["change"]["waves_done"]) == ("window_closed", 1)
    assert judged["change"]["waves"][0]["success_percentage"] == 100
    assert len(sent(box)) == HALF


def test_a_wave_is_judged_before_any_of_it_is_planned_again(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = start_sandbox(scenario=scenario(bad=1, worse=1))
    attempts = {"attempts": {"maximum": 3, "interval": 0.001}}
    given = options(**attempts, rollout={"wave_size": 2 * HALF, "soak": 0.2})
    Interrupted(monkeypatch)
    bulk("applied", box, **given)
    box.advance(1e6)  # all have failed, so that each gets its next attempt, in another wave
    resumed = bulk("applied", box, **given)
    assert [wave["success_percentage"] for wave in resumed["change"]["waves"]] == [0, 0]
    assert Counter(sent(box)) == dict.fromkeys(range(1, 2 * HALF + 1), 2)


def test_a_server_that_is_away_for_a_moment_of_the_soak_is_read_again(
    bulk: Bulk, quick: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failed = StateReader.read, []

    def fail_first(self: StateReader, include_done: bool = False) -> None:
        if include_done and not failed:
            failed.append(self)
            raise TransportError("away")
        read(self, include_done)

    monkeypatch.setattr(StateReader, "read", fail_first)
    done = bulk("applied", quick, **options(max_waves=1, rollout={"soak": 1000}))
    assert (done["change"]["waves_done"], len(failed)) == (1, 1)


def test_a_hold_of_a_person_stays_theirs_and_the_wave_is_judged_after_it(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = start_sandbox(scenario=scenario(bad=1, worse=1), speed=1000)
    given = options(rollout={"wave_size": HALF, "soak": 0.3})
    count = Waves.count

    def held_meanwhile(self: Waves, wave: int, goal: str) -> Any:
        found = count(self, wave, goal)
        bulk("held", box, selection=None, requested_by="ann", reason="The SMSC queues")
        return found

    monkeypatch.setattr(Waves, "count", held_meanwhile)
    held = bulk("applied", box, **given)
    monkeypatch.setattr(Waves, "count", count)
    assert (held["change"]["held"]["by"], held["change"]["waves_done"]) == ("ann", 0)
    assert "is held by ann since" in held["msg"]
    bulk("released", box, selection=None)
    held = bulk("applied", box, **given)
    assert (held["change"]["held"]["by"], held["change"]["waves_done"]) == ("the rollout", 1)
    assert len(sent(box)) == HALF


def test_a_change_that_is_stopped_while_its_wave_is_judged_is_not_held(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = start_sandbox(scenario=scenario(bad=1, worse=1), speed=1000)
    end_held = Waves.end_held

    def stop_first(self: Waves, *arguments: Any) -> Any:
        bulk("stopped", box, selection=None, requested_by="ann", reason="The wrong campaign")
        return end_held(self, *arguments)

    monkeypatch.setattr(Waves, "end_held", stop_first)
    stopped = bulk("applied", box, **options(rollout={"wave_size": HALF, "soak": 0.3}))
    assert (stopped["failure"]["kind"], stopped["change"]["held"]) == ("stopped", None)
    assert "stopped by ann" in stopped["msg"]


def test_a_hold_and_the_end_of_its_wave_are_recorded_together(
    bulk: Bulk, start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = start_sandbox(scenario=scenario(bad=1, worse=1), speed=1000)
    given = options(rollout={"wave_size": HALF, "soak": 0.3})

    def crash(*_arguments: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as crashing:
        crashing.setattr(Waves, "_record_end", crash)
        ended = bulk("applied", box, **given)
    assert (ended["failed"], ended["change"]["held"], ended["change"]["waves_done"]) == (True, None, 0)
    assert bulk("applied", box, **given)["change"]["held"]["by"] == "the rollout"
    assert len(sent(box)) == HALF


def test_the_last_wave_of_a_server_holds_the_other_servers(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    boxes = [start_sandbox(scenario=scenario(bad=1, worse=1), speed=1000) for _each in range(2)]
    given = options(rollout={"wave_size": 2 * HALF, "soak": 0.3})
    for box in boxes:
        bulk("planned", box, **given)
    held = bulk("applied", boxes[0], **given)
    assert (held["failure"]["kind"], held["change"]["status"], held["remaining"]) == ("held", "applied", 0)
    assert re.search(
        rf"finished after \d+ s, expected \d+ % on {re.escape(held['change']['api_url'])}, node ota", held["msg"]
    )
    refused = bulk("applied", boxes[1], **given)
    assert (refused["failure"]["kind"], refused["change"]["held"]["by"], sent(boxes[1])) == ("held", "the rollout", [])
    bulk("released", boxes[1], selection=None)
    done = bulk("applied", boxes[1], **given)
    assert (done["change"]["status"], len(sent(boxes[1])), len(sent(boxes[0]))) == ("applied", 2 * HALF, 2 * HALF)


# --- What counts as bad -----------------------------------------------------------------------------------------------


def test_who_has_not_answered_after_the_soak_counts_as_bad_if_asked_for(
    bulk: Bulk, start_sandbox: StartSandbox
) -> None:
    never = {**scenario(good=0, fine=0)}
    for campaign in never["campaigns"]:
        campaign["pace"] = {**QUICK, "por": [1e9, 1e9]}
    box = start_sandbox(scenario=never, speed=1000)
    given = {"selection": both_halves(), "rollout": {"wave_size": HALF, "soak": 0.5}}
    limit = {"threshold_percentage": 50, "minimum_executed": 10}
    assert bulk("applied", box, **given, max_waves=1, abort=limit)["change"]["status"] == "in_progress"
    aborted = bulk("applied", box, **given, abort={**limit, "count_unanswered": True})
    assert (aborted["change"]["status"], aborted["change"]["states"]) == ("aborted", {"waiting_por": HALF})
    assert f"{HALF} of {HALF} attempts went wrong (limit 50 %)" in aborted["msg"]
    assert f"The most frequent reasons: {HALF} have not answered. Find the cause" in aborted["msg"]
    assert len(sent(box)) == HALF


def test_who_may_still_answer_is_not_bad(bulk: Bulk, start_sandbox: StartSandbox, ledger: str) -> None:
    never = scenario(good=0, fine=0)
    for campaign in never["campaigns"]:
        campaign["pace"] = {**QUICK, "por": [1e9, 1e9]}
    box = start_sandbox(scenario=never, speed=1000)
    given = options(rollout={"wave_size": HALF, "soak": 100_000}, max_waves=1, progress=False)
    given["abort"] = {"threshold_percentage": 1, "minimum_executed": 1, "count_unanswered": True}
    count, read = Waves.count, []

    def count_and_end(self: Waves, wave: int, goal: str) -> Any:
        read.append(wave)
        if len(read) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return count(self, wave, goal)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waves, "count", count_and_end)
        ended = bulk("applied", box, **given)
    assert "was stopped by a signal" in ended["msg"]
    assert ended["change"]["states"] == {"waiting_por": HALF}


@pytest.mark.parametrize(("on_reason", "aborts"), [([404], True), (["GONE"], True), ([403, "locked"], False)])
def test_only_the_reasons_that_are_asked_for_abort(
    bulk: Bulk, sandbox: Sandbox, on_reason: list[Any], aborts: bool
) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404, message="It is gone", times=2, nth=2)
    sandbox.fault(request="action_participant", kind="code", code=402, message="busy", nth=8)
    limit = {"threshold_percentage": 20, "minimum_executed": 4, "on_reason": on_reason}
    ended = bulk("applied", rollout={"wave_size": 10, "concurrency": 1}, abort=limit)
    assert ended["change"]["status"] == ("aborted" if aborts else "applied")
    if aborts:
        assert "2 of 4 attempts went wrong" in ended["msg"]
        again = bulk("applied", abort=limit)["msg"]
        for said in (ended["msg"], again):
            assert "The most frequent reasons: 2 refused with code 404 (It is gone). Find" in said


def test_reasons_are_counted_by_the_ledger_as_they_are_while_sending(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404, message="It is gone", times=2, nth=2)
    bulk("applied", rollout={"wave_size": 4}, max_waves=1, abort={"threshold_percentage": 100})
    for on_reason, status in ([[403], "in_progress"], [["gone"], "aborted"]):
        limit = {"threshold_percentage": 20, "minimum_executed": 4, "on_reason": on_reason}
        ended = bulk("applied", rollout={"wave_size": 4}, max_waves=1, abort=limit)
        assert ended["change"]["status"] == status


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rollout": {"success_percentage": 90}}, "rollout.soak must be more than 0 with rollout.success_percentage"),
        ({"abort": {"count_unanswered": True}}, "rollout.soak must be more than 0 with abort.count_unanswered, got 0."),
        (
            {"rollout": {"success_percentage": 101, "soak": 1}},
            "rollout.success_percentage 101 is not valid: give 0 to 100",
        ),
        ({"abort": {"on_reason": []}}, "abort.on_reason must name one or more codes or texts, got an empty list."),
        ({"abort": {"on_reason": [1.5]}}, "abort.on_reason must have codes of 1 or more and texts, got 1.5."),
        (
            {
                "selection": {"participants": [{"iccid": "8931010000000000113"}]},
                "rollout": {"success_percentage": 90, "soak": 1},
                "action": "rerun",
            },
            "rollout.success_percentage cannot be used for change CHG1: 1 of its participants have no campaign",
        ),
    ],
)
@pytest.mark.parametrize("state", ["planned", "applied"])
def test_options_that_cannot_be(
    bulk: Bulk, sandbox: Sandbox, state: str, given: dict[str, Any], words: str, check_mode: bool
) -> None:
    refused = bulk(state, **given, check_mode=check_mode)
    assert (refused["failed"], refused["failure"]["kind"]) == (True, "invalid_input")
    assert refused["msg"].startswith(words)
    assert not sandbox.writes()
