# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the attempts of changes for results and reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .._core.states import RowState
from .database import Ledger
from .tables import count_where, earlier_attempts, participants, sa


# In functions, because SQLAlchemy may not be installed where this is imported.
def is_exhausted() -> sa.ColumnElement[bool]:
    """Return the condition that a participant has had the most attempts allowed, and would get another."""
    return (participants.c.state == RowState.DONE) & participants.c.exhausted_at.is_not(None)


def due_at() -> sa.ColumnElement[float]:
    """Select when the next attempt for a participant is due; null if it is planned, or needs none."""
    columns = participants.c
    # A moment before the latest attempt is that at which this one was due.
    return sa.case(((columns.state == RowState.DONE) & (columns.due_at > columns.sent_at), columns.due_at))


def attempts_made() -> sa.ColumnElement[int]:
    """Select how many attempts were made for a participant."""
    return participants.c.attempt + sa.case((participants.c.sent_at.is_not(None), 1), else_=0)


class AttemptFacts(NamedTuple):
    """What is to come for the participants of a change that were acted on.

    Attributes:
        outstanding: how many may need another attempt, or have an outcome that is awaited.
        next_due: when the first of their attempts is due, in Unix seconds. If it has passed, they are sent for as soon
            as their states show that they need it.
        exhausted: how many have had the most attempts allowed, and would get another.
    """

    outstanding: int = 0
    next_due: float | None = None
    exhausted: int = 0


def attempt_facts(ledger: Ledger) -> dict[int, AttemptFacts]:
    """Read what is to come for each change, by its number in the ledger."""
    columns = participants.c
    counted = (
        sa.func.count(due_at()),
        sa.func.min(due_at()),
        count_where(is_exhausted()),
    )
    query = sa.select(columns.change, *counted).group_by(columns.change)

    def read() -> dict[int, AttemptFacts]:
        with ledger.read() as connection:
            found = connection.execute(query).all()
        return {change: AttemptFacts(*facts) for change, *facts in found}

    return ledger.outage.repeat(read)


def earlier_attempts_of(connection: sa.Connection, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the earlier attempts of a change, each with its participant's place, in the order of time."""
    found = connection.execute(
        sa.select(earlier_attempts).where(earlier_attempts.c.change == number).order_by(earlier_attempts.c.sent_at)
    ).mappings()
    for each in found:
        names = ("run", "wave", "outcome", "code", "message", "sent_at", "answered_at")
        yield each["seq"], {name: each[name] for name in names}
