# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change is verified only if all that were to be acted on were, and have come to the goal since."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_verdict import change_verdict
from ansible_collections.simops.yateota.plugins.module_utils._change import verify
from ansible_collections.simops.yateota.plugins.module_utils._change.states_reader import StateReader
from ansible_collections.simops.yateota.plugins.module_utils._core import rollout_policy
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, nonzero_counts
from ansible_collections.simops.yateota.tests.unit.plugins.servers import StartSandbox

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

CAMPAIGN, SIMS = 8, 4
ALL = {"campaign_id": CAMPAIGN}
SENDS_NOTHING = (
    "Change CHG1 is planned: 4 planned. This run has only read its states: run it without bulk_change_only=verify to "
    "send for the remaining ones."
)
NO_ABORT = {"minimum_executed": 1000}


def scenario(state: str) -> dict[str, Any]:
    """One campaign of 4 participants in a state, whose next messages are delivered."""
    sims = {"count": SIMS, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {
        "campaign_id": CAMPAIGN,
        "name": "one",
        "type": "RFM",
        "state": "started",
        "first_participant": 1,
        "first_sim": 0,
        "initial": {state: SIMS},
        "failure_rate": 0,
        "pace": {"build": [1, 2], "send": [1, 2], "por": [1, 2]},
    }
    return {"seed": 5, "sims": [sims], "campaigns": [campaign]}


def verdict(verified: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """What the role says after a run with only the verification."""
    return change_verdict({}, verified, settings)


@pytest.mark.parametrize(
    ("fault", "counts"),
    [
        ({"kind": "drop_after"}, {"done": 3, "unknown": 1}),
        ({"kind": "code", "code": 404}, {"done": 3, "refused": 1}),
        ({"kind": "code", "code": 17}, {"done": 3, "failed": 1}),
    ],
)
def test_a_change_is_not_verified_while_one_sent_for_is_not_done(
    bulk: Bulk, start_sandbox: StartSandbox, fault: dict[str, Any], counts: dict[str, int]
) -> None:
    # A state from before the attempt that the others have too proves nothing for a hurry, nor that it failed.
    box = start_sandbox(scenario=scenario("pending_send"))
    box.fault(request="action_participant", nth=4, times=1, **fault)
    given = {"action": "hurry", "selection": ALL, "retries": 0}
    bulk("applied", box, **given, abort=NO_ABORT)
    box.advance(1e6)
    verified = bulk("verified", box, **given)
    assert (verified.get("failed"), nonzero_counts(verified)) == (None, counts)
    assert verified["change"]["states"] == {"finished": 3}
    assert (verified["change"]["status"], verified["remaining"]) == ("applied", 1)
    assert len(verified["unfinished"]) == 1
    assert not verdict(verified)["well"]


def test_the_planned_remain(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario("failed"))
    bulk("planned", box, selection=ALL)
    verified = bulk("verified", box, selection=ALL)
    assert (verified["change"]["status"], verified["remaining"], verified["unfinished"]) == ("planned", 4, [])
    said = verdict(verified, verify_timeout=5)
    assert (said["well"], said["text"]) == (False, SENDS_NOTHING)

    applied = bulk("applied", box, selection=ALL, rollout={"wave_size": 3}, max_waves=1)
    box.advance(1e6)
    verified = bulk("verified", box, selection=ALL)
    assert (verified["change"]["status"], verified["remaining"], verified["unfinished"]) == ("in_progress", 1, [])
    # A limit of waves is not a failure, with a limit of time neither.
    said = change_verdict(applied, verified, {"max_waves": 1, "verify_timeout": 5})
    assert (said["well"], said["text"].endswith("Run this again to send for the remaining ones.")) == (True, True)


def test_the_exhausted_are_not_verified(bulk: Bulk, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario("unallocated") | {"seed": 1})
    given = {"action": "retry_build", "selection": ALL, "attempts": {"maximum": 1, "interval": 1}}
    box.fault(request="action_participant", kind="code", code=0, times=SIMS)  # it says yes, and does nothing
    bulk("applied", box, **given)
    verified = bulk("verified", box, **given)
    assert verified["change"]["attempts"]["exhausted"] == SIMS
    assert (verified["change"]["status"], verified["remaining"]) == ("applied", SIMS)


@pytest.fixture
def rerun(bulk: Bulk, start_sandbox: StartSandbox) -> tuple[Bulk, Sandbox]:
    """A rerun of SIMs that are finished, on a server that shows only after 100 seconds that it has begun."""
    box = start_sandbox(scenario=scenario("finished"), rerun_delay=100)

    def run(state: str, **options: Any) -> dict[str, Any]:
        return bulk(state, box, action="rerun", selection=ALL, **options)

    assert run("applied")["change"]["counts"]["done"] == SIMS
    return run, box


def test_the_state_from_before_a_rerun_is_not_its_outcome(rerun: tuple[Bulk, Sandbox]) -> None:
    run, box = rerun
    verified = run("verified")
    assert verified["change"]["states"] == {"finished": SIMS}
    assert (verified["change"]["status"], verified["remaining"]) == ("applied", SIMS)
    assert len(verified["unfinished"]) == SIMS
    assert not verdict(verified, verify_timeout=600)["well"]

    box.advance(101)
    under_way = run("verified")
    assert (under_way["change"]["states"], under_way["remaining"]) == ({"pending_build": SIMS}, SIMS)
    box.advance(1e6)
    verified = run("verified")  # seen in another state since
    assert (verified["change"]["status"], verified["remaining"], verified["unfinished"]) == ("verified", 0, [])


def test_a_verification_waits_until_a_rerun_has_begun_and_ended(
    rerun: tuple[Bulk, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, box = rerun
    monkeypatch.setattr(verify, "_INTERVAL", 0.01)
    read, seen = StateReader.read, []

    def read_later(reader: StateReader, include_done: bool = False) -> int:
        number = read(reader, include_done)
        seen.append(box.participant(1)["state"])
        box.advance(101 if len(seen) == 1 else 1e6)
        return number

    monkeypatch.setattr(StateReader, "read", read_later)
    verified = run("verified", verify_timeout=600)
    assert (verified["change"]["status"], verified["remaining"], seen) == (
        "verified",
        0,
        ["finished", "pending_build", "finished"],
    )


@pytest.mark.parametrize("timeout", [0, 0.4])
def test_the_state_from_before_counts_when_the_time_is_over(
    rerun: tuple[Bulk, Sandbox], monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    """What began and ended between two readings was never seen in another state."""
    run, _box = rerun
    if not timeout:
        monkeypatch.setattr(rollout_policy, "BEGINS_WITHIN", 0.0)
    verified = run("verified", verify_timeout=timeout)
    assert (verified["change"]["status"], verified["remaining"]) == ("verified", 0)
