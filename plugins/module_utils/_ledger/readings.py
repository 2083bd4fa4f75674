# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record participants' server states, and find those still to be read."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .._core.entries import Listed, Numbered, row_name
from .._core.identifiers import SIM_IDENTIFIERS
from .._core.states import RowState
from .change import Change
from .outage import repeatable
from .tables import changes, participants, sa

IDENTITY = {"participant_id": "integer", **dict.fromkeys(SIM_IDENTIFIERS, "string")}
"""Columns that name a participant, and their types in a statement's rows."""
_identity = operator.attrgetter(*IDENTITY)


class Readings:
    """The readings of participants' states from the server.

    Args:
        change: the change.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change) -> None:
        self.ledger = change.ledger
        self._change = change

    @repeatable
    def campaigns_of(self, states: Iterable[str]) -> list[int]:
        """List the campaigns of the participants in these row states."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants.c.campaign_id)
                .where(self._change.rows, participants.c.state.in_(states), participants.c.campaign_id.is_not(None))
                .distinct()
            )
            return sorted(found.scalars())

    @repeatable
    def without_campaign(self) -> int:
        """Count the planned participants that no campaign's list shows."""
        which = (self._change.rows, participants.c.state == RowState.PLANNED, participants.c.campaign_id.is_(None))
        with self.ledger.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(*which)).scalar_one())

    @repeatable
    def last_states(self, campaign_id: int, states: Iterable[str]) -> list[str]:
        """List the last server states of participants in these row states.

        The most frequent one comes first.
        """
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants.c.state_now)
                .where(self._change.rows, participants.c.campaign_id == campaign_id, participants.c.state.in_(states))
                .group_by(participants.c.state_now)
                .order_by(sa.func.count().desc())
            )
            return [state for state in found.scalars() if state]

    @repeatable
    def numbered(self, state: str, most: int) -> list[Numbered]:
        """List the first participants in a row state.

        Each has its identifiers and its campaign as recorded.
        """
        wanted = [participants.c[name] for name in (*IDENTITY, "campaign_id")]
        query = sa.select(*wanted).where(self._change.rows, participants.c.state == state)
        with self.ledger.read() as connection:
            return [
                Numbered(**row._mapping) for row in connection.execute(query.order_by(participants.c.seq).limit(most))
            ]

    @repeatable
    def begin(self) -> int:
        """Begin a new reading of states; return its number."""
        with self._change.write() as connection:
            connection.execute(
                changes.update()
                .where(changes.c.number == self._change.number)
                .values(reading=changes.c.reading + 1, read_at=None)
            )
            number = connection.execute(
                sa.select(changes.c.reading).where(changes.c.number == self._change.number)
            ).scalar()
        return int(number or 0)

    @repeatable
    def unread(self, campaign_id: int, states: Iterable[str], reading: int) -> int:
        """Count the participants of a campaign that this reading has not found.

        Only those in these row states are counted.
        """
        with self.ledger.read() as connection:
            count = connection.execute(
                sa.select(sa.func.count()).where(
                    self._change.rows,
                    participants.c.campaign_id == campaign_id,
                    participants.c.state.in_(states),
                    sa.func.coalesce(participants.c.reading, -1) < reading,
                )
            ).scalar()
        return int(count or 0)

    def record(self, page: Sequence[Listed], kinds: Iterable[Sequence[str]], reading: int) -> None:
        """Record the states of a page of the server's list.

        Args:
            page: the participants of one campaign.
            kinds: the sets of identifiers that the change's participants are named by.
            reading: the reading's number.
        """
        columns = participants.c
        given = self.ledger.given(name="string", state="string", **IDENTITY).c
        is_it = columns.participant_id.is_(None) | (columns.participant_id == given.participant_id)
        note = participants.update().where(self._change.rows, columns.name == given.name, is_it)
        moment = self._change.clock.moment()
        moved_at = sa.case((given.state != columns.state_before, moment), else_=columns.moved_at)
        values = {"state_now": given.state, "read_at": moment, "reading": reading, "moved_at": moved_at}
        self._record(note.values(values), list(each_name_once(named_rows(page, kinds))))

    @repeatable
    def _record(self, note: sa.Update, blocks: list[list[list[Any]]]) -> None:
        with self._change.write() as connection:
            for block in blocks:
                connection.execute(note, {"rows": block})


def named_rows(page: Sequence[Listed], kinds: Iterable[Sequence[str]], in_campaign: bool = True) -> list[list[Any]]:
    """Make rows of name, state and ``IDENTITY``.

    There is one for each name of a listed participant.

    Args:
        page: the participants.
        kinds: the sets of identifiers that entries are named by.
        in_campaign: whether the names are those of entries with a campaign, or without.
    """
    rows = []
    for found in page:
        identity = dict(zip(IDENTITY, _identity(found), strict=True))
        for names in kinds:
            if all(identity[name] is not None for name in names):
                name = row_name(names, identity, found.campaign_id if in_campaign else None)
                rows.append([name, found.state, *identity.values()])
    return rows


def each_name_once(rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """Split rows into blocks without a repeated first column.

    A statement changes a participant only once.
    """
    while rows:
        block: dict[Any, list[Any]] = {}
        rest = [row for row in rows if block.setdefault(row[0], row) is not row]
        yield list(block.values())
        rows = rest
