# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: held``, ``released`` and ``stopped``.

While a change is held or stopped, no run sends anything for it, on any of its servers. These states take no lease: a
run that is under way sees what they record within a second, and ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .._core.clock import iso, readable
from .._core.errors import ApiError, HeldError, InvalidInputError, StoppedError, YateotaError
from .._core.states import ENDED_STATUSES, ChangeStatus
from .._ledger.change import Change
from .._ledger.halts import NOT_APPROVED, Halt, hold_of, stop_of
from .._ledger.queries import halt_facts
from .bulk_task import BulkTask, ModuleState, Work


def why_halted(change_id: str, halt: Halt) -> YateotaError:
    """Return the failure of a run whose change is held, stopped, aborted everywhere, or not approved any more.

    It says who did it, since when, and why.
    """
    if halt is NOT_APPROVED:
        return InvalidInputError(
            f"The approval of change {change_id} is void: the plan of one of its servers was made since. Nothing more "
            "was sent. Have all plans approved again, then run this again."
        )
    moment = readable(halt.since)
    reason = halt.reason.rstrip(" .")
    if halt.status == ChangeStatus.STOPPED:
        return StoppedError(
            f"Change {change_id} was stopped by {halt.by} at {moment}: {reason}. Nothing is sent for the remaining "
            "participants. To act on them after all, plan them under another change_id."
        )
    if halt.status == ChangeStatus.ABORTED:
        return ApiError(
            f"Change {change_id} is aborted on all its servers since {moment}: {reason}. Find the cause, then set "
            "resume_aborted to continue."
        )
    return HeldError(
        f"Change {change_id} is held by {halt.by} since {moment}: {reason}. Release it with the playbook bulk_release "
        "(state=released) to continue."
    )


def check_not_halted(record: Any) -> None:
    """Refuse to send for a change that somebody holds or has stopped.

    Args:
        record: the change's row.

    Raises:
        HeldError: the change is held or stopped.
    """
    halt = stop_of(record) or hold_of(record)
    if halt:
        raise why_halted(record.change_id, halt)


def check_seen(change: Change) -> None:
    """End a run that reads from the server if its change was held, stopped or aborted.

    Raises:
        YateotaError: as ``why_halted``.
    """
    change.read_halt()
    if change.halt:
        raise why_halted(change.record().change_id, change.halt)


def reason_of(task: BulkTask) -> str:
    """Return the reason, in one line.

    Raises:
        InvalidInputError: there is none.
    """
    reason = " ".join(str(task.options["reason"] or "").split())
    if not reason:
        raise InvalidInputError(
            f"reason is required with state={task.options['state']}: say why, for those who run the change."
        )
    return reason


def _check_hold(task: BulkTask, change: Change) -> None:
    reason_of(task)
    _check_not_stopped(change.record())
    _check_has_not_ended(change)


def _check_release(_task: BulkTask, change: Change) -> None:
    _check_not_stopped(change.record())


def _check_stop(task: BulkTask, change: Change) -> None:
    reason_of(task)
    if not stop_of(change.record()):
        _check_has_not_ended(change)


def _check_not_stopped(record: Any) -> None:
    stop = stop_of(record)
    if stop:
        raise why_halted(record.change_id, stop)


def _check_has_not_ended(change: Change) -> None:
    """Refuse a change with nothing more to send, on any of its servers.

    Raises:
        InvalidInputError: it has ended, or is purged.
    """
    if all(shard.status in (*ENDED_STATUSES, ChangeStatus.PURGED) for shard in change.shards()):
        record = change.record()
        raise InvalidInputError(
            f"Change {record.change_id} is {record.status}: it has ended, and nothing remains to be sent. See its "
            "status with the playbook bulk_status."
        )


def _hold(task: BulkTask, change: Change, _run: int) -> Work:
    return _recorded(task, change, lambda: change.hold(task.requested_by, reason_of(task)))


def _release(task: BulkTask, change: Change, _run: int) -> Work:
    return _recorded(task, change, lambda: change.release(task.requested_by))


def _stop(task: BulkTask, change: Change, _run: int) -> Work:
    return _recorded(task, change, lambda: change.stop(task.requested_by, reason_of(task)))


def _recorded(task: BulkTask, change: Change, record: Callable[[], bool]) -> Work:
    """Record a hold, a release or a stop, and show in the diff what it changed.

    Raises:
        InvalidInputError: the change is gone, because the run that was planning it has failed.
    """
    before = halt_facts(change.record())
    changed = record()
    if not change.shards():
        raise InvalidInputError(
            f"change_id {task.change_id!r} is not in the ledger '{change.ledger.shown}' any more: its plan failed "
            "meanwhile. To keep a job from planning it again, end that job."
        )
    return Work(changed=changed, further=_diff(before, halt_facts(change.record())))


def _would_hold(_task: BulkTask, change: Change) -> bool:
    return hold_of(change.record()) is None


def _would_release(_task: BulkTask, change: Change) -> bool:
    return hold_of(change.record()) is not None


def _would_stop(_task: BulkTask, change: Change) -> bool:
    return stop_of(change.record()) is None


def _foresee_halt(name: str, task: BulkTask, change: Change) -> dict[str, Any]:
    """Show what a hold or a stop would change, by its name in the result."""
    before = halt_facts(change.record())
    new = {"by": task.requested_by, "since": iso(change.clock.now()), "reason": reason_of(task)}
    return _diff(before, {**before, name: before[name] or new})


def _foresee_release(_task: BulkTask, change: Change) -> dict[str, Any]:
    before = halt_facts(change.record())
    return _diff(before, {**before, "held": None})


def _diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {"diff": {"before": before, "after": after}}


HELD = ModuleState(
    _hold,
    _check_hold,
    would_change=_would_hold,
    foreseen=partial(_foresee_halt, "held"),
    takes_lease=False,
    is_whole=True,
)
RELEASED = ModuleState(
    _release, _check_release, would_change=_would_release, foreseen=_foresee_release, takes_lease=False, is_whole=True
)
STOPPED = ModuleState(
    _stop,
    _check_stop,
    would_change=_would_stop,
    foreseen=partial(_foresee_halt, "stopped"),
    takes_lease=False,
    is_whole=True,
)
