# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: approved``: a second person approves the recorded plan.

``state: applied`` checks the approval here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from .._core.change_id import same_name
from .._core.errors import InvalidInputError
from .._core.states import ENDED_STATUSES, Action, ChangeStatus, RowState
from .._ledger.change import Change
from .._ledger.digest import plan_digest
from .._ledger.halts import stop_of
from .bulk_task import BulkTask, ModuleState, Work
from .further_attempts import attempts_of
from .hold import why_halted
from .limits import described, loosened
from .one_sim import separate_sims

SHORT = 12
"""How many characters of a digest a sentence shows."""


_CHECKED: ContextVar[set[tuple[str, int, str]] | None] = ContextVar("checked", default=None)


@contextlib.contextmanager
def each_plan_checked_once() -> Iterator[None]:
    """Compute the digest of a plan only once in this block.

    The change may be carried out in several steps. For a million participants it takes seconds, which each wave of a
    thousand would spend again.
    """
    token = _CHECKED.set(set())
    try:
        yield
    finally:
        _CHECKED.reset(token)


def approve(task: BulkTask, change: Change, _run: int) -> Work:
    """Record the approval: the approver, the time, the job and the digest of the plan.

    Raises:
        YateotaError: nothing was recorded.
    """
    record = change.record()
    digest, limits = _digest(task, change)
    if _is_approved(record, digest):
        return Work(further=_diff(task, record, False))
    approval = {
        "by": task.approver,
        "job": task.options["job_id"],
        "note": task.options["approval_note"],
        "digest": digest,
    }
    change.update(
        status=_status(record),
        approved_by=task.approver,
        approved_at=change.clock.moment(),
        approval=approval,
        plan_digest=digest,
        limits=limits,
    )
    return Work(changed=True, further=_diff(task, record, True))


def check_approved(task: BulkTask, change: Change) -> None:
    """Refuse to send for a plan that is not approved as it stands.

    Looser limits than those approved are refused too. A change that needs no approval and has none passes.

    Raises:
        InvalidInputError: names the problem and the fix.
    """
    record = change.record()
    if record.approval is None:
        if record.require_approval or task.options["require_approval"]:
            digest = f": plan digest {record.plan_digest[:SHORT]}" if record.plan_digest else ""
            raise InvalidInputError(
                f"Change {record.change_id} waits for approval{digest}, {_acted_on(change)} to be acted on. Nothing "
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
    _refuse_looser(task, record)


def check_limits(task: BulkTask, change: Change) -> None:
    """Refuse to plan with looser limits than those recorded for approval.

    A task that plans the change again may loosen them.

    Raises:
        InvalidInputError: names the options, and both values of each.
    """
    record = change.record()
    needs = record.approval or record.require_approval or task.options["require_approval"]
    if needs and not task.options["replan"] and _acted_on(change):
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
    left = sum(change.counts()[state] for state in (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN))
    further = attempts_of(task, change)
    left += further.outlook(task.rollout.recheck_after).outstanding if further else 0
    if record.status == ChangeStatus.PURGED or (record.status in ENDED_STATUSES and not left):
        raise InvalidInputError(f"Change {record.change_id} is {record.status}: nothing is left to approve.")
    requesters = record.planned_by or [record.requested_by]
    if not task.options["allow_self_approval"] and any(same_name(task.approver, each or "") for each in requesters):
        raise InvalidInputError(
            f"Change {record.change_id} was planned by {' and '.join(map(str, requesters))}, and {task.approver} "
            "cannot approve it: another person has to. Where one person may do both, set allow_self_approval=true."
        )
    digest, _limits = _digest(task, change)
    if record.plan_digest and record.plan_digest != digest:
        raise InvalidInputError(
            f"The plan of change {record.change_id} was altered in the ledger: it was planned with digest "
            f"{record.plan_digest[:SHORT]}, and has {digest[:SHORT]} now. Find out who did it, then plan it again with "
            "replan=true."
        )
    if not _is_approved(record, digest):
        _check_count(task, change)


def _check_count(task: BulkTask, change: Change) -> None:
    """Refuse an approval whose ``confirm_count`` is not the number of SIMs.

    An approval of a rerun must give it.
    """
    record, count, confirmed = change.record(), _acted_on(change), task.options["confirm_count"]
    if confirmed == count or (confirmed is None and record.action != Action.RERUN):
        return
    resets = ", each of whose OTA counters it resets" if record.action == Action.RERUN else ""
    got = "it is not set" if confirmed is None else f"got {confirmed}"
    raise InvalidInputError(
        f"confirm_count must be {count}, the number that change {record.change_id} acts on{resets}; {got}. Look at the "
        "plan, then set it."
    )


def _acted_on(change: Change) -> int:
    return change.counts()[RowState.PLANNED]


def _digest(task: BulkTask, change: Change) -> tuple[str, Any]:
    """Return the digest of the plan in the ledger, and the plan's limits.

    A release that recorded no digest recorded no limits: those of the approving task are then approved.
    """
    record = change.record()
    if record.plan_digest is None and not task.check_mode:
        separate_sims(change)
    limits = task.limits if record.plan_digest is None else record.limits
    return plan_digest(change, limits), limits


def _is_approved(record: Any, digest: str) -> bool:
    return bool(record.approval) and record.approval["digest"] == digest


def _would_change(task: BulkTask, change: Change) -> bool:
    return not _is_approved(change.record(), _digest(task, change)[0])


def _foreseen(task: BulkTask, change: Change) -> Mapping[str, Any]:
    return _diff(task, change.record(), _would_change(task, change))


def _status(record: Any) -> str:
    return ChangeStatus.APPROVED if record.status == ChangeStatus.PLANNED else record.status


def _diff(task: BulkTask, record: Any, approves: bool) -> Mapping[str, Any]:
    """Return what is approved before and after."""
    before = {"status": str(record.status), "approved_by": (record.approval or {}).get("by")}
    after = {"status": str(_status(record)), "approved_by": task.approver} if approves else before
    return {"diff": {"before": before, "after": after}}


APPROVED = ModuleState(approve, _check, would_change=_would_change, foreseen=_foreseen)
