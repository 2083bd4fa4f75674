# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks in steps: which are, what each step is asked, when it is the last, and what they come to together."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.action import yateota_bulk, yateota_campaign_info
from ansible_collections.simops.yateota.plugins.module_utils._core.signals import stops_on_signals
from ansible_collections.simops.yateota.plugins.plugin_utils._steps import SteppedAction

Progress = Callable[[dict[str, Any]], None]

BULK = {"state": "applied", "progress": True, "unknown": "resend", "rollout": {"soak": "1"}}


def test_a_signal_within_a_step_ends_the_steps_too() -> None:
    """A run sees to its own end, and may have come to it already when the signal arrives."""
    outer, inner = threading.Event(), threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    with stops_on_signals(outer):
        with stops_on_signals(inner):
            signal.raise_signal(signal.SIGTERM)
        assert (inner.is_set(), outer.is_set()) == (True, True)
        inner.clear()
        signal.raise_signal(signal.SIGINT)
        assert not inner.is_set()
    assert signal.getsignal(signal.SIGTERM) is before


class Steps:
    """An action whose steps come to the results given; keeps what they were asked, and what was shown.

    Each step is a module of its own, or ``is_here`` and reports the results before its last one.
    """

    def __init__(
        self,
        of: type[SteppedAction],
        results: Sequence[dict[str, Any] | list[dict[str, Any]]],
        check_mode: bool = False,
        is_here: bool = False,
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        self.shown: list[str] = []
        self.stopped = threading.Event()
        self.action = object.__new__(of)
        self.action._task = SimpleNamespace(check_mode=check_mode)
        self.action._obstacle = lambda _variables: None if is_here else "a reason"  # type: ignore[method-assign]
        self.action.run_step = self.run_step  # type: ignore[method-assign]
        self.action.show_line = self.shown.append  # type: ignore[method-assign]
        self._results = iter(results)

    def run_step(
        self, options: Mapping[str, Any], _variables: dict[str, Any], progress: Progress | None = None
    ) -> dict[str, Any]:
        self.asked.append(dict(options))
        found = next(self._results)
        if isinstance(found, dict):
            return found
        assert progress
        for so_far in found[:-1]:
            progress(so_far)
        return found[-1]

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        return self.action.run_in_steps(options, self.stopped, {})


# --- Waves -----------------------------------------------------------------------------------------------------------


FACTS = ("sent", "window_opens", "window_opens_local")


def wave(number: int, status: str = "in_progress", **further: Any) -> dict[str, Any]:
    """The result of one of three waves of ten."""
    counts = dict.fromkeys(("planned", "sending", "done", "skipped", "refused", "failed", "unknown"), 0)
    counts |= {"done": 10 * number, "planned": 30 - 10 * number}
    change = {"change_id": "CHG1", "status": status, "counts": counts, "selected": 30, "waves": [{"wave": number}]}
    facts = {"waves_done": number, "waves_total": 3, "sent": 10, "rate": 5.0, "pages_read": 2, "window_opens": None}
    facts |= {name: further.pop(name) for name in FACTS if name in further}
    facts["forecast"] = {"ends": "x", "fits": True, "seconds": 9 - 3 * number} if number < 3 else None
    diff = {"before": {"done": 10 * number - 10}, "after": {"done": 10 * number}}
    return {"changed": True, "change": change | facts, "remaining": counts["planned"], "diff": diff} | further


THREE = [wave(1), wave(2, warnings=["Once."]), wave(3, "applied", warnings=["Once.", "Twice."])]


def test_all_waves_are_one_result() -> None:
    steps = Steps(yateota_bulk.ActionModule, THREE)
    done = steps.run(BULK)
    assert [each["max_waves"] for each in steps.asked] == [1, 1, 1]
    assert [each["unknown"] for each in steps.asked] == ["resend", "report", "report"]
    assert steps.shown == [
        "Wave 1 of 3: 10 of 30 done, 20 remaining; 5.0/s, 0:00:06 to go",
        "Wave 2 of 3: 20 of 30 done, 10 remaining; 5.0/s, 0:00:03 to go",
        "Wave 3 of 3: 30 of 30 done, 0 remaining; 5.0/s",
    ]
    assert (done["change"]["status"], done["remaining"], done["changed"]) == ("applied", 0, True)
    assert (done["change"]["sent"], done["change"]["rate"], done["change"]["pages_read"]) == (30, 5.0, 6)
    assert done["diff"] == {"before": {"done": 0}, "after": {"done": 30}}
    assert done["warnings"] == ["Once.", "Twice."]


LINES = [f"Wave {number} of 3: {10 * number} of 30 done, {30 - 10 * number} remaining; 5.0/s" for number in (1, 2, 3)]


def test_one_run_in_this_process_sends_all_waves_and_shows_each() -> None:
    whole = wave(3, "applied", sent=30, warnings=["Once."])
    steps = Steps(yateota_bulk.ActionModule, [[*map(wave, (1, 2, 3)), whole]], is_here=True)
    done = steps.run({**BULK, "max_waves": 9})
    assert steps.asked == [{**BULK, "max_waves": 9}]
    assert [line.partition(", 0:")[0] for line in steps.shown] == LINES
    assert done == whole


def test_a_run_in_this_process_that_ends_within_a_wave_shows_how_far_it_came() -> None:
    stopped = wave(2, "aborted", failed=True, failure={"kind": "api"}, msg="It is aborted.")
    steps = Steps(yateota_bulk.ActionModule, [[wave(1), stopped]], is_here=True)
    assert steps.run(BULK)["msg"] == "It is aborted."
    assert [line.partition(", 0:")[0] for line in steps.shown] == LINES[:2]
    assert Steps(yateota_bulk.ActionModule, [[{"failed": True}]], is_here=True).run(BULK)["failed"]


CLOSED = wave(
    0,
    "window_closed",
    sent=0,
    window_opens="2126-11-26T21:00:00.000Z",
    window_opens_local="2126-11-26T22:00:00+01:00",
    warnings=["Early."],
)
WAITS = "Change CHG1 waits for its window, which opens at 2126-11-26T22:00:00+01:00 (2126-11-26T21:00:00.000Z)."


def test_a_task_says_which_window_it_waits_for_and_waits_before_its_first_wave_alone() -> None:
    steps = Steps(yateota_bulk.ActionModule, [CLOSED, *THREE])
    done = steps.run({**BULK, "wait_for_window": "yes"})
    assert [each["wait_for_window"] for each in steps.asked] == [False, "yes", False, False]
    assert [each["unknown"] for each in steps.asked] == ["resend", "resend", "report", "report"]
    assert steps.shown[0] == WAITS
    assert steps.shown[1].startswith("Wave 1 of 3: ")
    assert (len(steps.shown), done["change"]["sent"]) == (4, 30)
    assert done["warnings"] == ["Early.", "Once.", "Twice."]


def test_a_run_in_this_process_waits_for_a_window_as_well() -> None:
    steps = Steps(yateota_bulk.ActionModule, [[CLOSED], [wave(1), wave(2), wave(3, "applied", sent=30)]], is_here=True)
    done = steps.run({**BULK, "wait_for_window": "yes"})
    assert [(each["wait_for_window"], each["unknown"]) for each in steps.asked] == [
        (False, "resend"),
        ("yes", "resend"),
    ]
    assert steps.shown[0] == WAITS
    assert [line.partition(", 0:")[0] for line in steps.shown[1:]] == LINES
    assert (done["change"]["sent"], done["warnings"]) == (30, ["Early."])


def test_a_task_that_is_not_to_wait_ends_where_its_window_is_closed() -> None:
    steps = Steps(yateota_bulk.ActionModule, [CLOSED, *THREE])
    assert steps.run(BULK)["change"]["status"] == "window_closed"
    assert len(steps.asked) == 1


def test_an_open_window_is_not_waited_for() -> None:
    steps = Steps(yateota_bulk.ActionModule, THREE)
    steps.run({**BULK, "wait_for_window": True})
    assert [each["wait_for_window"] for each in steps.asked] == [False] * 3


def test_a_signal_before_the_wait_ends_the_task() -> None:
    steps = Steps(yateota_bulk.ActionModule, [CLOSED, *THREE])
    steps.stopped.set()
    done = steps.run({**BULK, "wait_for_window": True})
    assert (len(steps.asked), done["failure"]["kind"]) == (1, "transport")


def test_as_many_waves_as_are_asked_for() -> None:
    steps = Steps(yateota_bulk.ActionModule, THREE)
    done = steps.run({**BULK, "max_waves": "2"})
    assert (len(steps.asked), done["remaining"]) == (2, 10)
    assert "failure" not in done


@pytest.mark.parametrize(
    "last",
    [
        wave(1, "window_closed"),
        wave(1, "aborted", failed=True, failure={"kind": "api"}, msg="It is aborted."),
        {"failed": True, "failure": {"kind": "invalid_input"}, "msg": "It is purged."},
        {"failed": True, "msg": "MODULE FAILURE", "rc": 1},
    ],
)
def test_what_stops_a_wave_stops_the_task(last: dict[str, Any]) -> None:
    steps = Steps(yateota_bulk.ActionModule, [last, wave(2)])
    done = steps.run(BULK)
    assert len(steps.asked) == 1
    assert {name: done.get(name) for name in ("failed", "failure", "msg")} == {
        name: last.get(name) for name in ("failed", "failure", "msg")
    }


def test_a_run_that_comes_to_nothing_is_not_repeated_for_ever() -> None:
    steps = Steps(yateota_bulk.ActionModule, [wave(1)] * 9)
    assert steps.run(BULK)["remaining"] == 20
    assert len(steps.asked) == 3


def test_a_signal_between_two_waves_stops_the_task_with_a_failure() -> None:
    steps = Steps(yateota_bulk.ActionModule, THREE)
    steps.stopped.set()
    done = steps.run(BULK)
    assert len(steps.asked) == 1
    assert (done["failed"], done["failure"]["kind"]) == (True, "transport")
    assert done["msg"] == "Change CHG1 was stopped by a signal: run it again."
    ended = Steps(yateota_bulk.ActionModule, [wave(3, "applied")])
    ended.stopped.set()
    assert "failed" not in ended.run(BULK)


@pytest.mark.parametrize(
    ("options", "check_mode", "stepped"),
    [
        (BULK, False, True),
        (BULK, True, False),
        ({**BULK, "progress": "no"}, False, False),
        ({**BULK, "state": "planned"}, False, False),
        ({**BULK, "max_waves": "0"}, False, False),
        ({**BULK, "max_waves": "-1"}, False, False),
        ({"state": "applied"}, False, False),
    ],
)
def test_which_changes_are_sent_in_steps(options: dict[str, Any], check_mode: bool, stepped: bool) -> None:
    assert Steps(yateota_bulk.ActionModule, [], check_mode).action.wants_steps(options) is stepped


# --- Looks -----------------------------------------------------------------------------------------------------------

WAIT = {"name": "Spring", "wait": {"timeout": 60, "interval": 1}}
AWAY = {"failed": True, "failure": {"kind": "transport", "code": None}, "msg": "cannot reach it."}


def look(verdict: str, campaign_id: int | None = 144) -> dict[str, Any]:
    text = f"Campaign 144 is {verdict}."
    return {"campaigns": [{"campaign_id": campaign_id}], "watched": {"verdict": verdict, "text": text, "looks": 1}}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Steps], list[float]]:
    """Has the pauses take no time but by the clock of the action; gives the list that they are kept in."""

    def make(steps: Steps) -> list[float]:
        pauses: list[float] = []

        def wait(seconds: float) -> bool:
            pauses.append(seconds)
            return False

        monkeypatch.setattr(steps.stopped, "wait", wait)
        monkeypatch.setattr(yateota_campaign_info.time, "monotonic", lambda: sum(pauses))
        return pauses

    return make


def test_it_looks_until_the_campaign_has_finished(at_once: Callable[[Steps], list[float]]) -> None:
    steps = Steps(yateota_campaign_info.ActionModule, [look("running"), AWAY, look("running"), look("finished")])
    pauses = at_once(steps)
    done = steps.run(WAIT)
    assert done["watched"] == {"verdict": "finished", "text": "Campaign 144 is finished.", "looks": 4}
    assert pauses == [1.0, 1.0, 1.0]
    assert steps.shown[1] == "Campaign 144 could not be read: cannot reach it."
    # Ansible counts an option that is null as given, and takes one of these two.
    wait = {"wait": WAIT["wait"]}
    assert steps.asked[:2] == [WAIT, {**wait, "campaign_id": 144}]


@pytest.mark.parametrize(("last", "verdict"), [(look("running"), "running"), (AWAY, "unread")])
def test_it_looks_until_the_time_is_over(
    last: dict[str, Any], verdict: str, at_once: Callable[[Steps], list[float]]
) -> None:
    steps = Steps(yateota_campaign_info.ActionModule, [look("running")] + [last] * 9)
    pauses = at_once(steps)
    done = steps.run({**WAIT, "wait": {"timeout": "5", "interval": "2"}})
    assert (done["watched"]["verdict"], done["watched"]["looks"], pauses) == (verdict, 3, [2.0, 2.0])
    assert "failed" not in done


@pytest.mark.parametrize("verdict", ["bad", "held", "uncounted"])
def test_it_looks_no_more_where_that_is_of_no_use(verdict: str) -> None:
    assert Steps(yateota_campaign_info.ActionModule, [look(verdict)]).run(WAIT)["watched"]["verdict"] == verdict


def test_what_cannot_be_read_at_first_or_is_refused_is_a_failure(at_once: Callable[[Steps], list[float]]) -> None:
    assert Steps(yateota_campaign_info.ActionModule, [AWAY]).run(WAIT) == AWAY
    refused = {"failed": True, "failure": {"kind": "auth", "code": None}, "msg": "The secret is refused."}
    steps = Steps(yateota_campaign_info.ActionModule, [look("running"), refused])
    at_once(steps)
    assert steps.run(WAIT) == refused


def test_a_signal_ends_the_wait_with_a_failure() -> None:
    steps = Steps(yateota_campaign_info.ActionModule, [look("running")])
    steps.stopped.set()
    done = steps.run(WAIT)
    assert (done["failed"], done["failure"]["kind"]) == (True, "transport")
    assert "was stopped by a signal" in done["msg"]


@pytest.mark.parametrize(
    ("options", "check_mode", "stepped"),
    [
        (WAIT, False, True),
        (WAIT, True, False),
        ({"wait": {}}, False, True),
        ({"wait": "timeout=5"}, False, True),
        ({"wait": "nonsense"}, False, False),
        ({"name": "Spring"}, False, False),
    ],
)
def test_which_reading_waits(options: dict[str, Any], check_mode: bool, stepped: bool) -> None:
    assert Steps(yateota_campaign_info.ActionModule, [], check_mode).action.wants_steps(options) is stepped
