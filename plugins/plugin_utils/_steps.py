# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run long tasks in steps, with a line on the progress after each step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ..module_utils._ansible.module import Result
from ..module_utils._core.signals import stops_on_signals
from ._in_process import InProcessAction

display = Display()


class SteppedAction(InProcessAction):
    """The action of a module whose task can be done in steps.

    Each step is a run of the module. A module that runs in its own interpreter can show nothing before it ends. So the
    action does the steps: the result is the same whether the module's code runs in the controller's process or not.
    """

    _host = "localhost"

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Run the task in steps if it asks for that, and otherwise in one run."""
        if self._task.async_val or not self.wants_steps(self._task.args):
            return super().run(tmp, task_vars)
        whole, stopped = dict(self._task.args), threading.Event()
        self._host = (task_vars or {}).get("inventory_hostname", "localhost")
        try:
            with stops_on_signals(stopped):
                return self.run_in_steps(whole, stopped, task_vars or {})
        finally:
            self._task.args = whole

    def wants_steps(self, options: Mapping[str, Any]) -> bool:
        """Return whether a task with these options is done in steps."""
        raise NotImplementedError

    def run_in_steps(self, options: Mapping[str, Any], stopped: threading.Event, variables: dict[str, Any]) -> Result:
        """Do the steps, and return the result of all of them.

        Args:
            options: the task's options.
            stopped: set when a signal is to end the task.
            variables: the task's variables.
        """
        raise NotImplementedError

    def run_step(
        self, options: Mapping[str, Any], variables: dict[str, Any], progress: Callable[[Result], None] | None = None
    ) -> Result:
        """Run the module once, with these options in place of the task's.

        They stay in the task until its steps end: ``run`` puts its own options back.

        Args:
            options: the options.
            variables: the task's variables.
            progress: as for ``Task``, if the module's code runs in this process.
        """
        self._task.args, self._progress = dict(options), progress
        return super().run(None, variables)

    def show_line(self, line: str) -> None:
        """Show a line on standard error, like warnings.

        The output of callbacks stays intact.
        """
        if not self._task.no_log:
            display.display(f"[{self._host}] {line}", stderr=True)


def is_option_true(options: Mapping[str, Any], name: str) -> bool:
    """Return whether a boolean option is set, before the module has checked its type."""
    return bool(boolean(options.get(name) or False, strict=False))
