#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_campaign
short_description: Start, pause, stop or restart a YateOTA campaign
version_added: 1.0.0
description:
  - Brings a campaign to a state. Where it is there already, nothing is sent.
  - A transition that makes no sense, such as pausing a finished campaign, is an error, in check mode too.
  - Where no answer of the server tells the campaign's state, the action is sent, the task is changed, and a warning says so.
options:
  campaign_id:
    description: The campaign. Exactly one of O(campaign_id) and O(name) is needed.
    type: raw
  name:
    description: The campaign by its name. That no campaign or several have it is an error that lists what is there.
    type: str
  state:
    description:
      - V(started), V(paused) and V(stopped) are states to be in.
      - V(restarted) sends C(restart) whatever the state, and is changed each time.
    type: str
    required: true
    choices: [started, paused, stopped, restarted]
  wait:
    description: Whether to wait until the server reports the state.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at the most. It is a failure when the state has not come by then.
    type: int
    default: 60
  wait_interval:
    description: Seconds between two looks at the state.
    type: int
    default: 2
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.writes
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Pause a campaign
  simops.yateota.yateota_campaign:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
    campaign_id: 144
    state: paused

- name: Stop a campaign by its name, and wait until it has stopped
  simops.yateota.yateota_campaign:
    name: Roaming list spring
    state: stopped
    wait: true

- name: Run a campaign anew
  simops.yateota.yateota_campaign:
    campaign_id: 144
    state: restarted
"""

RETURN = r"""
action:
  description: The action sent, or in check mode the one that would be; null where none is needed.
  returned: success
  type: str
  sample: pause
campaign:
  description: The campaign afterwards, with the fields that M(simops.yateota.yateota_campaign_info) returns. In check mode its state is the expected one.
  returned: success
  type: dict
  sample:
    campaign_id: 144
    name: Roaming list spring
    state: paused
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: invalid_input
    request: null
    code: null
    http_status: null
    message: null
"""

import time
from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._api.delivery import send_write
from ..module_utils._api.models import Campaign
from ..module_utils._core.errors import ApiError, OutcomeUnknownError, YateotaError
from ..module_utils._core.identifiers import check_positive
from ..module_utils._core.policy import CAMPAIGN_STATES, CampaignPlan, plan_campaign

ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw"},
    "name": {"type": "str"},
    "state": {"type": "str", "required": True, "choices": list(CAMPAIGN_STATES)},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 60},
    "wait_interval": {"type": "int", "default": 2},
}
RULES: dict[str, Any] = {
    "mutually_exclusive": [("campaign_id", "name")],
    "required_one_of": [("campaign_id", "name")],
}


def run(task: Task) -> dict[str, Any]:
    """Read, plan, send, read again."""
    for option in ("campaign_id", "wait_timeout", "wait_interval"):
        check_positive(option, task.params[option])
    campaign_id = task.params["campaign_id"] or task.reader.campaign_id(task.params["name"])
    campaign = task.reader.campaign(campaign_id)
    plan = plan_campaign(campaign_id, campaign.state, task.params["state"])
    if plan.before is None:
        task.warn(f"The state of campaign {campaign_id} could not be read: {plan.action} is sent whatever it is.")
    if plan.changed and task.check_mode:
        campaign.state = plan.after
    elif plan.changed:
        campaign = send(task, campaign_id, plan)
    return {
        "changed": plan.changed,
        "action": plan.action,
        "campaign": campaign.result(),
        "diff": plan.diff(campaign_id),
    }


def send(task: Task, campaign_id: int, plan: CampaignPlan) -> Campaign:
    """Send the action and return the campaign afterwards."""
    try:
        send_write(task.client, "action_campaign", {"campaign_id": campaign_id, "action": plan.action})
    except OutcomeUnknownError as unknown:
        return settled(task, campaign_id, plan, unknown)
    try:
        return awaited(task, campaign_id, plan)
    except YateotaError as error:
        done = {"changed": True, "action": plan.action, "diff": plan.diff(campaign_id)}
        raise error.restated(f"{plan.action} of campaign {campaign_id} was accepted, but: {error}", done) from None


def settled(task: Task, campaign_id: int, plan: CampaignPlan, unknown: OutcomeUnknownError) -> Campaign:
    """The campaign where its new state proves that the action was carried out; else the outcome stays unknown."""
    try:
        campaign = task.reader.campaign(campaign_id)
    except YateotaError:
        raise unknown from None
    if plan.before is None or campaign.state == plan.before or not plan.reached(campaign.state):
        raise unknown
    task.warn(f"No answer came to {plan.action} of campaign {campaign_id}, but it is {campaign.state} now.")
    return campaign


def awaited(task: Task, campaign_id: int, plan: CampaignPlan) -> Campaign:
    """The campaign after an action that the server accepted, with ``wait`` once it has reached its state."""
    deadline = time.monotonic() + task.params["wait_timeout"]
    while True:
        campaign = task.reader.campaign(campaign_id)
        if campaign.state is None or plan.reached(campaign.state):
            return campaign
        if not task.params["wait"]:
            task.warn(f"The server accepted {plan.action}, but campaign {campaign_id} is still {campaign.state}.")
            return campaign
        left = deadline - time.monotonic()
        if left <= 0:
            raise ApiError(
                f"it is {campaign.state} and not {plan.after} {task.params['wait_timeout']} s later: "
                "look at the server, or raise wait_timeout.",
                request="action_campaign",
                code=0,
            )
        time.sleep(min(task.params["wait_interval"], left))


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
