# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find or make the change of a task, and compare it with the task's options."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .._core.change_id import check_alone
from .._core.errors import InvalidInputError
from .._core.states import NOT_BEGUN_STATUSES, ChangeStatus
from .._ledger.change import Change, find_change, find_or_create_change
from .._ledger.database import Ledger
from .._ledger.fleet import shards_of
from .._ledger.listing import recorded_ids
from .bulk_task import BulkTask, ModuleState
from .limits import first_difference
from .selection import same_selection, words

_SHOWN = 3
"""The number of servers that a sentence names."""


def find_planned(task: BulkTask, state: ModuleState, ledger: Ledger) -> Change | None:
    """Return the change that the task names, or None.

    None means that the ledger does not hold it for this server, or not with a whole plan. A state that concerns all
    shards takes that of another server in its place. One that takes no lease needs no plan either: a change is held
    and stopped while its plan is being made, and where the run that made it was killed.

    Raises:
        InvalidInputError: it is recorded with other options, or under a name that may be taken for this one.
    """
    change = find_change(ledger, task.change_id, task.server)
    if not state.takes_lease and (change := _by_name(task, ledger, change)):
        check_same(task, change, selection_too=not change.lacks_plan())
        return change
    if change is None and state.is_whole:
        change = find_change(ledger, task.change_id)
    if change and not change.lacks_plan():
        anew = replans(task, change)
        check_same(task, change, selection_too=not anew)
        return None if anew else change
    if change is None:
        others = shards_of(ledger, task.change_id)
        if not others:
            check_alone(task.change_id, recorded_ids(ledger))
        else:
            _check_planned_here(task, state, others)
    return None


def _by_name(task: BulkTask, ledger: Ledger, own: Change | None) -> Change | None:
    """Return any recorded shard of the change, best that of the task's server; None if there is none.

    One with a plan comes before one without: a plan that fails takes its row with it.
    """
    shards = ([own] if own else []) + [Change(ledger, row.number) for row in shards_of(ledger, task.change_id)]
    return next((shard for shard in shards if not shard.lacks_plan()), shards[0] if shards else None)


def replans(task: BulkTask, change: Change) -> bool:
    """Return whether the task plans a change again that nothing was sent for."""
    if not task.options["replan"] or task.options["state"] != ChangeStatus.PLANNED:
        return False
    record = change.record()
    return record.status in (*NOT_BEGUN_STATUSES, ChangeStatus.WAITING_FOR_STAGE) and record.started is None


def create(task: BulkTask, state: ModuleState, ledger: Ledger) -> Change:
    """Record the change that the task names, without its plan.

    Raises:
        InvalidInputError: the state does not plan, an option that planning needs is not set, or the change is recorded
            for another server with other options.
    """
    check_may_plan(task, state, ledger)
    facts = {**task.facts(), "limits": task.limits, "selection": {}}
    return find_or_create_change(ledger, task.change_id, functools.partial(check_fits, task), **facts)


def check_may_plan(task: BulkTask, state: ModuleState, ledger: Ledger) -> None:
    """Refuse a change that is not recorded if the task cannot plan it."""
    if not state.plans:
        raise InvalidInputError(f"change_id {task.change_id!r} is not in the ledger '{ledger.shown}': plan it first.")
    for option in ("action", "selection"):
        if not task.options[option]:
            raise InvalidInputError(f"{option} is required to plan change {task.change_id}: set it.")


def _check_planned_here(task: BulkTask, state: ModuleState, others: Sequence[Any]) -> None:
    """Refuse a change of other servers unless the task plans it for its own.

    Only ``state: planned`` does, so that no run sends to a server that the plan was not made for.

    Raises:
        InvalidInputError: names the servers; or as ``check_fits``.
    """
    if task.options["state"] == ChangeStatus.PLANNED:
        check_fits(task, others)
    elif state.plans or not state.is_whole:
        servers = ", ".join(f"{other.api_url} (node '{other.node}')" for other in others[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise InvalidInputError(
            f"change_id '{task.change_id}' is recorded for {servers}{more}, not for {task.api_url} (node "
            f"'{task.node}'): give that server, or plan the change for this one too with state=planned."
        )


def check_fits(task: BulkTask, shards: Sequence[Any]) -> None:
    """Refuse to plan a change for a server with another action or other limits than on its other servers.

    A task that plans again may bring other limits: the others follow, or an approval is refused.

    Args:
        task: the task.
        shards: the rows of the change's shards on other servers.

    Raises:
        InvalidInputError: names the option, both values and the other server.
    """
    for shard in shards:
        differing = _differing(task, shard)
        if differing:
            option, recorded, given = differing
            raise InvalidInputError(
                f"change_id '{task.change_id}' is recorded with {option} {recorded} on {shard.api_url}, not {given}: a "
                "change has the same action and limits on all its servers. Give that, or another change_id."
            )


def _differing(task: BulkTask, shard: Any) -> tuple[str, str, str] | None:
    action = task.options["action"]
    if action is not None and action != shard.action:
        return "action", f"'{shard.action}'", f"'{action}'"
    if task.options["replan"] or shard.limits is None:
        return None
    return first_difference(shard.limits, task.limits)


def check_same(task: BulkTask, change: Change, selection_too: bool = True) -> None:
    """Refuse a task whose options differ from those recorded for the change.

    The selection may be left out of the comparison.
    """
    record = change.record()
    action = task.options["action"]
    if action is not None and action != record.action:
        raise InvalidInputError(
            f"change_id '{record.change_id}' is recorded with action '{record.action}', not '{action}': "
            "give that, or another change_id for another change."
        )
    stage = task.options["stage"]
    if stage is not None and stage != (record.stage or 1) and not task.options["replan"]:
        raise InvalidInputError(
            f"change_id '{record.change_id}' is recorded with stage {record.stage or 1} on {record.api_url}, not "
            f"{stage}: give that, or plan it again with replan=true before it begins."
        )
    if selection_too:
        _check_selection(task, record)


def _check_selection(task: BulkTask, record: Any) -> None:
    """Refuse another selection than the recorded one, whose description the purge keeps.

    A task that purges again needs no list: that may be gone, as what it named is.
    """
    is_purged = record.status == ChangeStatus.PURGED
    if not task.options["selection"] or (is_purged and task.options["state"] == ChangeStatus.PURGED):
        return
    if not same_selection(record.selection, task.selection):
        fix = (
            "it is purged, and sends nothing. Give" if is_purged else "leave selection out to continue with it, or give"
        )
        raise InvalidInputError(
            f"change_id '{record.change_id}' is recorded with another selection ({words(record.selection)}): "
            f"{fix} another change_id."
        )
