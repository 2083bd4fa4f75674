# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the problems in a list of campaigns and their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: campaign_problems
short_description: List the problems in a list of campaigns and their states
version_added: 1.1.0
description:
  - Takes results of M(simops.yateota.yateota_campaign) in check mode, one for each entry of a list, also failed ones.
  - An entry has a problem if its check has failed, and a campaign if more than one entry names it.
author:
  - The simops.yateota contributors (@simops)
options:
  _input:
    description: The results, in the order of the entries.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Check two entries
  simops.yateota.yateota_campaign:
    campaign_id: "{{ item }}"
    state: paused
  check_mode: true
  loop: [144, 147]
  register: checked
  failed_when: false

- name: Say what is wrong with them
  ansible.builtin.debug:
    msg: "{{ checked.results | simops.yateota.campaign_problems }}"
"""

RETURN = r"""
_value:
  description: The problems, a sentence each.
  type: list
  elements: str
"""


def campaign_problems(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the problems, those of single entries first."""
    failed = [
        f"Entry {number} of campaigns_desired: {_sentence(result.get('msg', 'it could not be checked'))}"
        for number, result in enumerate(results, 1)
        if "campaign" not in result
    ]
    named = Counter(result["campaign"]["campaign_id"] for result in results if "campaign" in result)
    twice = [
        f"Campaign {campaign_id} is in campaigns_desired more than once: name it once."
        for campaign_id, count in named.items()
        if count > 1
    ]
    return failed + twice


def _sentence(text: Any) -> str:
    return f"{str(text).rstrip().rstrip('.')}."


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"campaign_problems": campaign_problems}
