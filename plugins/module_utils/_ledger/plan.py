# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record a change's plan: the selected participants, and why some are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.entries import Row
from .._core.errors import InvalidInputError
from .._core.indistinct import NAMED_AGAIN
from .._core.states import ChangeStatus, RowState
from .chain import Chain
from .change import Change
from .new_rows import NewRows
from .outage import repeatable
from .tables import changes, links, participants, sa

_NUMBERS = ("participant_id", "campaign_id", "found")
_GIVEN = dict.fromkeys((*Row._fields, "state_now"), "string") | dict.fromkeys((*_NUMBERS, "seq"), "integer")
"""The columns of ``Row`` and those that follow it in a statement's rows, with their types."""
_LARGE = 1000
"""The number of rows from which a plan is large: some blocks of a server's list."""
_COMMON = ("change", "state", "read_at", "reading", "attempt")


class Plan:
    """The plan of a change, while it is being made.

    Args:
        change: the change.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change) -> None:
        self.ledger = change.ledger
        self._change = change
        self._planned = (change.rows, participants.c.state == RowState.PLANNED)
        self._new = NewRows(change.ledger, participants, _GIVEN, _COMMON)

    @repeatable
    def begin(self) -> None:
        """Delete the remains of a run that was interrupted during planning, and of the plan that this one replaces.

        Its audit chain begins again.

        Raises:
            InvalidInputError: requests may have been sent for it, so that its record must stay.
        """
        own = sa.select(changes.c.change_id, changes.c.started).where(changes.c.number == self._change.number)
        with self._change.write() as connection:
            record = connection.execute(own).one()
            if record.started is not None:
                raise InvalidInputError(
                    f"Change {record.change_id} has begun, so that it cannot be planned again: run it to continue, or "
                    "give another change_id."
                )
            connection.execute(participants.delete().where(self._change.rows))
            connection.execute(links.delete().where(links.c.change == self._change.number))

    @repeatable
    def add(self, rows: Sequence[Row], first: int) -> None:
        """Record selected participants that are not recorded yet.

        Args:
            rows: as ``Selection.rows`` gives them.
            first: the place of the first in the selection.
        """
        if not rows:
            return
        given = [(*row, row.state_planned, seq) for seq, row in enumerate(rows, start=first)]
        listed = rows[0].found > 0  # all of a block are from a server's list, or none is
        read_at, reading = (self._change.clock.moment(), 0) if listed else (None, None)
        own: dict[str, Any] = {"change": self._change.number, "state": str(RowState.PLANNED), "read_at": read_at}
        with self._change.write() as connection:
            self._new.insert(connection, given, **own, reading=reading, attempt=0)

    @repeatable
    def refresh_statistics(self, number: int) -> None:
        """Let PostgreSQL count a large plan's rows, so that it finds them by an index.

        By itself it does so minutes later, and until then may read the whole change for each block of it. A user who
        does not own the table changes nothing by this.

        Args:
            number: how many rows were added.
        """
        if number >= _LARGE and not self.ledger.is_file:
            with self._change.write() as connection:
                connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {participants.name}")

    @repeatable
    def leave_out_misidentified(self, missing: str, several: str, unnamed: str, sent_by: Sequence[str]) -> None:
        """Leave out entries that the campaigns' lists do not identify.

        Args:
            missing: the reason for an entry whose campaign has no such participant.
            several: the reason for an entry that several participants fit.
            unnamed: the reason for an entry with none of the identifiers in ``sent_by``.
            sent_by: the identifiers by which the action is sent.
        """
        columns = participants.c
        reasons = [
            (missing, columns.campaign_id.is_not(None) & (columns.found == 0)),
            (several, columns.found > 1),
            (unnamed, sa.and_(*(columns[name].is_(None) for name in sent_by))),
        ]
        with self._change.write() as connection:
            for reason, which in reasons:
                self._leave_out(connection, RowState.REFUSED, reason, which)

    @repeatable
    def leave_out_by_state(
        self,
        left_out: Callable[[str | None], tuple[RowState, str] | None],
        conditions_named_again: Sequence[Sequence[sa.ColumnElement[bool]]],
    ) -> None:
        """Leave out entries that are named again or whose server states do not fit: the last step of the plan.

        Args:
            left_out: returns the row state and the reason for a server state that is left out, or None.
            conditions_named_again: which entries are left out because another entry names the same participant: each
                a list of conditions that must all hold.
        """
        state_now = participants.c.state_now
        with self._change.write() as connection:
            for which in conditions_named_again:
                self._leave_out(connection, RowState.REFUSED, NAMED_AGAIN, *which)
            states = connection.execute(sa.select(state_now).where(*self._planned).distinct()).scalars().all()
            for state in states:
                if (reason := left_out(state)) is not None:
                    self._leave_out(connection, *reason, state_now == state)
            # Those of a server's own list were recorded with it: nothing of them is written again.
            state_planned = participants.c.state_planned
            differs = state_planned.is_distinct_from(state_now)
            connection.execute(participants.update().where(self._change.rows, differs).values(state_planned=state_now))

    def finish(self, chain: Chain, offered: int, **values: Any) -> None:
        """Record that the plan is complete.

        Args:
            chain: the change's audit chain, which begins with the plan.
            offered: how many entries the selection had, to count the duplicates.
            values: further columns of the change's row.
        """
        moment, selected = self._change.clock.moment(), sum(self._change.counts().values())
        chain.begin(
            status=ChangeStatus.PLANNED, planned=moment, read_at=moment, duplicates=offered - selected, **values
        )

    def _leave_out(
        self, connection: sa.Connection, state: RowState, reason: str, *which: sa.ColumnElement[bool]
    ) -> None:
        update = participants.update().where(*self._planned, *which)
        connection.execute(update.values(state=state, reason=reason, link=0))  # the plan's own link
