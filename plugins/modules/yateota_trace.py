#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_trace
short_description: Trace a participant of a YateOTA campaign
version_added: 1.0.0
description:
  - Reads what happened to one participant (SIM) of a campaign, message by message.
options:
  campaign_id:
    description: The campaign.
    type: raw
    required: true
  participant_id:
    description: The participant, by its id. Exactly one of O(participant_id), O(msisdn) and O(imsi) is needed.
    type: raw
  msisdn:
    description: The participant, by its phone number. Up to 15 digits, with an optional C(+) in front. Quote it.
    type: raw
  imsi:
    description: The participant, by its IMSI. 14 or 15 digits. Quote it, so that leading zeros stay.
    type: raw
  dest:
    description:
      - File to write the trace to, as JSON. Its folder must exist.
      - The file is readable by its owner alone. The module is changed when the file's content is.
    type: path
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Trace a participant by its id
  simops.yateota.yateota_trace:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
    campaign_id: 142
    participant_id: 161
  register: traced

- name: Keep the trace of a phone number with the ticket
  simops.yateota.yateota_trace:
    campaign_id: 142
    msisdn: "+15550000161"
    dest: /var/lib/yateota/CHG0042-trace.json
"""

RETURN = r"""
trace:
  description: The trace as the server gave it, usually a list of events. Keys of a SIM, should they appear, are left out.
  returned: success
  type: raw
dest:
  description: The file written.
  returned: success and O(dest) is set
  type: str
  sample: /var/lib/yateota/CHG0042-trace.json
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: api
    request: trace
    code: 404
    http_status: 200
    message: Participant not found
"""

import json
from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._core.errors import lacking
from ..module_utils._core.identifiers import check_identification
from ..module_utils._report.rows import Export

ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw", "required": True},
    "participant_id": {"type": "raw"},
    "msisdn": {"type": "raw"},
    "imsi": {"type": "raw"},
    "dest": {"type": "path"},
}
RULES: dict[str, Any] = {
    "mutually_exclusive": [("participant_id", "msisdn", "imsi")],
    "required_one_of": [("participant_id", "msisdn", "imsi")],
}


def run(task: Task) -> dict[str, Any]:
    """Trace the participant, and write the trace to ``dest`` where one is given."""
    params = task.params
    wanted = {name: params[name] for name in ("campaign_id", "participant_id", "msisdn", "imsi")}
    check_identification(wanted)
    trace = trace_in(task.client.call("trace", wanted))
    if not params["dest"]:
        return {"changed": False, "trace": trace}
    with Export(params["dest"], task.check_mode) as export:
        json.dump(trace, export.file, indent=2)
        export.file.write("\n")
    return {"changed": export.changed, "trace": trace, "dest": params["dest"]}


def trace_in(answer: dict[str, Any]) -> Any:
    """The trace that an answer carries: what it calls `trace` [A], or else all that it says."""
    told = {name: value for name, value in answer.items() if name != "code"}
    if "trace" not in told and len(told) != 1:
        raise lacking("trace", told, "trace")
    return told["trace"] if "trace" in told else next(iter(told.values()))


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
