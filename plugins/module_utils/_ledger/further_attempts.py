# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the participants of a change that need another attempt, plan them again, and record the exhausted ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._core.states import ENDED_STATUSES, ChangeStatus, Prospect, RowState
from .change import Change
from .outage import repeatable
from .tables import changes, count_where, earlier_attempts, participants, sa


@dataclass(frozen=True)
class Outlook:
    """What is to come for the participants that were acted on.

    Attributes:
        outstanding: how many may need another attempt, or have an outcome that is awaited.
        may_send: whether the interval has passed for one with attempts remaining, whether its state is known or not.
        will_send: the same, without those whose state says that they do not need one now.
        is_stale: whether states are to be read to know which participants need one now.
    """

    outstanding: int
    may_send: bool
    will_send: bool
    is_stale: bool


def keep_and_plan_again(
    connection: sa.Connection, change: Change, *which: sa.ColumnElement[bool], is_counted: bool = True
) -> None:
    """Move the attempts of participants to the earlier ones, and plan the participants again.

    They are in no wave then. A change that had ended is in progress again: an ended one never has planned participants.
    It takes one transaction, so that no attempt is lost. The audit chain covers the kept attempt as it covered the
    participant's row before.

    Args:
        connection: the transaction.
        change: the change.
        which: the conditions for its participants.
        is_counted: whether the attempts count for the most that a participant gets.
    """
    columns = participants.c
    kept = [name for name in earlier_attempts.columns.keys() if name != "outcome"]  # noqa: SIM118 (they are no dict)
    connection.execute(
        earlier_attempts.insert().from_select(
            [*kept, "outcome"], sa.select(*(columns[name] for name in kept), columns.state).where(change.rows, *which)
        )
    )
    blank = dict.fromkeys(name for name in kept if name not in ("change", "seq", "state_before"))
    made = columns.attempt + (1 if is_counted else 0)
    again = {"state": RowState.PLANNED, "attempt": made, "exhausted_at": None, **blank}
    connection.execute(participants.update().where(change.rows, *which).values(again))
    own = changes.update().where(changes.c.number == change.number)
    connection.execute(own.values(none_waiting_before=0))
    has_planned = sa.exists().where(change.rows, columns.state == RowState.PLANNED)
    has_ended = changes.c.status.in_(ENDED_STATUSES)
    connection.execute(own.where(has_ended, has_planned).values(status=ChangeStatus.IN_PROGRESS, finished=None))


class FurtherAttempts:
    """The further attempts of one change.

    Participants without a campaign have none, since their states cannot be read.

    Args:
        change: the change.
        interval: the fewest seconds between two attempts for one participant.
        prospect: returns the prospect of one that was acted on, by its server state read since (None if it was not),
            and by how many attempts were made.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change, interval: float, prospect: Callable[[str | None, int], Prospect]) -> None:
        self.ledger = change.ledger
        self._change = change
        self._prospect = prospect
        columns = participants.c
        self._acted = change.rows, columns.state == RowState.DONE, columns.campaign_id.is_not(None)
        self._due = columns.sent_at + interval
        # A state that was read before the attempt says nothing about it.
        self._seen = sa.case((columns.read_at > columns.sent_at, sa.func.coalesce(columns.state_now, "")), else_="")
        # The outcome of a last attempt is not awaited once a reading after the interval has not shown an end.
        self._is_over = (columns.read_at > columns.sent_at) & (columns.read_at >= self._due)
        self._latest = sa.select(changes.c.reading).where(changes.c.number == change.number).scalar_subquery()

    @repeatable
    def outlook(self, recheck_after: float) -> Outlook:
        """Read what is to come.

        Args:
            recheck_after: how many seconds a state is taken as known.
        """
        columns, moment = participants.c, self._change.clock.moment()
        with self.ledger.read() as connection:
            those = self._by_prospect(connection)
            again, last = those[Prospect.AGAIN], those[Prospect.LAST] & ~self._is_over
            may_get_one = those[Prospect.WAITING] | again
            is_past = self._due <= moment
            since_due = sa.func.coalesce(columns.read_at, 0) >= self._due
            is_fresh = (columns.read_at > columns.sent_at) & (columns.read_at >= moment - recheck_after)
            is_latest = ~again | (sa.func.coalesce(columns.reading, -1) >= self._latest)
            conditions = [
                may_get_one | last,
                may_get_one & is_past,
                may_get_one & is_past & (again | ~since_due),
                (may_get_one | last) & is_past & ~(is_fresh & is_latest),
            ]
            counted = connection.execute(sa.select(*map(count_where, conditions)).where(*self._acted)).one()
        return Outlook(counted[0], *map(bool, counted[1:]))

    @repeatable
    def note_missed(self, reading: int) -> None:
        """Record that a whole reading has not found participants that were acted on."""
        missed = sa.func.coalesce(participants.c.reading, -1) < reading
        note = participants.update().where(*self._acted, missed)
        unread = {"state_now": None, "read_at": self._change.clock.moment()}
        with self._change.write() as connection:
            connection.execute(note.values(unread))

    @repeatable
    def judge(self) -> None:
        """Record when each next attempt is due, and which participants are exhausted."""
        columns, moment = participants.c, self._change.clock.moment()
        with self._change.write() as connection:
            those = self._by_prospect(connection)
            spent, last = those[Prospect.EXHAUSTED], those[Prospect.LAST] & ~self._is_over
            outstanding = those[Prospect.WAITING] | those[Prospect.AGAIN] | last
            is_marked = columns.due_at.is_not(None) | columns.exhausted_at.is_not(None)
            blank = {"due_at": None, "exhausted_at": None}
            is_other = sa.func.coalesce(columns.due_at, -1) != self._due
            note = participants.update()
            connection.execute(note.where(*self._acted, outstanding, is_other).values(blank | {"due_at": self._due}))
            is_new = columns.exhausted_at.is_(None)
            connection.execute(note.where(*self._acted, spent, is_new).values(due_at=None, exhausted_at=moment))
            connection.execute(note.where(*self._acted, ~outstanding, ~spent, is_marked).values(blank))
            # One that is planned keeps the moment: it shows that it is planned for a further attempt.
            to_come = (RowState.PLANNED, RowState.SENDING, RowState.DONE)
            connection.execute(note.where(self._change.rows, columns.state.not_in(to_come), is_marked).values(blank))

    @repeatable
    def plan_again(self) -> None:
        """Plan the next attempts that are due, by the latest reading."""
        columns, moment = participants.c, self._change.clock.moment()
        with self._change.write() as connection:
            again = self._by_prospect(connection)[Prospect.AGAIN]
            keep_and_plan_again(
                connection, self._change, *self._acted, again, self._due <= moment, columns.reading >= self._latest
            )

    def _by_prospect(self, connection: sa.Connection) -> dict[Prospect, sa.ColumnElement[bool]]:
        """Return for each prospect the condition that a participant that was acted on has it."""
        columns = participants.c
        found = connection.execute(sa.select(self._seen, columns.attempt).where(*self._acted).distinct()).all()
        those: dict[Prospect, sa.ColumnElement[bool]] = dict.fromkeys(Prospect, sa.false())
        for seen, earlier in found:
            each = self._prospect(seen or None, earlier + 1)
            those[each] = those[each] | ((self._seen == seen) & (columns.attempt == earlier))
        return those
