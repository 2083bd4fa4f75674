# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name in the controller's process if possible.

It shows the progress of a change after each wave.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._ansible.module import Result
from ..module_utils._change.approve import each_plan_checked_once
from ..module_utils._core.errors import TransportError
from ..module_utils._core.states import ChangeStatus
from ..modules import yateota_bulk
from ..plugin_utils._change_words import has_stopped, latest_wave, progress_line, waiting
from ..plugin_utils._steps import SteppedAction, is_option_true


class ActionModule(SteppedAction):
    """The action of ``yateota_bulk``."""

    module = yateota_bulk

    def wants_steps(self, options: Mapping[str, Any]) -> bool:
        """Return whether a line is to be shown after each wave.

        The module itself reports the options that it refuses.
        """
        sends = options.get("state") == ChangeStatus.APPLIED and not self._task.check_mode
        return sends and is_option_true(options, "progress") and _most_waves(options) != 0

    @each_plan_checked_once()
    def run_in_steps(self, options: Mapping[str, Any], stopped: threading.Event, variables: dict[str, Any]) -> Result:
        """Send wave by wave, and return the result of all waves.

        Where the module's code runs in this process, one run sends all waves. A module in an interpreter of its own can
        show nothing before it ends: each wave is a run of it.
        """
        most, is_here = _most_waves(options), self._obstacle(variables) is None
        send = self._all_waves if is_here else self._one_wave
        # Only the first run waits for a window that is closed before the task; no run waits after a window's end.
        at_once = {**options, "wait_for_window": False} if is_option_true(options, "wait_for_window") else options
        first, early = send(at_once, variables), list[Result]()
        if at_once is not options and _is_early(first) and not stopped.is_set():
            self.show_line(waiting(first["change"]))
            early = [first]
            first = send(options, variables)
        results = [first]
        while not is_here and _continues(results, most, stopped):
            # Only those that were unknown before the task are sent once more, not those of an earlier wave of it.
            results.append(self._one_wave({**at_once, "unknown": "report"}, variables))
        return _together(results, most, stopped, early)

    def _all_waves(self, options: Mapping[str, Any], variables: dict[str, Any]) -> Result:
        """Run the module for all waves, and show the progress of the change after each."""
        shown: list[int] = []

        def show(so_far: Result) -> None:
            shown.append(latest_wave(so_far["change"]))
            self.show_line(progress_line(so_far))

        result = self.run_step(options, variables, show)
        if _has_progress(result) and latest_wave(result["change"]) not in shown:
            self.show_line(progress_line(result))
        return result

    def _one_wave(self, options: Mapping[str, Any], variables: dict[str, Any]) -> Result:
        """Run the module for a wave, and show the progress of the change."""
        result = self.run_step({**options, "max_waves": 1}, variables)
        if _has_progress(result):
            self.show_line(progress_line(result))
        return result


def _most_waves(options: Mapping[str, Any]) -> int | None:
    """Return ``max_waves``: None if it is not set, 0 if it is not a positive number."""
    given = options.get("max_waves")
    if given is None:
        return None
    return int(given) if str(given).isdecimal() else 0


def _is_early(result: Result) -> bool:
    """Return whether a run has sent nothing because its window is not open yet."""
    change = result.get("change")
    return has_stopped(result) and "failure" not in result and bool(change and not change["sent"] and waiting(change))


def _has_progress(result: Result) -> bool:
    """Return whether there is anything to show after a run."""
    change = result.get("change")
    return bool(change and (change["sent"] or result["remaining"]) and not _is_early(result))


def _continues(results: Sequence[Result], most: int | None, stopped: threading.Event) -> bool:
    """Return whether to send another wave."""
    last, first = results[-1], results[0]
    if has_stopped(last) or last.get("failed") or not last["remaining"] or stopped.is_set():
        return False
    # By the first run's result: a run that cannot end the change for its own reason must not be repeated endlessly.
    waves = 1 + first["change"]["waves_total"] - first["change"]["waves_done"]
    return len(results) < (waves if most is None else min(waves, most))


def _together(waves: Sequence[Result], most: int | None, stopped: threading.Event, early: Sequence[Result]) -> Result:
    """Return the result of all runs: the last one's, with totals of the task.

    Args:
        waves: the results of the runs, one or more.
        most: ``max_waves``.
        stopped: set by a signal.
        early: the result of an earlier run that found the window closed, if there was one.
    """
    results = [*early, *waves]
    last: Result = {**results[-1], "changed": any(result.get("changed") for result in results)}
    warnings = dict.fromkeys(warning for result in results for warning in result.get("warnings", []))
    if warnings:
        last["warnings"] = list(warnings)
    parts = [result["change"] for result in results if result.get("change")]
    if last.get("change"):
        sent = sum(part["sent"] for part in parts)
        seconds = sum(part["sent"] / part["rate"] for part in parts if part["rate"])
        pages = sum(part["pages_read"] for part in parts)
        rate = round(sent / seconds, 1) if seconds else 0.0
        last["change"] = {**last["change"], "sent": sent, "rate": rate, "pages_read": pages}
    if "diff" in last and "diff" in results[0]:
        last["diff"] = {**last["diff"], "before": results[0]["diff"]["before"]}
    if "invocation" in results[0]:
        options = results[0]["invocation"]["module_args"]
        last["invocation"] = {"module_args": {**options, "max_waves": most}}
    if stopped.is_set() and last.get("remaining") and "failure" not in last and most != len(waves):
        error = TransportError(f"Change {last['change']['change_id']} was stopped by a signal: run it again.")
        last.update(failed=True, msg=str(error), failure=error.failure())
    return last
