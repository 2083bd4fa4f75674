# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the change for the sweep of a campaign."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._core.states import END_STATES, ENDED_STATUSES, ChangeStatus
from ..plugin_utils._sweeps import shard_on, sweeps

DOCUMENTATION = r"""
name: sweep_change
short_description: Find the change for the sweep of a campaign
version_added: 1.1.0
description:
  - Takes the changes of a ledger, and returns the change that a sweep of a campaign makes or continues.
  - Its number depends only on the ledger, so that two runs that begin at once choose the same change, and only one
    of them can get its lease.
  - A sweep continues the server's latest change if that has not ended there, or if it was planned in this hour. In the
    latter case it has nothing more to do. Changes of other servers do not matter.
author:
  - The simops.yateota contributors (@simops)
positional: name, campaign, server
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
  campaign:
    description: The campaign as M(simops.yateota.yateota_campaign_info) returns it.
    type: dict
    required: true
  server:
    description: The server, with C(api_url) and C(node) as the result of that module has them.
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

- name: Name the change under which it is swept
  ansible.builtin.debug:
    msg: "{{ (ledger.changes | simops.yateota.sweep_change('sweep', read.campaigns[0], read)).change_id }}"
"""

RETURN = r"""
_value:
  description: The change.
  type: dict
  contains:
    change_id:
      description: Its number.
      type: str
    is_empty:
      description: >-
        Whether it would certainly have no participants, because all of the campaign's are finished, failed or canceled.
      type: bool
"""

_ENDED = (*ENDED_STATUSES, ChangeStatus.PURGED)


def sweep_change(
    changes: Sequence[Mapping[str, Any]], name: str, campaign: Mapping[str, Any], server: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the change: the keys of RETURN."""
    found = list(sweeps(changes, name, campaign["campaign_id"]))
    own = [(change["change_id"], shard) for _number, change in found if (shard := shard_on(change, server))]
    if own and _continues(own[-1][1]):
        return {"change_id": own[-1][0], "is_empty": False}
    latest = max((number for number, _change in found), default=0)  # a sweep of another server is not joined
    new = f"{name}-{campaign['campaign_id']}-{latest + 1}"
    return {"change_id": new, "is_empty": _none_is_unallocated(campaign)}


def _continues(shard: Mapping[str, Any]) -> bool:
    if shard["status"] not in _ENDED:
        return True
    hour = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:")
    return shard["status"] != ChangeStatus.PURGED and str(shard["planned"]).startswith(hour)


def _none_is_unallocated(campaign: Mapping[str, Any]) -> bool:
    """Return whether it is certain that no participant is unallocated: all have ended.

    The API has no count of them, so that a server may count them as pending [A]. It may send flags instead of counts.
    """
    counts = [campaign[state] for state in END_STATES]
    if any(isinstance(count, bool) or not isinstance(count, int) for count in counts):
        return False
    return bool(sum(counts) == campaign["participants"])


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"sweep_change": sweep_change}
