# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from a change's record whether a hold or a stop forbids to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._core.states import ENDED_STATUSES, ChangeStatus
from .tables import changes

IS_HELD = changes.c.held_at.is_not(None) & changes.c.released_at.is_(None)
"""The condition that a change is held: a new hold has no release yet."""

ROLLOUT = "the rollout"
"""Who holds a change that no person holds."""

HALT_COLUMNS = tuple(
    changes.c[name]
    for name in (
        *("held_at", "held_by", "held_reason", "released_at", "stopped_at", "stopped_by", "stop_reason"),
        *("aborted_at", "abort_reason"),
    )
)
"""The columns that ``halt_of`` reads."""

LOOK_COLUMNS = (*HALT_COLUMNS, changes.c.approved_at, changes.c.require_approval)
"""The columns that a run looks at while it sends."""


@dataclass(frozen=True)
class Halt:
    """The reason why nothing may be sent for a change.

    Attributes:
        status: ``HELD``, ``STOPPED``, ``ABORTED`` for all shards together, or ``PLANNED`` if it lacks the
            approval that it needs, since the run began.
        by: who holds or has stopped it.
        since: since when, in Unix seconds; 0 for a void approval.
        reason: why.
    """

    status: ChangeStatus
    by: str
    since: float
    reason: str


def hold_of(record: Any) -> Halt | None:
    """Return the hold of a change that is not released; None if there is none."""
    if record.held_at is None or record.released_at is not None:
        return None
    return Halt(ChangeStatus.HELD, record.held_by, record.held_at, record.held_reason)


def stop_of(record: Any) -> Halt | None:
    """Return the stop of a change, which lasts; None if nobody has stopped it."""
    if record.stopped_at is None:
        return None
    return Halt(ChangeStatus.STOPPED, record.stopped_by, record.stopped_at, record.stop_reason)


def abort_of(record: Any) -> Halt | None:
    """Return the abort of all shards of a change; None if there is none."""
    if record.aborted_at is None:
        return None
    return Halt(ChangeStatus.ABORTED, "", record.aborted_at, record.abort_reason)


def is_halted_by_person(record: Any) -> bool:
    """Return whether somebody holds or has stopped a change, which a plan that fails must not undo."""
    return bool(stop_of(record) or hold_of(record))


def hold_values(by: str, reason: str) -> dict[str, Any]:
    """Return the columns of a new hold, without its moment."""
    return {"held_by": by, "held_reason": reason, "released_at": None, "released_by": None}


NOT_APPROVED = Halt(ChangeStatus.PLANNED, "", 0.0, "its approval is void")
"""The halt of a run whose approval was removed: another server's plan was made, or made again."""


def halt_of(record: Any) -> Halt | None:
    """Return why nothing may be sent for a change; None if nothing forbids it.

    A stop comes before a hold, and a hold before an abort.
    """
    return stop_of(record) or hold_of(record) or abort_of(record)


def status_of(record: Any) -> str:
    """Return a change's status.

    Neither a hold nor a stop changes the status of a change that has nothing more to send.
    """
    halt = None if record.status in (*ENDED_STATUSES, ChangeStatus.PURGED) else halt_of(record)
    return halt.status if halt else str(record.status)
