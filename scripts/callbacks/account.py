# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a line for each task of a playbook, and the text of debug tasks."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: account
type: stdout
short_description: Say what a playbook does in a few lines
description: Names each task and whether it changed anything, prints what tasks say, and why a task failed.
"""

SILENT = ("assert", "include_role", "include_tasks", "set_fact", "validate_argument_spec")
"""The actions that neither change nor read anything: they are shown only if they print something."""


class CallbackModule(CallbackBase):
    """The plugin that prints the account."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "account"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print a task's text, or its name unless its action is a silent one."""
        if result._result.get("_ansible_verbose_always"):
            said = result._result["msg"]
            for line in [said] if isinstance(said, str) else said:
                self._display.display(f"             {line}")
        elif result._task.action.rpartition(".")[2] not in SILENT:
            self._display.display(f"  {'changed' if result.is_changed() else 'ok':9}{result._task.name}")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print why it failed."""
        self._display.display(f"  {'FAILED':9}{result._task.name}: {result._result.get('msg')}")

    v2_runner_on_unreachable = v2_runner_on_failed
