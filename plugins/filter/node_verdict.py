# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a node's statistics by limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: node_verdict
short_description: Judge the statistics and the status of a YateOTA node
version_added: 1.0.0
description:
  - Judges a registered result of M(simops.yateota.yateota_stats_info), also a failed one, by limits for its statistics.
  - A statistic that the node does not return, or that is not a number where a number is needed, is beyond its limit.
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
      - With an empty limit, the statistic is shown and not judged.
    type: dict
    required: true
  operational:
    description: Whether the node must report that it is operational.
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
      description: The node, null if the result does not name it.
      type: str
    healthy:
      description: Whether there are no problems.
      type: bool
    reachable:
      description: Whether the node could be reached.
      type: bool
    operational:
      description: Whether the node reports that it is operational, null if it reports nothing.
      type: bool
    statistics:
      description: The statistics that have a limit, by their paths; null for one that the node does not return.
      type: dict
    problems:
      description: The problems, a part of a sentence each.
      type: list
      elements: str
    text:
      description: The verdict in a line.
      type: str
"""

Verdict = dict[str, Any]


def node_verdict(result: Any, limits: Any, operational: bool = True) -> Verdict:
    """Return the verdict on a result of ``yateota_stats_info``: the keys of RETURN.

    Raises:
        AnsibleFilterError: the result is not of that module, or a limit is not valid; names it, its value and the fix.
    """
    if not isinstance(result, Mapping) or not ("stats" in result or "msg" in result):
        raise AnsibleFilterError("node_verdict expected a registered result of yateota_stats_info: give one.")
    node = ((result.get("invocation") or {}).get("module_args") or {}).get("node")
    checked = {path: _limit(path, limit) for path, limit in _mapping("limits", limits).items()}
    if "stats" not in result:
        problems = [str(result["msg"]).strip().rstrip(".")]
        unknown = dict.fromkeys(checked)
        return _verdict(problems, [], node=node, reachable=False, operational=None, statistics=unknown)
    status = result.get("status") or {}
    statistics = {path: _at(result["stats"], path) for path in checked}
    problems = [f"{path} {why}" for path, limit in checked.items() if (why := _beyond(statistics[path], limit))]
    shown = [f"{path} {value}" for path, value in statistics.items()]
    if operational and not status.get("operational"):
        says = f"is not operational ({status.get('state')})" if status else "does not report whether it is operational"
        problems.insert(0, f"it {says}")
    elif status.get("operational"):
        shown.insert(0, "operational")
    said = status.get("operational")
    return _verdict(problems, shown, node=node, reachable=True, operational=said, statistics=statistics)


def _verdict(problems: list[str], shown: list[str], **rest: Any) -> Verdict:
    text = f"NOT healthy: {'; '.join(problems)}" if problems else f"healthy: {', '.join(shown) or 'it answers'}"
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
    """Return the statistic at a path; a component's name may have dots of its own."""
    if not isinstance(stats, Mapping):
        return None
    if path in stats:
        return stats[path]
    parts = path.split(".")
    heads = (".".join(parts[:end]) for end in range(1, len(parts)))
    found = (_at(stats[head], path.removeprefix(f"{head}.")) for head in heads if head in stats)
    return next((value for value in found if value is not None), None)


def _beyond(value: Any, limit: Mapping[str, Any]) -> str:
    """Return in words how a value exceeds its limit; empty if it does not."""
    if value is None:
        return "is not returned by the node"
    number = _number(value)
    if number is None and limit.keys() & {"min", "max"}:
        return f"is '{value}', which is not a number"
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
    """Return a number, also from text; None for anything else.

    NaN is None too, because no limit would catch it.
    """
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
        """Return the filters by their names."""
        return {"node_verdict": node_verdict}
