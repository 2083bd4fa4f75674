# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: planned``: record the selection as a plan.

``state: applied`` does it first if there is no plan.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

from .._core.entries import kinds_of
from .._core.errors import InvalidInputError, YateotaError
from .._core.identification import NAMINGS, PARTICIPANT
from .._core.policy import keep_rank_by_state, left_out, misidentified
from .._core.states import NOT_BEGUN_STATUSES, ChangeStatus
from .._ledger.chain import Chain
from .._ledger.change import Change
from .._ledger.digest import plan_digest
from .._ledger.duplicates import Duplicates
from .._ledger.fleet import void_approvals
from .._ledger.plan import Plan
from .._ledger.tables import sa
from .approve import check_limits
from .bulk_task import BulkTask, ModuleState, Work
from .early_checks import check_provable
from .further_attempts import warn_of_single_attempts
from .one_sim import why_indistinct
from .selection import Selection, words
from .states_reader import StateReader


def plan(task: BulkTask, change: Change, run: int) -> Work:
    """Record the participants in the selection, and judge each by its state.

    Raises:
        YateotaError: the selection cannot be read or planned. The change is not recorded then.
    """
    selection = Selection(task.options["selection"])
    try:
        recorded = Plan(change)
        recorded.begin()
        states = StateReader(change, task.reader(), task.stopped)
        offered, description = _record(task, change, recorded, selection, states)
        if not selection.listed:
            states.look_up()
        named_again = _judge(task, change, recorded, selection)
        recorded.leave_out_by_state(functools.partial(left_out, task.options["action"]), named_again)
        void_approvals(change)
        planned = {"limits": task.limits, "plan_digest": plan_digest(change, task.limits), **_asked_for(task, change)}
        recorded.finish(Chain(change, run), offered, **planned)
    except BaseException:
        with contextlib.suppress(YateotaError):
            if change.record().planned is None:  # a change that is planned again keeps its record
                change.discard()
        raise
    if not offered:
        task.warn(
            f"selection is empty: {words(description)} matches no participant. Change {task.change_id} is not "
            "recorded, and nothing is sent."
        )
    warn_of_single_attempts(task, change)
    return Work(changed=offered > 0, pages_read=states.pages, is_empty=not offered)


def _record(
    task: BulkTask, change: Change, recorded: Plan, selection: Selection, states: StateReader
) -> tuple[int, dict[str, Any]]:
    """Record the rows of the selection and its description; return their number.

    The description is returned too.
    """
    action, offered, kinds = task.options["action"], 0, set()
    for rows in selection.rows(action, task.reader(), states.note_request, task.warn):
        recorded.add(rows, offered)
        offered += len(rows)
        named = rows[:1] if selection.listed else rows  # the rows of a server's own list are all named in one way
        kinds |= {"/".join(kinds_of(row.name)) for row in named}
    recorded.refresh_statistics(offered)
    description = selection.description()
    if selection.columns:
        description["columns"] = selection.columns
    description["identified_by"] = sorted(kinds)
    description["unit"] = NAMINGS[action].unit
    change.update(**task.facts(), selection=description)
    return offered, description


def _asked_for(task: BulkTask, change: Change) -> dict[str, Any]:
    """Return the record of the planner and of the approval.

    The approval is void if a change is planned again.
    """
    record = change.record()
    return {
        "require_approval": record.require_approval or task.options["require_approval"],
        "planned_by": list(dict.fromkeys([*(record.planned_by or []), task.requested_by])),
        "approved_by": None,
        "approved_at": None,
        "approval": None,
    }


def _judge(
    task: BulkTask, change: Change, recorded: Plan, selection: Selection
) -> Sequence[Sequence[sa.ColumnElement[bool]]]:
    """Drop duplicates, and leave out entries that no list identifies.

    Returns:
        The conditions for entries without a campaign whose SIM another entry names in a campaign.

    Raises:
        InvalidInputError: two entries may be one participant or SIM.
    """
    action = task.options["action"]
    recorded.leave_out_misidentified(*misidentified(action))
    found = Duplicates(change, action, functools.partial(keep_rank_by_state, action))
    if selection.listed and NAMINGS[action].unit == PARTICIPANT:
        return []  # each id is in the list only once
    found.drop()
    if why := why_indistinct(found):
        raise InvalidInputError(f"{action} is refused, nothing was recorded or sent. {why}")
    return found.conditions_named_again()


def _renew(task: BulkTask, change: Change, run: int) -> Work:
    """Record that a planned change needs an approval, and its new limits.

    It has new limits if it is planned again after it began. Every task of a state that plans has planned the change
    before it performs the state.
    """
    values: dict[str, Any] = {}
    if task.options["require_approval"] and not change.record().require_approval:
        values["require_approval"] = True
    if _replans_limits(task, change):
        void_approvals(change)
        values |= {"limits": task.limits, "plan_digest": plan_digest(change, task.limits), **_asked_for(task, change)}
    if values:
        Chain(change, run).update(**values)
    return Work(changed=bool(values))


def _replans_limits(task: BulkTask, change: Change) -> bool:
    record = change.record()
    begun = record.status not in (*NOT_BEGUN_STATUSES, ChangeStatus.PURGED)
    return bool(task.options["replan"]) and begun and record.limits != task.limits


def _would_renew(task: BulkTask, change: Change) -> bool:
    needs = task.options["require_approval"] and not change.record().require_approval
    return bool(needs) or _replans_limits(task, change)


def _check(task: BulkTask, change: Change) -> None:
    check_limits(task, change)
    check_provable(task, change)


PLANNED = ModuleState(_renew, _check, would_change=_would_renew, plans=True)
