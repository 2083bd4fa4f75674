# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the waves of a change, and yield the attempts of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core.entries import kinds_of
from .._core.identifiers import IDENTIFIERS
from .._core.states import RowState
from .attempts import Attempt
from .change import Change
from .outage import repeatable
from .tables import changes, participants, sa, waves

_BLOCK = 500
_IDENTITY = (*IDENTIFIERS, "campaign_id")


class Waves:
    """The waves of one change, written under its lease.

    Args:
        change: the change.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change) -> None:
        self.ledger = change.ledger
        self._change = change
        self._open = sa.select(waves.c.wave).where(waves.c.change == change.number, waves.c.finished.is_(None))

    @repeatable
    def current(self) -> int | None:
        """Return the wave that has begun and not ended; None if there is none."""
        with self.ledger.read() as connection:
            return connection.execute(self._open).scalar()

    @repeatable
    def begin(self, first_size: int, size: int) -> int:
        """Make a wave of the next planned participants, and return its number."""
        with self._change.write() as connection:
            begun = connection.execute(self._open).scalar()
            if begun:
                return int(begun)  # by this call, if the answer to the commit was lost
            last = connection.execute(
                sa.select(sa.func.max(waves.c.wave)).where(waves.c.change == self._change.number)
            ).scalar()
            number = (last or 0) + 1
            chosen = (
                sa.select(participants.c.seq)
                .where(self._change.rows, participants.c.state == RowState.PLANNED, participants.c.wave.is_(None))
                .order_by(participants.c.seq)
                .limit(first_size if number == 1 else size)
            )
            connection.execute(
                participants.update().where(self._change.rows, participants.c.seq.in_(chosen)).values(wave=number)
            )
            connection.execute(
                waves.insert().values(change=self._change.number, wave=number, started=self._change.clock.moment())
            )
        return number

    @repeatable
    def end(self, wave: int) -> None:
        """Record that a wave has ended, its soak included."""
        with self._change.write() as connection:
            connection.execute(
                waves.update()
                .where(waves.c.change == self._change.number, waves.c.wave == wave)
                .values(finished=self._change.clock.moment())
            )

    @repeatable
    def last_sent(self, wave: int) -> float | None:
        """Return when a wave's last request left, in Unix seconds; None if none left."""
        with self.ledger.read() as connection:
            return connection.execute(
                sa.select(sa.func.max(participants.c.sent_at)).where(self._change.rows, participants.c.wave == wave)
            ).scalar()

    def planned(self, wave: int) -> Iterator[Attempt]:
        """Yield an attempt for each planned participant of a wave, in order."""
        columns = participants.c
        after = sa.bindparam("after", type_=sa.Integer)
        query = self.ledger.gathered(
            sa.select(
                columns.seq,
                columns.name,
                columns.state_now,
                columns.due_at.is_not(None).label("is_further"),
                columns.attempt,
                (sa.func.coalesce(columns.reading, -1) >= changes.c.reading).label("is_read"),
                *(columns[name] for name in _IDENTITY),
            )
            .join(changes, changes.c.number == columns.change)
            .where(self._change.rows, columns.wave == wave, columns.state == RowState.PLANNED, columns.seq > after)
            .order_by(columns.seq)
            .limit(_BLOCK)
        )
        last = -1
        while True:
            block = self._block(query, last)
            if not block:
                return
            for seq, name, state_now, is_further, made, is_read, *identification in block:
                given = dict(zip(_IDENTITY, identification, strict=True))
                yield Attempt(
                    seq,
                    given,
                    state_now,
                    bool(is_read) or given["campaign_id"] is None,
                    named_by=kinds_of(name)[0],
                    is_further=bool(is_further),
                    made=made,
                )
            last = block[-1][0]

    @repeatable
    def _block(self, query: sa.Select[tuple[Any]], after: int) -> list[Any]:
        with self.ledger.read() as connection:
            return sorted(connection.execute(query, {"after": after}).scalar() or ())
