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
  - If the server's C(query_campaigns) returns no ids or states, they are taken from C(get_campaign).
options:
  campaign_id:
    description: Read only this campaign.
    type: raw
  name:
    description: Read only the campaign of this name. The task fails if no campaign or several have it.
    type: str
  limit:
    description: Read at most this many campaigns, in one request. Must be 1 or more.
    type: int
  offset:
    description: Skip this many campaigns at the start of the list. Requires O(limit). Must be 0 or more.
    type: int
  page_size:
    description: How many campaigns to ask for at once if the server lists them in pages. Must be 2 or more.
    type: int
    default: 1000  # from _api.reader.PAGE_SIZE
  metrics_dest:
    description:
      - File to write metrics of the campaigns that were read to, in a folder of the textfile collector of Prometheus's node exporter. Use one file for
        each server and node. It is replaced as a whole, and every user may read it. The module is changed if the file's content is.
      - C(yateota_campaigns) counts the campaigns by state. For each campaign there are C(yateota_campaign_state),
        C(yateota_campaign_participants) by server state, and C(yateota_campaign_progress_ratio).
      - Digits in a campaign's name that may be those of an identifier are left out.
    type: path
    version_added: 1.1.0
  wait:
    description:
      - Read the campaign of O(campaign_id) or O(name) repeatedly, until it has finished, too many of its participants have
        failed, it is paused or stopped, or the time is over. RV(watched) shows which of them applies. None of them makes the task fail.
      - After each reading a line shows the progress of the campaign. The lines are for people. They are written to standard error, so that they
        appear in a terminal and in the output of an AWX job, and do not change the output of callbacks such as C(json).
      - After the first reading, a server that cannot be reached for a while does not end the wait.
      - In check mode, and in a task with C(async), the campaign is read once.
    type: dict
    version_added: 1.1.0
    suboptions:
      timeout:
        description: The longest time to wait after the first reading, in seconds. Must be 0 or more.
        type: float
        default: 3600
      interval:
        description: Seconds between two readings. Must be 1 or more.
        type: float
        default: 60
      max_failed_percentage:
        description: >-
          The percentage that may have failed, of all participants of the campaign that have ended, finished or failed. Participants that
          ended before the wait began count too. There is no limit if it is not set.
        type: float
      minimum:
        description: >-
          The number of participants that must have ended before O(wait.max_failed_percentage) applies to a campaign that has not finished. It
          applies to each that has.
        type: int
        default: 20
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
requirements:
  - prometheus_client >= 0.20 (for metrics)
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

- name: Wait until a campaign has finished, for up to an hour, or too many have failed
  simops.yateota.yateota_campaign_info:
    campaign_id: 144
    wait:
      timeout: 3600
      interval: 30
      max_failed_percentage: 10
  register: waited
  failed_when: waited.failure is defined or waited.watched.verdict != 'finished'

- name: Write the metrics of all campaigns where the node exporter finds them
  simops.yateota.yateota_campaign_info:
    metrics_dest: /var/lib/prometheus/node-exporter/yateota_campaigns.prom

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
      description: The campaign's id, null if the server does not return it.
      type: int
    name:
      description: The campaign's name.
      type: str
    type:
      description: The kind of campaign.
      type: str
    state:
      description: The campaign's state in lower case, such as V(started), V(paused), V(stopped), V(finished); null if the server does not return it.
      type: str
    participants:
      description: The number of participants.
      type: raw
    finished:
      description: The number of participants in this state; a boolean if the server sends a flag instead of a number.
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
      description: The percentage of participants that are finished, failed or canceled; null if the server sends no numbers.
      type: float
    extra:
      description: Other fields that the server sent.
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
api_url:
  description: The URL of the server that was read, in the spelling that a ledger has.
  returned: success
  type: str
  sample: https://ota.example.net/api.php
node:
  description: Its node.
  returned: success
  type: str
  sample: ota
count:
  description: The number of RV(campaigns).
  returned: success
  type: int
  sample: 1
metrics:
  description: The textfile written.
  returned: O(metrics_dest) is set, not in check mode
  type: str
  sample: /var/lib/prometheus/node-exporter/yateota_north.prom
watched:
  description: The verdict on the campaign, with O(wait).
  returned: success, with O(wait)
  type: dict
  contains:
    verdict:
      description:
        - V(finished), the campaign has finished. V(bad), more than O(wait.max_failed_percentage) have failed.
        - V(not_running), it is paused or stopped. V(uncounted), the server reports no numbers.
        - V(running), it had not finished when the time was over. V(unread), it could not be read at that time.
      type: str
    failed_percentage:
      description: The percentage of failed participants among those that have ended. Null if it is not known.
      type: float
    text:
      description: The progress of the campaign, in a sentence.
      type: str
    looks:
      description: How many times it was read.
      type: int
  sample:
    verdict: finished
    failed_percentage: 2.8
    text: "Campaign 144 (Roaming list spring) is finished: 35 of 36 finished, 1 failed, 2.8 percent of those that have ended."
    looks: 12
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
from ..module_utils._core.bounds import check_bounds
from ..module_utils._core.errors import InvalidInputError
from ..module_utils._core.watching import watched
from ..module_utils._report.metrics import campaign_metrics, check_metrics, write_metrics

# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw"},
    "name": {"type": "str"},
    "limit": {"type": "int"},
    "offset": {"type": "int"},
    "page_size": {"type": "int", "default": 1000},
    "metrics_dest": {"type": "path"},
    "wait": {
        "type": "dict",
        "options": {
            "timeout": {"type": "float", "default": 3600},
            "interval": {"type": "float", "default": 60},
            "max_failed_percentage": {"type": "float"},
            "minimum": {"type": "int", "default": 20},
        },
    },
}
BOUNDS: dict[str, dict[str, float]] = {
    "limit": {"least": 1},
    "offset": {"least": 0},
    "page_size": {"least": 2},
    "wait.timeout": {"least": 0},
    "wait.interval": {"least": 1},
}
# End of the generated part.
RULES: dict[str, Any] = {
    "mutually_exclusive": [("campaign_id", "name"), ("campaign_id", "limit"), ("name", "limit")],
    "required_by": {"offset": ("limit",)},
}


def run(task: Task) -> dict[str, Any]:
    """Read one campaign, or the list. To read again while ``wait`` lasts is up to the action of the same name."""
    params, wait = task.params, task.params["wait"]
    check_bounds(params, BOUNDS)
    if params["metrics_dest"]:
        check_metrics(params["metrics_dest"], task.check_mode)
    if wait and not (params["campaign_id"] or params["name"]):
        raise InvalidInputError("wait is for one campaign: set campaign_id or name.")
    if params["campaign_id"] or params["name"]:
        campaigns = [task.reader.campaign(params["campaign_id"] or task.reader.campaign_id(params["name"]))]
    else:
        campaigns = list(task.reader.campaigns(params["limit"], params["offset"], params["page_size"]))
    result = {"changed": False, "campaigns": [campaign.result() for campaign in campaigns], "count": len(campaigns)}
    result |= {"api_url": task.server.api_url, "node": task.server.node}
    if params["metrics_dest"]:
        result |= _written(task, result["campaigns"])
    if wait:
        found = watched(result["campaigns"][0], wait["max_failed_percentage"], wait["minimum"])
        result["watched"] = {**found, "looks": 1}
    return result


def _written(task: Task, campaigns: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the textfile, and return what the result has of it."""
    dest, server = task.params["metrics_dest"], task.server
    text = campaign_metrics(campaigns, server.api_url, server.node)
    return {"changed": write_metrics(dest, text, task.check_mode), **({} if task.check_mode else {"metrics": dest})}


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
