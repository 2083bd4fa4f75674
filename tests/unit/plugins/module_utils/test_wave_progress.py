# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported after each wave of a run is what the rows come to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import apply
from ansible_collections.simops.yateota.plugins.module_utils._change.bulk_task import BulkTask
from ansible_collections.simops.yateota.plugins.module_utils._change.wave_progress import Watch
from ansible_collections.simops.yateota.plugins.module_utils._core import rollout_policy
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.summary import Summary
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import StartSandbox

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

NO_ABORT = {"minimum_executed": 1000}


class Reported:
    """What was reported after each wave, beside the same as the rows have it."""

    def __init__(self) -> None:
        self.waves: list[tuple[int, int, int]] = []
        self.differ: list[tuple[Summary, Summary]] = []

    def watch_of(self, _task: BulkTask, change: Change) -> Watch:
        def watch(reported: Summary, sent: int, seconds: float) -> None:
            read = Change(change.ledger, change.number)._read_summary()
            if (reported.counts, reported.waiting) != (read.counts, read.waiting) or seconds <= 0:
                self.differ.append((reported, read))
            self.waves.append((reported.counts["planned"], reported.counts["unknown"], sent))

        return watch


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Reported:
    reported = Reported()
    monkeypatch.setattr(apply, "_watch_of", reported.watch_of)
    return reported


def test_after_a_run_that_ended_in_the_middle_of_a_wave(bulk: Bulk, sandbox: Sandbox, reported: Reported) -> None:
    """The last run sends one again whose outcome is unknown."""
    for nth in (3, 8):
        sandbox.fault(request="action_participant", nth=nth, kind="drop_before")
    run: dict[str, Any] = {"rollout": {"canary": 5, "wave_size": 20, "concurrency": 1}}
    aborted = bulk("applied", **run, abort={"threshold_percentage": 20, "minimum_executed": 6})
    assert reported.waves == [(39, 1, 5)]
    begun = aborted["change"]["sent"] - 5
    assert 0 < begun < 20
    more = {**run, "resume_aborted": True, "abort": NO_ABORT}
    bulk("applied", **more)
    assert reported.waves[1:] == [(19, 2, 20 - begun), (0, 2, 19)]
    again = bulk("applied", **more, unknown="resend")["change"]
    assert (reported.waves[3:], again["counts"]["done"]) == ([(0, 0, 2)], 44)
    assert reported.differ == []


def test_after_a_soak_that_settles_what_was_unknown(
    bulk: Bulk, start_sandbox: StartSandbox, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_policy, "_SHORTEST_PAUSE", 0.05)
    fields = {"campaign_id": 167, "name": "Quick", "type": "RFM", "state": "started", "failure_rate": 0}
    fields |= {
        "first_participant": 1,
        "initial": {"failed": 20},
        "pace": {"build": [1, 2], "send": [1, 2], "por": [1, 2]},
    }
    sims = {"count": 20, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    quick = start_sandbox(scenario={"sims": [sims], "campaigns": [fields]}, speed=1000)
    quick.fault(request="action_participant", nth=3, kind="drop_after")
    rollout = {"wave_size": 10, "soak": 60, "success_percentage": 100}
    bulk("applied", quick, rollout=rollout, abort=NO_ABORT)
    assert (reported.waves, reported.differ) == ([(10, 0, 10), (0, 0, 10)], [])


@pytest.mark.parametrize("is_watched", [False, True])
def test_no_wave_counts_all_participants(
    bulk: Bulk, sandbox: Sandbox, is_watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_watch_of", lambda *_given: (lambda *_sums: None) if is_watched else None)
    read: list[Change] = []
    summarized = Change._read_summary

    def counted(change: Change) -> Summary:
        read.append(change)
        return summarized(change)

    monkeypatch.setattr(Change, "_read_summary", counted)
    bulk("planned")
    looks = []
    for waves in (1, 5):
        read.clear()
        bulk("applied", rollout={"wave_size": 4}, max_waves=waves)
        looks.append(len(read))
    assert looks[0] == looks[1]
