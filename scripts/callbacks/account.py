# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A quiet way to show a playbook: a line for each task, what the debug tasks say, and nothing else."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: account
type: stdout
short_description: Tell what a playbook does in a few lines
description: Names each task and whether it changed anything, prints what debug tasks say, and why a task failed.
"""

SAYS, CHECKS = "debug", "assert"


class CallbackModule(CallbackBase):
    """Prints the account."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "account"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print what a debug task says, and of any other but a check that all is well its name."""
        kind = result._task.action.rpartition(".")[2]
        if kind == SAYS:
            said = result._result["msg"]
            for line in [said] if isinstance(said, str) else said:
                self._display.display(f"             {line}")
        elif kind != CHECKS:
            self._display.display(f"  {'changed' if result.is_changed() else 'ok':9}{result._task.name}")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print why it failed."""
        self._display.display(f"  {'FAILED':9}{result._task.name}: {result._result.get('msg')}")

    v2_runner_on_unreachable = v2_runner_on_failed
