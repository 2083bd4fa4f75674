# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in words why a task has failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: failure_message
short_description: Say in words why a task has failed
version_added: 1.1.0
description:
  - Takes C(ansible_failed_result), as a C(rescue) section has it, and gives the task's message on one line.
  - Of a task with a loop it is the message of the first item that failed.
  - Of a task with C(no_log), and of one without a message, it is a sentence with the task's name.
  - Ansible itself hides nothing in C(ansible_failed_result).
author:
  - The simops.yateota contributors (@simops)
positional: task
options:
  _input:
    description: The result of the task.
    type: dict
    required: true
  task:
    description: The task, as C(ansible_failed_task) has it. Its C(name) and C(no_log) are used.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the reason of a failure
  block:
    - name: Fail
      ansible.builtin.fail:
        msg: The change request is on hold.
  rescue:
    - name: Show the reason
      ansible.builtin.debug:
        msg: "{{ ansible_failed_result | simops.yateota.failure_message(ansible_failed_task) }}"
"""

RETURN = r"""
_value:
  description: The message.
  type: str
  sample: The change request is on hold.
"""


def failure_message(result: Any, task: Mapping[str, Any]) -> str:
    """Return the message of a failed task, or a sentence with the task's name."""
    message = "" if task.get("no_log") else _message(result)
    return message or f"The task '{task.get('name')}' failed, and its message is empty or hidden."


def _message(result: Any) -> str:
    if not isinstance(result, Mapping):
        return ""
    items = result.get("results")
    failed = [each for each in items if isinstance(each, Mapping) and each.get("failed")] if items else []
    text = next(filter(None, map(_message, failed)), "") or result.get("msg") or result.get("reason") or ""
    return " ".join(str(text).split())


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"failure_message": failure_message}
