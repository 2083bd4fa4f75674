# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a change whose participants may need another attempt."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_plan import change_plan
from ansible_collections.simops.yateota.plugins.filter.change_progress import change_progress
from ansible_collections.simops.yateota.plugins.filter.change_table import change_table
from ansible_collections.simops.yateota.plugins.filter.change_verdict import change_verdict
from ansible_collections.simops.yateota.plugins.plugin_utils._change_words import has_stopped
from ansible_collections.simops.yateota.tests.unit.plugins.test_change_words import change, result

DUE = "2026-06-02T20:00:01.000Z"
NEXT = f"12 participants may need another attempt, the first from {DUE} on."
OPENS = "2026-06-02T22:00:00.000Z"


def attempts(outstanding: int = 12, exhausted: int = 0, is_due: bool = False) -> dict[str, Any]:
    return {
        "maximum": 3,
        "interval": 72000,
        "outstanding": outstanding,
        "next_due": DUE if outstanding else None,
        "is_due": is_due,
        "exhausted": exhausted,
    }


def waiting(is_due: bool = False, **facts: Any) -> dict[str, Any]:
    return change("waiting", done=44, attempts=attempts(is_due=is_due), **facts)


@pytest.mark.parametrize(
    ("of", "verified", "well", "text"),
    [
        (waiting(), {}, True, f"Change CHG1 is waiting: 44 done. {NEXT} Run this again then."),
        # What went wrong is reported when the change has ended.
        (waiting(unknown=1), {}, True, f"Change CHG1 is waiting: 44 done, 1 unknown. {NEXT} Run this again then."),
        (waiting(), {"change": waiting(), "remaining": 12}, True, f"44 done. {NEXT} Run this again then."),
        (waiting(True, window_opens=OPENS), {}, True, f"{NEXT} Run this again then. Its window opens at {OPENS}."),
        (
            change("applied", done=44, attempts=attempts(0, exhausted=5)),
            {},
            False,
            "Change CHG1 is applied: 44 done, 5 of them exhausted. The report has the reason for each.",
        ),
        (change("applied", done=44, attempts=attempts(0)), {}, True, "Change CHG1 is applied: 44 done."),
    ],
)
def test_the_verdict(of: dict[str, Any], verified: dict[str, Any], well: bool, text: str) -> None:
    verdict = change_verdict(result(of), verified, {"verify_timeout": 60})
    assert verdict["well"] is well
    assert verdict["text"].endswith(text)


def test_a_change_that_waits_is_not_complete() -> None:
    progress = change_progress([result(waiting())], {"id": "CHG1", "action": "retry"}, {"well": True, "text": ""})
    assert (progress["is_complete"], progress["remaining"]) == (False, 0)


def test_the_plan_sends_only_when_an_attempt_is_due() -> None:
    early = change_plan(result(waiting()), {"require_approval": False})
    assert (early["sends"], f"{NEXT[:-1]}, 44 done." in early["text"]) == (False, True)
    assert change_plan(result(waiting(is_due=True)), {"require_approval": False})["sends"]


def test_a_due_attempt_waits_for_the_window() -> None:
    assert has_stopped(result(waiting(True, window_opens=OPENS)))
    assert not has_stopped(result(waiting(False, window_opens=OPENS)))
    assert not has_stopped(result(waiting(True)))


def test_the_table_shows_when_the_next_is_due() -> None:
    listed = {**waiting(), "next_due": DUE, "held_by": None, "held": None, "rate": None, "seconds_remaining": None}
    assert change_table([listed])[1].endswith("next 06-02 20:00")
