# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the result of a bulk task: the change, and what this task did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._core.clock import iso
from .._core.errors import YateotaError
from .._core.states import ChangeStatus, RowState
from .._core.task_result import TaskResult
from .._ledger.audit import head_of
from .._ledger.change import Change
from .._ledger.fleet import shard_facts, shard_rows
from .._ledger.queries import LATEST, Report
from .._ledger.summary import Summary
from .bulk_task import BulkTask, Work
from .forecast import forecast, limits_of_options
from .further_attempts import attempts_result, recorded_attempts
from .options import RolloutOptions
from .report_file import write_rows


def success(task: BulkTask, change: Change, work: Work, before: Mapping[str, int] | None = None) -> TaskResult:
    """Return the end of a task that succeeded.

    The task still fails if its report cannot be written.

    Args:
        task: the task.
        change: the change.
        work: what the task did.
        before: the counts before it; None for the present counts.

    Raises:
        YateotaError: the ledger cannot be read.
    """
    identifiers = _identifiers(task, change)
    result = _result(task, change, work, before)
    error = _write_report(task, change, result)
    return TaskResult(result, error, identifiers)


def failure(
    task: BulkTask, change: Change, work: Work, error: YateotaError, before: Mapping[str, int] | None = None
) -> TaskResult:
    """Return the end of a task that ended with an error.

    A further error while its result is read becomes a warning.

    Args:
        task: the task.
        change: the change.
        work: what the task did.
        error: the error that it ended with.
        before: as for ``success``.
    """
    work = replace(work, changed=work.changed or work.sent > 0)
    result: dict[str, Any] = {"changed": work.changed}
    identifiers: frozenset[str] = frozenset()
    further: YateotaError | None
    try:
        identifiers = _identifiers(task, change, str(error), error.message or "")
        result = _result(task, change, work, before)
        further = _write_report(task, change, result)
    except YateotaError as unread:
        further = unread
    if further:
        task.warn(str(further))
    return TaskResult(result, error, identifiers)


def so_far(task: BulkTask, change: Change, summary: Summary, work: Work) -> dict[str, Any]:
    """Return the change and what remains of it, as the result has them, while the task continues.

    Its ``states`` and ``attempts`` are those of the last count of all participants.

    Args:
        task: the task.
        change: the change.
        summary: its sums.
        work: what was done since this was asked for last.

    Raises:
        YateotaError: the ledger cannot be read.
    """
    report = Report(change, masked=False, summary=summary)
    return {"change": _change(task, change, report, work), "remaining": summary.counts[RowState.PLANNED]}


def _result(task: BulkTask, change: Change, work: Work, before: Mapping[str, int] | None) -> dict[str, Any]:
    report = Report(change, masked=False)
    counts, found = report.summary.counts, _change(task, change, report, work)
    foreseen = found["forecast"]
    if foreseen and not foreseen["fits"] and task.options["state"] == ChangeStatus.PLANNED:
        task.warn(f"Change {task.change_id} does not fit into its window. {foreseen['sentence']}")
    return {
        "changed": work.changed,
        "change": found,
        "failures": report.failures(),
        "exhausted": report.exhausted(),
        "remaining": counts[RowState.PLANNED],
        "diff": {"before": dict(before or counts), "after": counts},
        **work.further,
        **_shards(task, change),
    }


def _change(task: BulkTask, change: Change, report: Report, work: Work) -> dict[str, Any]:
    counts, done = report.summary.counts, report.waves_done()
    opens = task.rollout.waits_until(change.clock.now())
    return {
        **report.facts(),
        "selected": sum(counts.values()),
        "counts": counts,
        "states": report.summary.states,
        "attempts": attempts_result(
            change, report.summary.attempts, task.limits.get("attempts") or recorded_attempts(change.record())
        ),
        "waves_done": done,
        "waves_total": done + _waves_remaining(report, task.rollout),
        "waves": report.waves(LATEST),
        "audit": head_of(change),
        "window_opens": iso(opens),
        "window_opens_local": None if opens is None else task.rollout.window.local(opens),
        "forecast": forecast(change, limits_of_options(task.rollout), report.summary),
        "pages_read": work.pages_read,
        "sent": work.sent,
        "rate": round(work.sent / work.sending_seconds, 1) if work.sent else 0.0,
    }


def _shards(task: BulkTask, change: Change) -> dict[str, Any]:
    """Return the rows of all shards, unless the task is one of the many that carry one of them out."""
    if task.options["state"] in (ChangeStatus.APPLIED, ChangeStatus.VERIFIED, ChangeStatus.PURGED):
        return {}
    return {"shards": shard_rows(shard_facts(change))}


def _write_report(task: BulkTask, change: Change, result: dict[str, Any]) -> YateotaError | None:
    """Write the report if it is wanted, and name it in the result.

    The error is returned if that failed, otherwise None.
    """
    if not task.options["report_dest"] or task.check_mode:
        return None
    try:
        write_rows(change, task.options, check_mode=False)
    except YateotaError as error:
        return error
    result["report"] = task.options["report_dest"]
    return None


def _identifiers(task: BulkTask, change: Change, *texts: str) -> frozenset[str]:
    """Return the change's identifiers in warnings and texts, to be masked.

    The texts may come from anywhere. The result is empty if identifiers are not to be masked.
    """
    if not task.options["mask_identifiers"]:
        return frozenset()
    return frozenset(Report(change, masked=False).named_in([*task.warned(), *texts]))


def _waves_remaining(report: Report, rollout: RolloutOptions) -> int:
    """Return how many waves remain, by the present sizes.

    The wave that is under way is one of them.
    """
    total, waiting = report.waves_begun(), report.summary.waiting
    remaining = total - report.waves_done()
    if not total and waiting and rollout.canary:
        remaining, waiting = 1, max(0, waiting - rollout.canary)
    return remaining + math.ceil(waiting / rollout.wave_size)
