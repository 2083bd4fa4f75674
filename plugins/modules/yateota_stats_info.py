#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_stats_info
short_description: Read the statistics and the status of a YateOTA node
version_added: 1.0.0
description:
  - Reads what a running node tells of itself, its statistics with C(query_stats) and its status with C(get_node_status).
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Read the node's statistics
  simops.yateota.yateota_stats_info:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
  register: node

- name: Stop here unless the node is operational and not congested
  ansible.builtin.assert:
    that:
      - node.status.operational
      - node.stats.engine.congestion | int == 0
"""

RETURN = r"""
stats:
  description:
    - The statistics as the server gave them. One object per component, of numbers and strings.
    - C(engine) and C(uptime) are always there; which others there are depends on the server.
  returned: success
  type: dict
  sample:
    engine:
      version: 6.4.1
      threads: 42
      congestion: 0
    uptime:
      wall: 86400
      user: 1200
      kernel: 300
status:
  description: The node's own word on its state, null where the server does not answer C(get_node_status).
  returned: success
  type: dict
  contains:
    operational:
      description: Whether the node serves.
      type: bool
    level:
      description: How serious the state is.
      type: str
    state:
      description: The state in a word.
      type: str
    service:
      description: The state of the service that the node gives.
      type: str
version:
  description: The version of the node's software, null where the server tells none.
  returned: success
  type: str
  sample: 1.2-3
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: auth
    request: query_stats
    code: null
    http_status: 401
    message: API Authentication Required
"""

from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._api.models import NodeStatus, read
from ..module_utils._core.errors import ApiError, BadAnswerError

ARGUMENTS: dict[str, Any] = {}
RULES: dict[str, Any] = {}


def run(task: Task) -> dict[str, Any]:
    """Read both, and be content with the statistics where the server has no ``get_node_status``."""
    stats = components(task.client.call("query_stats", {}))
    try:
        answer = task.client.call("get_node_status", {})
    except ApiError as error:
        task.warn(f"The node's status is not known: {error}")
        answer = {}
    status = answer.get("status")
    engine = stats.get("engine") or {}
    return {
        "changed": False,
        "stats": stats,
        "status": read(NodeStatus, status, "get_node_status").result() if status else None,
        "version": answer.get("version") or engine.get("node_version") or engine.get("version"),
    }


def components(answer: dict[str, Any]) -> dict[str, Any]:
    """The statistics, one object per component; an empty object that PHP wrote as an empty list is one all the same."""
    stats = answer.get("stats") or {}
    if not isinstance(stats, dict) or not isinstance(stats.get("engine") or {}, dict):
        raise BadAnswerError(
            f"The answer to query_stats cannot be read: its statistics are no object. {BadAnswerError.mend}",
            request="query_stats",
        )
    return stats


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
