# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: verified``: read the new states until all that were acted on have reached the action's goal.

The option ``verify_timeout`` limits the time.
"""

from __future__ import annotations

import functools
import time
from typing import Any, NamedTuple

from .._core.errors import InvalidInputError, TransportError
from .._core.policy import goal_of, proves_carried_out
from .._core.rollout_policy import has_begun_by_now, reached
from .._core.states import ENDED_STATUSES, ChangeStatus, RowState, remaining_of
from .._ledger.attempts import Attempts
from .._ledger.change import Change
from .._ledger.goal import count_at_goal, last_sent
from .._ledger.queries import Report
from .bulk_task import BulkTask, ModuleState, Work
from .further_attempts import planner_of
from .states_reader import StateReader

_INTERVAL = 5.0  # seconds between two readings, more if a reading takes longer


class _Outlook(NamedTuple):
    """What the latest reading shows.

    Attributes:
        remaining: how many are to be sent for, or were sent for and have not reached the goal.
        awaited: how many of these the server has accepted the action for, so that they may still reach it.
        is_over: whether the server is taken to have begun with all.
    """

    remaining: int
    awaited: int
    is_over: bool


def verify(task: BulkTask, change: Change, run: int) -> Work:
    """Read the states of all that were acted on, and settle unknown outcomes.

    Raises:
        YateotaError: the server or the ledger failed.
    """
    record = change.record()
    goal, timeout = goal_of(record.action), task.options["verify_timeout"]
    attempts, states = Attempts(change, run), StateReader(change, task.reader(), task.stopped)
    attempts.mark_interrupted()
    sent_at, began = last_sent(change), time.monotonic()
    while True:
        begun = time.monotonic()
        states.read(include_done=True)
        attempts.settle_unknown(functools.partial(proves_carried_out, record.action))
        now = time.monotonic()
        # This task began after the last request. A clock that is set must not hide that its time is over.
        since_sent = 0.0 if sent_at is None else max(change.clock.moment() - sent_at, now - began)
        outlook = _outlook(change, goal, has_begun_by_now(since_sent, timeout))
        pause = min(max(_INTERVAL, now - begun), began + timeout - now)
        if not outlook.awaited or pause <= 0 or task.stopped.wait(pause):
            break
    _record_status(task, change, states, record, outlook)
    error = None
    if outlook.remaining and task.stopped.is_set():
        error = TransportError(f"Change {record.change_id} was stopped by a signal: run it again to verify it.")
    first = Report(change, masked=False).unfinished(goal, outlook.is_over)
    return Work(pages_read=states.pages, further={"unfinished": first, "remaining": outlook.remaining}, error=error)


def _outlook(change: Change, goal: str, is_over: bool) -> _Outlook:
    counts, count = change.counts(), count_at_goal(change, goal)
    there = reached(count, is_over)
    return _Outlook(remaining_of(counts) + count.sent - there, counts[RowState.DONE] - there, is_over)


def _record_status(task: BulkTask, change: Change, states: StateReader, record: Any, outlook: _Outlook) -> None:
    """Record how a change that has ended stands now.

    Args:
        task: the task.
        change: the change.
        states: as ``planner_of``.
        record: the change's row before the verification.
        outlook: what the latest reading shows.
    """
    planner = planner_of(task, change, states)
    is_waiting = planner is not None and planner.end()
    if is_waiting and record.status in ENDED_STATUSES:
        change.update(status=ChangeStatus.WAITING, finished=None)
    elif not is_waiting and record.status in (*ENDED_STATUSES, ChangeStatus.WAITING):
        if record.status == ChangeStatus.WAITING:
            change.update(finished=change.clock.moment())
        lacks = outlook.remaining or change.summary().attempts.exhausted
        change.update(status=ChangeStatus.APPLIED if lacks else ChangeStatus.VERIFIED)


def _check(_task: BulkTask, change: Change) -> None:
    record = change.record()
    if record.status == ChangeStatus.PURGED:
        raise InvalidInputError(f"Change {record.change_id} is purged: its participants cannot be read any more.")


VERIFIED = ModuleState(verify, _check)
