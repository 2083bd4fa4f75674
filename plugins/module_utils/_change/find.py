# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find or make the change of a task, and compare it with the task's options."""

from __future__ import annotations

from .._core.change_id import check_alone
from .._core.errors import InvalidInputError
from .._core.states import NOT_BEGUN_STATUSES, ChangeStatus
from .._ledger.change import Change, create_change, find_change, recorded_ids
from .._ledger.database import Ledger
from .bulk_task import BulkTask, ModuleState
from .selection import same_selection, words


def find_planned(task: BulkTask, ledger: Ledger) -> Change | None:
    """Return the change that the task names, or None.

    None means that the ledger does not hold it, or not with a whole plan.

    Raises:
        InvalidInputError: it is recorded with other options, or under a name that may be taken for this one.
    """
    change = find_change(ledger, task.change_id)
    if change and not change.lacks_plan():
        anew = plans_anew(task, change)
        check_same(task, change, selection_too=not anew)
        return None if anew else change
    if change is None:
        check_alone(task.change_id, recorded_ids(ledger))
    return None


def plans_anew(task: BulkTask, change: Change) -> bool:
    """Return whether the task plans a change again that nothing was sent for."""
    asks = task.options["replan"] and task.options["state"] == ChangeStatus.PLANNED
    return bool(asks) and change.record().status in NOT_BEGUN_STATUSES


def create(task: BulkTask, state: ModuleState, ledger: Ledger) -> Change:
    """Record the change that the task names, without its plan.

    Raises:
        InvalidInputError: the state does not plan, or an option that planning needs is not set.
    """
    check_may_plan(task, state, ledger)
    return create_change(ledger, task.change_id, **task.facts(), selection={})


def check_may_plan(task: BulkTask, state: ModuleState, ledger: Ledger) -> None:
    """Refuse a change that is not recorded if the task cannot plan it."""
    if not state.plans:
        raise InvalidInputError(f"change_id {task.change_id!r} is not in the ledger '{ledger.shown}': plan it first.")
    for option in ("action", "selection"):
        if not task.options[option]:
            raise InvalidInputError(f"{option} is required to plan change {task.change_id}: set it.")


def check_same(task: BulkTask, change: Change, selection_too: bool = True) -> None:
    """Refuse a task whose options differ from those recorded for the change.

    The selection may be left out of the comparison.
    """
    record = change.record()
    for option, value in {"api_url": task.api_url, "node": task.node, "action": task.options["action"]}.items():
        recorded = getattr(record, option)
        if value is not None and value != recorded:
            raise InvalidInputError(
                f"change_id '{record.change_id}' is recorded with {option} '{recorded}', not '{value}': "
                "give that, or another change_id for another change."
            )
    asked = selection_too and task.options["selection"]
    if record.status == ChangeStatus.PURGED or not asked:
        return
    if not same_selection(record.selection, task.selection):
        raise InvalidInputError(
            f"change_id '{record.change_id}' is recorded with another selection ({words(record.selection)}): "
            "leave selection out to continue with it, or give another change_id."
        )
