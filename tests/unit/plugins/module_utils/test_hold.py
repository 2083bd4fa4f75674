# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change is held, released and stopped by whoever reaches its ledger, whatever a run of it does at the time."""

from __future__ import annotations

import contextlib
import datetime
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_table import change_table
from ansible_collections.simops.yateota.plugins.module_utils._core.states import ChangeStatus
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change, find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.outage import LedgerUnreachableError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import Report
from ansible_collections.simops.yateota.plugins.module_utils._report.verdict import verdict_of
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import (
    Bulk,
    Postgresql,
    acted_on,
    nonzero_counts,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

PATIENCE_SECONDS = 60.0
LONG_LEASE = 600.0
"""Its renewals, which see a hold as well, come long after these tests have to be over."""
SENTENCE = "Change CHG1 is held by ann since "
HOLD = {"requested_by": "ann", "reason": "The SMSC\n queues."}
STOP = {"requested_by": "bob", "reason": "wrong campaign"}


@pytest.fixture
def info(run_task: RunTask, sandbox: Sandbox, ledger: str) -> Callable[..., dict[str, Any]]:
    """Read the ledger with the module that only reads."""

    def read(**options: Any) -> dict[str, Any]:
        return run_task(yateota_bulk_info, sandbox, ledger=ledger, **options)

    return read


@contextlib.contextmanager
def opened(ledger: str) -> Iterator[Change]:
    with contextlib.closing(open_ledger(ledger, None)) as found:
        change = find_change(found, "CHG1")
        assert change
        yield change


def check_halted(result: dict[str, Any], sentence: str = SENTENCE, kind: str = "held") -> None:
    assert result["failed"]
    assert result["msg"].startswith(sentence), result["msg"]
    assert result["failure"]["kind"] == kind


# --- Without a run ----------------------------------------------------------------------------------------------------


def test_nothing_is_sent_for_a_held_change_until_it_is_released(bulk: Bulk, sandbox: Sandbox, info: Any) -> None:
    bulk("planned")
    held = bulk("held", **HOLD)
    facts = held["change"]["held"]
    assert (held["changed"], held["change"]["status"]) == (True, "held")
    assert (facts["by"], facts["reason"], held["change"]["stopped"]) == ("ann", "The SMSC queues.", None)
    assert held["diff"] == {"before": {"held": None, "stopped": None}, "after": {"held": facts, "stopped": None}}

    for check_mode in (True, False):
        refused = bulk("applied", check_mode=check_mode)
        check_halted(refused)
        assert refused["msg"].endswith(
            " UTC: The SMSC queues. Release it with the playbook bulk_release (state=released) to continue."
        )
        assert refused["change"]["held"] == facts
    assert sandbox.writes() == []
    read = info(change_id="CHG1")["change"]
    assert (read["status"], read["held"], read["held_by"]) == ("held", facts, None)
    assert [run["outcome"] for run in read["runs"]] == ["planned", "held", "held"]
    listed = info()["changes"]
    assert (listed[0]["status"], listed[0]["held"]) == ("held", facts)
    assert change_table(listed)[1].split() == ["CHG1", "held", "retry", "44", "0.0%", "0", "held", "by", "ann"]

    released = bulk("released", requested_by="carl")
    assert (released["changed"], released["change"]["status"], released["change"]["held"]) == (True, "planned", None)
    assert released["diff"]["before"]["held"] == facts
    assert nonzero_counts(bulk("applied")) == {"done": 44}


def test_the_page_shows_who_holds_and_who_has_stopped(bulk: Bulk, info: Any, tmp_path: Path) -> None:
    bulk("planned")
    bulk("held", **HOLD)
    bulk("stopped", requested_by="<bob>", reason="wrong campaign")
    info(change_id="CHG1", report_dest=str(tmp_path / "page.html"), format="html")
    page = (tmp_path / "page.html").read_text()
    assert re.search(r"<p>Held by ann since [^<]*: The SMSC queues.</p>", page)
    assert re.search(r"<p>Stopped by &lt;bob&gt; since [^<]*: wrong campaign</p>", page)


def test_a_hold_and_a_release_are_made_once(bulk: Bulk) -> None:
    bulk("planned")
    assert bulk("released")["changed"] is False
    first = bulk("held", **HOLD)["change"]["held"]
    again = bulk("held", requested_by="bob", reason="another")
    assert (again["changed"], again["change"]["held"]) == (False, first)
    assert again["diff"]["before"] == again["diff"]["after"]
    assert bulk("released")["changed"] is True
    assert bulk("released")["changed"] is False
    again = bulk("held", requested_by="bob", reason="another")
    assert (again["changed"], again["change"]["held"]["by"]) == (True, "bob")
    assert again["change"]["held"]["since"] > first["since"]


@pytest.mark.parametrize(("state", "given"), [("held", HOLD), ("stopped", STOP)])
def test_check_mode_records_nothing(bulk: Bulk, state: str, given: dict[str, Any]) -> None:
    bulk("planned")
    foreseen = bulk(state, check_mode=True, **given)
    assert (foreseen["changed"], foreseen["change"]["status"], foreseen["change"][state]) == (True, "planned", None)
    assert foreseen["diff"]["after"][state]["by"] == given["requested_by"]
    bulk(state, **given)
    again = bulk(state, check_mode=True, **given)
    assert (again["changed"], again["diff"]["before"]) == (False, again["diff"]["after"])
    if state == "held":
        foreseen = bulk("released", check_mode=True)
        assert (foreseen["changed"], foreseen["diff"]["after"]["held"]) == (True, None)
        assert foreseen["change"]["held"]


@pytest.mark.parametrize("state", ["held", "stopped"])
@pytest.mark.parametrize("reason", [None, " \n"])
def test_a_reason_is_required(bulk: Bulk, state: str, reason: str | None) -> None:
    bulk("planned")
    for check_mode in (True, False):
        refused = bulk(state, reason=reason, check_mode=check_mode)
        assert refused["msg"] == f"reason is required with state={state}: say why, for those who run the change."
        assert refused["failure"]["kind"] == "invalid_input"
    assert bulk("planned")["change"]["status"] == "planned"


@pytest.mark.parametrize("state", ["held", "released", "stopped"])
def test_a_change_that_is_not_recorded_is_named(bulk: Bulk, state: str) -> None:
    assert "change_id 'CHG1' is not in the ledger" in bulk(state, **HOLD)["msg"]


@pytest.mark.parametrize("state", ["held", "stopped"])
def test_what_has_ended_is_neither_held_nor_stopped(bulk: Bulk, state: str) -> None:
    bulk("applied")
    refused = bulk(state, **HOLD)
    assert "Change CHG1 is applied: it has ended, and nothing remains to be sent." in refused["msg"]
    bulk("purged")
    assert "Change CHG1 is purged: it has ended" in bulk(state, **HOLD)["msg"]


def test_what_is_left_of_a_stopped_change_is_never_sent(bulk: Bulk, sandbox: Sandbox, info: Any) -> None:
    bulk("applied", rollout={"canary": 5}, max_waves=1)
    stopped = bulk("stopped", **STOP)
    facts = stopped["change"]["stopped"]
    assert (stopped["changed"], stopped["change"]["status"], facts["by"]) == (True, "stopped", "bob")
    again = bulk("stopped", requested_by="ann", reason="another")
    assert (again["changed"], again["change"]["stopped"]) == (False, facts)
    sentence = "Change CHG1 was stopped by bob at "
    for state in ("applied", "held", "released"):
        for check_mode in (True, False):
            refused = bulk(state, check_mode=check_mode, **HOLD)
            check_halted(refused, sentence, "stopped")
            assert (
                "wrong campaign. Nothing is sent for the remaining participants. To act on them after all"
                in refused["msg"]
            )
    assert nonzero_counts(refused) == {"planned": 39, "done": 5}
    assert len(sandbox.writes()) == 5
    assert info(change_id="CHG1")["remaining"] == 39
    assert "failed" not in bulk("verified")
    purged = bulk("purged")
    assert (purged["change"]["status"], nonzero_counts(purged)) == ("purged", {"planned": 39, "done": 5})


def test_a_stop_counts_more_than_a_hold(bulk: Bulk) -> None:
    bulk("planned")
    bulk("held", **HOLD)
    assert bulk("stopped", **STOP)["change"]["status"] == "stopped"
    check_halted(bulk("released"), "Change CHG1 was stopped by bob at ", "stopped")


def test_an_unknown_is_not_sent_again_for_a_held_change(bulk: Bulk, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_after", nth=3)
    bulk("applied", rollout={"canary": 5}, max_waves=1)
    bulk("held", **HOLD)
    sent = len(sandbox.writes())
    check_halted(bulk("applied", unknown="resend"))
    assert len(sandbox.writes()) == sent


def test_a_held_change_is_planned_and_verified_as_ever(bulk: Bulk) -> None:
    bulk("applied", rollout={"canary": 5}, max_waves=1)
    bulk("held", **HOLD)
    assert "failed" not in bulk("planned")
    assert bulk("verified")["change"]["states"]


# --- While a run is under way -----------------------------------------------------------------------------------------


class Running:
    """A run of the change in a thread of its own."""

    def __init__(self, bulk: Bulk, **options: Any) -> None:
        self._results: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=lambda: self._results.append(bulk("applied", **options)), daemon=True)
        self._thread.start()

    def result(self) -> dict[str, Any]:
        self._thread.join(PATIENCE_SECONDS)
        assert self._results, "it waits forever, or broke down"
        return self._results[0]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hold_after(ledger: str, done: int) -> float:
    """Hold the change once so many outcomes are recorded; the moment at which that is recorded."""
    with opened(ledger) as change:
        wait_until(lambda: change.counts()["done"] >= done)
        assert change.hold("ann", "The SMSC queues.")
    return time.time()


@pytest.mark.parametrize("per_second", [0.4, 40])
def test_a_run_sees_a_hold_within_a_second(bulk: Bulk, sandbox: Sandbox, ledger: str, per_second: float) -> None:
    """At 0.4 a second nothing is written for longer than that."""
    bulk("planned")
    running = Running(bulk, rollout={"maximum_per_second": per_second, "wave_size": 15})
    held_at = hold_after(ledger, done=3)
    result = running.result()
    check_halted(result)
    assert result["change"]["status"] == "held"
    assert max(entry["time"] for entry in sandbox.writes()) < held_at + 1
    assert nonzero_counts(result) == {"done": len(sandbox.writes()), "planned": 44 - len(sandbox.writes())}
    check_halted(bulk("applied"))
    bulk("released")
    assert nonzero_counts(bulk("applied")) == {"done": 44}
    assert set(acted_on(sandbox).values()) == {1}
    assert len(acted_on(sandbox)) == 44


@pytest.mark.parametrize("halt", ["hold", "stop"])
def test_a_halt_that_comes_with_the_last_request_keeps_no_change_from_its_end(
    bulk: Bulk, sandbox: Sandbox, ledger: str, info: Any, monkeypatch: pytest.MonkeyPatch, halt: str
) -> None:
    """Nothing remains that it could concern: the last outcome, which is unknown, is settled by its state."""
    sandbox.fault(request="action_participant", kind="drop_after", nth=44)
    record = Attempts.record

    def halted_then(attempts: Attempts, ended: Any, marked: Any) -> Any:
        if len(sandbox.writes()) == 44:
            with opened(ledger) as change:
                getattr(change, halt)("ann", "The SMSC queues.")
        return record(attempts, ended, marked)

    bulk("planned")
    monkeypatch.setattr(Attempts, "record", halted_then)
    ended = bulk("applied", rollout={"concurrency": 1}, retries=0)
    assert (ended.get("failed"), ended["change"]["status"], nonzero_counts(ended)) == (None, "applied", {"done": 44})
    change = info(change_id="CHG1")["change"]
    assert verdict_of(change).title == "The server accepted all requests; the new states are not verified"


@pytest.mark.parametrize("waits", ["soak", "pause"])
def test_a_hold_ends_each_wait(bulk: Bulk, sandbox: Sandbox, ledger: str, waits: str) -> None:
    rollout: dict[str, Any] = {"canary": 3, "concurrency": 1, "soak": 600 if waits == "soak" else 0}
    if waits == "pause":
        sandbox.fault(request="action_participant", kind="http_429", seconds=30, nth=4, times=99)
    bulk("planned")
    begun = time.monotonic()
    running = Running(bulk, rollout=rollout, lease_seconds=LONG_LEASE)
    hold_after(ledger, done=3)
    check_halted(running.result())
    assert time.monotonic() - begun < 25
    assert len(acted_on(sandbox)) == 3


def test_a_hold_ends_the_wait_for_a_window(bulk: Bulk, sandbox: Sandbox, ledger: str) -> None:
    opens = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    bulk("planned")
    running = Running(bulk, window={"start": opens.isoformat()}, wait_for_window=True, lease_seconds=LONG_LEASE)
    with opened(ledger) as change:
        wait_until(lambda: change.record().status == ChangeStatus.WINDOW_CLOSED)
        change.hold("ann", "now")
    result = running.result()
    check_halted(result)
    assert result["change"]["status"] == "held"
    assert sandbox.writes() == []


def test_a_run_in_the_middle_of_a_reading_sees_a_hold(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.simops.yateota.plugins.module_utils._change import states_reader

    def hold_at_first(reader: states_reader.StateReader, count: Callable[[Any], None]) -> None:
        with opened(ledger) as change:
            change.hold("ann", "now")
        count(reader)

    bulk("planned")
    count = states_reader.StateReader.note_request
    monkeypatch.setattr(states_reader.StateReader, "note_request", lambda reader: hold_at_first(reader, count))
    monkeypatch.setattr(Change, "read_halt", lambda change: look_now(change))
    check_halted(bulk("applied", recheck_after=0))
    assert sandbox.writes() == []
    with opened(ledger) as change:
        assert change.record().read_at is None  # the reading was not brought to its end


def look_now(change: Change) -> None:
    """`Change.read_halt` that was last done long ago."""
    with change.write():
        pass


def test_no_mark_is_made_once_a_hold_is_recorded(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold comes when a run that was allowed to send is about to mark its first participants."""
    record = Attempts.record

    def held_before(attempts: Attempts, *given: Any) -> None:
        with opened(ledger) as change:
            change.hold("ann", "now")
        record(attempts, *given)

    bulk("planned")
    monkeypatch.setattr(Attempts, "record", held_before)
    result = bulk("applied")
    check_halted(result)
    assert nonzero_counts(result) == {"planned": 44}
    assert sandbox.writes() == []
    with opened(ledger) as change:
        assert {row["run"] for row in Report(change, masked=False).rows()} == {None}  # a mark names its run


def test_a_mark_whose_answer_was_lost_is_taken_back(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk("planned")
    write, lost = Change.write, []

    @contextlib.contextmanager
    def write_and_lose(change: Change, **options: Any) -> Iterator[Any]:
        with write(change, **options) as connection:
            yield connection
        with opened(ledger) as other:
            marked = other.counts()["sending"]
            if marked and not lost:
                lost.append(marked)
                other.hold("ann", "now")
                raise LedgerUnreachableError("the answer was lost")

    monkeypatch.setattr(Change, "write", write_and_lose)
    result = bulk("applied")
    assert lost
    check_halted(result)
    assert nonzero_counts(result) == {"planned": 44}
    assert sandbox.writes() == []


def test_nothing_leaves_where_the_last_look_is_long_ago(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's main thread waits for the ledger, while its senders still have marks."""
    record, is_held, late = Attempts.record, threading.Event(), []

    def held_up(attempts: Attempts, ended: Any, marked: Any) -> None:
        if any(attempt.sent_at for attempt in ended) and not is_held.is_set():
            with opened(ledger) as change:
                change.hold("ann", "now")
            time.sleep(1.0)  # as long as a hold may take to be seen
            late.append(len(sandbox.writes()))
            time.sleep(1.0)
            late.append(len(sandbox.writes()))
            is_held.set()
        record(attempts, ended, marked)

    bulk("planned")
    monkeypatch.setattr(Attempts, "record", held_up)
    result = bulk("applied", rollout={"maximum_per_second": 5, "concurrency": 3})
    check_halted(result)
    assert late[0] == late[1] == len(sandbox.writes()) < 44


def test_a_hold_at_the_very_end_keeps_nothing_back(bulk: Bulk, ledger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are sent, and their outcomes recorded, when the hold comes: the change is applied."""
    record = Attempts.record

    def held_after(attempts: Attempts, ended: Any, marked: Any) -> None:
        record(attempts, ended, marked)
        with opened(ledger) as change:
            if change.counts()["done"] == 44:
                change.hold("ann", "too late")

    bulk("planned")
    monkeypatch.setattr(Attempts, "record", held_after)
    result = bulk("applied")
    assert "failed" not in result
    assert (result["change"]["status"], nonzero_counts(result)) == ("applied", {"done": 44})
    assert result["change"]["held"]["by"] == "ann"
    assert bulk("applied")["changed"] is False


def test_a_hold_that_is_released_at_once_ends_the_run_that_has_seen_it(
    bulk: Bulk, sandbox: Sandbox, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that continued would lose the participants that it did not mark because of it."""
    record, seen = Attempts.record, []

    def held_for_a_moment(attempts: Attempts, ended: Any, marked: Any) -> None:
        with opened(ledger) as change:
            if len(sandbox.writes()) >= 5 and not seen:
                seen.append(change.hold("ann", "a moment"))
                record(attempts, ended, marked)
                change.release("ann")
                with attempts._change.write():
                    pass  # as the lease's heart does, which reads the record as well
                return
        record(attempts, ended, marked)

    bulk("planned")
    monkeypatch.setattr(Attempts, "record", held_for_a_moment)
    check_halted(bulk("applied", rollout={"concurrency": 1}))
    assert nonzero_counts(bulk("applied")) == {"done": 44}
    assert set(acted_on(sandbox).values()) == {1}


def test_a_stop_ends_a_run(bulk: Bulk, sandbox: Sandbox, ledger: str) -> None:
    bulk("planned")
    running = Running(bulk, rollout={"maximum_per_second": 20})
    wait_until(lambda: len(sandbox.writes()) >= 3)
    with opened(ledger) as change:
        change.stop("bob", "wrong campaign")
    result = running.result()
    check_halted(result, "Change CHG1 was stopped by bob at ", "stopped")
    assert result["change"]["status"] == "stopped"
    assert nonzero_counts(result) == {"done": len(sandbox.writes()), "planned": 44 - len(sandbox.writes())}


# --- The holder's own trouble -----------------------------------------------------------------------------------------


def test_a_hold_whose_answer_was_lost_is_made_once(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    write, lost = Ledger.write, []

    @contextlib.contextmanager
    def write_and_lose(ledger: Ledger) -> Iterator[Any]:
        with write(ledger) as connection:
            yield connection
        if setting and not lost:
            lost.append(1)
            raise LedgerUnreachableError("the answer was lost")

    bulk("planned")
    setting: list[int] = []
    hold = Change.hold

    def held(change: Change, *given: Any) -> bool:
        setting.append(1)
        return hold(change, *given)

    monkeypatch.setattr(Change, "hold", held)
    monkeypatch.setattr(Ledger, "write", write_and_lose)
    result = bulk("held", **HOLD)
    assert lost
    assert (result["changed"], result["change"]["held"]["by"]) == (True, "ann")


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_a_holder_whose_sessions_end_holds_on(
    bulk: Bulk, sandbox: Sandbox, ledger: str, database_server: Postgresql
) -> None:
    bulk("planned")
    running = Running(bulk, rollout={"maximum_per_second": 20})
    wait_until(lambda: len(sandbox.writes()) >= 3)
    with opened(ledger) as change:
        assert change.hold("ann", "now")
        assert database_server.end_sessions()  # the holder's, and the run's
    check_halted(running.result())
    check_halted(bulk("applied"))
    assert nonzero_counts(bulk("planned")) == {"done": len(sandbox.writes()), "planned": 44 - len(sandbox.writes())}
    assert bulk("planned")["change"]["status"] == ChangeStatus.HELD
