#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_participant_info
short_description: Read or count the participants of a YateOTA campaign, or write them to a file
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
  concurrency:
    description:
      - How many pages may be under way at once. The server's front end serves 3 requests at a time by default. Must be 1 or more.
      - Fewer are used while the server answers so much later that more do not help.
    type: int
    default: 3
    version_added: 1.1.0
  count_only:
    description:
      - Return only the counts. Without O(state) this takes one request, and RV(states) is empty.
      - With O(state) the list is read and counted.
    type: bool
    default: false
  analyze:
    description:
      - Compare the groups of participants whose delivery has ended, and return those that fail more often than the others as RV(cohorts).
      - The whole list is read, and the participants are not returned. Use O(dest) to write them to a file too.
    type: bool
    default: false
    version_added: 1.1.0
  dest:
    description:
      - File to write the participants to as they are read, instead of returning them. Its folder must exist.
      - It is written under a temporary name and moved into place when it is complete. Only its owner can read the file.
      - The module is changed if the file's content is.
    type: path
  format:
    description:
      - The format of O(dest), V(csv) with a header line, or V(jsonl), one JSON object per line.
      - In V(csv), text that a spreadsheet would run as a formula, and the C(+) of a phone number, get an apostrophe in front, also within a text behind
        a character that separates cells in some spreadsheets, such as the semicolon.
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

- name: Find the SIMs that fail more often than the others
  simops.yateota.yateota_participant_info:
    campaign_id: 167
    analyze: true
  register: analyzed

- name: Show them
  ansible.builtin.debug:
    msg: "{{ analyzed.cohorts.worst | map(attribute='sentence') | list }}"

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
  returned: success and none of O(count_only), O(analyze) and O(dest) is set
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
cohorts:
  description:
    - Which participants fail more often than the others, among those whose delivery has ended.
    - A cohort is a group of participants with the same first digits of the ICCID (7 for the issuer, 9 and 11 for batches), the same first
      digits of the IMSI (5 and 6, because an MNC has 2 or 3 digits and the IMSI does not show which).
    - Only groups of 20 and more are compared. No whole identifier is returned.
  returned: success and O(analyze) is set
  type: dict
  contains:
    size:
      description: How many participants have finished or failed.
      type: int
    failed:
      description: How many of them have failed.
      type: int
    percentage:
      description: The share of failures in percent. Null if RV(cohorts.size) is 0.
      type: float
    compared:
      description: How many cohorts were compared with the rest.
      type: int
    complete:
      description: V(false) if there were more than 20,000 groups of a kind. Small groups may be missing then, and counts may be too low.
      type: bool
    worst:
      description:
        - The 20 worst of the cohorts that fail more often than all other participants, by the lower limit of the lift. Empty if none does.
        - Chance alone would name any of them in fewer than 1 of 40 analyses, by Fisher's exact test with the correction of Bonferroni for the
          number of cohorts compared.
        - A longer prefix is left out if it fails no more often than a shorter one that is listed, and a shorter one if it fails more often only
          because of longer ones.
      type: list
      elements: dict
      contains:
        kind:
          description: What the participants have in common, one of V(iccid_prefix) and V(imsi_prefix).
          type: str
        value:
          description: The prefix.
          type: str
        size:
          description: How many participants it has.
          type: int
        failed:
          description: How many of them failed.
          type: int
        percentage:
          description: The share of failures in percent.
          type: float
        percentage_low:
          description: The lower limit of its 95 % interval, after Wilson.
          type: float
        percentage_high:
          description: The upper limit.
          type: float
        rest_percentage:
          description: The share of failures of all other participants.
          type: float
        lift:
          description: RV(cohorts.worst[].percentage) divided by RV(cohorts.worst[].rest_percentage). Null if none of the rest failed.
          type: float
        lift_low:
          description: The lower limit of its 95 % interval, that of the logarithm of the ratio, with half a failure added on both sides.
          type: float
        lift_high:
          description: The upper limit.
          type: float
        sentence:
          description: The finding in words.
          type: str
    reasons:
      description: Always empty, because the server's list has no reasons. The cohorts of a change have them.
      type: list
      elements: dict
  sample:
    size: 2000
    failed: 202
    percentage: 10.1
    compared: 14
    complete: true
    worst:
      - kind: iccid_prefix
        value: "894310100"
        size: 400
        failed: 124
        percentage: 31.0
        percentage_low: 26.66
        percentage_high: 35.7
        rest_percentage: 7.42
        lift: 4.18
        lift_low: 3.23
        lift_high: 5.38
        sentence: "SIMs 894310100: 31 % failed, 4.2 times the rest"
    reasons: []
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
from ..module_utils._api.models import PARTICIPANT_COLUMNS, Participant, row_of
from ..module_utils._core.bounds import check_bounds
from ..module_utils._core.cohorts import ICCID_DIGITS, IMSI_DIGITS, GroupCounts, Kind, cohorts_result
from ..module_utils._core.states import ServerState
from ..module_utils._report.rows import Export, RowWriter

# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "campaign_id": {"type": "raw", "required": True},
    "state": {"type": "str", "choices": ["pending_build", "pending_send", "failed", "finished"]},
    "limit": {"type": "int"},
    "offset": {"type": "int"},
    "page_size": {"type": "int", "default": 1000},
    "concurrency": {"type": "int", "default": 3},
    "count_only": {"type": "bool", "default": False},
    "analyze": {"type": "bool", "default": False},
    "dest": {"type": "path"},
    "format": {"type": "str", "choices": ["csv", "jsonl"], "default": "csv"},
}
BOUNDS: dict[str, dict[str, float]] = {
    "limit": {"least": 1},
    "offset": {"least": 0},
    "page_size": {"least": 2},
    "concurrency": {"least": 1},
}
# End of the generated part.
RULES: dict[str, Any] = {
    "mutually_exclusive": [
        ("count_only", "dest"),
        ("count_only", "limit"),
        ("analyze", "count_only"),
        ("analyze", "limit"),
        ("analyze", "state"),
    ],
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
    groups = GroupCounts()
    read = counted(pages(task), states)
    if params["analyze"]:
        read = analyzed(read, groups)
    result: dict[str, Any] = {"changed": False}
    if params["dest"]:
        with Export(params["dest"], task.check_mode) as export:
            writer = RowWriter(export.file, params["format"], PARTICIPANT_COLUMNS)
            for page in read:
                writer.write_block(list(map(row_of, page)))
        result.update(changed=export.changed, dest=params["dest"])
    elif params["count_only"] or params["analyze"]:
        for _page in read:
            pass
    else:
        result["participants"] = [participant.result() for page in read for participant in page]
    if params["analyze"]:
        result["cohorts"] = cohorts_result(groups)
    return {**result, "count": states.total(), "states": dict(states)}


def pages(task: Task) -> Iterable[list[Participant]]:
    """The pages that the options ask for."""
    params = task.params
    if params["limit"]:
        where = (params["campaign_id"], params["state"], params["limit"], params["offset"] or 0)
        return [task.reader.participants_page(*where)]
    return task.reader.participants(params["campaign_id"], params["state"], params["page_size"])


def analyzed(read: Iterable[list[Participant]], groups: GroupCounts) -> Iterator[list[Participant]]:
    """The pages, those in them whose delivery has ended tallied on the way."""
    for page in read:
        ended = [each for each in page if each.state in (ServerState.FINISHED, ServerState.FAILED)]
        groups.add_total(len(ended), sum(each.state == ServerState.FAILED for each in ended))
        # A page has few different prefixes: they are counted first.
        for kind, digits in ((Kind.ICCID_PREFIX, max(ICCID_DIGITS)), (Kind.IMSI_PREFIX, max(IMSI_DIGITS))):
            names = [(each.iccid if kind is Kind.ICCID_PREFIX else each.imsi) or "" for each in ended]
            sizes = Counter(name[:digits] for name in names)
            failed = Counter(
                name[:digits] for name, each in zip(names, ended, strict=True) if each.state == ServerState.FAILED
            )
            for prefix, size in sizes.items():
                groups.add(kind, prefix, size, failed[prefix])
        yield page


def counted(read: Iterable[list[Participant]], states: Counter[str]) -> Iterator[list[Participant]]:
    """The pages, the participants in them counted by their states on the way."""
    for page in read:
        states.update(participant.state or "unknown" for participant in page)
        yield page


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
