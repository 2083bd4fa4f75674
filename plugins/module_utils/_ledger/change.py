# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change in the ledger: its record, its runs, its plan and the states read of its participants."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .._core.change_id import check_alone
from .._core.clock import Clock
from .._core.entries import Listed, Row, row_name
from .._core.identification import NAMED_AGAIN, NAMINGS, PARTICIPANT
from .._core.identifiers import SIM_IDENTIFIERS
from .._core.policy import ACT, UNCHANGED, plan_participant
from .database import Ledger
from .lease import Lease
from .outage import repeatable
from .tables import (
    PLANNED,
    REFUSED,
    ROW_STATES,
    SENDING,
    SKIPPED,
    UNKNOWN,
    changes,
    participants,
    runs,
    sa,
)

PLANNING, IN_PROGRESS, APPLIED = "planning", "in_progress", "applied"
VERIFIED, ABORTED, WINDOW_CLOSED, PURGED = "verified", "aborted", "window_closed", "purged"
"""What a change can be in besides ``PLANNED``. Nothing is left to send in ``APPLIED`` and ``VERIFIED``."""

IDENTITY = {"participant_id": "integer", **dict.fromkeys(SIM_IDENTIFIERS, "string")}
"""Columns that name a participant, and their types in a statement's rows."""
_identity = operator.attrgetter(*IDENTITY)

UNSETTLED = (PLANNED, SENDING, UNKNOWN)


class Change:
    """A change of the ledger. What it writes it writes under the lease, once there is one.

    Args:
        ledger: holds it.
        number: its number there.
        lease: the lease of this run, or None.

    Attributes:
        ledger, number, lease: as given.
    """

    def __init__(self, ledger: Ledger, number: int, lease: Lease | None = None) -> None:
        self.ledger = ledger
        self.number = number
        self.lease = lease
        self.rows = participants.c.change == number
        self._clock: Clock | None = None

    def under(self, lease: Lease) -> Change:
        """The same change, written under a lease. Its clock is read anew: no other run adds to the record now."""
        return Change(self.ledger, self.number, lease)

    @property
    def clock(self) -> Clock:
        """Gives the moments that are recorded of it, and compared."""
        return self._clock or self._read_clock()

    @repeatable
    def _read_clock(self) -> Clock:
        """Read the ledger's clock, and how far the change's record has come by it."""
        recorded = sa.select(
            self.ledger.clock(),
            *(sa.func.max(participants.c[name]) for name in ("read_at", "sent_at", "answered_at")),
        ).where(self.rows)
        with self.ledger.read() as connection:
            now, *moments = connection.execute(recorded).one()
            own = sa.select(changes.c.read_at, changes.c.judged_from).where(changes.c.number == self.number)
            moments += connection.execute(own).first() or ()
        self._clock = Clock(now, max(moment or 0.0 for moment in moments))
        return self._clock

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction on the change; raises as ``Ledger.write`` and ``Lease.renew``."""
        with self.ledger.write() as connection:
            renewed = self.lease.renew(connection) if self.lease else None
            yield connection
        if self.lease and renewed is not None:
            self.lease.confirm(renewed)

    @repeatable
    def record(self) -> Any:
        """The change's row of ``yateota_changes``."""
        with self.ledger.read() as connection:
            return connection.execute(sa.select(changes).where(changes.c.number == self.number)).one()

    @repeatable
    def is_being_planned(self) -> bool:
        """Whether its plan is not whole, was given up, or has nobody in it, as older releases recorded it."""
        with self.ledger.read() as connection:
            status = connection.execute(sa.select(changes.c.status).where(changes.c.number == self.number)).scalar()
            anybody = connection.execute(sa.select(participants.c.seq).where(self.rows).limit(1)).first()
        return status in (PLANNING, None) or anybody is None

    @repeatable
    def update(self, **values: Any) -> None:
        """Set columns of its row."""
        with self.write() as connection:
            connection.execute(changes.update().where(changes.c.number == self.number).values(**values))

    @repeatable
    def counts(self) -> dict[str, int]:
        """How many participants are in each of ``ROW_STATES``."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants.c.state, sa.func.count()).where(self.rows).group_by(participants.c.state)
            )
            return {**dict.fromkeys(ROW_STATES, 0), **dict(found.all())}

    # --- Runs ------------------------------------------------------------------------------------------------------

    def begin_run(self, **facts: Any) -> int:
        """Note that a run begins, and who has it run; the run's number."""
        return self._begin_run({"change": self.number, "started": self.clock.moment(), **facts})

    @repeatable
    def _begin_run(self, facts: dict[str, Any]) -> int:
        same = [runs.c[name] == facts[name] for name in ("change", "started", "host", "pid")]
        with self.write() as connection:
            # Its own, where the answer to the commit was lost.
            run = connection.execute(sa.select(runs.c.number).where(*same)).scalar()
            return int(run or connection.execute(runs.insert().values(facts).returning(runs.c.number)).scalar_one())

    @repeatable
    def end_run(self, run: int, outcome: str) -> None:
        """Note what a run came to."""
        moment = self.clock.moment()
        with self.write() as connection:
            connection.execute(runs.update().where(runs.c.number == run).values(finished=moment, outcome=outcome))

    # --- The plan --------------------------------------------------------------------------------------------------

    @repeatable
    def begin_plan(self) -> None:
        """Forget what a run that was cut off while it planned has left."""
        with self.write() as connection:
            connection.execute(participants.delete().where(self.rows))

    @repeatable
    def add(self, rows: Sequence[Row], first: int) -> None:
        """Record selected participants, those that are recorded already passed over.

        Args:
            rows: as ``Selection.rows`` gives them.
            first: the place of the first in the selection.
        """
        if not rows:
            return
        moment = self.clock.moment()
        with self.write() as connection:
            connection.execute(
                self.ledger.insert_new(participants),
                [
                    {
                        **row,
                        "change": self.number,
                        "seq": seq,
                        "state": PLANNED,
                        "state_now": row["state_planned"],
                        "read_at": moment if row["found"] else None,
                        "reading": 0 if row["found"] else None,
                    }
                    for seq, row in enumerate(rows, start=first)
                ],
            )

    @repeatable
    def refuse_misnamed(self, action: str) -> None:
        """Leave out of the plan whom the lists do not tell well enough to send the action."""
        naming, columns = NAMINGS[action], participants.c
        in_campaign = columns.campaign_id.is_not(None)
        several = "several participants of its campaign fit it; give participant_id"
        if naming.unit != PARTICIPANT:
            several = "several SIMs fit it; give its iccid, or its imsi"
        unnamed = f"{action} is sent by {', else '.join(naming.by)}, and its campaign's list shows none of them"
        reasons = [
            ("its campaign has no such participant", in_campaign & (columns.found == 0)),
            (several, columns.found > 1),
            (unnamed, sa.and_(*(columns[name].is_(None) for name in naming.by))),
        ]
        with self.write() as connection:
            for reason, which in reasons:
                refuse = participants.update().where(self.rows, columns.state == PLANNED, which)
                connection.execute(refuse.values(state=REFUSED, reason=reason))

    @repeatable
    def judge_plan(self, action: str, offered: int, named_again: Sequence[Sequence[sa.ColumnElement[bool]]]) -> None:
        """Leave out of the plan whom the action changes nothing for, or does not apply to. The plan is whole then.

        Args:
            action: the change's action.
            offered: how many entries the selection had, to count the doubled ones.
            named_again: who has to be left out, since another entry may name the same participant.
        """
        moment = self.clock.moment()
        planned = (self.rows, participants.c.state == PLANNED)
        with self.write() as connection:

            def settle(state: str, reason: str, *which: sa.ColumnElement[bool]) -> None:
                connection.execute(participants.update().where(*planned, *which).values(state=state, reason=reason))

            for those in named_again:
                settle(REFUSED, NAMED_AGAIN, *those)
            states = connection.execute(sa.select(participants.c.state_now).where(*planned).distinct()).scalars().all()
            for state in states:
                plan = plan_participant(action, state)
                if plan.verdict != ACT:
                    verdict = SKIPPED if plan.verdict == UNCHANGED else REFUSED
                    settle(verdict, plan.reason, participants.c.state_now == state)
            connection.execute(participants.update().where(self.rows).values(state_planned=participants.c.state_now))
            selected = connection.execute(sa.select(sa.func.count()).where(self.rows)).scalar_one()
            connection.execute(
                changes.update()
                .where(changes.c.number == self.number)
                .values(status=PLANNED, planned=moment, read_at=moment, duplicates=offered - selected)
            )

    @repeatable
    def discard(self) -> None:
        """Leave nothing of a change whose plan could not be made."""
        with self.write() as connection:
            for table in (participants, runs):
                connection.execute(table.delete().where(table.c.change == self.number))
            connection.execute(changes.delete().where(changes.c.number == self.number))

    # --- States read from the server ------------------------------------------------------------------------------

    @repeatable
    def campaigns_of(self, states: Iterable[str]) -> list[int]:
        """The campaigns of the participants in these row states."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants.c.campaign_id)
                .where(self.rows, participants.c.state.in_(states), participants.c.campaign_id.is_not(None))
                .distinct()
            )
            return sorted(found.scalars())

    @repeatable
    def last_states(self, campaign_id: int, states: Iterable[str]) -> list[str]:
        """The server's states that participants in these row states were last read in, the most frequent first."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants.c.state_now)
                .where(self.rows, participants.c.campaign_id == campaign_id, participants.c.state.in_(states))
                .group_by(participants.c.state_now)
                .order_by(sa.func.count().desc())
            )
            return [state for state in found.scalars() if state]

    @repeatable
    def begin_reading(self) -> int:
        """Begin to read states anew; the reading's number."""
        with self.write() as connection:
            connection.execute(
                changes.update()
                .where(changes.c.number == self.number)
                .values(reading=changes.c.reading + 1, read_at=None)
            )
            number = connection.execute(sa.select(changes.c.reading).where(changes.c.number == self.number)).scalar()
        return int(number or 0)

    @repeatable
    def unread(self, campaign_id: int, states: Iterable[str], reading: int) -> int:
        """How many participants of a campaign in these row states this reading has not found."""
        with self.ledger.read() as connection:
            count = connection.execute(
                sa.select(sa.func.count()).where(
                    self.rows,
                    participants.c.campaign_id == campaign_id,
                    participants.c.state.in_(states),
                    sa.func.coalesce(participants.c.reading, -1) < reading,
                )
            ).scalar()
        return int(count or 0)

    def note_states(self, page: Sequence[Listed], kinds: Iterable[Sequence[str]], reading: int) -> None:
        """Note the states of a page of the server's list.

        Args:
            page: the participants of one campaign.
            kinds: the identifiers by which the change's participants are named.
            reading: the reading's number.
        """
        columns = participants.c
        given = self.ledger.given(name="string", state="string", **IDENTITY).c
        is_it = columns.participant_id.is_(None) | (columns.participant_id == given.participant_id)
        note = participants.update().where(self.rows, columns.name == given.name, is_it)
        values = {"state_now": given.state, "read_at": self.clock.moment(), "reading": reading}
        self._note(note.values(values), list(each_name_once(named_rows(page, kinds))))

    @repeatable
    def _note(self, note: sa.Update, blocks: list[list[list[Any]]]) -> None:
        with self.write() as connection:
            for block in blocks:
                connection.execute(note, {"rows": block})


def named_rows(page: Sequence[Listed], kinds: Iterable[Sequence[str]], in_campaign: bool = True) -> list[list[Any]]:
    """A page of the server's list as rows of name, state and ``IDENTITY``: one for each name that a participant has.

    Args:
        page: the participants.
        kinds: the identifiers by which entries are named, as they are given together.
        in_campaign: the names are those of entries with a campaign; False for those without.
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
    """The rows in blocks in which no first column comes twice: a statement changes a participant once."""
    while rows:
        block: dict[Any, list[Any]] = {}
        rest = [row for row in rows if block.setdefault(row[0], row) is not row]
        yield list(block.values())
        rows = rest


def find_change(ledger: Ledger, change_id: str) -> Change | None:
    """The change of this name, or None."""

    def find() -> int | None:
        with ledger.read() as connection:
            return connection.execute(sa.select(changes.c.number).where(changes.c.change_id == change_id)).scalar()

    number = ledger.outage.repeat(find)
    return None if number is None else Change(ledger, number)


def recorded_ids(ledger: Ledger) -> list[str]:
    """The names of all changes of a ledger."""

    def read() -> list[str]:
        with ledger.read() as connection:
            return list(connection.execute(sa.select(changes.c.change_id)).scalars())

    return ledger.outage.repeat(read)


def create_change(ledger: Ledger, change_id: str, **facts: Any) -> Change:
    """The change of this name, made where it is not there.

    Raises:
        InvalidInputError: one is recorded whose name differs by case, blanks or Unicode form alone.
    """

    def create() -> int:
        with ledger.write() as connection:
            ledger.lock_names(connection)
            check_alone(change_id, connection.execute(sa.select(changes.c.change_id)).scalars())
            number = connection.execute(sa.select(changes.c.number).where(changes.c.change_id == change_id)).scalar()
            if number is None:
                new = changes.insert().values(created=ledger.clock()).returning(changes.c.number)
                number = connection.execute(new, {"change_id": change_id, "status": PLANNING, **facts}).scalar_one()
            return int(number)

    return Change(ledger, ledger.outage.repeat(create))
