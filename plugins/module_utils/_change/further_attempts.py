# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give participants of a change further attempts, as the option ``attempts`` allows.

The task's own option counts. A task without it follows the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.attempt_policy import ATTEMPT_ACTIONS, AttemptLimits, prospect
from .._core.clock import iso
from .._core.errors import InvalidInputError
from .._core.states import ChangeStatus
from .._ledger.attempt_facts import AttemptFacts
from .._ledger.change import Change
from .._ledger.further_attempts import FurtherAttempts, Outlook
from .._ledger.readings import Readings
from .bulk_task import BulkTask
from .states_reader import StateReader


def check_attempts(task: BulkTask, action: str | None) -> None:
    """Refuse further attempts of an action that cannot have them.

    Raises:
        InvalidInputError: names the action.
    """
    if task.options["attempts"] and action is not None and action not in ATTEMPT_ACTIONS:
        raise InvalidInputError(
            f"attempts must not be given with action={action}, expected {', '.join(ATTEMPT_ACTIONS[:-1])} or "
            f"{ATTEMPT_ACTIONS[-1]}: leave attempts out, because {action} is sent only once for each."
        )


def recorded_attempts(record: Any) -> Mapping[str, Any] | None:
    """Return the option ``attempts`` that the plan of a change recorded; None without."""
    return (record.limits or {}).get("attempts")


def limits_of_attempts(task: BulkTask, change: Change) -> AttemptLimits | None:
    """Return how many attempts a change has, and how far apart; None if it has no further ones.

    Raises:
        InvalidInputError: as ``check_attempts``.
    """
    record = change.record()
    check_attempts(task, record.action)
    limits = task.limits.get("attempts") or recorded_attempts(record)
    if not limits or record.action not in ATTEMPT_ACTIONS or record.status == ChangeStatus.PURGED:
        return None
    return AttemptLimits(limits["maximum"], limits["interval"])


def attempts_of(task: BulkTask, change: Change) -> FurtherAttempts | None:
    """Return the further attempts of a change; None if it has none.

    Raises:
        InvalidInputError: as ``check_attempts``.
    """
    limits, action = limits_of_attempts(task, change), change.record().action
    if limits is None:
        return None
    most = limits.maximum
    return FurtherAttempts(change, limits.interval, lambda state, made: prospect(action, state, made, most))


def attempts_result(change: Change, facts: AttemptFacts, limits: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return how the attempts of a change stand, for its result; None if it has no further ones.

    Args:
        change: the change.
        facts: as its summary has them.
        limits: the option ``attempts``; None if it is not given and not in the plan.
    """
    if limits is None and facts == AttemptFacts():
        return None
    allowed = limits or dict.fromkeys(AttemptLimits._fields)
    is_due = facts.next_due is not None and facts.next_due <= change.clock.now()
    return {**allowed, **facts._asdict(), "next_due": iso(facts.next_due), "is_due": is_due}


def warn_of_single_attempts(task: BulkTask, change: Change) -> None:
    """Warn of participants that get only one attempt, because no list shows their states."""
    single = Readings(change).without_campaign() if task.options["attempts"] else 0
    if single:
        task.warn(
            f"attempts: {single} participants of change {task.change_id} get only one, because no campaign's list "
            "shows whether they need another. Give their campaign_id."
        )


class AttemptPlanner:
    """Plan the further attempts of a change in one run, by the states that it reads.

    Args:
        further: the further attempts.
        maximum: how many attempts a participant gets at most.
        states: reads server states.
        recheck_after: how many seconds a state is taken as known.

    Attributes:
        maximum: as given.
    """

    def __init__(self, further: FurtherAttempts, maximum: int, states: StateReader, recheck_after: float) -> None:
        self._further = further
        self.maximum = maximum
        self._states = states
        self._recheck_after = recheck_after

    def outlook(self) -> Outlook:
        """Return what is to come."""
        return self._further.outlook(self._recheck_after)

    def plan_due(self) -> None:
        """Plan the participants again whose next attempt is due and needed.

        Raises:
            YateotaError: the server or the ledger failed.
        """
        if self.outlook().is_stale:
            self._further.note_missed(self._states.read(include_done=True, in_any_state=True))
        self._further.judge()
        self._further.plan_again()

    def end(self) -> bool:
        """Record what is to come; return whether anything is."""
        self._further.judge()
        return self.outlook().outstanding > 0


def planner_of(task: BulkTask, change: Change, states: StateReader) -> AttemptPlanner | None:
    """Return the planner of a change's further attempts for one run; None if it has none.

    Raises:
        InvalidInputError: as ``check_attempts``.
    """
    limits, further = limits_of_attempts(task, change), attempts_of(task, change)
    if limits is None or further is None:
        return None
    return AttemptPlanner(further, limits.maximum, states, task.options["recheck_after"])
