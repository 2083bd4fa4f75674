# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pauses that a server asks for are kept to, and moments compared by one clock, whatever a machine's shows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import delivery, retry_after
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger
from ansible_collections.simops.yateota.plugins.modules import yateota_campaign, yateota_participant
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, acted_on, nonzero_counts
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Parrot, RunTask, http, serving

from yateota_sandbox import Sandbox

C167 = range(185, 265)


@pytest.fixture(params=["sqlite"])
def ledger(tmp_path: Path) -> str:
    """One database is enough here: what is stored is tested elsewhere."""
    return str(tmp_path / "ledger.sqlite")


@pytest.fixture
def direct(run_task: RunTask, sandbox: Sandbox) -> Callable[..., dict[str, Any]]:
    """Retry ten participants without a ledger."""

    def run(**options: Any) -> dict[str, Any]:
        ten = [{"participant_id": each} for each in C167 if sandbox.participant(each)["state"] == "failed"][:10]
        given = {"state_lookup": "never", "concurrency": 1, "action": "retry", "participants": ten}
        return run_task(yateota_participant, sandbox, **(given | options))

    return run


# --- A server that asks for pauses ------------------------------------------------------------------------------------


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a hundredth of a second, whatever is asked."""
    monkeypatch.setattr(delivery, "_PAUSE_FIRST", 0.01)
    monkeypatch.setattr(delivery, "_PAUSE_MOST", 0.01)
    monkeypatch.setattr(retry_after, "_MOST", 0.01)


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(
    "asks", [{"kind": "http_429"}, {"kind": "http_429", "seconds": 7}, {"kind": "http_503", "seconds": 7}]
)
def test_a_server_that_asks_for_pauses_gets_them_as_long_as_it_asks(
    bulk: Bulk, direct: Bulk, run_task: RunTask, sandbox: Sandbox, asks: dict[str, Any]
) -> None:
    sandbox.fault(request="action_participant", nth=3, times=40, **asks)
    assert nonzero_counts(bulk("applied")) == {"done": 44}
    assert len(sandbox.writes()) == 84
    sandbox.fault(request="action_participant", nth=3, times=40, **asks)
    retried = [{"participant_id": each} for each in acted_on(sandbox)]
    assert direct(participants=retried, action="cancel")["summary"]["acted"] == 44
    sandbox.fault(request="action_campaign", times=9, **asks)
    assert run_task(yateota_campaign, sandbox, campaign_id=167, state="paused")["changed"]


@pytest.mark.usefixtures("short_pauses")
def test_a_server_that_asks_for_pauses_too_long_is_given_up(
    bulk: Bulk, direct: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ASKED_MOST", 0.3)
    sandbox.fault(request="action_participant", kind="http_429", nth=3, times=9999)
    result = bulk("applied", rollout={"concurrency": 1})
    assert result["msg"].endswith("Try again later. It has asked for pauses for 0.005 minutes.")
    assert nonzero_counts(result) == {"done": 2, "planned": 42}
    assert direct()["summary"]["failed"] == 10


@pytest.mark.parametrize("concurrency", [1, 3])
def test_nothing_is_sent_in_a_pause(bulk: Bulk, sandbox: Sandbox, concurrency: int) -> None:
    sandbox.fault(request="action_participant", kind="http_429", seconds=1, nth=6)
    result = bulk("applied", rollout={"concurrency": concurrency, "maximum_per_second": 200})
    assert nonzero_counts(result) == {"done": 44}
    times = [entry["time"] for entry in sandbox.writes()]
    longest = max(later - sooner for sooner, later in itertools.pairwise(times))
    assert longest > 0.9


def test_a_date_is_kept_to_as_seconds_are(direct: Bulk, run_task: RunTask) -> None:
    with serving(Parrot) as server:
        date = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "Retry_After": "Thu, 01 Jan 2026 00:00:02 GMT"}
        server.answers = [http("", "503 Busy", **date), http('{"code": 0}')]
        begun = time.monotonic()
        given = {"action": "retry", "state_lookup": "never", "participants": [{"participant_id": 1}]}
        result = run_task(yateota_participant, server.api_url, **given)
    assert time.monotonic() - begun >= 2
    assert result["summary"]["acted"] == 1


# --- Clocks -----------------------------------------------------------------------------------------------------------

AHEAD = 600.0


@pytest.fixture
def ahead(request: pytest.FixtureRequest) -> Iterator[pytest.MonkeyPatch]:
    """A runner whose clock is ahead, until it is undone: its own alone, or the ledger's with it."""
    clock, ledgers = time.time, Ledger.clock
    with pytest.MonkeyPatch.context() as runner:
        runner.setattr(time, "time", lambda: clock() + AHEAD)
        if request.param == "ledger":
            runner.setattr(Ledger, "clock", lambda self: ledgers(self) + AHEAD)
        yield runner


@pytest.mark.parametrize("ahead", ["runner", "ledger"], indirect=True)
def test_what_a_runner_sent_whose_clock_is_ahead_is_settled_and_not_sent_again(
    bulk: Bulk, sandbox: Sandbox, ahead: pytest.MonkeyPatch
) -> None:
    sandbox.fault(request="action_participant", kind="drop_after", nth=3)
    with pytest.MonkeyPatch.context() as blind:
        blind.setattr(Attempts, "settle_unknown", lambda *_: 0)  # as where the lists cannot be read
        assert nonzero_counts(bulk("applied")) == {"done": 43, "unknown": 1}
    ahead.undo()
    assert nonzero_counts(bulk("applied", unknown="resend")) == {"done": 44}
    assert set(acted_on(sandbox).values()) == {1}


@pytest.mark.parametrize("ahead", ["runner", "ledger"], indirect=True)
def test_the_abort_limit_trips_after_a_runner_whose_clock_is_ahead(
    bulk: Bulk, sandbox: Sandbox, ahead: pytest.MonkeyPatch
) -> None:
    limits = {"threshold_percentage": 50, "minimum_executed": 4}
    waves = {"rollout": {"concurrency": 1, "wave_size": 2}, "abort": limits}
    sandbox.fault(request="action_participant", kind="code", code=404, times=99)
    assert bulk("applied", max_waves=2, **waves)["change"]["status"] == "aborted"
    closed = bulk("applied", resume_aborted=True, window={"start": "2099-01-01T00:00:00Z"}, max_waves=2, **waves)
    assert closed["change"]["status"] == "window_closed"
    ahead.undo()
    for status in ("in_progress", "aborted"):
        assert bulk("applied", max_waves=1, **waves)["change"]["status"] == status
    assert len(sandbox.writes()) == 8


@pytest.mark.parametrize("ahead", ["ledger"], indirect=True)
def test_states_read_before_the_clock_was_set_back_are_read_anew(
    bulk: Bulk, sandbox: Sandbox, ahead: pytest.MonkeyPatch
) -> None:
    bulk("planned")
    ahead.undo()
    sandbox.clear_journal()
    assert bulk("applied")["change"]["pages_read"] > 0


def test_moments_that_are_told_are_the_ledgers(bulk: Bulk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 1e9)  # in 2058
    dest = tmp_path / "report.csv"
    told = [bulk("applied", report_dest=str(dest))["change"], bulk("verified")["change"]]
    assert "2058-" not in str(told) + dest.read_text()
