# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the audit chain of a change.

Each link is a SHA-256 over the link before and what was recorded since: the plan first, then the attempts of each wave.
No link is written again. What changes later in a legitimate way, such as an unknown outcome that is settled, enters as
a part of a later link. ``audit`` checks the chain.

It shows that rows were altered after their link was written. Who owns the database can compute all of it again: only a
head that was noted elsewhere proves something then.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from .chain_entries import APPROVAL, FACTS, START, LinkDigest, as_stored, entries, found_runs, planned_rows
from .change import Change
from .outage import repeatable
from .tables import LAST_PLACE, changes, links, runs, sa, waves

Link = dict[str, Any]
"""A row of ``yateota_links``."""

_ANYWHERE, _NOWHERE = (0, LAST_PLACE), (LAST_PLACE, -1)


class Chain:
    """The audit chain of a change, written under its lease.

    Args:
        change: the change.
        run: the number of the run that writes.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change, run: int) -> None:
        self.ledger = change.ledger
        self._change = change
        self._run = run
        self._is_read = False
        self._number: int | None = None
        self._previous = START
        self._salt: str | None = None
        self._approval: dict[str, Any] = {}
        # Made once, since to make such a statement takes as long as to add some thousands of rows.
        self._entries = entries(change.number, of_one=True)

    @property
    def number(self) -> int | None:
        """Return the number of the next link; None without a chain."""
        if not self._is_read:
            self._read()
        return self._number

    @repeatable
    def _read(self) -> None:
        latest = sa.select(links).where(links.c.change == self._change.number)
        salted = sa.select(changes.c.salt).where(changes.c.number == self._change.number)
        with self.ledger.read() as connection:
            last = connection.execute(latest.order_by(links.c.link.desc()).limit(1)).first()
            self._salt = connection.execute(salted).scalar()
            if self._change.unlinked is None:
                self._change.unlinked = _ANYWHERE if self._may_be_unlinked(connection, last) else _NOWHERE
        if last:
            self._number, self._previous = last.link + 1, last.digest
            self._approval = {name: (last.facts or {}).get(name) for name in APPROVAL}
        self._is_read = True

    def _may_be_unlinked(self, connection: sa.Connection, last: Any) -> bool:
        """Return whether rows may have been recorded since the last link, by a run that was killed.

        Each other run ends with a link. A change that is not written under a lease may have been written anyhow.
        """
        if last is None or self._change.lease is None:
            return True
        others = runs.c.change == self._change.number, runs.c.number != self._run
        killed = sa.select(runs.c.number).where(*others, runs.c.finished.is_(None), runs.c.number >= last.run)
        return connection.execute(killed.limit(1)).first() is not None

    def note(self, places: Collection[int]) -> None:
        """Note the places of rows that are recorded for the next link, to find them quickly."""
        if self._change.unlinked is not None and places:
            first, last = self._change.unlinked
            self._change.unlinked = min(first, *places), max(last, *places)

    def note_anywhere(self) -> None:
        """Note that rows of the next link may be anywhere."""
        self._change.unlinked = _ANYWHERE

    def begin(self, **values: Any) -> None:
        """Record that the plan is complete, and the first link, in one transaction.

        Args:
            values: columns of the change's row.
        """
        record = self._change.record()
        self.note_anywhere()
        self._is_read, self._number, self._previous, self._salt = True, 0, START, secrets.token_hex(32)
        self._append({**values, "salt": self._salt}, {name: getattr(record, name) for name in FACTS})

    def update(self, **values: Any) -> None:
        """Set columns of the change's row, with a link for those that are ``FACTS``."""
        if self.number is None:
            self._change.update(**values)
        else:
            self._append(values, {})

    def close(self) -> None:
        """Write a link for what was recorded since the last one, if there is anything."""
        if self.number is not None and (self._is_anything_new() or self._approval != self._present_approval({})):
            self._append({}, {})

    def next_link(
        self,
        moment: float,
        success_percentage: float | None = None,
        ends_wave: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> Link | None:
        """Compute the next link, to be written by ``insert``; None without a chain.

        Args:
            moment: when it is written, in Unix seconds. A wave that ends with it ends at that moment.
            success_percentage: as recorded with the wave that ends.
            ends_wave: whether the latest wave ends with it.
            facts: ``FACTS`` and ``APPROVAL`` that are set with it. The present approval is always in it.
        """
        if self.number is None:
            return None
        stated = {name: value for name, value in (facts or {}).items() if name in (*FACTS, *APPROVAL)}
        link: Link = {
            "change": self._change.number,
            "link": self._number,
            "ends_wave": ends_wave,
            "run": self._run,
            "written": moment,
            "facts": as_stored({**stated, **self._present_approval(stated)}),
        }
        return link | self._digested(link, success_percentage)

    def insert(self, connection: sa.Connection, link: Link | None) -> None:
        """Write a link, in the transaction that writes what it is about."""
        if link is None:
            return
        same = sa.select(links.c.link).where(links.c.change == link["change"], links.c.link == link["link"])
        if connection.execute(same).first() is None:  # it is there if the answer to a commit was lost
            connection.execute(links.insert(), link)

    def note_written(self, link: Link | None) -> None:
        """Note that the transaction with a link is durable."""
        if link:
            self._number, self._previous, self._change.unlinked = link["link"] + 1, link["digest"], _NOWHERE
            self._approval = {name: link["facts"].get(name) for name in APPROVAL}

    @repeatable
    def _is_anything_new(self) -> bool:
        with self.ledger.read() as connection:
            return connection.execute(self._entries.limit(1), self._next_ones()).first() is not None

    def _next_ones(self) -> dict[str, int | None]:
        """Return the parameters that select what the next link covers."""
        return dict(zip(("link", "first", "last"), (self._number, *(self._change.unlinked or _ANYWHERE)), strict=True))

    def _present_approval(self, values: Mapping[str, Any]) -> dict[str, Any]:
        record = self._change.record()
        return as_stored({name: values.get(name, getattr(record, name)) for name in APPROVAL})

    def _append(self, values: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Write a link, and set columns of the change's row in the same transaction."""
        link = self.next_link(self._change.clock.moment(), facts={**facts, **values})
        self._write(link, values)
        self.note_written(link)

    @repeatable
    def _digested(self, link: Link, success_percentage: float | None) -> Link:
        """Return the number of a link's wave, and the link's digest."""
        change = self._change.number
        latest = sa.select(waves.c.wave, waves.c.started).where(waves.c.change == change).order_by(waves.c.wave.desc())
        with self.ledger.read() as connection:
            wave, started = connection.execute(latest.limit(1)).first() or (0, None)
            ended = (link["written"], success_percentage) if link["ends_wave"] else None
            digest = LinkDigest(self._previous, {**link, "wave": wave}, started, ended, self._salt)
            if link["link"] == 0:
                digest.add_plan(connection.execute(planned_rows(change)))
            digest.add(connection.execute(self._entries, self._next_ones()))
            made_by = {run.number: tuple(run) for run in connection.execute(found_runs(change))}
        return {"wave": wave, "digest": digest.end(made_by)}

    @repeatable
    def _write(self, link: Link | None, values: Mapping[str, Any]) -> None:
        with self._change.write(participants_too=False) as connection:
            if values:
                connection.execute(changes.update().where(changes.c.number == self._change.number).values(**values))
            self.insert(connection, link)
