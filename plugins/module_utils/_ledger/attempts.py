# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows of the sends of a change: waves, marks before requests leave, outcomes, and doubts settled."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.entries import kinds_of
from .._core.errors import InvalidInputError, YateotaError
from .._core.identifiers import IDENTIFIERS
from .._core.policy import proves_carried_out
from .change import Change
from .outage import LedgerAwayError, repeatable
from .tables import (
    BAD_STATES,
    DONE,
    FAILED,
    PLANNED,
    SENDING,
    UNKNOWN,
    changes,
    earlier_sends,
    participants,
    runs,
    sa,
    waves,
)

_BLOCK = 500
_IDENTITY = (*IDENTIFIERS, "campaign_id")
_OUTCOME = {
    "state": "string",
    "sent_at": "float",
    "answered_at": "float",
    "code": "integer",
    "message": "string",
    "reason": "string",
}
_outcome = operator.attrgetter(*_OUTCOME)

CUT_OFF = "the run was cut off before its outcome was recorded"


@dataclass(slots=True)
class Send:
    """One participant on its way through a wave.

    Attributes:
        seq: its place in the change.
        identification: its identifiers and campaign, as recorded.
        state_now: its state as last read, None where it never was.
        is_read: whether the latest reading found it; true where there is nothing to read it from.
        state: the row state that it came to.
        sent_at, answered_at: when its request left and was answered; None where none left.
        code, message: what the server said.
        reason: why it came to ``state``, where that is not the server's word.
        named_by: the identifier by which the selection names it.
    """

    seq: int
    identification: dict[str, Any]
    state_now: str | None
    is_read: bool
    state: str = SENDING
    sent_at: float | None = None
    answered_at: float | None = None
    code: int | None = None
    message: str | None = None
    reason: str | None = None
    named_by: str = "participant_id"


@dataclass(frozen=True)
class Tally:
    """How sends came out: ``executed`` in all, ``bad`` of them."""

    executed: int
    bad: int


def _unrecorded(error: LedgerAwayError, number: int) -> YateotaError:
    """The error, with how many outcomes are known here and could not be recorded."""
    if not number:
        return error
    lost = f"The outcomes of {number} or more participants are not recorded"
    return error.restated(f"{error} {lost}: the next run settles them by their states, or reports them as unknown.", {})


class Sends:
    """The sends of one change, written under its lease.

    Args:
        change: the change.
        run: the number of the run that sends.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change, run: int) -> None:
        self._change = change
        self._run = run
        self._has_sent = False
        self.ledger = change.ledger
        columns = participants.c
        given = change.ledger.given(seq="integer").c
        blank = dict.fromkeys(("answered_at", "code", "message", "reason"))
        self._mark = (
            participants.update()
            .where(
                change.rows,
                columns.seq == given.seq,
                # Its own marks, where the answer to their commit was lost.
                sa.or_(columns.state == PLANNED, sa.and_(columns.state == SENDING, columns.run == run)),
            )
            .values(state=SENDING, state_before=columns.state_now, run=run, sent_at=sa.bindparam("moment"), **blank)
        )
        given = change.ledger.given(seq="integer", **_OUTCOME).c
        self._open_wave = sa.select(waves.c.wave).where(waves.c.change == change.number, waves.c.finished.is_(None))
        self._settle = (
            participants.update()
            .where(change.rows, columns.seq == given.seq)
            .values({name: given[name] for name in _OUTCOME})
        )

    # --- Waves -----------------------------------------------------------------------------------------------------

    @repeatable
    def open_wave(self) -> int | None:
        """The wave that has begun and has not ended, or None."""
        with self.ledger.read() as connection:
            return connection.execute(self._open_wave).scalar()

    @repeatable
    def begin_wave(self, first_size: int, size: int) -> int:
        """Make the next of the planned a wave, of another size where it is the first; its number."""
        with self._change.write() as connection:
            begun = connection.execute(self._open_wave).scalar()
            if begun:
                return int(begun)  # this one, where the answer to the commit was lost
            last = connection.execute(
                sa.select(sa.func.max(waves.c.wave)).where(waves.c.change == self._change.number)
            ).scalar()
            number = (last or 0) + 1
            chosen = (
                sa.select(participants.c.seq)
                .where(self._change.rows, participants.c.state == PLANNED, participants.c.wave.is_(None))
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
    def end_wave(self, wave: int) -> None:
        """Note that a wave is over, its soak included."""
        with self._change.write() as connection:
            connection.execute(
                waves.update()
                .where(waves.c.change == self._change.number, waves.c.wave == wave)
                .values(finished=self._change.clock.moment())
            )

    @repeatable
    def last_sent(self, wave: int) -> float | None:
        """When the last request of a wave left, or None."""
        with self.ledger.read() as connection:
            return connection.execute(
                sa.select(sa.func.max(participants.c.sent_at)).where(self._change.rows, participants.c.wave == wave)
            ).scalar()

    def planned_of(self, wave: int) -> Iterator[Send]:
        """Who of a wave is still to be sent for, in order."""
        columns = participants.c
        after = sa.bindparam("after", type_=sa.Integer)
        query = self.ledger.gathered(
            sa.select(
                columns.seq,
                columns.name,
                columns.state_now,
                (sa.func.coalesce(columns.reading, -1) >= changes.c.reading).label("is_read"),
                *(columns[name] for name in _IDENTITY),
            )
            .join(changes, changes.c.number == columns.change)
            .where(self._change.rows, columns.wave == wave, columns.state == PLANNED, columns.seq > after)
            .order_by(columns.seq)
            .limit(_BLOCK)
        )
        last = -1
        while True:
            block = self._block(query, last)
            if not block:
                return
            for seq, name, state_now, is_read, *identification in block:
                given = dict(zip(_IDENTITY, identification, strict=True))
                yield Send(
                    seq, given, state_now, bool(is_read) or given["campaign_id"] is None, named_by=kinds_of(name)[0]
                )
            last = block[-1][0]

    @repeatable
    def _block(self, query: sa.Select[tuple[Any]], after: int) -> list[Any]:
        with self.ledger.read() as connection:
            return sorted(connection.execute(query, {"after": after}).scalar() or ())

    # --- Marks and outcomes ----------------------------------------------------------------------------------------

    def exchange(self, ended: Sequence[Send], marked: Sequence[Send]) -> None:
        """Record what has ended, and that the marked are about to leave, in one durable transaction.

        Args:
            ended: their ``state`` and what goes with it is recorded.
            marked: become ``SENDING``; none of their requests may leave before this returns.
        """
        outcomes = sum(send.sent_at is not None for send in ended)
        try:
            with self.ledger.outage.holding_outcomes(outcomes > 0):
                self._exchange(
                    [(send.seq, *_outcome(send)) for send in ended],
                    [(send.seq,) for send in marked],
                    self._change.clock.moment(),
                )
        except LedgerAwayError as error:
            raise _unrecorded(error, outcomes) from None
        self._has_sent = self._has_sent or bool(marked)

    @repeatable
    def _exchange(self, ended: list[tuple[Any, ...]], marked: list[tuple[int]], moment: float) -> None:
        with self._change.write() as connection:
            if ended:
                connection.execute(self._settle, {"rows": ended})
            if not marked:
                return
            self.ledger.fold(connection)
            if not self._has_sent:
                self._note_approver(connection)
            # Python's SQLite module counts no rows (-1) of a statement that begins with WITH.
            if connection.execute(self._mark, {"rows": marked, "moment": moment}).rowcount not in (-1, len(marked)):
                raise InvalidInputError(
                    "The ledger does not hold the participants that are next as planned: another program has changed "
                    "it. Nothing was sent for them. Run this again."
                )

    def _note_approver(self, connection: sa.Connection) -> None:
        """Note who approved the change, where this run named one, now that it sends."""
        approver = connection.execute(sa.select(runs.c.approved_by).where(runs.c.number == self._run)).scalar()
        if approver:
            connection.execute(
                changes.update().where(changes.c.number == self._change.number).values(approved_by=approver)
            )

    # --- Doubts ----------------------------------------------------------------------------------------------------

    @repeatable
    def doubt_cut_off(self) -> int:
        """Make unknown what a run that was cut off left between mark and outcome; how many those are."""
        with self._change.write() as connection:
            return connection.execute(
                participants.update()
                .where(self._change.rows, participants.c.state == SENDING)
                .values(state=UNKNOWN, reason=CUT_OFF)
            ).rowcount

    @repeatable
    def settle_unknown(self, action: str) -> int:
        """Settle the unknown whose state, read since, proves that the action was carried out; how many those are."""
        columns = participants.c
        latest = sa.select(changes.c.reading).where(changes.c.number == self._change.number).scalar_subquery()
        unknown = (
            self._change.rows,
            columns.state == UNKNOWN,
            columns.reading >= latest,
            columns.read_at > columns.sent_at,
        )
        settled = 0
        with self._change.write() as connection:
            pairs = connection.execute(
                sa.select(columns.state_before, columns.state_now).where(*unknown).distinct()
            ).all()
            for before, now in pairs:
                if proves_carried_out(action, before, now):
                    settled += connection.execute(
                        participants.update()
                        .where(*unknown, columns.state_before == before, columns.state_now == now)
                        .values(state=DONE, reason=f"no answer was recorded, but it was {now} then: it was carried out")
                    ).rowcount
        return settled

    @repeatable
    def plan_unknown_again(self) -> int:
        """Plan to send once more for the unknown, and keep what is known of their sends; how many those are."""
        columns = participants.c
        unknown = (self._change.rows, columns.state == UNKNOWN)
        kept = ("change", "seq", "sent_at", "run", "answered_at", "code", "message")
        with self._change.write() as connection:
            connection.execute(
                earlier_sends.insert().from_select(
                    [*kept, "outcome"],
                    sa.select(*(columns[name] for name in kept), columns.state).where(*unknown),
                )
            )
            return connection.execute(
                participants.update().where(*unknown).values(state=PLANNED, wave=None, reason=None)
            ).rowcount

    @repeatable
    def tally(self, judged_from: float) -> Tally:
        """How the sends since a moment came out; those carried out that came back failed are among the bad."""
        columns = participants.c
        came_back = sa.and_(columns.state == DONE, columns.state_now == FAILED, columns.read_at > columns.sent_at)
        bad = sa.or_(columns.state.in_(BAD_STATES), came_back)
        with self.ledger.read() as connection:
            executed, bad_ones = connection.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((bad, 1), else_=0)), 0)).where(
                    self._change.rows,
                    columns.sent_at >= judged_from,
                    columns.state.in_((DONE, *BAD_STATES)),
                )
            ).one()
        return Tally(executed, int(bad_ones))
