# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record a change: its row, its runs, and its participants by row state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._core.api_urls import is_one_server
from .._core.change_id import check_alone
from .._core.clock import Clock, elapsed
from .._core.states import ChangeStatus
from .database import Ledger
from .halts import HALT_COLUMNS, IS_HELD, LOOK_COLUMNS, Halt, hold_values, is_halted_by_person
from .lease import Lease
from .outage import repeatable
from .summary import Summary, summarize
from .tables import changes, links, participants, runs, sa

Server = tuple[str, str]
"""The URL of a server's API, and the node."""

_BY_SERVER = (changes.c.api_url, changes.c.node)

_LOOK_EVERY = 0.2
"""Seconds between two looks at whether somebody holds or has stopped a change that is written more seldom."""


class Change:
    """A change on one server, written under its lease if there is one.

    Where the same change is recorded for several servers, this is one of its shards.

    Args:
        ledger: the ledger.
        number: the change's number there.
        lease: the lease of this run, or None.

    Attributes:
        ledger, number, lease: as given.
        rows: the condition that a participant belongs to the change.
        whole: the condition that a row of ``yateota_changes`` is a shard of the same change, this one included.
        unlinked: the first and the last place among the rows that this run or a killed one has recorded since the last
            link of the audit chain; None if that is not known. ``Chain`` keeps it, for all that write in this run.
    """

    def __init__(self, ledger: Ledger, number: int, lease: Lease | None = None) -> None:
        self.ledger = ledger
        self.number = number
        self.lease = lease
        self.rows = participants.c.change == number
        own = changes.alias("own")
        self.whole = changes.c.change_id == sa.select(own.c.change_id).where(own.c.number == number).scalar_subquery()
        self.unlinked: tuple[int, int] | None = None
        self._clock: Clock | None = None
        self._summary: Summary | None = None

    def under(self, lease: Lease) -> Change:
        """Return the same change, written under a lease.

        Its clock is read again, since no other run adds to the record now. This object keeps its old clock.
        """
        return Change(self.ledger, self.number, lease)

    @property
    def clock(self) -> Clock:
        """Return the clock for all moments recorded of this change.

        The first use reads the ledger.
        """
        return self._clock or self._read_clock()

    @repeatable
    def _read_clock(self) -> Clock:
        """Read the ledger's clock, and the latest moment in the change's record."""
        own = (changes.c[name] for name in ("recorded_at", "read_at", "judged_from"))
        with self.ledger.read() as connection:
            now = connection.execute(sa.select(self.ledger.clock())).scalar_one()
            moments = list(connection.execute(sa.select(*own).where(changes.c.number == self.number)).first() or (0.0,))
            if moments[0] is None:
                rows = (sa.func.max(participants.c[name]) for name in ("read_at", "sent_at", "answered_at"))
                moments += connection.execute(sa.select(*rows).where(self.rows)).one()
        self._clock = Clock(now, max(moment or 0.0 for moment in moments))
        return self._clock

    @contextlib.contextmanager
    def write(self, whole: bool = False, participants_too: bool = True) -> Iterator[sa.Connection]:
        """Begin a transaction on the change.

        Raises as ``Ledger.write`` and ``Lease.renew``.

        Args:
            whole: the transaction also writes the rows of its other shards, which are locked as by ``write_whole``.
            participants_too: whether it may write its participants.
        """
        if participants_too:
            self._summary = None
        with self.ledger.write() as connection:
            if whole:
                lock_shards(connection, self.whole)
            moment = self._clock.moment() if self._clock else None
            renewed = self.lease.renew(connection, moment) if self.lease else None
            yield connection
        if self.lease and renewed is not None:
            self.lease.confirm(renewed)

    @repeatable
    def record(self) -> Any:
        """Read the change's row of ``yateota_changes``."""
        with self.ledger.read() as connection:
            return connection.execute(sa.select(changes).where(changes.c.number == self.number)).one()

    @repeatable
    def lacks_plan(self) -> bool:
        """Return whether there is no whole plan.

        The plan is being made, was given up, or is empty, or the change is gone.
        """
        with self.ledger.read() as connection:
            status = connection.execute(sa.select(changes.c.status).where(changes.c.number == self.number)).scalar()
            anybody = connection.execute(sa.select(participants.c.seq).where(self.rows).limit(1)).first()
        return status in (ChangeStatus.PLANNING, None) or anybody is None

    @repeatable
    def update(self, **values: Any) -> None:
        """Set columns of its row."""
        with self.write(participants_too=False) as connection:
            connection.execute(changes.update().where(changes.c.number == self.number).values(**values))

    def counts(self) -> dict[str, int]:
        """Count the participants in each row state."""
        return dict(self.summary().counts)

    def summary(self) -> Summary:
        """Sum its participants up.

        With the lease, they are read again only once this run has written since: no other run writes them.
        """
        summary = self._summary or self._read_summary()
        self._summary = summary if self.lease else None
        return summary

    @repeatable
    def _read_summary(self) -> Summary:
        with self.ledger.read() as connection:
            return summarize(connection, self.rows)

    # --- All shards ------------------------------------------------------------------------------------------------

    @repeatable
    def shards(self) -> Sequence[Any]:
        """Read the rows of all shards of the change, by server and node."""
        with self.ledger.read() as connection:
            return connection.execute(sa.select(changes).where(self.whole).order_by(*_BY_SERVER)).all()

    @contextlib.contextmanager
    def write_whole(self) -> Iterator[sa.Connection]:
        """Begin a transaction on the rows of all shards, without any lease.

        It locks the rows in one order. A run locks only its own row, so that none waits for another in a circle.
        """
        with self.ledger.write() as connection:
            lock_shards(connection, self.whole)
            yield connection

    # --- Hold, release, stop ---------------------------------------------------------------------------------------

    @property
    def halt(self) -> Halt | None:
        """Return why nothing may be sent, as last seen under the lease; None if it may."""
        return self.lease.halt if self.lease else None

    @repeatable
    def read_halt(self) -> None:
        """Read whether somebody holds or has stopped it.

        Nothing is read if this run did so a moment ago.
        """
        self.read_halt_once()

    def read_halt_once(self) -> None:
        """Read the same as ``read_halt``, without waiting for a ledger that is away."""
        if self.lease is None or self.lease.seconds_since_look() < _LOOK_EVERY:
            return
        moment = elapsed()
        with self.ledger.read() as connection:
            record = connection.execute(sa.select(*LOOK_COLUMNS).where(changes.c.number == self.number)).one()
            if self.lease.siblings:
                self.lease.siblings.look(connection)
        self.lease.note_halt(record, moment)

    def hold(self, by: str, reason: str) -> bool:
        """Record for all shards that somebody holds them; return False if somebody does already.

        No lease is needed.
        """
        return self._set_once("held_at", ~IS_HELD, hold_values(by, reason))

    def hold_within(self, connection: sa.Connection, by: str, reason: str, moment: float) -> bool:
        """Record a hold of all shards in a transaction of ``write``; return False if they are held or stopped already.

        Args:
            connection: within a transaction on the whole change.
            by: who holds it.
            reason: why.
            moment: since when, the same each time that the transaction is repeated.
        """
        is_free = ~IS_HELD & changes.c.stopped_at.is_(None)
        return self._set_within(connection, changes.c.held_at, moment, is_free, hold_values(by, reason))

    def release(self, by: str) -> bool:
        """Record for all shards that their hold is released; return False if nobody holds them."""
        return self._set_once("released_at", IS_HELD, {"released_by": by})

    def stop(self, by: str, reason: str) -> bool:
        """Record for all shards that they are stopped; return False if they are stopped already."""
        values = {"stopped_by": by, "stop_reason": reason}
        return self._set_once("stopped_at", changes.c.stopped_at.is_(None), values)

    def _set_once(self, column: str, condition: sa.ColumnElement[bool], values: dict[str, Any]) -> bool:
        """Set a moment in the rows of all shards that a condition allows; return whether it did.

        What belongs to the moment is set with it.
        """
        return self._set_moment(changes.c[column], self.clock.moment(), condition, values)

    @repeatable
    def _set_moment(
        self, column: sa.Column[float], moment: float, condition: sa.ColumnElement[bool], values: dict[str, Any]
    ) -> bool:
        with self.write_whole() as connection:
            return self._set_within(connection, column, moment, condition, values)

    def _set_within(
        self,
        connection: sa.Connection,
        column: sa.Column[float],
        moment: float,
        condition: sa.ColumnElement[bool],
        values: dict[str, Any],
    ) -> bool:
        connection.execute(changes.update().where(self.whole, condition).values({column: moment, **values}))
        # By the moment, since the answer to an earlier commit may have been lost.
        return connection.execute(sa.select(column).where(self.whole, column == moment)).first() is not None

    # --- Runs ------------------------------------------------------------------------------------------------------

    def begin_run(self, **facts: Any) -> int:
        """Record that a run begins, and who started it; return the run's number."""
        return self._begin_run({"change": self.number, "started": self.clock.moment(), **facts})

    @repeatable
    def _begin_run(self, facts: dict[str, Any]) -> int:
        same = [runs.c[name] == facts[name] for name in ("change", "started", "host", "pid")]
        with self.write(participants_too=False) as connection:
            # Its own row exists if the answer to the commit was lost.
            run = connection.execute(sa.select(runs.c.number).where(*same)).scalar()
            return int(run or connection.execute(runs.insert().values(facts).returning(runs.c.number)).scalar_one())

    @repeatable
    def end_run(self, run: int, outcome: str) -> None:
        """Record the outcome of a run."""
        moment = self.clock.moment()
        with self.write(participants_too=False) as connection:
            connection.execute(runs.update().where(runs.c.number == run).values(finished=moment, outcome=outcome))

    @repeatable
    def discard(self) -> None:
        """Delete a change that has no plan, or an empty one.

        The row of one that a person holds or has stopped stays, without a plan: a later run must find that.
        """
        own = changes.c.number == self.number
        with self.write() as connection:
            record = connection.execute(sa.select(*HALT_COLUMNS).where(own).with_for_update()).first()
            stays = record is not None and is_halted_by_person(record)
            for table in (participants, links) if stays else (participants, links, runs):
                connection.execute(table.delete().where(table.c.change == self.number))
            no_plan = changes.update().values(status=ChangeStatus.PLANNING, planned=None)
            connection.execute((no_plan if stays else changes.delete()).where(own))


def lock_shards(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Sequence[Any]:
    """Lock rows of ``yateota_changes`` until the transaction ends, always in one order; return them."""
    query = sa.select(changes).where(which).order_by(changes.c.number)
    return connection.execute(query.with_for_update(of=changes)).all()


def find_change(ledger: Ledger, change_id: str, server: Server | None = None) -> Change | None:
    """Find the change of this name on a server; None if there is none.

    Args:
        ledger: the ledger.
        change_id: the change's name.
        server: the URL of its API, and the node; None for the server that was planned first.
    """
    shards = sa.select(changes.c.number, *_BY_SERVER).where(changes.c.change_id == change_id)

    def find() -> int | None:
        with ledger.read() as connection:
            found = connection.execute(shards.order_by(changes.c.number)).all()
        return next((shard.number for shard in found if server is None or _is_on(server, shard)), None)

    number = ledger.outage.repeat(find)
    return None if number is None else Change(ledger, number)


def find_or_create_change(
    ledger: Ledger, change_id: str, check: Callable[[Sequence[Any]], None] | None = None, **facts: Any
) -> Change:
    """Find the change of this name on a server, or record it.

    A shard of a change that somebody holds or has stopped is held or stopped from the beginning.

    Args:
        ledger: the ledger.
        change_id: the change's name.
        check: called with the rows of its shards on other servers; what it raises is raised.
        facts: columns of its row, with ``api_url`` and ``node``.

    Raises:
        InvalidInputError: the name of a recorded one differs only by case, blanks or Unicode form.
    """
    here = facts["api_url"], facts["node"]

    def create() -> int:
        with ledger.write() as connection:
            ledger.lock_names(connection)
            check_alone(change_id, connection.execute(sa.select(changes.c.change_id).distinct()).scalars())
            shards = lock_shards(connection, changes.c.change_id == change_id)
            number = next((shard.number for shard in shards if _is_on(here, shard)), None)
            others = [shard for shard in shards if shard.number != number]
            if check:
                check(others)
            if number is None:
                new = changes.insert().values(created=ledger.clock()).returning(changes.c.number)
                halt = {column.name: getattr(each, column.name) for each in others[:1] for column in HALT_COLUMNS}
                row = {"change_id": change_id, "status": ChangeStatus.PLANNING, **halt, **facts}
                number = connection.execute(new, row).scalar_one()
            return int(number)

    return Change(ledger, ledger.outage.repeat(create))


def _is_on(server: Server, shard: Any) -> bool:
    """Return whether a row of ``yateota_changes`` is for a server."""
    return is_one_server((shard.api_url, shard.node), server)
