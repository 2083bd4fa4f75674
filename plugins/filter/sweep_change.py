# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the change for the sweep of a campaign."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._core.states import END_STATES, ENDED_STATUSES, ChangeStatus

DOCUMENTATION = r"""
name: sweep_change
short_description: Find the change for the sweep of a campaign
version_added: 1.1.0
description:
  - Takes the changes of a ledger, and returns the change that a sweep of a campaign makes or continues.
  - Its number depends only on the ledger, so that two runs that begin at once choose the same change, and only one
    of them can get its lease.
  - A sweep continues the latest change if that has not ended, or if it was planned in this hour. In the latter case it
    has nothing more to do.
author:
  - The simops.yateota contributors (@simops)
positional: name, campaign
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
    msg: "{{ (ledger.changes | simops.yateota.sweep_change('sweep', read.campaigns[0])).change_id }}"
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


def sweep_change(changes: Sequence[Mapping[str, Any]], name: str, campaign: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change: the keys of RETURN."""
    prefix = f"{name}-{campaign['campaign_id']}-"
    own = [change for change in changes if re.fullmatch(re.escape(prefix) + "[0-9]+", change["change_id"])]
    if own and _continues(own[-1]):
        return {"change_id": own[-1]["change_id"], "is_empty": False}
    latest = int(own[-1]["change_id"].removeprefix(prefix)) if own else 0
    return {"change_id": f"{prefix}{latest + 1}", "is_empty": _none_is_unallocated(campaign)}


def _continues(change: Mapping[str, Any]) -> bool:
    if change["status"] not in _ENDED:
        return True
    hour = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:")
    return change["status"] != ChangeStatus.PURGED and str(change["planned"]).startswith(hour)


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
