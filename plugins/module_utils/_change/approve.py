# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: approved``: a second person approves the recorded plan.

``state: applied`` checks the approval here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from .._core.change_id import same_name
from .._core.errors import InvalidInputError
from .._core.states import ENDED_STATUSES, Action, ChangeStatus, RowState
from .._ledger.change import Change
from .._ledger.digest import plan_digest
from .._ledger.fleet import fleet_digest, record_approvals, shards_in
from .._ledger.halts import stop_of
from .bulk_task import BulkTask, ModuleState, Work
from .further_attempts import attempts_of
from .hold import why_halted
from .limits import described, first_difference, loosened
from .one_sim import separate_sims

SHARD = "shard"
"""The value of ``approval_scope`` for the approval of one server's shard alone."""

SHORT = 12
"""How many characters of a digest a sentence shows."""


_CHECKED: ContextVar[set[tuple[str, int, str]] | None] = ContextVar("checked", default=None)


@contextlib.contextmanager
def each_plan_checked_once() -> Iterator[None]:
    """Compute the digest of a plan only once in this block, however many tasks it has.

    The change may be carried out in several steps. For a million participants it takes seconds, which each wave of a
    thousand would spend again.
    """
    checked = _CHECKED.get()
    token = _CHECKED.set(set() if checked is None else checked)
    try:
        yield
    finally:
        _CHECKED.reset(token)


@dataclass(frozen=True)
class _Plan:
    """The plan of one shard, as the ledger holds it now.

    Attributes:
        shard: the shard.
        record: its row.
        digest: its digest, computed from its rows.
        limits: what it is planned with.
        to_act_on: how many are to be acted on.
        is_over: whether nothing remains that could be approved.
    """

    shard: Change
    record: Any
    digest: str | None
    limits: Any
    to_act_on: int
    is_over: bool

    def is_approved(self, fleet: str | None) -> bool:
        """Return whether its approval is for this plan, and for these plans of all shards if it is for all."""
        given = self.record.approval
        return bool(given) and given["digest"] == self.digest and given.get("fleet_digest") in (fleet, None)


def approve(task: BulkTask, change: Change, _run: int) -> Work:
    """Record the approval: the approver, the time, the job and the digest of the plan.

    Without ``approval_scope: shard`` it is for all shards that have not ended.

    Raises:
        YateotaError: nothing was recorded.
    """
    record, plans = change.record(), _plans(task, change)
    _check_plans(task, record, plans)
    fleet = _fleet(task, plans)
    new = [plan for plan in plans if not plan.is_over and not plan.is_approved(fleet)]
    if not new:
        return Work(further=_diff(task, record, False))
    moment = change.clock.moment()
    approvals = {
        plan.shard.number: {
            "approved_by": task.approver,
            "approved_at": moment,
            "approval": {**_approval(task), "digest": plan.digest, "fleet_digest": fleet},
            "plan_digest": plan.digest,
            "limits": plan.limits,
        }
        for plan in new
    }
    record_approvals(change, approvals, [plan.record for plan in plans], is_whole=fleet is not None)
    return Work(changed=True, further=_diff(task, record, True))


def _approval(task: BulkTask) -> dict[str, Any]:
    return {"by": task.approver, "job": task.options["job_id"], "note": task.options["approval_note"]}


def check_approved(task: BulkTask, change: Change) -> None:
    """Refuse to send for a plan that is not approved as it is.

    Looser limits than those approved are refused too. A change that needs no approval and has none passes.

    Raises:
        InvalidInputError: names the problem and the fix.
    """
    record = change.record()
    if record.approval is None:
        if record.require_approval or task.options["require_approval"]:
            digest = f": plan digest {record.plan_digest[:SHORT]}" if record.plan_digest else ""
            raise InvalidInputError(
                f"Change {record.change_id} waits for approval{digest}, {_to_act_on(change)} to be acted on. Nothing "
                f"was sent. {record.requested_by or 'Who planned it'} cannot approve it: have another person run "
                "state=approved."
            )
        return
    checked, plan = _CHECKED.get(), (change.ledger.shown, change.number, record.approval["digest"])
    digest = plan[-1] if checked is not None and plan in checked else plan_digest(change, record.limits)
    if checked is not None:
        checked.add((*plan[:-1], digest))
    if digest != record.approval["digest"]:
        raise InvalidInputError(
            f"The approval of change {record.change_id} is void: {record.approval['by']} approved the plan "
            f"{record.approval['digest'][:SHORT]}, and the ledger now holds {digest[:SHORT]}. Nothing was sent. Plan "
            "it again with replan=true, and have it approved again."
        )
    fleet = record.approval.get("fleet_digest")
    if fleet is not None and fleet != fleet_digest(shard._mapping for shard in change.shards()):
        raise InvalidInputError(
            f"The approval of change {record.change_id} is void: {record.approval['by']} approved the plans of all "
            f"servers together ({fleet[:SHORT]}), and one was planned since. Nothing was sent. Have them approved "
            "again."
        )
    _refuse_looser(task, record)


def check_limits(task: BulkTask, change: Change) -> None:
    """Refuse to plan with looser limits than those recorded for approval.

    A task that plans the change again may loosen them.

    Raises:
        InvalidInputError: names the options, and both values of each.
    """
    record = change.record()
    needs = record.approval or record.require_approval or task.options["require_approval"]
    if needs and not task.options["replan"] and _to_act_on(change):
        _refuse_looser(task, record)


def _refuse_looser(task: BulkTask, record: Any) -> None:
    looser = loosened(record.limits or {}, task.limits)
    if looser:
        verb = ChangeStatus.APPROVED if record.approval else ChangeStatus.PLANNED
        raise InvalidInputError(
            f"Change {record.change_id} is {verb} with tighter limits: {'; '.join(map(described, looser))}. Nothing "
            "was sent. Give those values or tighter ones, or plan it again with replan=true and have it approved."
        )


def _check(task: BulkTask, change: Change) -> None:
    record = change.record()
    stop = stop_of(record)
    if stop:
        raise why_halted(record.change_id, stop)
    _check_plans(task, record, _plans(task, change))


def _check_plans(task: BulkTask, record: Any, plans: Sequence[_Plan]) -> None:
    """Refuse an approval of these plans that this approver, or nobody, can give.

    Raises:
        InvalidInputError: names the problem and the fix.
    """
    open_plans = [plan for plan in plans if not plan.is_over]
    if not open_plans:
        raise InvalidInputError(f"Change {record.change_id} is {record.status}: nothing remains to be approved.")
    requesters = list(dict.fromkeys(each for plan in open_plans for each in _requesters(plan.record)))
    if not task.options["allow_self_approval"] and any(same_name(task.approver, each or "") for each in requesters):
        raise InvalidInputError(
            f"Change {record.change_id} was planned by {' and '.join(map(str, requesters))}, and {task.approver} "
            "cannot approve it: another person has to. Where one person may do both, set allow_self_approval=true."
        )
    for plan in open_plans:
        _check_plan(plan, open_plans[0])
    fleet = _fleet(task, plans)
    if not all(plan.is_approved(fleet) for plan in open_plans):
        _check_count(task, record, sum(plan.to_act_on for plan in open_plans), len(plans))


def _requesters(record: Any) -> Sequence[str | None]:
    return record.planned_by or [record.requested_by]


def _check_plan(plan: _Plan, first: _Plan) -> None:
    """Refuse a plan that is not complete, not as it was recorded, or with other limits than the first."""
    record = plan.record
    if record.status == ChangeStatus.PLANNING:
        raise InvalidInputError(
            f"The plan of change {record.change_id} for {record.api_url} is not complete: wait for the run that makes "
            "it, or plan it again where that run was interrupted."
        )
    if record.plan_digest and record.plan_digest != plan.digest:
        raise InvalidInputError(
            f"The plan of change {record.change_id} was altered in the ledger: it was planned with digest "
            f"{record.plan_digest[:SHORT]}, and has {str(plan.digest)[:SHORT]} now. Find out who did it, then plan it "
            "again with replan=true."
        )
    differing = first_difference(first.limits or {}, plan.limits or {})
    if differing:
        option, one, other = differing
        raise InvalidInputError(
            f"Change {record.change_id} is planned with {option} {one} on {first.record.api_url}, and with {other} on "
            f"{record.api_url}: plan both again with replan=true and the same limits."
        )


def _check_count(task: BulkTask, record: Any, count: int, shards: int) -> None:
    """Refuse an approval whose ``confirm_count`` is not the number of SIMs.

    An approval of a rerun must give it, and one for several servers.
    """
    confirmed = task.options["confirm_count"]
    if confirmed == count or (confirmed is None and record.action != Action.RERUN and shards == 1):
        return
    where = f" on {shards} servers" if shards > 1 else ""
    resets = ", each of whose OTA counters it resets" if record.action == Action.RERUN else ""
    got = "it is not set" if confirmed is None else f"got {confirmed}"
    raise InvalidInputError(
        f"confirm_count must be {count}, the number that change {record.change_id} acts on{where}{resets}; {got}. Look "
        "at the plan, then set it."
    )


def _to_act_on(change: Change) -> int:
    return change.counts()[RowState.PLANNED]


def _plans(task: BulkTask, change: Change) -> list[_Plan]:
    """Return the plans that the task approves: those of all shards, or of one."""
    own = task.options["approval_scope"] == SHARD
    return [_plan_of(task, shard) for shard in ([change] if own else shards_in(change))]


def _plan_of(task: BulkTask, shard: Change) -> _Plan:
    record = shard.record()
    counts = shard.counts()
    further = attempts_of(task, shard)
    to_act_on = sum(counts[state] for state in (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN))
    to_act_on += further.outlook(task.rollout.recheck_after).outstanding if further else 0
    if record.status == ChangeStatus.PURGED or (record.status in ENDED_STATUSES and not to_act_on):
        return _Plan(shard, record, record.plan_digest, record.limits, 0, is_over=True)
    if record.status == ChangeStatus.PLANNING:
        return _Plan(shard, record, None, record.limits, 0, is_over=False)
    digest, limits = _separated_plan_digest(task, shard)
    return _Plan(shard, record, digest, limits, counts[RowState.PLANNED], is_over=False)


def _fleet(task: BulkTask, plans: Sequence[_Plan]) -> str | None:
    """Return the digest over the plans of all shards; None where only one of them is approved."""
    if task.options["approval_scope"] == SHARD:
        return None
    return fleet_digest({**plan.record._mapping, "plan_digest": plan.digest} for plan in plans)


def _separated_plan_digest(task: BulkTask, change: Change) -> tuple[str, Any]:
    """Return the digest of the plan in the ledger, and the plan's limits.

    Outside check mode, a rerun's plan of release 1.0.0 is first reduced to one row for each SIM, in the ledger. A
    release that recorded no digest recorded no limits: those of the approving task are then approved.
    """
    record = change.record()
    if record.plan_digest is None and not task.check_mode:
        separate_sims(change)
    limits = task.limits if record.plan_digest is None else record.limits
    return plan_digest(change, limits), limits


def _would_change(task: BulkTask, change: Change) -> bool:
    plans = _plans(task, change)
    fleet = _fleet(task, plans)
    return not all(plan.is_over or plan.is_approved(fleet) for plan in plans)


def _foreseen(task: BulkTask, change: Change) -> Mapping[str, Any]:
    return _diff(task, change.record(), _would_change(task, change))


def _status(record: Any) -> str:
    return ChangeStatus.APPROVED if record.status == ChangeStatus.PLANNED else record.status


def _diff(task: BulkTask, record: Any, approves: bool) -> Mapping[str, Any]:
    """Return what is approved before and after."""
    before = {"status": str(record.status), "approved_by": (record.approval or {}).get("by")}
    after = {"status": str(_status(record)), "approved_by": task.approver} if approves else before
    return {"diff": {"before": before, "after": after}}


APPROVED = ModuleState(approve, _check, would_change=_would_change, foreseen=_foreseen, is_whole=True)
