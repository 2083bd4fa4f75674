#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_participant_info
short_description: Read the participants of a YateOTA campaign
version_added: 1.0.0
description:
  - Reads all participants (SIMs) of a campaign, those in one state, a part of the list, or only counts them.
  - The list may change while it is read. No participant that stays in the list is lost, and none is returned twice.
options:
  campaign_id:
    description: The campaign.
    type: raw
    required: true
  state:
    description: Read only the participants in this state. The API has no filter for other states.
    type: str
    choices: [pending_build, pending_send, failed, finished]  # from _core.states.FILTER_STATES
  limit:
    description: Read at most this many participants, in one request. Must be 1 or more.
    type: int
  offset:
    description: Skip this many participants at the start of the list. Requires O(limit). Must be 0 or more.
    type: int
  page_size:
    description: How many participants to ask for at once when all are read. Must be 2 or more.
    type: int
    default: 1000  # from _api.reader.PAGE_SIZE
  count_only:
    description:
      - Return only the counts. Without O(state) this takes one request, and RV(states) is empty.
      - With O(state) the list is read and counted.
    type: bool
    default: false
  dest:
    description:
      - File to write the participants to as they are read, instead of returning them. Its folder must exist.
      - It is written under a temporary name and moved into place when it is complete. Only its owner can read the file.
      - The module is changed if the file's content is.
    type: path
  format:
    description:
      - The format of O(dest), V(csv) with a header line, or V(jsonl), one JSON object per line.
      - In V(csv), text that a spreadsheet would run as a formula, and the C(+) of a phone number, get an apostrophe in front.
        O(simops.yateota.yateota_bulk#module:selection.source) removes it again.
    type: str
    choices: [csv, jsonl]  # from _report.rows.FORMATS
    default: csv
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.reads
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Count the participants of a campaign
  simops.yateota.yateota_participant_info:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
    campaign_id: 176
    count_only: true

- name: Read the failed participants
  simops.yateota.yateota_participant_info:
    campaign_id: 167
    state: failed
  register: failed

- name: Write all participants to a CSV file
  simops.yateota.yateota_participant_info:
    campaign_id: 167
    dest: /var/lib/yateota/campaign-167.csv
"""

RETURN = r"""
count:
  description: The number of participants read, or with O(count_only) counted.
  returned: success
  type: int
  sample: 2
states:
  description: How many of the participants read are in each state.
  returned: success
  type: dict
  sample:
    failed: 2
participants:
  description: The participants in the server's order.
  returned: success and neither O(count_only) nor O(dest) is set
  type: list
  elements: dict
  contains:
    participant_id:
      description: The participant's id.
      type: int
    campaign_id:
      description: The campaign's id.
      type: int
    imsi:
      description: The IMSI, as text with its leading zeros.
      type: str
    iccid:
      description: The ICCID, as text.
      type: str
    msisdn:
      description: The phone number, as text.
      type: str
    state:
      description: The state in lower case, such as V(pending_send), V(waiting_por), V(finished), V(failed).
      type: str
    extra:
      description: Other fields that the server sent.
      type: dict
  sample:
    - participant_id: 195
      campaign_id: 167
      imsi: "001010000000195"
      iccid: "8900101000000001959"
      msisdn: "15550000195"
      state: failed
      extra: {}
dest:
  description: The file written. In CSV, C(extra) is a column of JSON.
  returned: success and O(dest) is set
  type: str
  sample: /var/lib/yateota/campaign-167.csv
failure:
  description: What went wrong, for playbooks to decide on.
  returned: failure
  type: dict
  sample:
    kind: api
    request: query_participants
    code: 404
    http_status: 200
    message: Campaign not found
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._api.models import Participant
from ..module_utils._core.bounds import check_bounds
from ..module_utils._report.rows import Export, RowWriter

# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw", "required": True},
    "state": {"type": "str", "choices": ["pending_build", "pending_send", "failed", "finished"]},
    "limit": {"type": "int"},
    "offset": {"type": "int"},
    "page_size": {"type": "int", "default": 1000},
    "count_only": {"type": "bool", "default": False},
    "dest": {"type": "path"},
    "format": {"type": "str", "choices": ["csv", "jsonl"], "default": "csv"},
}
BOUNDS: dict[str, dict[str, float]] = {"limit": {"least": 1}, "offset": {"least": 0}, "page_size": {"least": 2}}
# End of the generated part.
RULES: dict[str, Any] = {
    "mutually_exclusive": [("count_only", "dest"), ("count_only", "limit")],
    "required_by": {"offset": ("limit",)},
}


def run(task: Task) -> dict[str, Any]:
    """Count the participants, or read them: into the result, or into ``dest``."""
    params = task.params
    check_bounds(params, BOUNDS)
    if params["count_only"] and not params["state"]:
        count = task.reader.participant_count(params["campaign_id"])
        if count is not None:  # else the list is read and counted
            return {"changed": False, "count": count, "states": {}}
    states: Counter[str] = Counter()
    rows = counted(pages(task), states)
    result: dict[str, Any] = {"changed": False}
    if params["dest"]:
        with Export(params["dest"], task.check_mode) as export:
            writer = RowWriter(export.file, params["format"], Participant().result())
            for row in rows:
                writer.write(row)
        result.update(changed=export.changed, dest=params["dest"])
    elif params["count_only"]:
        for _row in rows:
            pass
    else:
        result["participants"] = list(rows)
    return {**result, "count": states.total(), "states": dict(states)}


def pages(task: Task) -> Iterable[list[Participant]]:
    """The pages that the options ask for."""
    params = task.params
    if params["limit"]:
        where = (params["campaign_id"], params["state"], params["limit"], params["offset"] or 0)
        return [task.reader.participants_page(*where)]
    return task.reader.participants(params["campaign_id"], params["state"], params["page_size"])


def counted(read: Iterable[list[Participant]], states: Counter[str]) -> Iterator[dict[str, Any]]:
    """The participants as rows, each counted by its state on the way."""
    for page in read:
        for participant in page:
            states[participant.state or "unknown"] += 1
            yield participant.result()


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
