# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a bulk change will do, and which settings are missing."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.states import Action, RowState
from ..plugin_utils._change_words import counted, next_attempts, opening

DOCUMENTATION = r"""
name: change_plan
short_description: Describe what a bulk change will do, and which settings are missing
version_added: 1.1.0
description:
  - Takes a registered result of M(simops.yateota.yateota_bulk) with
    O(simops.yateota.yateota_bulk#module:state=planned), and says in sentences what is planned.
  - Also lists the settings that are missing before anything may be sent. Where the plan is not approved, these are the
    approver's name, and for a rerun the number of SIMs.
author:
  - The simops.yateota contributors (@simops)
positional: settings
options:
  _input:
    description: The result.
    type: dict
    required: true
  settings:
    description:
      - The variables of the role P(simops.yateota.bulk_change#role), without C(bulk_change_) in front of their names.
      - Used are C(only), C(unknown), C(require_approval), C(approved_by) and C(confirm_rerun).
    type: dict
    required: true
  check_mode:
    description: Whether the plan was made in check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Plan to retry the failed participants of a campaign
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: planned
    action: retry
    selection:
      campaign_id: 167
      state: failed
  register: planned

- name: Say what is planned
  ansible.builtin.debug:
    msg: "{{ (planned | simops.yateota.change_plan({'require_approval': true})).text }}"
"""

RETURN = r"""
_value:
  description: The description of the plan.
  type: dict
  contains:
    text:
      description: The plan in sentences. What is missing follows, unless C(only) is V(plan).
      type: str
    sends:
      description: Whether there is anything to send.
      type: bool
    approves:
      description: Whether an approval by C(approved_by) is to be recorded before anything is sent.
      type: bool
    lacks:
      description: What to set before anything is sent, in a sentence. Empty if nothing is missing.
      type: str
"""


_SHORT = 12


def change_plan(planned: Any, settings: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Return the plan in words: the keys of RETURN.

    Raises:
        AnsibleFilterError: the result is not one of a plan.
    """
    if not isinstance(planned, Mapping) or "change" not in planned:
        raise AnsibleFilterError(
            "change_plan expected a registered result of yateota_bulk with state=planned: pass one."
        )
    change = planned["change"]
    unknown = (
        change["counts"][RowState.UNKNOWN] + change["counts"][RowState.SENDING]
    )  # a run that was killed leaves them sending
    resends = settings.get("unknown") == "resend" and unknown > 0
    sends = bool(planned["remaining"] or resends or (change.get("attempts") or {}).get("is_due"))
    waits = sends and _needs_approval(change, settings) and not change.get("approval")
    approver = bool(str(settings.get("approved_by") or "").strip())
    missing = _missing(change, settings, waits and not approver, resends) if sends else []
    lacks = [f"Change {change['change_id']} is planned and nothing is sent: set {', and '.join(missing)}."] * bool(
        missing
    )
    text = [
        *_sentences(planned, resends, check_mode),
        *_approval(planned, waits and not approver and not check_mode),
        *(lacks if settings.get("only") != "plan" else []),
    ]
    return {"text": " ".join(text), "sends": sends, "approves": waits and approver, "lacks": " ".join(lacks)}


def _needs_approval(change: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("require_approval", True) or change.get("require_approval"))


def _approval(planned: Mapping[str, Any], waits: bool) -> Iterator[str]:
    """Return the plan's digest, and who approved it or how to approve it."""
    change = planned["change"]
    if not change.get("plan_digest"):
        return
    digest, approval = f"Plan digest {change['plan_digest'][:_SHORT]}", change.get("approval")
    if approval:
        yield f"{digest}, approved by {approval['by']} at {approval['at']}."
    elif waits:
        shards = planned.get("shards") or []
        remaining = sum(shard["counts"][RowState.PLANNED] for shard in shards) if shards else planned["remaining"]
        confirms = change["action"] == Action.RERUN or len(shards) > 1
        count = f" -e bulk_change_confirm_count={remaining}" if confirms else ""
        yield (
            f"{digest}. Change {change['change_id']} waits for approval by another person than "
            f"{change['requested_by']}: ansible-playbook simops.yateota.bulk_approve "
            f"-e change_id={shlex.quote(change['change_id'])}{count}."
        )
    else:
        yield f"{digest}."


def _missing(change: Mapping[str, Any], settings: Mapping[str, Any], lacks_approver: bool, resends: bool) -> list[str]:
    """Return the variables to set, and their values.

    An approval has the number of SIMs, but does not cover sending twice.
    """
    missing = []
    if lacks_approver:
        missing.append("bulk_change_approved_by to the name of who approves it")
    confirmed = settings.get("confirm_rerun")
    asks = change["action"] == Action.RERUN and (resends or not change.get("approval"))
    if asks and str(confirmed) != str(change["selected"]):
        wrong = "" if confirmed is None else f" (not {confirmed})"
        missing.append(
            f"bulk_change_confirm_rerun={change['selected']}, the number of all SIMs in the plan, also of those not "
            f"sent for{wrong}; the OTA counter of each SIM that is sent for is reset"
        )
    return missing


def _sentences(planned: Mapping[str, Any], resends: bool, check_mode: bool) -> Iterator[str]:
    change = planned["change"]
    reruns = change["action"] == Action.RERUN
    units = "SIMs" if reruns else "participants"
    yield (
        f"Change {change['change_id']}: {change['action']} of {change['selected']} {units} "
        f"on {change['api_url']}, node {change['node']}."
    )
    if reruns:
        yield "All older campaigns of each SIM run again."
    others = counted(change["counts"], without=[RowState.PLANNED])
    if change["duplicates"]:
        others.append(f"{change['duplicates']} named more than once")
    yield ", ".join([_remaining_words(planned, resends), *others]) + "."
    if resends and reruns:
        yield (
            "Those that are unknown are sent once more: where the first rerun was carried out, the SIM's OTA counter "
            "is reset a second time, which can lock the SIM out of OTA."
        )
    if opening(change):
        yield f"Its window opens at {opening(change)}."
    shards = planned.get("shards") or []
    if len(shards) > 1:
        total = sum(shard["selected"] for shard in shards)
        yield f"With this one, the change is planned for {len(shards)} servers by now, and for {total} {units}."
    columns = (change["selection"].get("columns") or {}).items()
    renamed = [f"{field} under '{name}'" for field, name in columns if name != field]
    if renamed:
        yield f"Read from the file: {', '.join(renamed)}."
    if check_mode:
        yield "In check mode nothing is recorded or sent."


def _remaining_words(planned: Mapping[str, Any], resends: bool) -> str:
    waves = planned["change"]["waves_total"] - planned["change"]["waves_done"]
    if planned["remaining"]:
        return f"{planned['remaining']} to be sent in {waves} wave{'' if waves == 1 else 's'}"
    if resends:
        return "The unknown are to be sent once more, unless their states prove that the action was carried out"
    return next_attempts(planned["change"]).rstrip(".") or "Nothing remains to be sent"


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"change_plan": change_plan}
