# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe what a task did with a list of participants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..plugin_utils._change_words import counted, sim_line

DOCUMENTATION = r"""
name: participant_account
short_description: Describe what was done with participants in a few lines
version_added: 1.1.0
description:
  - Takes a result of M(simops.yateota.yateota_participant).
  - Returns how many participants had which outcome, and a line for each of the first ones.
author:
  - The simops.yateota contributors (@simops)
positional: action, check_mode, most
options:
  _input:
    description: The result.
    type: dict
    required: true
  action:
    description: The action of the task.
    type: str
    required: true
  check_mode:
    description: Whether the result is from check mode, where nothing is sent.
    type: bool
    default: false
  most:
    description: The largest number of participants that have a line of their own.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Retry two participants
  simops.yateota.yateota_participant:
    action: retry
    participants:
      - {participant_id: 60321}
      - {participant_id: 60322}
  register: done

- name: Say what was done
  ansible.builtin.debug:
    msg: "{{ done | simops.yateota.participant_account('retry', ansible_check_mode) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def participant_account(result: Mapping[str, Any], action: str, check_mode: bool = False, most: int = 10) -> list[str]:
    """Return the lines."""
    results = result["results"]
    unsent = ", in check mode with nothing sent" if check_mode else ""
    lines = [f"{action} of participants{unsent}: {', '.join(counted(result['summary'])) or 'none'}."]
    lines += [sim_line(each, _done(each), each["message"]) for each in results[:most]]
    if len(results) > most:
        lines.append(f"and {len(results) - most} more.")
    return lines


def _done(each: Mapping[str, Any]) -> str:
    changes = f", {each['before']} -> {each['after']}" if each["before"] and each["action"] else ""
    return f"{each['outcome']}{changes}"


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"participant_account": participant_account}
