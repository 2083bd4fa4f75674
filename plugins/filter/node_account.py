# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe a node's status and statistics, a line for each component."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: node_account
short_description: Describe a node's status and statistics in a few lines
version_added: 1.1.0
description:
  - Takes a result of M(simops.yateota.yateota_stats_info).
  - Returns whether the node is operational, and a line for each component with its figures.
author:
  - The simops.yateota contributors (@simops)
options:
  _input:
    description: The result.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the node's statistics
  simops.yateota.yateota_stats_info:
  register: node

- name: Show them
  ansible.builtin.debug:
    msg: "{{ node | simops.yateota.node_account }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def node_account(result: Mapping[str, Any]) -> list[str]:
    """Return the lines."""
    status = result["status"]
    lines = []
    if status:
        lines.append(f"The node is {'operational' if status['operational'] else 'NOT operational'}: {status['state']}.")
    for component, figures in result["stats"].items():
        lines.append(f"{component}: {', '.join(f'{name} {figure}' for name, figure in figures.items())}")
    return lines


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"node_account": node_account}
