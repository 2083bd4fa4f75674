# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``node_verdict``: what a node tells of itself, judged by limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: node_verdict
short_description: Judge what a YateOTA node tells of itself
version_added: 1.0.0
description:
  - Judges a registered result of M(simops.yateota.yateota_stats_info), also a failed one, by limits for its statistics.
  - A statistic that the node does not tell, or that is no number where a number is needed, is beyond its limit.
author:
  - The simops.yateota contributors (@simops)
positional: limits
options:
  _input:
    description: The result.
    type: dict
    required: true
  limits:
    description:
      - A limit for each statistic, by its path, such as C(engine.congestion).
      - A limit holds any of C(min), C(max) and C(equals).
      - An empty limit has the statistic told and not judged.
    type: dict
    required: true
  operational:
    description: Whether the node has to say that it is operational.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Read the node's statistics
  simops.yateota.yateota_stats_info:
  register: node

- name: Judge them
  ansible.builtin.debug:
    msg: "{{ (node | simops.yateota.node_verdict({'uptime.wall': {'min': 3600}})).text }}"
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    node:
      description: The node asked, null where the result does not tell it.
      type: str
    healthy:
      description: Whether nothing is wrong.
      type: bool
    reachable:
      description: Whether the node could be asked.
      type: bool
    operational:
      description: What the node says of itself, null where it says nothing.
      type: bool
    statistics:
      description: The statistics that have a limit, by their paths, null where the node does not tell one.
      type: dict
    problems:
      description: What is wrong, a part of a sentence each.
      type: list
      elements: str
    text:
      description: The verdict in a line.
      type: str
"""

Verdict = dict[str, Any]


def node_verdict(result: Any, limits: Any, operational: bool = True) -> Verdict:
    """The verdict on a result of ``yateota_stats_info``: the keys of RETURN.

    Raises:
        AnsibleFilterError: the result is none of that module, or a limit cannot be; names it, its value and the mend.
    """
    if not isinstance(result, Mapping) or not ("stats" in result or "msg" in result):
        raise AnsibleFilterError("node_verdict judges a registered result of yateota_stats_info: give one.")
    node = ((result.get("invocation") or {}).get("module_args") or {}).get("node")
    checked = {path: _limit(path, limit) for path, limit in _mapping("limits", limits).items()}
    if "stats" not in result:
        problems = [str(result["msg"]).strip().rstrip(".")]
        unknown = dict.fromkeys(checked)
        return _verdict(problems, [], node=node, reachable=False, operational=None, statistics=unknown)
    status = result.get("status") or {}
    statistics = {path: _at(result["stats"], path) for path in checked}
    problems = [f"{path} {why}" for path, limit in checked.items() if (why := _beyond(statistics[path], limit))]
    told = [f"{path} {value}" for path, value in statistics.items()]
    if operational and not status.get("operational"):
        says = f"is not operational ({status.get('state')})" if status else "does not tell whether it is operational"
        problems.insert(0, f"it {says}")
    elif status.get("operational"):
        told.insert(0, "operational")
    said = status.get("operational")
    return _verdict(problems, told, node=node, reachable=True, operational=said, statistics=statistics)


def _verdict(problems: list[str], told: list[str], **rest: Any) -> Verdict:
    text = f"NOT healthy: {'; '.join(problems)}" if problems else f"healthy: {', '.join(told) or 'it answers'}"
    return {"healthy": not problems, "problems": problems, "text": text, **rest}


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise AnsibleFilterError(f"{name} {value!r} is not valid: give a dictionary.")
    return value


def _limit(path: str, limit: Any) -> Mapping[str, Any]:
    for bound, value in _mapping(f"the limit of {path}", limit).items():
        if bound not in ("min", "max", "equals"):
            raise AnsibleFilterError(f"the limit of {path} has '{bound}': give any of min, max, equals.")
        if bound != "equals" and _number(value) is None:
            raise AnsibleFilterError(f"the limit of {path} has {bound} {value!r}: give a number.")
    return dict(limit)


def _at(stats: Any, path: str) -> Any:
    """The statistic at a path; a component's name may have dots of its own."""
    if not isinstance(stats, Mapping):
        return None
    if path in stats:
        return stats[path]
    parts = path.split(".")
    heads = (".".join(parts[:end]) for end in range(1, len(parts)))
    found = (_at(stats[head], path.removeprefix(f"{head}.")) for head in heads if head in stats)
    return next((value for value in found if value is not None), None)


def _beyond(value: Any, limit: Mapping[str, Any]) -> str:
    """How a value is beyond its limit, in words; empty where it is within."""
    if value is None:
        return "is not told by the node"
    number = _number(value)
    if number is None and limit.keys() & {"min", "max"}:
        return f"is '{value}', which is no number"
    if "min" in limit and number < _number(limit["min"]):
        return f"is {value}, less than {limit['min']}"
    if "max" in limit and number > _number(limit["max"]):
        return f"is {value}, more than {limit['max']}"
    if "equals" in limit and not _same(value, limit["equals"]):
        return f"is {value}, not {limit['equals']}"
    return ""


def _same(value: Any, expected: Any) -> bool:
    number = _number(value)
    return str(value) == str(expected) if number is None else number == _number(expected)


def _number(value: Any) -> Any:
    """A number, also one that the server wrote as text; None for anything else, as NaN, which is within every limit."""
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"node_verdict": node_verdict}
