# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of changes that are rolled out on the sandbox: freezes, retries, and runs that wait for an opening."""

from __future__ import annotations

import datetime
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import rollout
from ansible_collections.simops.yateota.plugins.module_utils._change.waiting import wait_for
from ansible_collections.simops.yateota.plugins.module_utils._change.windows import window_of
from ansible_collections.simops.yateota.plugins.module_utils._core.clock import Clock
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

HOUR = 3600.0
ONE = {"concurrency": 1}


def calendar(path: Path, start: datetime.datetime, hours: float) -> str:
    end = start + datetime.timedelta(hours=hours)
    times = f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}"
    event = f"BEGIN:VEVENT\r\nUID:1\r\n{times}\r\nEND:VEVENT"
    path.write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{event}\r\nEND:VCALENDAR\r\n", newline="")
    return str(path)


def soon(hours: float = 0.0) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(hours=hours)


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], float]], None]:
    """Have the ledger's clock go ahead by so many seconds."""
    now = Clock.now

    def shift(seconds: Callable[[], float]) -> None:
        monkeypatch.setattr(Clock, "now", lambda self: now(self) + seconds())

    return shift


def test_a_freeze_that_begins_in_the_middle_of_a_wave_stops_it_until_it_ends(
    bulk: Bulk, sandbox: Sandbox, tmp_path: Path, shift: Any
) -> None:
    freeze = soon(1)
    path = calendar(tmp_path / "freezes.ics", freeze, 2)
    window = {"calendar": path, "calendar_means": "frozen", "time_zone": "Asia/Kolkata"}
    shift(lambda: HOUR if len(sandbox.writes()) >= 7 else 0.0)
    frozen = bulk("applied", window=window, rollout=ONE)["change"]
    assert (frozen["status"], frozen["counts"]["done"], frozen["counts"]["planned"]) == ("window_closed", 7, 37)
    end = freeze + datetime.timedelta(hours=2)
    assert datetime.datetime.fromisoformat(frozen["window_opens"]) == end
    local = datetime.datetime.fromisoformat(frozen["window_opens_local"])
    assert (local, local.utcoffset()) == (end, datetime.timedelta(hours=5, minutes=30))
    assert len(sandbox.writes()) == 7

    again = bulk("applied", window=window, rollout=ONE)["change"]
    assert (again["status"], again["sent"]) == ("window_closed", 0)
    shift(lambda: 3 * HOUR)
    assert bulk("applied", window=window)["change"]["counts"]["done"] == 44
    assert set(acted_on(sandbox).values()) == {1}


def test_a_request_that_is_tried_again_does_not_leave_after_the_hours(bulk: Bulk, sandbox: Sandbox, shift: Any) -> None:
    sandbox.fault(request="action_participant", kind="http_503", seconds=1, nth=4, times=99)
    window = {"hours": f"{soon(-1):%H:%M}-{soon(1):%H:%M}", "time_zone": "UTC"}  # one text is taken for a list
    shift(lambda: 2 * HOUR if len(sandbox.writes()) >= 4 else 0.0)
    closed = bulk("applied", window=window, rollout=ONE)["change"]
    assert (closed["status"], closed["counts"]["done"], closed["counts"]["planned"]) == ("window_closed", 3, 41)
    assert [entry["carried_out"] for entry in sandbox.writes()] == [True, True, True, False]
    assert closed["window_opens_local"].endswith(":00+00:00")


def test_a_run_waits_for_a_window_that_opens_in_seconds(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    opens, dest = soon() + datetime.timedelta(seconds=3), tmp_path / "report.jsonl"
    window = {"start": opens.isoformat(), "end": (opens + datetime.timedelta(hours=1)).isoformat()}
    early = bulk("applied", window=window | {"start": soon(0.5).isoformat()})["change"]
    assert (early["status"], early["sent"]) == ("window_closed", 0)
    done = bulk("applied", window=window, wait_for_window=True, report_dest=str(dest), format="jsonl")
    assert (done["change"]["counts"]["done"], done["change"]["status"]) == (44, "applied")
    sent = [json.loads(line)["sent_at"] for line in dest.read_text().splitlines()]
    assert min(map(datetime.datetime.fromisoformat, sent)) >= opens
    assert set(acted_on(sandbox).values()) == {1}


def test_a_run_that_waits_keeps_its_lease_and_is_ended_by_a_signal(
    bulk: Bulk, sandbox: Sandbox, ledger: str, run_task: RunTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = {"start": soon(1).isoformat()}
    seen: list[dict[str, Any]] = []

    def look_and_wait(*arguments: Any) -> None:
        seen.append(bulk("applied"))
        seen.append(run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="CHG1"))
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for(*arguments)

    monkeypatch.setattr(rollout, "wait_for", look_and_wait)
    ended = bulk("applied", window=window, wait_for_window=True)
    other, status = seen
    assert "Change CHG1 is being run by" in other["msg"]
    assert (status["change"]["status"], bool(status["change"]["held_by"])) == ("window_closed", True)
    assert (ended["failed"], ended["failure"]["kind"], ended["remaining"]) == (True, "transport", 44)
    assert "Change CHG1 was stopped by a signal" in ended["msg"]
    assert sandbox.writes() == []
    assert bulk("applied")["change"]["counts"]["done"] == 44


@pytest.mark.parametrize(("opens", "waits", "changes"), [(-1, False, True), (1, False, False), (1, True, True)])
def test_check_mode_tells_whether_the_window_lets_anything_be_sent(
    bulk: Bulk, sandbox: Sandbox, opens: float, waits: bool, changes: bool
) -> None:
    bulk("planned")
    given = {"window": {"start": soon(opens).isoformat()}, "wait_for_window": waits}
    assert bulk("applied", check_mode=True, **given)["changed"] is changes


@pytest.mark.parametrize("waits", [False, True])
def test_a_window_that_does_not_open_any_more_is_not_waited_for(bulk: Bulk, sandbox: Sandbox, waits: bool) -> None:
    closed = bulk("applied", window={"end": soon(-1).isoformat()}, wait_for_window=waits)["change"]
    assert (closed["status"], closed["window_opens"], closed["window_opens_local"]) == ("window_closed", None, None)
    assert sandbox.writes() == []


def test_a_calendar_that_cannot_be_followed_stops_all_before_anything_is_recorded(
    bulk: Bulk, sandbox: Sandbox, tmp_path: Path, ledger: str
) -> None:
    path = tmp_path / "freezes.ics"
    path.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    refused = bulk("applied", window={"calendar": str(path), "calendar_means": "frozen"})
    assert (refused["failed"], refused["failure"]["kind"]) == (True, "invalid_input")
    assert refused["msg"].startswith(f"window.calendar '{path}' has no event. Give the file of a calendar")
    assert sandbox.journal() == []
    if "://" not in ledger:
        assert not Path(ledger).exists()


def test_a_calendar_that_breaks_between_two_waves_stops_the_change_before_the_next(
    bulk: Bulk, sandbox: Sandbox, tmp_path: Path, shift: Any
) -> None:
    path = Path(calendar(tmp_path / "freezes.ics", soon(100), 2))

    def breaks() -> float:
        if len(sandbox.writes()) == 5:
            path.write_text("<html>Sign in</html>")
        return 0.0

    shift(breaks)
    window = {"calendar": str(path), "calendar_means": "frozen"}
    broken = bulk("applied", window=window, rollout={"wave_size": 5, **ONE})
    assert "is not an iCalendar file (RFC 5545). Export it again, as .ics." in broken["msg"]
    assert (broken["remaining"], len(sandbox.writes())) == (39, 5)


def test_a_wait_follows_the_calendar_as_it_changes(tmp_path: Path) -> None:
    path, freeze = tmp_path / "freezes.ics", datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
    window = window_of({"calendar": calendar(path, freeze, 8), "calendar_means": "frozen"})
    now, pauses = [freeze.timestamp()], list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds
        if len(pauses) == 3:  # the freeze is cut short
            calendar(path, freeze, 5 / HOUR)
        if len(pauses) > 99:
            path.write_text("")

    wait_for(window, lambda: now[0], lambda: True, pause)
    assert pauses == [1.0] * 5
    wait_for(window, lambda: now[0], lambda: False, pause)
    calendar(path, freeze, 8)
    with pytest.raises(InvalidInputError, match="has no event"):
        wait_for(window, lambda: now[0], lambda: True, pause)
