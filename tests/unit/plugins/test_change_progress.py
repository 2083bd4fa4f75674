# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks before a wave and at the end know of a change, by the registered results of each moment."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter import change_progress as plugin

change_progress = plugin.FilterModule().filters()["change_progress"]
SETTINGS = {"id": "CHG1", "action": "retry", "requested_by": "noc"}
STATES = ("planned", "sending", "done", "skipped", "refused", "failed", "unknown")
WELL = {"well": True, "text": "Change CHG1 is applied: 44 done."}


def result(waves_done: int = 0, **counts: int) -> dict[str, Any]:
    change = {"change_id": "CHG1", "selected": 44, "waves_done": waves_done, "requested_by": "j.doe"}
    return {"change": {**change, "counts": {**dict.fromkeys(STATES, 0), **counts}}}


def test_the_keys_are_those_that_are_documented() -> None:
    (returned,) = yaml.safe_load(plugin.RETURN).values()
    assert change_progress([], SETTINGS).keys() == returned["contains"].keys()


def test_before_the_first_wave() -> None:
    planned = result(planned=44)
    found = change_progress([{}, {"skipped": True}, planned], SETTINGS)
    assert found["change"] == planned["change"]
    assert (found["wave"], found["remaining"], found["line"]) == (1, 44, "0 of 44 done, 44 remaining.")
    assert (found["verdict"], found["reports"], found["is_complete"]) == ("", [], False)
    assert (found["step"], found["requested_by"]) == ("all", "j.doe")


def test_before_a_further_wave() -> None:
    found = change_progress([result(2, planned=17, sending=1, done=25, failed=1), result(planned=44)], SETTINGS)
    assert (found["wave"], found["remaining"]) == (3, 18)
    assert found["line"] == "25 of 44 done, 1 failed, 1 sending, 18 remaining."


@pytest.mark.parametrize(
    ("counts", "verdict", "only", "is_complete"),
    [
        ({"done": 44}, WELL, None, True),
        ({"done": 44}, WELL, "verify", True),
        ({"done": 44}, WELL, "apply", False),
        ({"done": 43, "planned": 1}, WELL, None, False),
        ({"done": 43, "failed": 1}, {"well": False, "text": "1 failed."}, None, False),
    ],
)
def test_at_the_end(counts: dict[str, int], verdict: dict[str, Any], only: str | None, is_complete: bool) -> None:
    found = change_progress([result(3, **counts)], {**SETTINGS, "only": only}, verdict, ["/tmp/CHG1.csv"])
    assert (found["wave"], found["verdict"], found["reports"]) == (3, verdict["text"], ["/tmp/CHG1.csv"])
    assert found["is_complete"] == is_complete


def test_a_change_that_selects_none_is_not_complete() -> None:
    empty = result()
    empty["change"]["selected"] = 0
    assert not change_progress([empty], SETTINGS, WELL)["is_complete"]


def test_at_the_end_of_a_change_that_could_not_be_planned() -> None:
    found = change_progress(
        [{}, {}, {"failed": True, "msg": "HTTP 500"}], SETTINGS, {"well": False, "text": "HTTP 500"}
    )
    assert (found["change"], found["wave"], found["remaining"]) == ({}, 0, 0)
    assert (found["line"], found["verdict"]) == ("It could not be planned.", "HTTP 500")
    assert (found["requested_by"], found["is_complete"]) == ("noc", False)


@pytest.mark.parametrize("results", [None, "text", [None], {"change": {}}])
def test_what_is_no_result(results: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected registered results"):
        change_progress(results, SETTINGS)
