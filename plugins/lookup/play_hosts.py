# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``play_hosts``: a pattern of hosts that must match one at least."""

from __future__ import annotations

DOCUMENTATION = r"""
name: play_hosts
short_description: The hosts of a play, where there are any
version_added: 1.1.0
description:
  - Gives a pattern back as it is, and fails where it matches no host of the inventory, or none that C(--limit) leaves.
    Ansible itself skips such a play, and a job has then succeeded without having done anything.
author:
  - The simops.yateota contributors (@simops)
options:
  _terms:
    description: The pattern, or a list of patterns, as C(hosts) of a play takes it. One that is empty is localhost.
    required: true
"""

EXAMPLES = r"""
- name: Fail where the inventory has no host in the group yateota
  hosts: "{{ lookup('simops.yateota.play_hosts', 'yateota') }}"
  tasks: []
"""

RETURN = r"""
_raw:
  description: The pattern.
  type: list
  elements: str
"""

from collections.abc import Iterator
from typing import Any

from ansible import context
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase

from ..plugin_utils._variable_values import is_given


class LookupModule(LookupBase):  # type: ignore[misc]
    """The lookup."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """The pattern.

        Raises:
            AnsibleLookupError: it matches no host.
        """
        pattern = ",".join(_patterns(terms)) or "localhost"
        limit = context.CLIARGS.get("subset")
        if context.CLIARGS.get("syntax") or self._matches(pattern, limit, (variables or {}).get("groups", {})):
            return [pattern]
        limited = f" within --limit {limit}" if limit else ""
        raise AnsibleLookupError(
            f"yateota_hosts '{pattern}' matches no host of the inventory{limited}: give a group or hosts that it has, "
            "and the inventory with -i."
        )

    def _matches(self, pattern: str, limit: str | None, groups: dict[str, list[str]]) -> bool:
        manager = InventoryManager(self._loader, parse=False)
        for group, hosts in groups.items():
            manager.add_group(group)
            for host in hosts:
                manager.add_host(host, group=group)
        try:
            manager.subset(limit)
            return bool(manager.get_hosts(pattern=pattern))
        except AnsibleError:  # a host that is not there, where that is set to be an error
            return False


def _patterns(terms: Any) -> Iterator[str]:
    for term in terms:
        if isinstance(term, (list, tuple)):
            yield from _patterns(term)
        elif is_given(term):
            yield str(term)
