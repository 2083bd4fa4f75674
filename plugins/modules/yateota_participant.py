#!/usr/bin/python
# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: yateota_participant
short_description: Cancel, hurry, retry, rebuild or rerun participants of YateOTA campaigns
version_added: 1.0.0
description:
  - Acts on one participant (SIM) or on a list of them, in one task and over kept-alive connections.
  - If O(campaign_id) is given so that the participant's state can be read, an action that is already done or under way is not sent again, and
    an action that cannot apply is refused before anything of the list is sent.
  - If the state cannot be read, the action is sent, and the task is changed.
  - A participant that the list names twice is acted on once.
  - An action is never sent a second time on a guess. If no answer came and the participant's new state proves nothing, its outcome
    is V(unknown) and the task fails.
notes:
  - V(retry), V(hurry) and V(cancel) are sent by O(participant_id), else O(iccid), else O(imsi). V(retry_build) is sent by O(iccid), else
    O(imsi). V(rerun) is sent by O(iccid), else O(imsi), else O(msisdn), and runs the SIM's other campaigns again too. A participant with none
    of them is refused.
  - If two entries of the list may be one participant, such as an IMSI and an ICCID without a campaign, or an ICCID with and without its check digit,
    the list is refused.
  - O(action=rerun) first resets the SIM's OTA counter. A wrong reset can lock a SIM out of OTA, and the API cannot make a second reset harmless.
options:
  action:
    description:
      - V(cancel) stops sending a message.
      - V(hurry) sends a pending message now. A failed one cannot be hurried.
      - V(retry) sends a failed or canceled message again.
      - V(retry_build) builds the message of a participant that was V(unallocated) because its SIM had no subscriber when the campaign was
        defined by a range. Identify it by the ICCID or IMSI as used in the range.
      - V(rerun) runs the older campaigns of a SIM again, after its eSIM profile was downloaded again. By O(msisdn), only the campaigns of the number
        on its current IMSI are run.
    type: str
    required: true
    choices: [cancel, hurry, retry, retry_build, rerun]  # from _core.states.Action
  participant_id:
    description: The participant's id.
    type: raw
  iccid:
    description: The SIM's ICCID, 18 to 22 digits. Quote it, so that it stays text. A wrong Luhn check digit at its end gives a warning.
    type: raw
  imsi:
    description: The SIM's IMSI, 14 or 15 digits. Quote it to keep leading zeros.
    type: raw
  msisdn:
    description: The phone number, up to 15 digits, with an optional C(+) in front. Quote it.
    type: raw
  campaign_id:
    description:
      - The participant's campaign. If it is given, the participant's state is read before anything is sent.
      - With O(participants), the campaign of participants that name none.
    type: raw
  participants:
    description:
      - A list of participants, each with at least one of the identifiers. A participant that is named twice is acted on once.
      - A list that names a SIM both with and without a campaign is refused, except for V(rerun), which acts on a SIM once for all campaigns.
    type: list
    elements: dict
    suboptions:
      participant_id:
        description: As O(participant_id).
        type: raw
      iccid:
        description: As O(iccid).
        type: raw
      imsi:
        description: As O(imsi).
        type: raw
      msisdn:
        description: As O(msisdn).
        type: raw
      campaign_id:
        description: As O(campaign_id).
        type: raw
      state:
        description: Ignored. It is accepted so that participants can be given as M(simops.yateota.yateota_participant_info) returns them.
        type: str
      extra:
        description: Ignored, as O(participants[].state).
        type: dict
  state_lookup:
    description:
      - How participants' states are read. The API cannot look up a single participant, so the campaign's list is read, once for all of them.
      - V(auto) reads at most 20 pages of 1000 participants per campaign. For participants not found by then the action is sent, and a warning says so.
      - V(always) reads to the end of the list, and needs a campaign for each participant.
      - V(never) reads nothing, and sends the action.
    type: str
    choices: [auto, always, never]
    default: auto
  force:
    description: Send the action in any state of the participant.
    type: bool
    default: false
  concurrency:
    description: How many requests may be under way at once. The server's front end serves 3 at a time by default. Must be 1 or more.
    type: int
    default: 3
extends_documentation_fragment:
  - simops.yateota.connection
  - simops.yateota.connection.actiongroup
  - simops.yateota.connection.writes
author:
  - The simops.yateota contributors (@simops)
"""

EXAMPLES = r"""
- name: Send the message of a participant again
  simops.yateota.yateota_participant:
    api_url: https://ota.example.net/api.php
    api_secret: "{{ vault_yateota_secret }}"
    action: retry
    campaign_id: 167
    participant_id: 195

- name: Read the failed participants of a campaign
  simops.yateota.yateota_participant_info:
    campaign_id: 167
    state: failed
  register: failed

- name: Retry all of them in one task
  simops.yateota.yateota_participant:
    action: retry
    campaign_id: 167
    participants: "{{ failed.participants }}"

- name: Build the messages of SIMs that came online
  simops.yateota.yateota_participant:
    action: retry_build
    participants:
      - iccid: "8900101000000001769"
      - iccid: "8900101000000001777"
"""

RETURN = r"""
results:
  description: One entry per participant, in the order given.
  returned: success, and failure once the options are valid
  type: list
  elements: dict
  contains:
    participant_id:
      description: The identifiers and the campaign as given; those not given are null.
      type: int
    iccid:
      description: As given.
      type: str
    imsi:
      description: As given.
      type: str
    msisdn:
      description: As given.
      type: str
    campaign_id:
      description: As given.
      type: int
    before:
      description: The state before, null where it was not read.
      type: str
    after:
      description:
        - The state that the action leads to; where nothing was sent, the state read.
        - Null where it is not known. The participant moves on by itself, read it for the state it has reached.
      type: str
    action:
      description: The action sent, or in check mode the one that would be; null where none is.
      type: str
    outcome:
      description: V(acted), V(unchanged), V(refused), by its state or by the server (codes 401 to 404), V(failed) or V(unknown).
      type: str
    message:
      description: Why it is so, empty where there is nothing to say.
      type: str
  sample:
    - participant_id: 195
      iccid: null
      imsi: null
      msisdn: null
      campaign_id: 167
      before: failed
      after: pending_send
      action: retry
      outcome: acted
      message: ""
summary:
  description: How many participants came to each outcome.
  returned: success, and failure once the options are valid
  type: dict
  sample:
    acted: 1
    unchanged: 0
    refused: 0
    failed: 0
    unknown: 0
failure:
  description: What went wrong first, for playbooks to decide on. Outcomes that are unknown go before all others.
  returned: failure
  type: dict
  sample:
    kind: outcome_unknown
    request: action_participant
    code: null
    http_status: null
    message: no answer within the timeout
"""

import threading
from collections.abc import Mapping
from typing import Any

from ..module_utils._ansible.module import Task, run_module
from ..module_utils._core.bounds import check_bounds
from ..module_utils._core.errors import InvalidInputError, YateotaError
from ..module_utils._core.identifiers import IDENTIFIERS
from ..module_utils._core.signals import stops_on_signals
from ..module_utils._core.task_result import TaskResult
from ..module_utils._direct import results
from ..module_utils._direct.entries import AUTO_PAGES, Entry, entries_of, look_up
from ..module_utils._direct.judging import judge
from ..module_utils._direct.sending import act, settle_unknown, unknown_of

_IDENTIFICATION = (*IDENTIFIERS, "campaign_id")
# Generated by `make generate` from DOCUMENTATION: do not edit.
ARGUMENTS: dict[str, Any] = {
    "action": {"type": "str", "required": True, "choices": ["cancel", "hurry", "retry", "retry_build", "rerun"]},
    "participant_id": {"type": "raw"},
    "iccid": {"type": "raw"},
    "imsi": {"type": "raw"},
    "msisdn": {"type": "raw"},
    "campaign_id": {"type": "raw"},
    "participants": {
        "type": "list",
        "elements": "dict",
        "options": {
            "participant_id": {"type": "raw"},
            "iccid": {"type": "raw"},
            "imsi": {"type": "raw"},
            "msisdn": {"type": "raw"},
            "campaign_id": {"type": "raw"},
            "state": {"type": "str"},
            "extra": {"type": "dict"},
        },
    },
    "state_lookup": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
    "force": {"type": "bool", "default": False},
    "concurrency": {"type": "int", "default": 3},
}
BOUNDS: dict[str, dict[str, float]] = {"concurrency": {"least": 1}}
# End of the generated part.
RULES: dict[str, Any] = {
    "mutually_exclusive": [(name, "participants") for name in IDENTIFIERS],
    "required_one_of": [(*IDENTIFIERS, "participants")],
}


def run(task: Task) -> TaskResult:
    """Check all, read the states, judge all, and only then send."""
    action, entries = task.params["action"], entries_of(identifications(task.params), task.warn)
    check_bounds(task.params, BOUNDS)
    client = task.client  # check mode refuses a server's options as well, even where it has nothing to read
    read_states(task, entries)
    judge(action, entries, task.params["force"])
    error: YateotaError | None = results.refusal(action, entries)
    if not error and not task.check_mode:
        stopped = threading.Event()
        client.may_send = lambda: not stopped.is_set()
        with stops_on_signals(stopped):
            act(client, action, entries, task.params["concurrency"], stopped)
            unknown = unknown_of(entries)
            if unknown:
                settle_unknown(task.reader, action, unknown)
        error = results.failure(action, entries)
    return TaskResult(results.result(action, entries), error)


def identifications(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The participants that the options name: the list, or the one."""
    if params["participants"] is None:
        return [{name: params[name] for name in _IDENTIFICATION}]
    campaign = {"campaign_id": params["campaign_id"]}
    return [
        {**{name: each[name] for name in _IDENTIFICATION}, **(campaign if each["campaign_id"] in (None, "") else {})}
        for each in params["participants"]
    ]


def read_states(task: Task, entries: list[Entry]) -> None:
    """Read the states as ``state_lookup`` asks.

    Raises:
        InvalidInputError: ``always`` is asked for, and an entry has no campaign.
        YateotaError: a list could not be read.
    """
    how = task.params["state_lookup"]
    if how == "always" and any(entry.campaign_id is None for entry in entries):
        raise InvalidInputError("state_lookup 'always' needs the campaign of each participant: give campaign_id.")
    if how != "never" and any(entry.campaign_id for entry in entries):
        for campaign_id in look_up(task.reader, entries, AUTO_PAGES if how == "auto" else None):
            task.warn(
                f"Campaign {campaign_id} is too long to find every participant in {AUTO_PAGES} pages: the states of "
                "those not found were not read. Set state_lookup to always to read them all."
            )


def main() -> None:
    """Run as a module."""
    run_module(ARGUMENTS, run, RULES)


if __name__ == "__main__":
    main()
