# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a task of the bulk module.

It finds the change, checks it, takes its lease, brings it to the state, and reports. Errors are raised
until the change is found or made; from then on they are in ``TaskResult.error``.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace

from .._core.change_id import check_change_id
from .._core.clock import readable
from .._core.errors import HeldError, InvalidInputError, YateotaError
from .._core.states import ChangeStatus
from .._core.task_result import TaskResult
from .._ledger.chain import Chain
from .._ledger.change import Change
from .._ledger.database import Ledger, open_ledger, open_read_only, scratch_ledger
from .._ledger.halts import status_of
from .._ledger.lease import Lease, least_seconds
from . import result
from .apply import APPLIED, warn_of_resending
from .approve import APPROVED, each_plan_checked_once
from .bulk_task import BulkTask, ModuleState, Work
from .early_checks import check_ledger, check_seconds
from .find import check_may_plan, check_same, create, find_planned, replans
from .further_attempts import check_attempts
from .hold import HELD, RELEASED, STOPPED
from .plan import PLANNED, plan
from .purge import PURGED
from .report_file import check_report
from .verify import VERIFIED

STATES: dict[str, ModuleState] = {
    ChangeStatus.PLANNED: PLANNED,
    ChangeStatus.APPROVED: APPROVED,
    ChangeStatus.APPLIED: APPLIED,
    ChangeStatus.HELD: HELD,
    ChangeStatus.RELEASED: RELEASED,
    ChangeStatus.STOPPED: STOPPED,
    ChangeStatus.VERIFIED: VERIFIED,
    ChangeStatus.PURGED: PURGED,
}
"""Value of the module's ``state`` -> what a task does."""


@each_plan_checked_once()
def run_bulk(task: BulkTask) -> TaskResult:
    """Bring the change to the wanted state; in check mode send and write nothing.

    Raises:
        YateotaError: before the change was found.
    """
    _check_options(task)
    state, options = STATES[task.options["state"]], task.options
    where = options["ledger"], options["ledger_password"], options["ledger_timeout"]
    if not task.check_mode:
        with contextlib.closing(open_ledger(*where, task.stopped, task.warn)) as ledger:
            return _bring(task, state, ledger)
    check_ledger(options["ledger"])
    task.client()  # refuses options of the server that a real run could not use
    recorded = open_read_only(*where, task.warn)
    if recorded:
        with contextlib.closing(recorded) as ledger:
            change = find_planned(task, state, ledger)
            if change:
                return _check_mode_result(task, state, change)
    with contextlib.closing(scratch_ledger(options["ledger"])) as ledger:
        return _bring(task, state, ledger)


def _check_options(task: BulkTask) -> None:
    options = task.options
    check_seconds(options, "lease_seconds", "verify_timeout", "ledger_timeout")
    timeout, seconds = options["timeout"], options["lease_seconds"]
    if seconds < round(least_seconds(timeout), 3):
        raise InvalidInputError(
            f"lease_seconds must be {least_seconds(timeout):g} or more with timeout {timeout:g}, got {seconds:g}: a "
            "request could outlast the lease. Give more lease_seconds, or a shorter timeout."
        )
    check_change_id(task.change_id)
    check_attempts(task, options["action"])
    if options["report_dest"]:
        check_report(options, task.check_mode)  # an unwritable report is refused before anything is done


def _bring(task: BulkTask, state: ModuleState, ledger: Ledger) -> TaskResult:
    """Bring the change to the state.

    The change is found or made, and the state is carried out under its lease.
    """
    change = find_planned(task, state, ledger) or create(task, state, ledger)
    before = None
    if state.plans:
        warn_of_resending(task, change)
    work = Work()
    try:
        with _leased(task, state, change) as change:
            before = change.counts()
            work = _in_recorded_run(task, state, change)
            if work.is_empty:
                nothing_done = result.success(task, change, replace(work, changed=False), before)
                change.discard()  # an empty change would always show that nothing remains to be done
                return nothing_done
            if not work.error and not task.check_mode:
                state.check_end(task, change)
    except YateotaError as error:
        work = replace(work, error=work.error or error)
    if work.error is None:
        return result.success(task, change, work, before)
    with contextlib.suppress(YateotaError):  # the failure that led here is the one to report
        if _is_shown(state, change):
            return result.failure(task, change, work, work.error, before)
    return TaskResult({}, work.error)


def _is_shown(state: ModuleState, change: Change) -> bool:
    """Return whether a failure shows the change: with its plan, or as far as the state needs it."""
    return not change.lacks_plan() if state.takes_lease else bool(change.shards())


def _check_mode_result(task: BulkTask, state: ModuleState, change: Change) -> TaskResult:
    """Return what a real run would do to a recorded change, for check mode.

    Its error is that of the real run.
    """
    if state.plans:
        warn_of_resending(task, change)
    would_change = state.would_change(task, change)
    try:
        state.check(task, change)
        if not would_change:
            state.check_end(task, change)
    except YateotaError as error:
        return result.failure(task, change, Work(), error)
    return result.success(task, change, Work(changed=would_change, further=state.foreseen(task, change)))


@contextlib.contextmanager
def _leased(task: BulkTask, state: ModuleState, change: Change) -> Iterator[Change]:
    """Yield the change under the lease of this task, if its state takes one."""
    if not state.takes_lease:
        yield change
        return
    job = f", job {task.options['job_id']}" if task.options["job_id"] else ""
    since = readable(change.clock.now())
    holder = f"{task.requested_by} on {socket.gethostname()} (process {os.getpid()}{job}) since {since}"
    with Lease(change.ledger, change.number, task.change_id, holder, task.options["lease_seconds"]) as lease:
        yield change.under(lease)


def _in_recorded_run(task: BulkTask, state: ModuleState, change: Change) -> Work:
    """Plan the change if necessary and carry out the state, as one recorded run."""
    if replans(task, change):
        change.update(status=ChangeStatus.PLANNING)
    has_plan = not change.lacks_plan()
    planned = has_plan or not state.takes_lease
    if planned:
        check_same(task, change, has_plan)  # another run may have planned it differently in the meantime
    else:
        check_may_plan(task, state, change.ledger)
    run = change.begin_run(
        requested_by=task.requested_by,
        approved_by=task.options["approved_by"],
        job_id=task.options["job_id"],
        host=socket.gethostname(),
        pid=os.getpid(),
    )
    work, outcome = Work(), "failed"
    try:
        work = _plan_and_perform(task, state, change, run, planned)
        if work.error is None:
            outcome = status_of(change.record())
    except YateotaError as error:
        work = replace(work, error=error)
    finally:
        if isinstance(work.error, HeldError):
            outcome = work.error.kind
        with contextlib.suppress(YateotaError):
            if state.takes_lease:
                Chain(change, run).close()
            change.end_run(run, outcome)
    return work


def _plan_and_perform(task: BulkTask, state: ModuleState, change: Change, run: int, planned: bool) -> Work:
    if planned:
        state.check(task, change)
        return state.perform(task, change, run)
    first = plan(task, change, run)
    if first.is_empty:
        return first
    try:
        state.check(task, change)
        then = Work() if task.check_mode else state.perform(task, change, run)
    except YateotaError as error:
        then = Work(error=error)
    return replace(then, changed=first.changed or then.changed, pages_read=first.pages_read + then.pages_read)
