# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change's page is made of: the verdict that comes first, and the progress over time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.progress import progress_of
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import participants
from ansible_collections.simops.yateota.plugins.module_utils._report.verdict import tiles_of, unknown_of, verdict_of
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

STATES = ("planned", "sending", "done", "skipped", "refused", "failed", "unknown")
HALT = {"by": "ann", "since": "2026-06-01T22:00:00.000Z", "reason": "The SMSC queues"}


def change(status: str = "applied", states: dict[str, int] | None = None, **counts: Any) -> dict[str, Any]:
    given = {name: counts.pop(name) for name in [*counts] if name not in STATES}
    whole = {**dict.fromkeys(STATES, 0), **counts}
    facts = dict.fromkeys(("held", "stopped", "forecast", "started", "finished", "attempts"))
    return {
        **facts,
        "audit": {"status": None},
        "action": "retry",
        "status": status,
        "states": states or {},
        "counts": whole,
        "selected": sum(whole.values()),
        **given,
    }


@pytest.mark.parametrize(
    ("given", "tone", "title"),
    [
        (change("verified", done=44), "good", "All went well, and all have reached the goal"),
        (change(done=40, skipped=4), "calm", "The server accepted all requests; the new states are not verified"),
        (change(done=40, audit={"status": "altered"}), "bad", "The record was altered, so that it proves nothing"),
        (change(done=40, failed=3, refused=1), "warn", "4 of 44 went wrong"),
        (change(states={"failed": 2, "finished": 42}, done=44), "warn", "2 of 44 went wrong"),
        (change(states={"failed": 4}, done=44, attempts={"exhausted": 3}), "warn", "4 of 44 went wrong"),
        (change("verified", states={"unread": 44}, done=44, attempts={"exhausted": 5}), "warn", "5 of 44 went wrong"),
        (
            change(action="retry_build", states={"unallocated": 3}, done=44, attempts={"exhausted": 3}),
            "warn",
            "3 of 44 went wrong",
        ),
        (change(done=40, failed=3, unknown=1), "bad", "1 outcome is unknown"),
        (change("in_progress", done=40, unknown=3, sending=1), "calm", "Under way: 1 participant remaining"),
        (change("window_closed", done=40, planned=4), "calm", "Under way: 4 participants remaining"),
        (change("planned", planned=44), "calm", "Nothing is sent yet: 44 participants to send for"),
        (change("held", planned=4, held=HALT), "warn", "Held with 4 participants remaining"),
        (change("stopped", planned=4, done=1, stopped=HALT), "bad", "Stopped: nothing is ever sent for 4 participants"),
        # A hold or a stop that comes with the last requests has no effect.
        (change(done=44, held=HALT), "calm", "The server accepted all requests; the new states are not verified"),
        (change(done=40, unknown=4, stopped=HALT), "bad", "4 outcomes are unknown"),
        (change("verified", done=40, refused=4, stopped=HALT), "warn", "4 of 44 went wrong"),
        (
            change("purged", done=44, stopped=HALT),
            "calm",
            "The server accepted all requests; the new states are not verified",
        ),
        (change("purged", planned=4, stopped=HALT), "bad", "Stopped: nothing is ever sent for 4 participants"),
        (
            change("aborted", planned=4, failed=9),
            "bad",
            "Aborted with 4 participants remaining: too many attempts went wrong",
        ),
        (
            change("waiting", done=44, states={"failed": 4}, attempts={"outstanding": 4}),
            "calm",
            "Further attempts are to come for 4 participants",
        ),
    ],
)
def test_the_verdict_comes_in_one_sentence(given: dict[str, Any], tone: str, title: str) -> None:
    verdict = verdict_of(given)
    assert (verdict.tone, verdict.title) == (tone, title)


def test_the_lines_say_what_to_know() -> None:
    given = change("held", held=HALT, forecast={"sentence": "It ends.", "ends_local": None}, planned=3, refused=2)
    assert verdict_of(given).lines == [
        "Held by ann since 2026-06-01 22:00:00: The SMSC queues",
        "It ends.",
        "2 refused.",
    ]
    spent = change("verified", states={"failed": 3}, done=9, refused=1, attempts={"exhausted": 2})
    assert verdict_of(spent).lines == [
        "1 refused, 3 accepted but failed again, 2 had their last attempt and need another."
    ]
    assert verdict_of(change(done=9)).lines == [
        "The server has accepted what was sent. Read the new states with bulk_change_only=verify."
    ]


def test_the_tiles_add_up() -> None:
    given = change(done=999, failed=1, started="2026-06-01T20:00:00.000Z", finished="2026-06-02T00:05:10.000Z")
    assert [(each["value"], each["name"]) for each in tiles_of(given)] == [
        (1000, "selected"),
        (999, "done, 99.9 %"),
        (1, "went wrong"),
        (0, "remaining"),
        ("4:05 h", "from first to last"),
    ]
    shares = [tiles_of(change(done=done, failed=failed))[1]["name"] for done, failed in ((9999, 1), (1, 0), (0, 0))]
    assert shares == ["done, 99.9 %", "done, 100 %", "done, 0 %"]


def test_an_unknown_is_looked_at_by_what_it_has() -> None:
    seen = {"state": "unknown", "campaign_id": 167, "participant_id": 195, "msisdn": "882990000011", "imsi": None}
    assert (
        unknown_of(change(), [{**seen, "state": "failed"}, seen])["trace"] == "-e campaign_id=167 -e participant_id=195"
    )
    without = {**seen, "participant_id": None}
    assert unknown_of(change(), [without])["trace"] == "-e campaign_id=167 -e msisdn=882990000011"
    assert unknown_of(change(), []) == {"trace": "", "resets": False}
    assert unknown_of(change(action="rerun"), [seen])["resets"]


def test_the_progress_has_each_attempt_at_its_time(bulk: Bulk, ledger: str) -> None:
    bulk("applied", rollout={"wave_size": 10})
    opened = open_ledger(ledger, None)
    recorded = find_change(opened, "CHG1")
    assert recorded
    begun = 1_780_344_000.0
    with opened.write() as connection:
        for seq in range(44):
            moments = {"sent_at": begun + 60 * seq, "answered_at": begun + 60 * seq + 30}
            connection.execute(participants.update().where(participants.c.seq == seq).values(moments))
        connection.execute(
            participants.update().where(participants.c.seq == 7).values(state="unknown", answered_at=None)
        )
        connection.execute(participants.update().where(participants.c.seq == 43).values(state="refused"))
    moments = progress_of(recorded)
    assert moments[0] == (begun, {})
    assert moments[-1][0] == begun + 43 * 60 + 30
    assert [moment for moment, _counts in moments] == sorted(moment for moment, _counts in moments)
    totals: Counter[str] = Counter()
    for moment, counts in moments:
        totals.update(counts)
        assert abs(totals.total() - (moment - begun + 30) / 60) <= 1.5
    assert totals == {"done": 42, "unknown": 1, "refused": 1}
    assert moments[-1][1] == {"refused": 1}
    with opened.write() as connection:
        connection.execute(participants.update().values(state="planned", sent_at=None))
    assert progress_of(recorded) == []
    opened.close()


def test_what_failed_again_is_not_forgotten_by_a_later_reading(
    bulk: Bulk, sandbox: Sandbox, run_task: RunTask, ledger: str
) -> None:
    """Most readings are only about those that are not settled."""
    sandbox.fault(request="action_participant", kind="drop_before", nth=5, times=2)
    given = {"abort": {"threshold_percentage": 100}, "attempts": {"maximum": 1, "interval": 0.01}, "retries": 0}
    bulk("applied", **given, rollout={"concurrency": 1})
    sandbox.advance(1e6)
    bulk("verified", **given)

    def page() -> tuple[Any, ...]:
        found = run_task(yateota_bulk_info, sandbox, ledger=ledger, change_id="CHG1")["change"]
        verdict = verdict_of(found)
        went_wrong = next(each["value"] for each in tiles_of(found) if each["name"] == "went wrong")
        return verdict.tone, verdict.title, verdict.lines, went_wrong, found["states"]

    seen = page()
    again = seen[-1]["failed"]
    assert again > 1
    assert seen[3] == again + 2
    assert bulk("applied", **given)["change"]["sent"] == 0
    assert page() == seen
