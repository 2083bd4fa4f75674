# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return what a user's own tasks know of a bulk change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.states import ChangeStatus, remaining_of
from ..plugin_utils._change_words import tally

DOCUMENTATION = r"""
name: change_progress
short_description: Say how far a bulk change has come, for tasks before a wave and at the end
version_added: 1.1.0
description:
  - Makes the variable C(bulk_change_progress) of the tasks that
    O(simops.yateota.bulk_change#role:main:bulk_change_gate_tasks) and
    O(simops.yateota.bulk_change#role:main:bulk_change_finish_tasks) name.
author:
  - The simops.yateota contributors (@simops)
positional: settings, verdict, reports
options:
  _input:
    description:
      - The registered results of M(simops.yateota.yateota_bulk), the latest first.
      - The change is that of the first that has one.
    type: list
    elements: dict
    required: true
  settings:
    description:
      - The variables of the role P(simops.yateota.bulk_change#role), without C(bulk_change_) in front of their names.
      - Used are C(id), C(action), C(only) and C(requested_by).
    type: dict
    required: true
  verdict:
    description: At the end, C(well) and C(text) of what the filter P(simops.yateota.change_verdict#filter) returns.
    type: dict
    default: {}
  reports:
    description: At the end, the paths of the reports.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Plan a change
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    action: retry
    selection: {campaign_id: 167, state: failed}
    state: planned
  register: planned

- name: Show how far it has come
  ansible.builtin.debug:
    msg: "{{ ([planned] | simops.yateota.change_progress({'id': 'CHG0012345', 'action': 'retry'})).line }}"
"""

RETURN = r"""
_value:
  description: How far the change has come.
  type: dict
  contains:
    change_id:
      description: The id of the change.
      type: str
    action:
      description: The action.
      type: str
    step:
      description: V(apply) or V(verify) where the run takes this step alone, else V(all).
      type: str
    requested_by:
      description: Who asks for the change.
      type: str
    change:
      description:
        - The change as RV(simops.yateota.yateota_bulk#module:change) has it, with its counts.
        - Empty where it could not be planned.
      type: dict
    wave:
      description: The number of the next wave. At the end, of the last one.
      type: int
    remaining:
      description: How many participants remain.
      type: int
    line:
      description: How far the change has come, a sentence.
      type: str
      sample: 25 of 44 done, 1 failed, 18 remaining.
    audit_head:
      description:
        - The head of the change's audit chain, a SHA-256. In the ticket, it shows later whether the record was altered.
        - Empty if the change has no audit chain.
      type: str
    verdict:
      description: At the end, how the change stands and what to do next. Empty before a wave.
      type: str
    reports:
      description: At the end, the paths of the reports. Empty before a wave, and where none was asked for.
      type: list
      elements: path
    is_complete:
      description:
        - Whether all went well and nothing remains to be done. V(false) before a wave, and while further attempts
          are to come.
        - It is also V(false) at the end of the step V(apply), as the new states are still to be read.
      type: bool
"""


def change_progress(
    results: Any, settings: Mapping[str, Any], verdict: Mapping[str, Any] | None = None, reports: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the tasks know: the keys of RETURN.

    Raises:
        AnsibleFilterError: the results are not those of a module.
    """
    if not isinstance(results, Sequence) or not all(isinstance(each, Mapping) for each in results):
        raise AnsibleFilterError("change_progress expected registered results of yateota_bulk: pass a list of them.")
    change = next((each["change"] for each in results if each.get("change")), {})
    counts = change.get("counts") or {}
    remaining = remaining_of(counts)
    step = settings.get("only") or "all"
    waits = change.get("status") == ChangeStatus.WAITING
    is_done = bool(verdict and verdict["well"] and change.get("selected") and not remaining and not waits)
    return {
        "change_id": settings["id"],
        "action": settings["action"],
        "step": step,
        "requested_by": change.get("requested_by") or settings.get("requested_by") or "",
        "change": change,
        "wave": change.get("waves_done", 0) + (0 if verdict else 1),
        "remaining": remaining,
        "line": f"{tally(change, remaining)}." if change else "It could not be planned.",
        "audit_head": (change.get("audit") or {}).get("head") or "",
        "verdict": verdict["text"] if verdict else "",
        "reports": list(reports),
        "is_complete": is_done and step != "apply",
    }


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"change_progress": change_progress}
