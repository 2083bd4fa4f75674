# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the lookup ``play_hosts``: a pattern that must match at least one host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: play_hosts
short_description: Return the hosts of a play, or fail if there are none
version_added: 1.1.0
description:
  - Returns a pattern as it is, and fails if it matches no host of the inventory, or none within C(--limit).
    Ansible itself skips such a play, so that a job would succeed without doing anything.
author:
  - The simops.yateota contributors (@simops)
options:
  _terms:
    description: The pattern, or a list of patterns, as for C(hosts) of a play. An empty one means localhost.
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
    """The lookup ``play_hosts``."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """Return the pattern.

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
        except AnsibleError:  # an unknown host, if Ansible is configured to fail on it
            return False


def _patterns(terms: Any) -> Iterator[str]:
    for term in terms:
        if isinstance(term, (list, tuple)):
            yield from _patterns(term)
        elif is_given(term):
            yield str(term)
