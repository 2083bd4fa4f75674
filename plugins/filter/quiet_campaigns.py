# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the campaigns that were paused for quiet hours, when these are over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..module_utils._core.api_urls import is_one_server
from ..module_utils._core.states import CampaignState

DOCUMENTATION = r"""
name: quiet_campaigns
short_description: Find the campaigns that were paused for quiet hours
version_added: 1.1.0
description:
  - Takes the record of the role P(simops.yateota.campaigns#role), and compares it with the campaigns of a server.
  - A campaign is found by the server and its id, also if it was renamed. In a record of release 1.0.0, which does not
    name the server, it is found by its id and its name.
author:
  - The simops.yateota contributors (@simops)
positional: read, excepted
options:
  _input:
    description: The entries of the record.
    type: list
    elements: dict
    required: true
  read:
    description: The result of M(simops.yateota.yateota_campaign_info) for all campaigns of the server.
    type: dict
    required: true
  excepted:
    description: The ids of campaigns that are not to be started.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Read all campaigns
  simops.yateota.yateota_campaign_info:
  register: read

- name: Name those that were paused for quiet hours
  ansible.builtin.debug:
    msg: "{{ (record | simops.yateota.quiet_campaigns(read)).to_start }}"
  vars:
    record: "{{ lookup('ansible.builtin.file', '/var/lib/yateota/quiet.json') | from_json }}"
"""

RETURN = r"""
_value:
  description: The outcome.
  type: dict
  contains:
    to_start:
      description: The campaigns in the record that are paused and not excepted, each with C(campaign_id) and C(name).
      type: list
      elements: dict
    missing:
      description: The entries of the record for which this server has no campaign.
      type: list
      elements: dict
    elsewhere:
      description: Those of them that name another server.
      type: list
      elements: dict
"""


def quiet_campaigns(
    record: Sequence[Mapping[str, Any]], read: Mapping[str, Any], excepted: Collection[Any] = ()
) -> dict[str, Any]:
    """Return the outcome: the keys of RETURN."""
    found = {index: _found(entry, read) for index, entry in enumerate(record)}
    ids = {campaign["campaign_id"] for campaign in found.values() if campaign}
    return {
        "to_start": [
            {name: campaign[name] for name in ("campaign_id", "name")}
            for campaign in read["campaigns"]
            if campaign["campaign_id"] in ids - set(excepted) and campaign["state"] == CampaignState.PAUSED
        ],
        "missing": [dict(entry) for index, entry in enumerate(record) if not found[index]],
        "elsewhere": [dict(entry) for entry in record if _names_server(entry) and not _is_of(entry, read)],
    }


def _found(entry: Mapping[str, Any], read: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the campaign of an entry; None if this server has none."""
    names_server = _names_server(entry)
    if names_server and not _is_of(entry, read):
        return None
    same = (campaign for campaign in read["campaigns"] if campaign["campaign_id"] == entry["campaign_id"])
    return next((campaign for campaign in same if names_server or campaign["name"] == entry["name"]), None)


def _names_server(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry names its server. Release 1.0.0 did not record it."""
    return entry.get("api_url") is not None


def _is_of(entry: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    return is_one_server((entry["api_url"], entry["node"]), (read["api_url"], read["node"]))


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"quiet_campaigns": quiet_campaigns}
