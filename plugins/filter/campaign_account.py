# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a line for each campaign, with what was sent for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: campaign_account
short_description: Describe what was sent for campaigns, in a line for each
version_added: 1.1.0
description:
  - Takes results of M(simops.yateota.yateota_campaign).
  - Returns the action that was sent for each campaign, and its state.
author:
  - The simops.yateota contributors (@simops)
positional: check_mode
options:
  _input:
    description: The results, such as C(results) of a registered loop.
    type: list
    elements: dict
    required: true
  check_mode:
    description: Whether the results are from check mode, where an action would be sent.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Pause a campaign
  simops.yateota.yateota_campaign:
    campaign_id: 144
    state: paused
  register: done

- name: Say what was sent
  ansible.builtin.debug:
    msg: "{{ [done] | simops.yateota.campaign_account(ansible_check_mode) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample: ["Campaign 144 (Roaming list spring): pause was sent, it is paused."]
"""


def campaign_account(results: Sequence[Mapping[str, Any]], check_mode: bool = False) -> list[str]:
    """Return the lines, in the order of the results."""
    return [_line(result, check_mode) for result in results]


def _line(result: Mapping[str, Any], check_mode: bool) -> str:
    campaign, changed = result["campaign"], result["changed"]
    action = f"{result['action']} {'would be' if check_mode else 'was'} sent" if changed else "nothing to send"
    return (
        f"Campaign {campaign['campaign_id']} ({campaign['name'] or 'name not known'}): {action}, "
        f"it {'would be' if changed and check_mode else 'is'} "
        f"{campaign['state'] or 'in a state that the server does not report'}."
    )


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"campaign_account": campaign_account}
