# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure in words: of plain tasks, loops, tasks that hide their output, and tasks that say nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter import failure_message as plugin

failure_message = plugin.FilterModule().filters()["failure_message"]
UNSAID = "The task 'Ask' failed, and its message is empty or hidden."


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"failed": True, "msg": "It is on hold.\n  See CHG1. "}, "It is on hold. See CHG1."),
        ({"failed": True, "msg": ["One.", "Two."]}, "['One.', 'Two.']"),
        ({"failed": True, "msg": 4711}, "4711"),
        ({"failed": True, "reason": "Could not find the file."}, "Could not find the file."),
        (
            {"msg": "One or more items failed", "results": [{"msg": "fine"}, {"failed": True, "msg": "It is closed."}]},
            "It is closed.",
        ),
        ({"msg": "One or more items failed", "results": [{"failed": True}]}, "One or more items failed"),
        ({"failed": True, "msg": ""}, UNSAID),
        ({}, UNSAID),
        (None, UNSAID),
    ],
)
def test_a_failure_in_words(result: Any, said: str) -> None:
    assert failure_message(result, {"name": "Ask", "no_log": None}) == said


@pytest.mark.parametrize("result", [{"msg": "secret"}, {"results": [{"failed": True, "msg": "secret"}]}])
def test_what_a_task_hides_stays_hidden(result: Any) -> None:
    assert failure_message(result, {"name": "Ask", "no_log": True}) == UNSAID
