# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe a bulk change for a person, in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.states import ENDED_STATUSES, AuditStatus, ChangeStatus, RowState
from ..plugin_utils._change_words import counted, next_attempts, sim_line

DOCUMENTATION = r"""
name: change_account
short_description: Describe a bulk change in a few lines
version_added: 1.1.0
description:
  - Takes a result of M(simops.yateota.yateota_bulk_info) or M(simops.yateota.yateota_bulk) that has a change.
  - Returns what it is, who planned, approved, holds or stopped it, and how far it has come.
author:
  - The simops.yateota contributors (@simops)
positional: about, check_mode
options:
  _input:
    description: The result.
    type: dict
    required: true
  about:
    description:
      - V(status) describes the whole change.
      - V(approved), V(held), V(released) and V(stopped) describe what a task with that
        O(simops.yateota.yateota_bulk#module:state) did.
    type: str
    choices: [status, approved, held, released, stopped]
    default: status
  check_mode:
    description: Whether the result is from check mode, where nothing is recorded.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read a change
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
    change_id: CHG0012345
  register: read

- name: Say how it stands
  ansible.builtin.debug:
    msg: "{{ read | simops.yateota.change_account }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

_DIGEST_SHOWN = 12
_COHORTS_SHOWN = 5
_WAVES_SHOWN = 5
_HALTING = (ChangeStatus.HELD, ChangeStatus.RELEASED, ChangeStatus.STOPPED)


def change_account(result: Any, about: str = "status", check_mode: bool = False) -> list[str]:
    """Return the lines.

    Raises:
        AnsibleFilterError: the result has no change, or ``about`` is not one of the choices.
    """
    if not isinstance(result, Mapping) or "change" not in result:
        raise AnsibleFilterError("change_account expected a result of yateota_bulk_info or yateota_bulk with a change.")
    if about == "status":
        return list(_status(result))
    if about == ChangeStatus.APPROVED:
        return [_approved(result, check_mode)]
    if about in _HALTING:
        return list(_halted(result, about, check_mode))
    choices = ", ".join(["status", ChangeStatus.APPROVED, *_HALTING])
    raise AnsibleFilterError(f"change_account: about is '{about}', expected one of {choices}.")


def _status(result: Mapping[str, Any]) -> Iterator[str]:
    change = result["change"]
    shards = result.get("shards") or []
    node = f", node {change['node']}" if change["node"] else ""
    where = change["api_url"] or f"{len(shards)} servers"
    yield f"Change {change['change_id']} is {change['status']}: {change['action']} on {where}{node}."
    yield from (_shard(shard) for shard in shards if len(shards) > 1)
    chosen = [f", {name} {value}" for name, value in change["selection"].items() if name != "identified_by"]
    yield f"Selected: {change['selected']} participants{''.join(chosen)}."
    yield ", ".join(counted(change["counts"]))
    if change["states"]:
        yield f"Last known states of the participants acted on: {', '.join(counted(change['states']))}."
    yield from _attempts(change)
    yield f"Waves that have ended: {change['waves_done']}.{_judged(change)}"
    yield (
        f"Planned {change['planned']}, started {change['started'] or 'never'}, "
        f"finished {change['finished'] or 'not yet'}."
    )
    yield f"Plan digest {_short(change['plan_digest'], 'not recorded')}, {_approval(change)}."
    yield (
        f"Requested by {change['requested_by']}, job {change['job_id'] or 'none'}, "
        f"approved by {change['approved_by'] or 'nobody'}."
    )
    yield from _audit(change.get("audit"))
    for halt in ("held", "stopped"):
        if change[halt]:
            yield f"{halt.capitalize()} {_by(change[halt])}"
    if change.get("forecast"):
        yield change["forecast"]["sentence"]
    if change["held_by"]:
        yield f"It is being run by {change['held_by']}."
    yield from _cohorts(result.get("cohorts"))
    yield from (sim_line(each, each["state"], each["message"]) for each in result.get("failures", []))
    yield from (sim_line(each, "exhausted", each["message"]) for each in result.get("exhausted", []))


def _judged(change: Mapping[str, Any]) -> str:
    """Return the shares of the latest judged waves, for one server; or nothing."""
    if not change["api_url"]:
        return ""
    shares = {wave["wave"]: wave.get("success_percentage") for wave in change.get("waves", [])}
    judged = [f"{share:g} % of wave {wave}" for wave, share in shares.items() if share is not None]
    return f" At its end: {', '.join(judged[-_WAVES_SHOWN:])}." if judged else ""


def _attempts(change: Mapping[str, Any]) -> Iterator[str]:
    """Yield the attempts to come, and how many participants have spent theirs."""
    attempts = change.get("attempts")
    if not attempts:
        return
    if attempts["maximum"] is not None:
        yield f"Up to {attempts['maximum']} attempts for each, at least {attempts['interval']:g} seconds apart."
    if attempts["outstanding"]:
        yield next_attempts(change)
    if attempts["exhausted"]:
        yield f"{attempts['exhausted']} have had the most attempts allowed, and would need another."


def _audit(audit: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the head of the audit chain, and what a check has found; or nothing."""
    if not audit or not audit["links"]:
        return
    found = {
        AuditStatus.INTACT: ": the record fits it",
        AuditStatus.ALTERED: ": the record was altered",
        AuditStatus.UNCHECKED: ", not checked",
    }.get(audit["status"], "")
    if audit["head"]:
        yield f"Audit chain {audit['head']}, {audit['links']} links{found}."
        return
    for shard in audit["shards"]:
        yield f"Audit chain of {shard['api_url']}, node {shard['node']}: {shard['head'] or 'none'}."
    yield f"{len(audit['shards'])} audit chains{found}."


def _shard(shard: Mapping[str, Any]) -> str:
    """Return the line of one of several servers."""
    run = f"; run by {shard['held_by']}" if shard["held_by"] else ""
    return f"{shard['api_url']}, node {shard['node']}: {shard['status']}, {', '.join(counted(shard['counts']))}{run}"


def _totals(result: Mapping[str, Any]) -> tuple[int, int, int, str]:
    """Return how many are selected, planned and sending on how many servers."""
    shards = result.get("shards") or [result["change"]]
    selected = sum(shard["selected"] for shard in shards)
    planned, sending = (
        sum(shard["counts"][state] for shard in shards) for state in (RowState.PLANNED, RowState.SENDING)
    )
    return selected, planned, sending, f" on {len(shards)} servers" if len(shards) > 1 else ""


def _cohorts(cohorts: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the groups that failed more often, and the most frequent reasons."""
    if not cohorts:
        return
    first = f"Of {cohorts['size']} sent for, {cohorts['failed']} failed. "
    for each in cohorts["worst"][:_COHORTS_SHOWN] + cohorts["reasons"][:_COHORTS_SHOWN]:
        yield f"{first}{each['sentence']}."
        first = ""


def _approval(change: Mapping[str, Any]) -> str:
    approval = change["approval"]
    if approval:
        job = f", job {approval['job']}" if approval["job"] else ""
        note = f": {approval['note']}" if approval["note"] else ""
        digest = _short(approval["digest"] if change["api_url"] else approval["fleet_digest"])
        return f"approved by {approval['by']} at {approval['at']}{job}, plan digest {digest}{note}"
    if change["require_approval"] and change["status"] not in (*ENDED_STATUSES, ChangeStatus.PURGED):
        return "waits for approval"
    return "no approval is recorded"


def _approved(result: Mapping[str, Any], check_mode: bool) -> str:
    change = result["change"]
    selected, planned, _sending, where = _totals(result)
    what = f"{change['action']} of {selected}{where}"
    approval = change["approval"]
    if check_mode and not approval:
        return (
            f"In check mode nothing is recorded. The plan of change {change['change_id']} would be approved: "
            f"plan digest {_short(change['plan_digest'], 'not recorded yet')}, {what}, {planned} to send for."
        )
    before = "" if result["changed"] else "It was approved before. "
    return (
        f"{before}Change {change['change_id']} is approved by {approval['by']} at {approval['at']}: "
        f"plan digest {_short(approval['fleet_digest' if where else 'digest'])}, {what}, {planned} to send for."
    )


def _halted(result: Mapping[str, Any], about: str, check_mode: bool) -> Iterator[str]:
    change = result["change"]
    selected, planned, sending, where = _totals(result)
    if check_mode and result["changed"]:
        yield f"Nothing is recorded in check mode. The change would be {about}."
    if not result["changed"]:
        yield "The change was not held." if about == ChangeStatus.RELEASED else f"The change was already {about}."
    halt = change["stopped"] or change["held"]
    yield f"Change {change['change_id']} is {change['status']}" + (f", {_by(halt)}" if halt else "")
    under_way = f", {sending} are being sent" if sending else ""
    yield f"{planned} of {selected} participants remain{where}{under_way}."


def _by(halt: Mapping[str, Any]) -> str:
    return f"by {halt['by']} since {halt['since']}: {halt['reason']}"


def _short(digest: str | None, otherwise: str = "") -> str:
    return digest[:_DIGEST_SHOWN] if digest else otherwise


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"change_account": change_account}
