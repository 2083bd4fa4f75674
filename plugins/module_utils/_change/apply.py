# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: applied``: send the action for all planned participants."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from .._api.delivery import UnexpectedError
from .._core.errors import ApiError, InvalidInputError, OutcomeUnknownError, YateotaError
from .._core.identifiers import described
from .._core.states import BAD_STATES, ENDED_STATUSES, Action, ChangeStatus, RowState
from .._ledger.attempts import Attempts
from .._ledger.change import Change
from .._ledger.halts import abort_of
from .._ledger.queries import Report
from .abort import check_resumable
from .approve import check_approved
from .auditing import check_still_planned
from .bulk_task import BulkTask, ModuleState, Work
from .early_checks import check_provable
from .further_attempts import attempts_of, planner_of
from .hold import check_not_halted, check_seen
from .one_sim import separate_sims
from .result import so_far
from .rollout import Rollout
from .states_reader import StateReader
from .wave_progress import Watch


def apply(task: BulkTask, change: Change, run: int) -> Work:
    """Carry the change out, as far as the options allow.

    Raises:
        YateotaError: nothing was sent.
    """
    record, counts = change.record(), change.counts()
    if record.status == ChangeStatus.PURGED or _has_nothing_to_do(task, change, counts):
        return Work()
    separate_sims(change)
    states = StateReader(change, task.reader(), task.stopped, check_seen)
    planner = planner_of(task, change, states)
    attempts, watch = Attempts(change, run), _watch_of(task, change)
    check = functools.partial(_check_sending, task, change)
    rollout = Rollout(change, attempts, task.client(), states, task.rollout, task.stopped, check, planner, watch)
    error: YateotaError | None = None
    try:
        rollout.carry_out()
    except YateotaError as failure:
        error = failure
    except BaseException as unexpected:  # noqa: BLE001 (on any error, what was sent belongs to the result)
        error = UnexpectedError(unexpected, f"Change {record.change_id}")
    changed = rollout.sent > 0
    if not changed and not change.ledger.outage.is_on:
        changed = change.counts() != counts
    if rollout.shortfall:
        task.warn(
            f"The last wave of change {record.change_id} did not reach rollout.success_percentage "
            f"({rollout.shortfall}). No participants remain, so that the change is not held."
        )
    return Work(changed, rollout.sent, rollout.sending_seconds, states.pages, error=error)


def _watch_of(task: BulkTask, change: Change) -> Watch | None:
    """Return what calls ``task.progress`` after each wave; None if the task has none."""
    show = task.progress
    if show is None:
        return None
    return lambda summary, sent, seconds: show(so_far(task, change, summary, Work(sent=sent, sending_seconds=seconds)))


def _has_nothing_to_do(task: BulkTask, change: Change, counts: Mapping[str, int]) -> bool:
    """Return whether a change has ended, or waits with nothing due."""
    status = change.record().status
    if counts[RowState.UNKNOWN] + counts[RowState.PLANNED] or status not in (*ENDED_STATUSES, ChangeStatus.WAITING):
        return False
    further = attempts_of(task, change)
    outlook = further.outlook(task.rollout.recheck_after) if further else None
    if status == ChangeStatus.WAITING:
        return outlook is not None and outlook.outstanding > 0 and not (outlook.may_send or outlook.is_stale)
    return outlook is None or not outlook.outstanding


def warn_of_resending(task: BulkTask, change: Change) -> None:
    """Warn of the effect of a second rerun, if some SIMs would get one."""
    if not task.rollout.resend or change.record().action != Action.RERUN:
        return
    counts = change.counts()
    unknown = counts[RowState.UNKNOWN] + counts[RowState.SENDING]
    if unknown:
        task.warn(
            f"unknown=resend sends rerun once more for up to {unknown} SIMs: where the first was carried out, "
            "their OTA counters are reset a second time, which can lock a SIM out of OTA. Look at them first."
        )


def _check(task: BulkTask, change: Change) -> None:
    record, counts = change.record(), change.counts()
    sends = _would_change(task, change, may=True)
    if sends:
        check_not_halted(record)
    if record.status == ChangeStatus.ABORTED or (sends and abort_of(record)):
        check_resumable(change, task.rollout)
    elif record.status == ChangeStatus.PURGED and (
        counts[RowState.PLANNED] or (task.rollout.resend and counts[RowState.UNKNOWN])
    ):
        raise InvalidInputError(
            f"Change {record.change_id} is purged: its remaining participants are not known any more. Plan them under "
            "another change_id."
        )
    if sends:
        _check_sending(task, change)


def _check_sending(task: BulkTask, change: Change) -> None:
    """Refuse to send what is not planned, approved and provable as the options ask for.

    Before a run begins this shows whether it may. Where nothing can be sent yet, because the window is closed or no
    attempt is due, the rollout asks once more, right before it sends.

    Raises:
        YateotaError: says what is missing.
    """
    check_provable(task, change)
    check_still_planned(change)
    check_approved(task, change)


def _would_change(task: BulkTask, change: Change, may: bool = False) -> bool:
    """Return whether the task would send, or ``may`` send, by the states as recorded."""
    if not (task.rollout.wait_for_window or task.rollout.is_open(change.clock.now())):
        return False
    counts = change.counts()
    if counts[RowState.PLANNED] or (task.rollout.resend and counts[RowState.UNKNOWN] + counts[RowState.SENDING]):
        return True
    further = attempts_of(task, change)
    outlook = further.outlook(task.rollout.recheck_after) if further else None
    return outlook is not None and (outlook.may_send if may else outlook.will_send)


def _check_end(task: BulkTask, change: Change) -> None:
    """Fail if the change has ended and not all went well.

    Raises:
        OutcomeUnknownError, ApiError: some are unknown; some are refused or failed.
    """
    report = Report(change, masked=False)
    counts = report.summary.counts
    bad = {str(state): counts[state] for state in BAD_STATES if counts[state]}
    if exhausted := report.summary.attempts.exhausted:
        bad["exhausted"] = exhausted
    if counts[RowState.PLANNED] or not bad or change.record().status == ChangeStatus.WAITING:
        return
    first = (report.failures() or report.exhausted())[0]
    listed = ", ".join(f"{count} {state}" for state, count in bad.items())
    kind = OutcomeUnknownError if RowState.UNKNOWN in bad else ApiError
    raise kind(
        f"Change {task.change_id} has ended with {counts[RowState.DONE]} done, {listed}. "
        f"The first: {described(first)}: {first['message'] or first['state_now']}.",
        request="action_participant",
        code=first["code"],
        message=first["message"],
    )


APPLIED = ModuleState(apply, _check, _check_end, _would_change, plans=True)
