# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the participants that have come to an action's goal, by the latest reading, for ``rollout_policy``."""

from __future__ import annotations

from .._core.states import EXECUTED_STATES, RowState
from .._core.tallies import WaveCount
from .change import Change
from .tables import changes, count_where, participants, sa


def is_sent_for() -> sa.ColumnElement[bool]:
    """Return the condition that an attempt was made for a participant, and its outcome is recorded or unknown."""
    return participants.c.sent_at.is_not(None) & participants.c.state.in_(EXECUTED_STATES)


def is_at_goal(change: Change, goal: str) -> sa.ColumnElement[bool]:
    """Return the condition that a participant was acted on and is at the goal by the latest reading."""
    columns = participants.c
    latest = sa.select(changes.c.reading).where(changes.c.number == change.number).scalar_subquery()
    is_new = (columns.reading >= latest) & (columns.read_at > columns.sent_at)
    return (columns.state == RowState.DONE) & sa.func.coalesce(is_new & (columns.state_now == goal), sa.false())


def is_as_before(change: Change, goal: str) -> sa.ColumnElement[bool]:
    """Return the condition that one at its goal was in it before the request too, and was not seen in another since."""
    columns = participants.c
    has_not_moved = columns.moved_at.is_(None) | (columns.moved_at <= columns.sent_at)
    return is_at_goal(change, goal) & (sa.func.coalesce(columns.state_before, "") == goal) & has_not_moved


def count_at_goal(change: Change, goal: str, *which: sa.ColumnElement[bool]) -> WaveCount:
    """Count participants that were sent for, and those of them at their goal, also as before.

    Args:
        change: the change.
        goal: the server state that the action leads to in the end.
        which: the conditions for its participants.
    """
    counted = sa.select(
        sa.func.count(), count_where(is_at_goal(change, goal)), count_where(is_as_before(change, goal))
    ).where(change.rows, is_sent_for(), *which)

    def read() -> WaveCount:
        with change.ledger.read() as connection:
            return WaveCount(*map(int, connection.execute(counted).one()))

    return change.ledger.outage.repeat(read)


def last_sent(change: Change) -> float | None:
    """Return when the last request of a change was sent, in Unix seconds; None if none was."""
    query = sa.select(sa.func.max(participants.c.sent_at)).where(change.rows)

    def read() -> float | None:
        with change.ledger.read() as connection:
            return connection.execute(query).scalar()

    return change.ledger.outage.repeat(read)
