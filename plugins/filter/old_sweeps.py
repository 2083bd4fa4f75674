# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the sweeps of a server that are to be purged."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._core.states import ENDED_STATUSES
from ..plugin_utils._sweeps import shard_on, sweeps

DOCUMENTATION = r"""
name: old_sweeps
short_description: Find the sweeps of a server that ended long ago
version_added: 1.1.0
description:
  - Takes the changes of a ledger, and returns those sweeps of a server whose identifiers are to be removed from it.
  - These have ended on this server, and were planned there before a number of days. Changes of other servers do not
    matter.
author:
  - The simops.yateota contributors (@simops)
positional: name, days, server
options:
  _input:
    description: Changes as M(simops.yateota.yateota_bulk_info) returns them.
    type: list
    elements: dict
    required: true
  name:
    description: The prefix of the numbers of the sweeps' changes.
    type: str
    required: true
  days:
    description: The number of days.
    type: int
    required: true
  server:
    description: >-
      The server, with C(api_url) and C(node) as the result of M(simops.yateota.yateota_campaign_info) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the changes of a ledger
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
  register: ledger

- name: Read a campaign
  simops.yateota.yateota_campaign_info:
    campaign_id: 144
  register: read

- name: Name the old sweeps
  ansible.builtin.debug:
    msg: "{{ ledger.changes | simops.yateota.old_sweeps('sweep', 30, read) }}"
"""

RETURN = r"""
_value:
  description: The numbers of the changes.
  type: list
  elements: str
"""


def old_sweeps(changes: Sequence[Mapping[str, Any]], name: str, days: int, server: Mapping[str, Any]) -> list[str]:
    """Return the numbers of the changes."""
    try:
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=int(days))
    except OverflowError:  # earlier than all calendars
        return []
    moment = before.strftime("%Y-%m-%dT%H:%M:%SZ")  # as a change's own moments are written
    found = ((change["change_id"], shard_on(change, server)) for _number, change in sweeps(changes, name))
    return [
        change_id
        for change_id, shard in found
        if shard and shard["status"] in ENDED_STATUSES and (shard["planned"] or moment) < moment
    ]


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"old_sweeps": old_sweeps}
