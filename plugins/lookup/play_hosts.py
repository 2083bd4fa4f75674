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
  - It fails too if one of several patterns matches no host of the inventory, for example because a host's name is
    misspelled. Ansible itself runs the play for the others. A group without hosts, and patterns that begin with V(&),
    or with V(!) and have a wildcard, may match none.
  - The same holds for the patterns of C(--limit). Those in a file may match none.
  - In a job of AWX, whose inventory may be a slice, each of several patterns may match none, but not all of them.
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
from ansible.inventory.manager import InventoryManager, split_host_pattern
from ansible.plugins.lookup import LookupBase

from ..plugin_utils._job_ledger import JOBS
from ..plugin_utils._variable_values import is_given


class LookupModule(LookupBase):  # type: ignore[misc]
    """The lookup ``play_hosts``."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """Return the pattern.

        Raises:
            AnsibleLookupError: it, or a part of it, matches no host.
        """
        pattern = _joined(list(_patterns(terms))) or "localhost"
        if context.CLIARGS.get("syntax"):
            return [pattern]
        known = variables or {}
        manager = self._inventory(known.get("groups", {}))
        limit = context.CLIARGS.get("subset")
        # The inventory of a sliced job of AWX has only some of the named hosts.
        if not any(known.get(name) for name in JOBS):
            _check_parts("yateota_hosts", pattern, manager)
            _check_parts("--limit", limit or "", manager)
        if not _matches(pattern, limit, manager):
            limited = f" within --limit {limit}" if limit else ""
            raise _no_host(f"yateota_hosts '{pattern}' matches no host of the inventory{limited}")
        return [pattern]

    def _inventory(self, groups: dict[str, list[str]]) -> InventoryManager:
        manager = InventoryManager(self._loader, parse=False)
        for group, hosts in groups.items():
            manager.add_group(group)
            for host in hosts:
                manager.add_host(host, group=group)
        return manager


def _check_parts(name: str, pattern: str, manager: InventoryManager) -> None:
    """Check that each of several patterns matches a host of the inventory.

    A group without hosts, and what intersects or excludes by a wildcard, may match none. The names in a file are not
    read here.

    Raises:
        AnsibleLookupError: one matches none; names it.
    """
    parts = split_host_pattern(pattern)
    for part in parts if len(parts) > 1 else []:
        included = part.removeprefix("!")
        if included in manager.groups or part[0] in "&@" or (part[0] == "!" and set(part) & set("*?[~")):
            continue
        # A misspelled exclusion would leave in what must not be acted on.
        if not _matches(included, None, manager):
            raise _no_host(f"{name} '{pattern}': '{part}' matches no host of the inventory")


def _matches(pattern: str, limit: str | None, manager: InventoryManager) -> bool:
    try:
        manager.subset(limit)
        return bool(manager.get_hosts(pattern=pattern))
    except AnsibleError:  # an unknown host, if Ansible is configured to fail on it
        return False


def _no_host(wrong: str) -> AnsibleLookupError:
    return AnsibleLookupError(f"{wrong}: give a group or hosts that it has, and the inventory with -i.")


def _joined(patterns: list[str]) -> str:
    """Return one pattern for several.

    Ansible takes what stands between commas for whole patterns: those that colons separate are split before.
    """
    return patterns[0] if len(patterns) == 1 else ",".join(split_host_pattern(patterns))


def _patterns(terms: Any) -> Iterator[str]:
    for term in terms:
        if isinstance(term, (list, tuple)):
            yield from _patterns(term)
        elif is_given(term):
            yield str(term)
