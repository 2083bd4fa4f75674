# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: verified``: read the new states until all have reached the action's goal.

The option ``verify_timeout`` limits the time.
"""

from __future__ import annotations

import functools
import time

from .._core.errors import InvalidInputError, TransportError
from .._core.policy import goal_of, proves_carried_out
from .._core.states import ENDED_STATUSES, ChangeStatus
from .._ledger.attempts import Attempts
from .._ledger.change import Change
from .._ledger.queries import Report
from .bulk_task import BulkTask, ModuleState, Work
from .further_attempts import planner_of
from .states_reader import StateReader

_INTERVAL = 5.0  # seconds between two readings, more if a reading takes longer


def verify(task: BulkTask, change: Change, run: int) -> Work:
    """Read the states of all that were acted on, and settle unknown outcomes.

    Raises:
        YateotaError: the server or the ledger failed.
    """
    record = change.record()
    attempts, states = Attempts(change, run), StateReader(change, task.reader(), task.stopped)
    attempts.mark_interrupted()
    report = Report(change, masked=False)
    deadline = time.monotonic() + task.options["verify_timeout"]
    while True:
        begun = time.monotonic()
        states.read(include_done=True)
        attempts.settle_unknown(functools.partial(proves_carried_out, record.action))
        remaining, first = report.unfinished(goal_of(record.action))
        now = time.monotonic()
        pause = min(max(_INTERVAL, now - begun), deadline - now)
        if not remaining or pause <= 0 or task.stopped.wait(pause):
            break
    planner = planner_of(task, change, states)
    is_waiting = planner is not None and planner.end()
    if is_waiting and record.status in ENDED_STATUSES:
        change.update(status=ChangeStatus.WAITING, finished=None)
    elif not is_waiting and record.status in (*ENDED_STATUSES, ChangeStatus.WAITING):
        if record.status == ChangeStatus.WAITING:
            change.update(finished=change.clock.moment())
        change.update(status=ChangeStatus.APPLIED if remaining else ChangeStatus.VERIFIED)
    error = None
    if remaining and task.stopped.is_set():
        error = TransportError(f"Change {record.change_id} was stopped by a signal: run it again to verify it.")
    return Work(pages_read=states.pages, further={"unfinished": first, "remaining": remaining}, error=error)


def _check(_task: BulkTask, change: Change) -> None:
    record = change.record()
    if record.status == ChangeStatus.PURGED:
        raise InvalidInputError(f"Change {record.change_id} is purged: its participants cannot be read any more.")


VERIFIED = ModuleState(verify, _check)
