# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format campaigns as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._core.states import COUNTED_STATES

DOCUMENTATION = r"""
name: campaign_table
short_description: Format campaigns as a table that fits a terminal
version_added: 1.1.0
description:
  - Returns a line for each campaign, with the shares of its participants in percent.
  - C(pending) are those whose message is being built or waits to be sent. C(waiting) are others that have not ended,
    such as those whose SIM has not answered yet.
  - In the output of a playbook a line takes no more than 100 columns.
author:
  - The simops.yateota contributors (@simops)
positional: most
options:
  _input:
    description: Campaigns as M(simops.yateota.yateota_campaign_info) returns them.
    type: list
    elements: dict
    required: true
  most:
    description: How many campaigns to show. The last line counts the others. V(0) shows all.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Read the campaigns
  simops.yateota.yateota_campaign_info:
  register: listed

- name: Show them
  ansible.builtin.debug:
    msg: "{{ listed.campaigns | simops.yateota.campaign_table(50) }}"
"""

RETURN = r"""
_value:
  description: The lines, a header first.
  type: list
  elements: str
"""

_NAME = 28
_ROW = "{:>6} {:<28} {:<8} {:>10} {:>8} {:>7} {:>7} {:>6}"
_HEADER = _ROW.format("id", "name", "state", "SIMs", "finished", "pending", "waiting", "failed")
_UNKNOWN = "-"


def campaign_table(campaigns: Sequence[Mapping[str, Any]], most: int = 0) -> list[str]:
    """Return the lines of the table, a header first."""
    shown = campaigns[:most] if most else campaigns
    more = [f"and {len(campaigns) - len(shown)} more"] if len(shown) < len(campaigns) else []
    return [_HEADER, *map(_line, shown), *more]


def _line(campaign: Mapping[str, Any]) -> str:
    name = str(campaign["name"] or _UNKNOWN)
    given = [campaign["campaign_id"], campaign["state"], campaign["participants"]]
    number, state, size = (_UNKNOWN if value is None else str(value) for value in given)
    return _ROW.format(number, name if len(name) <= _NAME else f"{name[: _NAME - 1]}…", state, size, *_shares(campaign))


def _shares(campaign: Mapping[str, Any]) -> list[str]:
    """Return the finished, pending, waiting and failed participants in percent.

    They are not known if the server sends no counts.
    """
    total = campaign["participants"]
    counts = [campaign[name] for name in COUNTED_STATES]
    if not total or any(isinstance(count, bool) or not isinstance(count, int) for count in counts):
        return [_UNKNOWN] * 4
    finished, building, sending, failed, canceled = counts
    pending = building + sending
    waiting = max(0, total - finished - pending - failed - canceled)
    return [f"{100 * count / total:.1f}%" for count in (finished, pending, waiting, failed)]


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"campaign_table": campaign_table}
