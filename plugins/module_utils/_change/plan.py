# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``state: planned``: the selection is recorded as a plan. ``applied`` begins with it where that is not done."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from .._core.entries import kinds_of
from .._core.errors import InvalidInputError, YateotaError
from .._core.identification import NAMINGS, PARTICIPANT, SIM, may_be_one_sim
from .._core.policy import left_out, misidentified, worth_by_state
from .._ledger.change import Change
from .._ledger.duplicates import Duplicates
from .._ledger.plan import Plan
from .bulk_task import BulkTask, ModuleState, Work
from .selection import Selection, words
from .states_reader import StateReader


def plan(task: BulkTask, change: Change) -> Work:
    """Record the participants that the selection names, and judge each by its state.

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
        _judge(task, change, recorded, selection, offered)
    except BaseException:
        with contextlib.suppress(YateotaError):
            change.discard()
        raise
    if not offered:
        task.warn(
            f"selection is empty: {words(description)} matches no participant. Change {task.change_id} is not "
            "recorded, and nothing is sent."
        )
    return Work(changed=offered > 0, pages_read=states.pages, is_empty=not offered)


def _record(
    task: BulkTask, change: Change, recorded: Plan, selection: Selection, states: StateReader
) -> tuple[int, dict[str, Any]]:
    """Record the selection's rows, and what describes it; how many rows it has, and that description."""
    action, offered, kinds = task.options["action"], 0, set()
    for rows in selection.rows(action, task.reader(), states.count_page, task.warn):
        recorded.add(rows, offered)
        offered += len(rows)
        kinds |= {"/".join(kinds_of(row["name"])) for row in rows}
    description = selection.description()
    if selection.columns:
        description["columns"] = selection.columns
    description["identified_by"] = sorted(kinds)
    description["unit"] = NAMINGS[action].unit
    change.update(**task.facts(), selection=description)
    return offered, description


def _judge(task: BulkTask, change: Change, recorded: Plan, selection: Selection, offered: int) -> None:
    """Leave duplicates out of the plan, and entries that the action is not for."""
    action = task.options["action"]
    recorded.leave_out_misidentified(*misidentified(action))
    found = Duplicates(change, NAMINGS[action], functools.partial(worth_by_state, action))
    if selection.listed and NAMINGS[action].unit == PARTICIPANT:
        recorded.finish(functools.partial(left_out, action), offered, [])  # the ids of a list are each there once
        return
    found.drop()
    two = found.first_indistinct()
    if two and NAMINGS[action].unit == SIM:
        raise InvalidInputError(f"{action} is refused, nothing was recorded or sent. {may_be_one_sim(*two)}")
    if two:
        task.warn(may_be_one_sim(*two))
    recorded.finish(functools.partial(left_out, action), offered, found.named_again())


def _nothing_more(_task: BulkTask, _change: Change, _run: int) -> Work:
    return Work()


PLANNED = ModuleState(_nothing_more, plans=True)
"""Every task of a state that plans has planned the change before it performs the state."""
