# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the waves of a change, and yield the attempts of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._core.entries import kinds_of
from .._core.identifiers import IDENTIFIERS
from .._core.states import ChangeStatus, RowState
from .._core.tallies import WaveCount
from .attempts import Attempt
from .chain import Chain, Link
from .change import Change
from .goal import count_at_goal
from .halts import ROLLOUT, Halt
from .outage import repeatable
from .tables import LAST_PLACE, changes, participants, sa, waves
from .wave_rows import SPAN, in_waves

_BLOCK = 500
_IDENTITY = (*IDENTIFIERS, "campaign_id")


class Waves:
    """The waves of one change, written under its lease.

    Args:
        change: the change.
        chain: its audit chain, which each wave's end adds a link to.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change, chain: Chain) -> None:
        self.ledger = change.ledger
        self._change = change
        self._chain = chain
        self._open = sa.select(waves.c.wave).where(waves.c.change == change.number, waves.c.finished.is_(None))
        is_planned = participants.c.state == RowState.PLANNED
        self._waiting = (change.rows, is_planned, participants.c.wave.is_(None))
        self._held_back: tuple[sa.ColumnElement[bool], ...] = ()

    def hold_back(self, campaigns: Sequence[int]) -> None:
        """Leave planned participants out of what follows, until this is called again. They stay planned.

        Those that are in the present wave leave it at its end, for a later one.

        Args:
            campaigns: of these, the participants that the latest reading has not found are held back.
        """
        columns = participants.c
        latest = sa.select(changes.c.reading).where(changes.c.number == self._change.number).scalar_subquery()
        is_unread = sa.func.coalesce(columns.reading, -1) < latest
        is_in_one = sa.func.coalesce(columns.campaign_id, -1).in_(campaigns)
        self._held_back = (is_in_one, is_unread) if campaigns else ()

    @property
    def _to_send(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Return the condition that a participant is not held back."""
        return (sa.not_(sa.and_(*self._held_back)),) if self._held_back else ()

    @repeatable
    def current(self) -> int | None:
        """Return the wave that has begun and not ended; None if there is none."""
        with self.ledger.read() as connection:
            return connection.execute(self._open).scalar()

    @repeatable
    def is_any_waiting(self) -> bool:
        """Return whether a planned participant is in no wave yet."""
        with self.ledger.read() as connection:
            return self._next_places(connection, 1) is not None

    @repeatable
    def begin(self, first_size: int, size: int) -> int:
        """Make a wave of the next planned participants, and return its number."""
        with self._change.write() as connection:
            begun = connection.execute(self._open).scalar()
            if begun:
                return int(begun)  # by this call, if the answer to the commit was lost
            latest = sa.select(sa.func.max(waves.c.wave)).where(waves.c.change == self._change.number)
            number = (connection.execute(latest).scalar() or 0) + 1
            first, last = self._next_places(connection, first_size if number == 1 else size) or (0, -1)
            chosen = participants.update().where(
                *self._waiting, *self._to_send, participants.c.seq.between(first, last)
            )
            connection.execute(chosen.values(wave=number))
            row = {"change": self._change.number, "wave": number, "first_place": first, "last_place": last}
            connection.execute(waves.insert().values(**row, started=self._change.clock.moment()))
            own = changes.update().where(changes.c.number == self._change.number)
            connection.execute(own.values(none_waiting_before=last + 1))
        return number

    def _next_places(self, connection: sa.Connection, most: int) -> tuple[int, int] | None:
        """Return the first and the last place of the next planned participants; None if there are none.

        Those before, which are in waves, are not looked at again for each wave.
        """
        own = sa.select(changes.c.none_waiting_before).where(changes.c.number == self._change.number)
        seq = participants.c.seq
        waiting = sa.select(seq).where(*self._waiting, *self._to_send).order_by(seq).limit(most)
        # From the first place too: another program may have planned one again that must be sent for, or refused.
        for start in dict.fromkeys((connection.execute(own).scalar_one(), 0)):
            places = waiting.where(seq >= start).subquery()
            first, last = connection.execute(sa.select(sa.func.min(places.c.seq), sa.func.max(places.c.seq))).one()
            if last is not None:
                return first, last
        return None

    @repeatable
    def _row_of(self, wave: int) -> Any:
        """Read a wave's number and span."""
        columns = waves.c
        query = sa.select(columns.wave, *SPAN).where(columns.change == self._change.number, columns.wave == wave)
        with self.ledger.read() as connection:
            return connection.execute(query).one()

    def _rows_of(self, wave: int) -> tuple[sa.ColumnElement[bool], ...]:
        """Return the condition that a participant is in a wave."""
        return self._change.rows, in_waves([self._row_of(wave)])

    def end(self, wave: int, percentage: float | None = None) -> None:
        """Record that a wave has ended, its soak included.

        Args:
            wave: its number.
            percentage: the share of it that had come to its goal; None if it was not judged.
        """
        moment = self._change.clock.moment()
        link = self._chain.next_link(moment, percentage, ends_wave=True)
        self._end(wave, moment, percentage, link)
        self._chain.note_written(link)

    @repeatable
    def _end(self, wave: int, moment: float, percentage: float | None, link: Link | None) -> None:
        with self._change.write() as connection:
            self._record_end(connection, wave, moment, percentage, link)

    def _record_end(
        self, connection: sa.Connection, wave: int, moment: float, percentage: float | None, link: Link | None
    ) -> None:
        ended = waves.update().where(waves.c.change == self._change.number, waves.c.wave == wave)
        if self._held_back:
            columns = participants.c
            are_in_it = (self._change.rows, columns.wave == wave, columns.state == RowState.PLANNED)
            connection.execute(participants.update().where(*are_in_it, *self._held_back).values(wave=None))
        connection.execute(ended.values(finished=moment, success_percentage=percentage))
        self._chain.insert(connection, link)

    def end_held(self, wave: int, percentage: float, reason: str) -> Halt | None:
        """Record that a wave has ended and that the rollout holds the change, both or neither.

        So the wave is judged once: a release accepts it.

        Args:
            wave: its number.
            percentage: the share of it that had come to its goal.
            reason: why the change is held.

        Returns:
            The hold; None if somebody else holds or has stopped the change: the wave is judged again then.
        """
        moment = self._change.clock.moment()
        link = self._chain.next_link(moment, percentage, ends_wave=True)
        is_held = self._end_held(wave, moment, percentage, reason, link)
        if is_held:
            self._chain.note_written(link)
        return Halt(ChangeStatus.HELD, ROLLOUT, moment, reason) if is_held else None

    @repeatable
    def _end_held(self, wave: int, moment: float, percentage: float, reason: str, link: Link | None) -> bool:
        with self._change.write(whole=True) as connection:
            if not self._change.hold_within(connection, ROLLOUT, reason, moment):
                return False
            self._record_end(connection, wave, moment, percentage, link)
        return True

    @repeatable
    def last_sent(self, wave: int) -> float | None:
        """Return when a wave's last request was sent, in Unix seconds; None if none was."""
        query = sa.select(sa.func.max(participants.c.sent_at)).where(*self._rows_of(wave))
        with self.ledger.read() as connection:
            return connection.execute(query).scalar()

    def count(self, wave: int, goal: str) -> WaveCount:
        """Count a wave's participants that were sent for, and those of them at their goal, also as before.

        Args:
            wave: its number.
            goal: the server state that the action leads to in the end.
        """
        return count_at_goal(self._change, goal, *self._rows_of(wave))

    def planned(self, wave: int) -> Iterator[Attempt]:
        """Yield an attempt for each planned participant of a wave, in order."""
        columns = participants.c
        begun = self._row_of(wave)
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
            .where(self._change.rows, columns.wave == wave, columns.state == RowState.PLANNED, *self._to_send)
            .where(columns.seq > after, columns.seq <= (LAST_PLACE if begun.last_place is None else begun.last_place))
            .order_by(columns.seq)
            .limit(_BLOCK)
        )
        done = (begun.first_place or 0) - 1
        while True:
            block = self._block(query, done)
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
            done = block[-1][0]

    @repeatable
    def _block(self, query: sa.Select[tuple[Any]], after: int) -> list[Any]:
        with self.ledger.read() as connection:
            return sorted(connection.execute(query, {"after": after}).scalar() or ())
