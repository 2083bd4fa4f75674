# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark attempts before they are sent, record their outcomes, settle unknown ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import InvalidInputError, YateotaError
from .._core.states import EXECUTED_STATES, RowState
from .._core.tallies import BadRule, Tally
from .attempt_statements import AttemptStatements, block, recorded_values
from .chain import Chain
from .change import Change
from .further_attempts import keep_and_plan_again
from .outage import LedgerAwayError, repeatable
from .tables import (
    changes,
    count_where,
    earlier_attempts,
    participants,
    runs,
    sa,
    waves,
)

INTERRUPTED = "the run was interrupted before its outcome was recorded"
"""The reason in a row that is unknown because its run was killed."""


@dataclass(slots=True)
class Attempt:
    """The attempt to act on one participant of a wave.

    After ``SenderPool.put`` and until ``collect`` returns it, only its sender's thread writes it; before and afterwards
    only the thread that writes the ledger.

    Attributes:
        seq: its place in the change.
        identification: its identifiers and campaign, as recorded.
        state_now: its server state as last read; None if it was never read.
        is_read: whether the latest reading found it; true if there is nothing to read it from.
        state: its row state, as recorded or as to be recorded next.
        sent_at, answered_at: when the request was sent and answered, in Unix seconds; None if it was not.
        code, message: the server's answer.
        reason: why it is in ``state``, if not because of the server's answer.
        named_by: the identifier by which the selection names it.
        is_further: whether it was planned again after an attempt that was carried out.
        made: how many attempts were made before.
    """

    seq: int
    identification: dict[str, Any]
    state_now: str | None
    is_read: bool
    state: RowState = RowState.PLANNED
    sent_at: float | None = None
    answered_at: float | None = None
    code: int | None = None
    message: str | None = None
    reason: str | None = None
    named_by: str = "participant_id"
    is_further: bool = False
    made: int = 0


def _unrecorded(error: LedgerAwayError, number: int) -> YateotaError:
    """Add the number of outcomes that could not be recorded to an error."""
    if not number:
        return error
    lost = f"The outcomes of {number} or more participants are not recorded"
    return error.restated(f"{error} {lost}: the next run settles them by their states, or reports them as unknown.")


class Attempts:
    """The attempts of one change, written under its lease.

    Args:
        change: the change.
        run: the number of the run that sends.

    Attributes:
        ledger: that of the change.
        chain: the change's audit chain.
    """

    def __init__(self, change: Change, run: int) -> None:
        self._change = change
        self._run = run
        self._has_marked = False
        self.ledger = change.ledger
        self.chain = Chain(change, run)
        self._statements = AttemptStatements(change, run)

    def record(self, ended: Sequence[Attempt], marked: Sequence[Attempt]) -> None:
        """Record ended attempts and mark the next ones, in one durable transaction.

        Args:
            ended: attempts whose ``state``, with its details, is recorded: those that ended, and those left out.
            marked: attempts that get the row state ``SENDING``. Their requests must not be sent before this returns.
                They stay planned if the change is held, stopped, or aborted on all its servers.

        Raises:
            LedgerAwayError: the ledger is away; says how many outcomes are not recorded.
        """
        outcomes = sum(attempt.sent_at is not None for attempt in ended)
        left_out = [(each.seq, each.state, each.reason) for each in ended if _is_left_out(each)]
        link = self.chain.number
        self.chain.note([attempt.seq for attempt in ended])
        try:
            with self.ledger.outage.holding_outcomes(outcomes > 0):
                is_marked = self._record(
                    [(attempt.seq, *recorded_values(attempt)) for attempt in ended if not _is_left_out(attempt)],
                    left_out,
                    [(attempt.seq,) for attempt in marked],
                    {"moment": self._change.clock.moment(), "link": link},
                )
        except LedgerAwayError as error:
            raise _unrecorded(error, outcomes) from None
        if is_marked:
            self._has_marked = True
            for attempt in marked:
                attempt.state = RowState.SENDING

    def read_halt(self, unrecorded: int) -> None:
        """Have ``Change.read_halt`` read whether the run may continue.

        Args:
            unrecorded: how many requests were sent whose outcomes are not recorded yet.

        Raises:
            LedgerAwayError: the ledger is away; says how many outcomes are not recorded.
        """
        try:
            with self.ledger.outage.holding_outcomes(unrecorded > 0):
                self._change.read_halt()
        except LedgerAwayError as error:
            raise _unrecorded(error, unrecorded) from None

    @repeatable
    def _record(
        self,
        ended: list[tuple[Any, ...]],
        left_out: list[tuple[Any, ...]],
        marked: list[tuple[int]],
        values: dict[str, Any],
    ) -> bool:
        """Record and mark; return whether any are marked."""
        statements, link = self._statements, {"link": values["link"]}
        with self._change.write() as connection:
            if ended:
                connection.execute(statements.outcomes, block(ended) | link)
            if left_out:
                self._write_planned(connection, statements.leave_out, left_out, link)
            if not marked:
                return False
            if self._change.halt:  # as this transaction has read it
                connection.execute(statements.unmark, block(marked))  # marked if the answer to a commit was lost
                return False
            self.ledger.checkpoint_each_commit(connection)
            if not self._has_marked:
                self._note_approver(connection)
            self._write_planned(connection, statements.mark, marked, {"moment": values["moment"]})
        return True

    def _write_planned(
        self, connection: sa.Connection, statement: sa.Update, rows: Sequence[tuple[Any, ...]], values: dict[str, Any]
    ) -> None:
        if self.ledger.rows_changed(connection, statement, block(rows) | values) != len(rows):
            raise InvalidInputError(
                "The next participants are not planned in the ledger any more: another program has changed it. "
                "Nothing was sent for them. Run this again."
            )

    def _note_approver(self, connection: sa.Connection) -> None:
        """Record this run's approver if it names one and nobody approved the plan."""
        approver = connection.execute(sa.select(runs.c.approved_by).where(runs.c.number == self._run)).scalar()
        if approver:
            mine = changes.update().where(changes.c.number == self._change.number, changes.c.approved_at.is_(None))
            connection.execute(mine.values(approved_by=approver))

    @repeatable
    def mark_interrupted(self) -> None:
        """Mark attempts without an outcome of an interrupted run as unknown."""
        if not self._change.counts()[RowState.SENDING]:
            return
        link = self.chain.number
        self.chain.note_anywhere()
        with self._change.write() as connection:
            connection.execute(
                participants.update()
                .where(self._change.rows, participants.c.state == RowState.SENDING)
                .values(state=RowState.UNKNOWN, reason=INTERRUPTED, link=link)
            )

    @repeatable
    def settle_unknown(self, proves: Callable[[str | None, str | None], bool]) -> None:
        """Settle the unknown rows whose new state proves that the action was carried out.

        Args:
            proves: returns whether a server state before the attempt and one read after it prove that.
        """
        if not self._change.counts()[RowState.UNKNOWN]:
            return
        columns = participants.c
        latest = sa.select(changes.c.reading).where(changes.c.number == self._change.number).scalar_subquery()
        link = self.chain.number
        self.chain.note_anywhere()
        unknown = (
            self._change.rows,
            columns.state == RowState.UNKNOWN,
            columns.reading >= latest,
            columns.read_at > columns.sent_at,
        )
        with self._change.write() as connection:
            pairs = connection.execute(
                sa.select(columns.state_before, columns.state_now).where(*unknown).distinct()
            ).all()
            for before, now in pairs:
                if proves(before, now):
                    connection.execute(
                        participants.update()
                        .where(*unknown, columns.state_before == before, columns.state_now == now)
                        .values(
                            state=RowState.DONE,
                            settled=link,
                            unknown_reason=columns.reason,
                            reason=f"no answer was recorded, but it was {now} then: it was carried out",
                        )
                    )

    @repeatable
    def plan_unknown_again(self, maximum: int | None = None) -> None:
        """Plan another attempt for unknown rows, and keep the record of the last.

        Args:
            maximum: how many attempts each gets at most; None for any number.
        """
        columns = participants.c
        has_attempts_remaining = sa.true() if maximum is None else columns.attempt + 1 < maximum
        with self._change.write() as connection:
            keep_and_plan_again(connection, self._change, columns.state == RowState.UNKNOWN, has_attempts_remaining)

    def take_back(self, refused: Sequence[Attempt]) -> None:
        """Plan participants again whose refusal concerned every request, not them.

        Args:
            refused: their attempts, reset to planned. Those of an ended wave stay in the record as earlier attempts,
                and the participants come into a later wave.
        """
        places = [(attempt.seq,) for attempt in refused]
        self.chain.note([attempt.seq for attempt in refused])
        self._take_back(places)

    @repeatable
    def _take_back(self, places: Sequence[tuple[int]]) -> None:
        ended = sa.select(waves.c.wave).where(waves.c.change == self._change.number, waves.c.finished.is_not(None))
        own = participants.c.seq.in_([place for (place,) in places]), self._statements.refused
        with self._change.write() as connection:
            keep_and_plan_again(connection, self._change, *own, participants.c.wave.in_(ended), is_counted=False)
            connection.execute(self._statements.take_back, block(places))

    @repeatable
    def tally(self, judged_from: float, rule: BadRule) -> Tally:
        """Count the attempts since a moment, and the bad ones among them.

        Each earlier attempt that was carried out counts. It is bad if the rule counts those that came back failed, and
        that another one followed shows that it did.

        Args:
            judged_from: the moment, in Unix seconds.
            rule: which attempts are bad.
        """
        columns = participants.c
        has_come_back = columns.state_now.in_(rule.came_back)
        is_unanswered = columns.state_now.in_(rule.unanswered) & (
            columns.read_at >= columns.sent_at + rule.unanswered_after
        )
        is_read = (columns.state == RowState.DONE) & (columns.read_at > columns.sent_at)
        judged = (self._change.rows, columns.sent_at >= judged_from, columns.state.in_(EXECUTED_STATES))
        ended_bad = columns.state.in_(rule.row_states)
        conditions = (is_read & has_come_back, is_read & is_unanswered, ended_bad)
        kinds = columns.state, columns.code, columns.message, columns.reason
        with self.ledger.read() as connection:
            totals = sa.select(sa.func.count(), *map(count_where, conditions)).where(*judged)
            executed, came_back, unanswered, bad = map(int, connection.execute(totals).one())
            if bad and rule.has_reason:  # reasons are read only for a rule that needs them: they can be many
                groups = sa.select(sa.func.count(), *kinds).where(*judged, ended_bad).group_by(*kinds)
                bad = sum(
                    count
                    for count, state, code, message, reason in connection.execute(groups)
                    if rule.counts(state, code, message or reason)
                )
            earlier = earlier_attempts.c
            earlier_done = connection.execute(
                sa.select(sa.func.count()).where(
                    earlier.change == self._change.number,
                    earlier.sent_at >= judged_from,
                    earlier.outcome == RowState.DONE,
                )
            ).scalar_one()
        came_back += earlier_done if rule.came_back and rule.earlier_came_back else 0
        return Tally(executed + earlier_done, bad + came_back + unanswered, came_back, unanswered)


def _is_left_out(attempt: Attempt) -> bool:
    return attempt.sent_at is None and attempt.state != RowState.PLANNED
