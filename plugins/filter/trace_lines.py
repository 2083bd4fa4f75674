# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a participant's trace, a line for each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: trace_lines
short_description: Show a participant's trace, a line for each event
version_added: 1.1.0
description:
  - Takes a result of M(simops.yateota.yateota_trace).
  - The server decides what an event contains. All values of an event are shown.
author:
  - The simops.yateota contributors (@simops)
options:
  _input:
    description: The result.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Trace a participant
  simops.yateota.yateota_trace:
    participant_id: 60321
  register: traced

- name: Show its events
  ansible.builtin.debug:
    msg: "{{ traced | simops.yateota.trace_lines }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def trace_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the lines."""
    trace = result["trace"]
    events = trace if isinstance(trace, list) else [trace]
    lines = ["  ".join(map(str, each.values())) if isinstance(each, Mapping) else str(each) for each in events]
    return lines or ["No message of this participant has been built yet."]


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"trace_lines": trace_lines}
