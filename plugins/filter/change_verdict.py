# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe how a bulk change stands after a run, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.states import BAD_STATES, ChangeStatus, RowState, remaining_of
from ..plugin_utils._change_words import (
    WAITS_FOR_STAGE,
    counted,
    has_stopped,
    next_attempts,
    opening,
    waits_for_window,
    why_stopped,
)

DOCUMENTATION = r"""
name: change_verdict
short_description: Describe the state of a bulk change after a run, and the next step
version_added: 1.1.0
description:
  - Takes the registered results of sending and of the verification by M(simops.yateota.yateota_bulk), also failed ones.
  - A change is well if no participant remains, or is refused, failed, unknown or exhausted. Participants that remain
    for a further run because of C(max_waves) are not a failure, nor is any while further attempts are to come.
author:
  - The simops.yateota contributors (@simops)
positional: verified, settings, refusal
options:
  _input:
    description: >-
      The result with O(simops.yateota.yateota_bulk#module:state=applied). Empty or skipped if nothing was to be
      sent.
    type: dict
    required: true
  verified:
    description: >-
      The result with O(simops.yateota.yateota_bulk#module:state=verified). Empty or skipped if the states were not
      read.
    type: dict
    required: true
  settings:
    description:
      - The variables of the role P(simops.yateota.bulk_change#role), without C(bulk_change_) in front of their names.
      - Used are C(max_waves) and C(verify_timeout).
    type: dict
    required: true
  refusal:
    description: Why the gate has stopped the run, a sentence. Empty where it has not.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Read the new states
  simops.yateota.yateota_bulk:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
    state: verified
  register: verified

- name: Say how the change stands
  ansible.builtin.debug:
    msg: "{{ ({} | simops.yateota.change_verdict(verified, {})).text }}"
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    well:
      description: Whether all went well.
      type: bool
    text:
      description: The state of the change, and the next step.
      type: str
    states:
      description: The states of the participants acted on, as last read, in a sentence. Empty if they were not read.
      type: str
    found:
      description: Whether the change is in the ledger, and could be read.
      type: bool
    stopped:
      description: Why nothing more is sent, in a sentence. Empty if nothing has stopped the run.
      type: str
"""


_NOTHING_SENT = (
    "This run has only read its states: run it without bulk_change_only=verify to send for the remaining ones."
)


@dataclass(frozen=True)
class _Standing:
    """The facts that a verdict is based on.

    Attributes:
        change: the change as last known; empty if it is not known.
        remaining: how many are planned or being sent.
        later: how many of them remain for a further run, because this one had a limit of waves.
        unfinished: how many have not finished in the time that was given.
        unread: whether the new states could not be read.
        interrupted: whether the run was stopped before it ended, though perhaps nothing remains to be sent.
        why: the reason why the run has stopped.
        refusal: the reason why the gate has stopped it; empty if it has not.
    """

    change: Mapping[str, Any]
    remaining: int
    later: int
    unfinished: int
    unread: bool
    interrupted: bool
    why: str
    refusal: str

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many participants are in each row state."""
        return self.change.get("counts") or {}

    @property
    def bad(self) -> int:
        """Return the number of bad participants.

        While others remain for a further run, that run may settle the unknown.
        """
        states = [state for state in BAD_STATES if not (self.later and state == RowState.UNKNOWN)]
        return 0 if self.waits else sum(self.counts.get(state, 0) for state in states) + self.exhausted

    @property
    def waits(self) -> bool:
        """Return whether further attempts are to come."""
        return bool(self.change) and self.change["status"] == ChangeStatus.WAITING

    @property
    def exhausted(self) -> int:
        """Return how many have had all attempts, and would get another."""
        return (self.change.get("attempts") or {}).get("exhausted", 0)

    @property
    def well(self) -> bool:
        """Return whether nothing remains to be done."""
        unfinished = 0 if self.waits else self.unfinished
        lacks = self.remaining - self.later or self.bad or unfinished or self.unread or self.interrupted or self.refusal
        return bool(self.change) and not lacks


def change_verdict(sent: Any, verified: Any, settings: Mapping[str, Any], refusal: str = "") -> dict[str, Any]:
    """Return the verdict: the keys of RETURN.

    Raises:
        AnsibleFilterError: a result is not one of a module.
    """
    for result in (sent, verified):
        if not isinstance(result, Mapping):
            raise AnsibleFilterError("change_verdict expected registered results of yateota_bulk: pass two.")
    sent, verified = ({} if result.get("skipped") else result for result in (sent, verified))
    standing = _standing(sent, verified, settings, refusal)
    stopped = refusal or (why_stopped(sent) if sent and has_stopped(sent) else "")
    return {
        "well": standing.well,
        "text": _text(standing, settings),
        "states": _states(verified),
        "found": bool(standing.change),
        "stopped": stopped,
    }


def _standing(
    sent: Mapping[str, Any], verified: Mapping[str, Any], settings: Mapping[str, Any], refusal: str
) -> _Standing:
    change = verified.get("change") or sent.get("change") or {}
    counts = change.get("counts") or {}
    remaining = remaining_of(counts)
    limited = settings.get("max_waves") is not None and sent and not has_stopped(sent) and not refusal
    waits = float(settings.get("verify_timeout") or 0) > 0
    # The planned have a word of their own, and so have those whose attempt went wrong.
    unfinished = max(0, verified.get("remaining", 0) - remaining - sum(counts.get(state, 0) for state in BAD_STATES))
    return _Standing(
        change=change,
        remaining=remaining,
        later=remaining if limited or change.get("status") == ChangeStatus.WAITING_FOR_STAGE else 0,
        unfinished=unfinished if waits else 0,
        unread="failure" in verified,
        interrupted="failure" in sent or change.get("status") == ChangeStatus.WINDOW_CLOSED,
        why=why_stopped(sent or verified) if sent or "failure" in verified else _NOTHING_SENT,
        refusal=refusal,
    )


def _text(standing: _Standing, settings: Mapping[str, Any]) -> str:
    if not standing.change:
        return standing.refusal or standing.why
    change = standing.change
    parts = counted(standing.counts)
    if standing.exhausted:
        parts.append(f"{standing.exhausted} of them exhausted")
    counts = ", ".join(parts) or "it has no participants"
    advice = _advice(standing, settings)
    return f"Change {change['change_id']} is {change['status']}: {counts}.{' ' if advice else ''}{advice}"


def _advice(standing: _Standing, settings: Mapping[str, Any]) -> str:
    """Return the next step; empty if there is nothing to do."""
    if standing.refusal:
        held = standing.change["status"] == ChangeStatus.HELD
        release = (
            " When that is settled, release it with the playbook bulk_release, and run this again." if held else ""
        )
        return f"{standing.refusal.rstrip(' .')}.{release}"
    if standing.remaining:
        return _advice_on_those_left(standing)
    if standing.waits and not (standing.unread or standing.interrupted):
        opens = f" Its window opens at {opening(standing.change)}." if waits_for_window(standing.change) else ""
        return f"{next_attempts(standing.change)} Run this again then.{opens}".strip()
    if standing.counts.get(RowState.UNKNOWN):
        return (
            "Nothing proves whether the action was carried out for the unknown. Check them, and run this again with "
            "bulk_change_unknown=resend to send for them once more."
        )
    if standing.bad:
        return "The report has the reason for each."
    if standing.unread:
        return "Its new states could not be read."
    if standing.change["status"] == ChangeStatus.WINDOW_CLOSED:
        return "All requests were sent, and its last wave is not judged yet. Run this again, also with a closed window."
    if standing.interrupted:
        return standing.why
    if standing.unfinished:
        return f"{standing.unfinished} of them have not finished within {settings['verify_timeout']} seconds."
    return ""


def _advice_on_those_left(standing: _Standing) -> str:
    status, opens = standing.change["status"], opening(standing.change)
    if status == ChangeStatus.ABORTED:
        return "Find out why its attempts went wrong, then run this again with bulk_change_resume_aborted=true."
    if status == ChangeStatus.WAITING_FOR_STAGE and not standing.interrupted:
        return f"{WAITS_FOR_STAGE}: run this again when it has ended on them."
    if status == ChangeStatus.WINDOW_CLOSED and opens:
        return f"It waits for its window, which opens at {opens}: run this again then."
    if status == ChangeStatus.WINDOW_CLOSED:
        return "Run this again, with a window that is open, to send for the remaining ones."
    if status == ChangeStatus.HELD:
        return "Nothing is sent for the remaining ones until it is released."
    if status == ChangeStatus.STOPPED:
        return "Nothing is ever sent for the remaining ones."
    if standing.later:
        return "Run this again to send for the remaining ones."
    return standing.why


def _states(verified: Mapping[str, Any]) -> str:
    if "failure" in verified:
        return f"The states could not be read. {verified.get('msg', '')}".strip()
    if "change" not in verified:
        return ""
    counts = ", ".join(f"{count} {state}" for state, count in verified["change"]["states"].items())
    return f"The participants that were acted on: {counts or 'none'}."


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"change_verdict": change_verdict}
