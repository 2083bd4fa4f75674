# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define the statements that write a block of attempts.

Another program may change the rows while a run works with them. So each statement writes only the rows that it is meant
for: no run plans a participant again that it has not marked. Each of them may be repeated.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from .._core.states import BAD_STATES, RowState
from .change import Change
from .tables import participants, sa

_RECORDED_COLUMNS = {
    "state": "string",
    "sent_at": "float",
    "answered_at": "float",
    "code": "integer",
    "message": "string",
    "reason": "string",
}
recorded_values = operator.attrgetter(*_RECORDED_COLUMNS)
"""What ``AttemptStatements.outcomes`` records of an attempt, after its place."""

_LINK = sa.bindparam("link", type_=sa.Integer)
_BLANK = dict.fromkeys(("answered_at", "code", "message", "reason"))


class AttemptStatements:
    """The statements for the attempts of one run, to be executed with the parameters of ``block``.

    Args:
        change: the change.
        run: the run's number.

    Attributes:
        mark: marks planned participants; also needs ``moment``.
        unmark: plans participants again that this run has marked and not sent for.
        outcomes: records attempts that ended, or plans again those that were marked and not sent. Also needs ``link``.
            What was sent is recorded whatever the row has become: it would be sent for again otherwise.
        leave_out: records planned participants as left out; also needs ``link``.
        refused: the condition that this run has recorded a bad outcome.
        take_back: plans those again.
    """

    def __init__(self, change: Change, run: int) -> None:
        columns = participants.c
        # PostgreSQL, whose statistics lag behind a new plan, would otherwise read the whole change for each block.
        within = change.rows & columns.seq.between(sa.bindparam("first"), sa.bindparam("last"))
        given = change.ledger.given(seq="integer").c
        block = participants.update().where(within, columns.seq == given.seq)
        # A mark of this run counts as made even if the answer to its commit was lost.
        own_mark = (columns.state == RowState.SENDING) & (columns.run == run)
        # One that the plan has left out, or that has its outcome, is in the chain: only another program plans it again.
        may_begin = (columns.state == RowState.PLANNED) & columns.link.is_(None)
        self.mark = block.where(may_begin | own_mark).values(
            state=RowState.SENDING, state_before=columns.state_now, run=run, sent_at=sa.bindparam("moment"), **_BLANK
        )
        self.unmark = block.where(own_mark).values(state=RowState.PLANNED, sent_at=None)
        self.refused = columns.state.in_(BAD_STATES) & (columns.run == run)
        self.take_back = block.where(self.refused).values(state=RowState.PLANNED, sent_at=None, link=None, **_BLANK)
        given = change.ledger.given(seq="integer", **_RECORDED_COLUMNS).c
        self.outcomes = (
            participants.update()
            .where(within, columns.seq == given.seq, given.sent_at.is_not(None) | own_mark)
            .values({name: given[name] for name in _RECORDED_COLUMNS})
            .values(link=sa.case((given.state != RowState.PLANNED, _LINK)))
        )
        given = change.ledger.given(seq="integer", state="string", reason="string").c
        is_repeated = (columns.state == given.state) & columns.reason.is_not_distinct_from(given.reason)
        self.leave_out = (
            participants.update()
            .where(within, columns.seq == given.seq, may_begin | is_repeated)
            .values(state=given.state, reason=given.reason, link=_LINK)
        )


def block(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the parameters of a statement for rows that begin with the place of their attempt."""
    places = [row[0] for row in rows]
    return {"rows": rows, "first": min(places), "last": max(places)}
