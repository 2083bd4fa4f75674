# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out ``state: purged``: remove the identifiers of an ended change."""

from __future__ import annotations

from .._core.errors import InvalidInputError
from .._core.states import ENDED_STATUSES, ChangeStatus
from .._ledger.change import Change
from .._ledger.halts import abort_of, status_of, stop_of
from .._ledger.purging import purge_identifiers
from .bulk_task import BulkTask, ModuleState, Work


def purge(task: BulkTask, change: Change, _run: int) -> Work:
    """Remove the identifiers, and what the ledger's files still hold of them.

    Raises:
        YateotaError: the ledger failed.
    """
    purges = _would_change(task, change)
    if purges:
        purge_identifiers(change)
    if change.record().compacted_at is None:  # the last run may have found no room for it
        change.ledger.compact()
        change.update(compacted_at=change.clock.moment())
    change.ledger.empty_log()  # each time: a reader may have kept it in the last run
    for backup in change.ledger.backups():
        task.warn(f"'{backup}' is a backup of the ledger that may hold what was purged: delete it.")
    return Work(changed=purges)


def _check(_task: BulkTask, change: Change) -> None:
    record = change.record()
    if record.status not in (*ENDED_STATUSES, ChangeStatus.ABORTED, ChangeStatus.PURGED) and not (
        stop_of(record) or abort_of(record)
    ):
        raise InvalidInputError(
            f"Change {record.change_id} is {status_of(record)}, it has not ended: apply it to its end, or stop it, "
            "then purge it."
        )


def _would_change(_task: BulkTask, change: Change) -> bool:
    return str(change.record().status) != ChangeStatus.PURGED


PURGED = ModuleState(purge, _check, would_change=_would_change)
