# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write verdicts on nodes in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.libraries import missing
from ..module_utils._report import metrics

DOCUMENTATION = r"""
name: node_metrics
short_description: Write verdicts on YateOTA nodes as Prometheus metrics
version_added: 1.0.0
description:
  - Writes verdicts of the filter P(simops.yateota.node_verdict#filter) as text in the exposition format of Prometheus,
    for the textfile collector of its node exporter.
  - The metrics are C(yateota_node_reachable), C(yateota_node_healthy), C(yateota_node_operational) and, for each
    statistic that is a number, C(yateota_node_statistic). All have the labels C(server) and C(node), the last has
    C(statistic) too. Unknown values are left out.
author:
  - The simops.yateota contributors (@simops)
requirements:
  - prometheus_client >= 0.20 (on the controller)
positional: server
options:
  _input:
    description: The verdicts.
    type: list
    elements: dict
    required: true
  server:
    description: The name of the nodes' server.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the metrics of a node where the node exporter finds them
  ansible.builtin.copy:
    content: "{{ [node | simops.yateota.node_verdict(limits)] | simops.yateota.node_metrics(inventory_hostname) }}"
    dest: /var/lib/prometheus/node-exporter/yateota.prom
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""


def node_metrics(verdicts: Sequence[Mapping[str, Any]], server: str) -> str:
    """Return the verdicts on a server's nodes as text of Prometheus.

    Raises:
        AnsibleFilterError: prometheus_client is not installed, or an entry is not a verdict.
    """
    if missing(["prometheus_client"]):
        raise AnsibleFilterError(
            "node_metrics needs the Python library prometheus_client on the controller: install it."
        )
    try:
        return metrics.node_metrics(verdicts, server)
    except (KeyError, TypeError):
        raise AnsibleFilterError("node_metrics expected a list of verdicts of node_verdict: give one.") from None


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"node_metrics": node_metrics}
