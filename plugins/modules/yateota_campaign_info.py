#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_campaign_info
short_description: Read YateOTA campaigns and their counts
version_added: 1.0.0
description:
  - Reads one campaign, all campaigns, or a part of the list.
  - Where the server's C(query_campaigns) tells no ids or states, they are taken from C(get_campaign).
options:
  campaign_id:
    description: Read this campaign alone.
    type: raw
  name:
    description: Read the one campaign of this name alone. That no campaign or several have it is an error.
    type: str
  limit:
    description: Read so many campaigns at the most, in one request.
    type: int
  offset:
    description: Leave out so many campaigns at the start of the list. Needs O(limit).
    type: int
  page_size:
    description: How many campaigns to ask for at once where the server lists them in pages.
    type: int
    default: 1000
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Read all campaigns
  simops.yateota.yateota_campaign_info:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
  register: listed

- name: Name the campaigns with failed participants
  ansible.builtin.debug:
    msg: "{{ listed.campaigns | selectattr('failed') | map(attribute='name') }}"

- name: Read one campaign by its name
  simops.yateota.yateota_campaign_info:
    name: Roaming list spring
"""

RETURN = r"""
campaigns:
  description: The campaigns in the server's order.
  returned: success
  type: list
  elements: dict
  contains:
    campaign_id:
      description: The campaign's id, null where the server does not tell it.
      type: int
    name:
      description: The campaign's name.
      type: str
    type:
      description: The kind of campaign.
      type: str
    state:
      description: The campaign's state in lower case, such as V(started), V(paused), V(stopped), V(finished); null where the server does not tell it.
      type: str
    participants:
      description: The number of participants.
      type: raw
    finished:
      description: The number of participants in this state. A server that sends a flag instead of a number has it returned as a boolean.
      type: raw
    pending_build:
      description: As RV(campaigns[].finished).
      type: raw
    pending_send:
      description: As RV(campaigns[].finished).
      type: raw
    failed:
      description: As RV(campaigns[].finished).
      type: raw
    canceled:
      description: As RV(campaigns[].finished).
      type: raw
    progress:
      description: Percent of the participants that are finished, failed or canceled; null where the server sends no numbers.
      type: float
    extra:
      description: What else the server sent.
      type: dict
  sample:
    - campaign_id: 144
      name: Roaming list spring
      type: RFM
      state: started
      participants: 40
      finished: 20
      pending_build: 0
      pending_send: 15
      failed: 5
      canceled: 0
      progress: 62.5
      extra: {}
count:
  description: The number of RV(campaigns).
  returned: success
  type: int
  sample: 1
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: transport
    request: query_campaigns
    code: null
    http_status: null
    message: Connection refused
"""

from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._api.reader import PAGE_SIZE
from ..module_utils._core.identifiers import check_positive

ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw"},
    "name": {"type": "str"},
    "limit": {"type": "int"},
    "offset": {"type": "int"},
    "page_size": {"type": "int", "default": PAGE_SIZE},
}
RULES: dict[str, Any] = {
    "mutually_exclusive": [("campaign_id", "name"), ("campaign_id", "limit"), ("name", "limit")],
    "required_by": {"offset": ("limit",)},
}


def run(task: Task) -> dict[str, Any]:
    """Read one campaign, or the list."""
    params = task.params
    for option, least in (("campaign_id", 1), ("limit", 1), ("offset", 0), ("page_size", 2)):
        check_positive(option, params[option], least)
    if params["campaign_id"] or params["name"]:
        campaigns = [task.reader.campaign(params["campaign_id"] or task.reader.campaign_id(params["name"]))]
    else:
        campaigns = list(task.reader.campaigns(params["limit"], params["offset"], params["page_size"]))
    return {"changed": False, "campaigns": [campaign.result() for campaign in campaigns], "count": len(campaigns)}


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
