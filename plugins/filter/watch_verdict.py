# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe how a watched campaign stands, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.watching import BAD, FINISHED, NOT_RUNNING, RUNNING, STILL_WATCHED

DOCUMENTATION = r"""
name: watch_verdict
short_description: Describe the outcome of watching a campaign, and the next step
version_added: 1.1.0
description:
  - Takes a registered result of M(simops.yateota.yateota_campaign_info) with
    O(simops.yateota.yateota_campaign_info#module:wait).
  - All is well if the campaign has finished, and in check mode also if it is running.
author:
  - The simops.yateota contributors (@simops)
positional: paused, settings, check_mode
options:
  _input:
    description: The result.
    type: dict
    required: true
  paused:
    description: >-
      The registered result of M(simops.yateota.yateota_campaign) that was to pause a bad campaign, also a skipped or
      failed one.
    type: dict
    required: true
  settings:
    description:
      - The variables of the role P(simops.yateota.campaign_watch#role), without C(campaign_watch_) in front of their
        names.
      - Used are C(max_failed_percentage) and C(timeout).
    type: dict
    required: true
  check_mode:
    description: Whether the campaign was read in check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Wait for a campaign
  simops.yateota.yateota_campaign_info:
    campaign_id: 144
    wait:
      timeout: 600
  register: waited

- name: Say what came of it
  ansible.builtin.debug:
    msg: "{{ (waited | simops.yateota.watch_verdict({'skipped': true}, {'timeout': 600})).text }}"
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    well:
      description: Whether the campaign has finished, with no more failed than are allowed.
      type: bool
    text:
      description: The state of the campaign, and the next step.
      type: str
"""


def watch_verdict(
    read: Any, paused: Mapping[str, Any], settings: Mapping[str, Any], check_mode: bool = False
) -> dict[str, Any]:
    """Return the verdict: the keys of RETURN.

    Raises:
        AnsibleFilterError: the result is not one of a wait.
    """
    if not isinstance(read, Mapping) or "watched" not in read:
        raise AnsibleFilterError(
            "watch_verdict expected a registered result of yateota_campaign_info with wait: pass one."
        )
    verdict = read["watched"]["verdict"]
    well = verdict == FINISHED or (check_mode and verdict == RUNNING)
    advice = _advice(verdict, paused, settings, check_mode)
    return {"well": well, "text": f"{read['watched']['text']} {advice}".strip()}


def _advice(verdict: str, paused: Mapping[str, Any], settings: Mapping[str, Any], check_mode: bool) -> str:
    if verdict == BAD:
        return f"That is more than {settings['max_failed_percentage']} percent. {_pausing(paused, check_mode)}"
    if verdict == NOT_RUNNING:
        return "Nothing of it is sent: start it, and watch it again."
    if verdict == RUNNING and check_mode:
        return "It would be watched."
    if verdict in STILL_WATCHED:
        limit = f"within {settings['timeout']} seconds"
        return f"It has not finished {limit}: watch it again, or raise campaign_watch_timeout."
    return ""


def _pausing(paused: Mapping[str, Any], check_mode: bool) -> str:
    if paused.get("skipped"):
        return "It was not paused, as it is not running."
    if "campaign" not in paused:
        return f"It COULD NOT BE PAUSED: {paused.get('msg')}"
    return "It would be paused." if check_mode else "It is paused."


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"watch_verdict": watch_verdict}
