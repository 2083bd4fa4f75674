# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up the participants of a change, in one pass over its rows.

The ledger keeps no sums, for the reasons in docs/architecture.md: a run reads them at its start and its end.
"""

from __future__ import annotations

from typing import NamedTuple

from .._core.states import RowState, ServerState
from .attempt_facts import AttemptFacts, due_at, is_exhausted
from .tables import count_where, participants, sa


class Summary(NamedTuple):
    """What a change's rows come to.

    Attributes:
        counts: how many participants are in each row state.
        states: how many of those that were acted on are in each server state, as last read since the attempt;
            ``unread`` those that were not read since.
        attempts: what is to come for those that were acted on.
        waiting: how many are planned and in no wave yet.
        waiting_due: how many of these have a moment at which their next attempt is due.
        planned_again: how many are planned although a link of the audit chain has their outcome.
    """

    counts: dict[str, int]
    states: dict[str, int]
    attempts: AttemptFacts
    waiting: int
    waiting_due: int
    planned_again: int


def summarize(connection: sa.Connection, rows: sa.ColumnElement[bool]) -> Summary:
    """Read the summary of participants.

    Args:
        connection: a transaction.
        rows: the condition for the participants.
    """
    columns = participants.c
    is_done, since, due = columns.state == RowState.DONE, _state_since(), due_at()
    is_planned = columns.state == RowState.PLANNED
    waits = is_planned & columns.wave.is_(None)
    others = is_done & since.not_in(list(ServerState))
    # One count for each known state: GROUP BY would sort all rows, which takes twice as long.
    totals = [count_where(columns.state == state) for state in RowState]
    totals += [count_where(is_done & (since == state)) for state in ServerState]
    totals += [count_where(is_done & since.is_(None)), count_where(others)]
    totals += [
        count_where(waits),
        count_where(waits & columns.due_at.is_not(None)),
        count_where(is_planned & columns.link.is_not(None)),
    ]
    totals += [sa.func.count(due), sa.func.min(due), count_where(is_exhausted())]
    found = iter(connection.execute(sa.select(*totals).where(rows)).one())
    counts = {str(state): next(found) for state in RowState}
    states = {state: count for state in (*map(str, ServerState), "unread") if (count := next(found))}
    if next(found):
        rest = sa.select(since.label("since"), sa.func.count()).where(rows, others).group_by("since")
        states |= dict(connection.execute(rest).all())
    waiting = [next(found) for _each in range(3)]
    return Summary(counts, states, AttemptFacts(*found), *waiting)


def no_counts() -> dict[str, int]:
    """Return a count of 0 for each row state."""
    return dict.fromkeys(map(str, RowState), 0)


def _state_since() -> sa.ColumnElement[str]:
    """Select the server state as last read since the attempt; null if it was not read since.

    A later reading need not have it: most are about those that are not settled.
    """
    return sa.case((participants.c.read_at > participants.c.sent_at, participants.c.state_now))
