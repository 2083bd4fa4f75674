# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the audit chain of a change: compute each link again, from the rows as they are now."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._core.states import ENDED_STATUSES, REMAINING_STATES, AuditStatus, ChangeStatus
from .chain_entries import APPROVAL, FACTS, START, LinkDigest, as_stored, entries, found_runs, planned_rows
from .change import Change
from .lease_time import lease_remaining
from .tables import changes, earlier_attempts, links, participants, runs, sa, waves

_GRAVITY = (AuditStatus.INTACT, AuditStatus.NONE, AuditStatus.UNCHECKED, AuditStatus.ALTERED)

SHORTEST_HEAD = 12
"""The fewest characters of a head that was noted elsewhere."""


def head_of(change: Change) -> dict[str, Any]:
    """Return the head of a change's chain, without a check, under the names of the result."""

    def read() -> Any:
        latest = sa.select(links.c.link, links.c.digest).where(links.c.change == change.number)
        with change.ledger.read() as connection:
            return connection.execute(latest.order_by(links.c.link.desc()).limit(1)).first()

    last = change.ledger.outage.repeat(read)
    return {
        "status": AuditStatus.UNCHECKED if last else AuditStatus.NONE,
        "head": last.digest if last else None,
        "links": last.link + 1 if last else 0,
        "wave": None,
        "unlinked": None,
        "problem": None,
    }


def audit(change: Change, head: str | None = None) -> dict[str, Any]:
    """Check the chain of a change.

    Its rows are streamed: the memory grows with its links, waves and runs, and not with its participants.

    Args:
        change: the change.
        head: the head, or its first characters, as it was noted elsewhere. It must be one of the chain's links.

    Returns:
        ``status`` (an ``AuditStatus``), ``head``, ``links``, ``wave`` (the first one that does not fit; 0 for the
        plan), ``unlinked`` (how many rows no link covers yet) and ``problem`` (a sentence).
    """

    def check() -> dict[str, Any]:
        with change.ledger.read() as connection:
            if connection.dialect.name == "postgresql":  # all queries see the same moment, as on SQLite
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return _Check(connection, change).result(head)

    return change.ledger.outage.repeat(check)


def has_link(change: Change, head: str) -> bool:
    """Return whether a link of a change's chain has this digest, or one that begins so."""
    query = sa.select(links.c.link).where(links.c.change == change.number, links.c.digest.startswith(head.lower()))

    def read() -> bool:
        with change.ledger.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    return change.ledger.outage.repeat(read)


def join_audits(audits: Sequence[tuple[Any, Mapping[str, Any]]], problem: str | None) -> dict[str, Any]:
    """Join the audits of the shards of a change.

    Args:
        audits: the row of each shard, and what ``audit`` or ``head_of`` returned for it.
        problem: what does not fit besides, or None.
    """
    worst = max((found for _record, found in audits), key=lambda found: _GRAVITY.index(found["status"]))
    server = next(record.api_url for record, found in audits if found is worst)
    return {
        "status": AuditStatus.ALTERED if problem else worst["status"],
        "head": None,
        "links": sum(found["links"] for _record, found in audits),
        "wave": worst["wave"],
        "unlinked": None if worst["unlinked"] is None else sum(found["unlinked"] or 0 for _record, found in audits),
        "problem": f"{server}: {worst['problem']}" if worst["problem"] else problem,
        "shards": [{"api_url": record.api_url, "node": record.node, **found} for record, found in audits],
    }


class _Check:
    """One check of a chain, in a transaction that sees it at one moment.

    Args:
        connection: the transaction.
        change: the change.
    """

    def __init__(self, connection: sa.Connection, change: Change) -> None:
        self._connection = connection
        self._number = change.number
        self._lease_remaining = lease_remaining(change.ledger)
        own = changes.c.number == change.number
        self._record = connection.execute(sa.select(changes).where(own)).one()
        self._links = self._all(sa.select(links).where(links.c.change == change.number).order_by(links.c.link))
        self._waves = {row.wave: row for row in self._all(sa.select(waves).where(waves.c.change == change.number))}
        self._runs = {row.number: tuple(row) for row in self._all(found_runs(change.number))}
        self._unlinked = self._unlinked_wave = 0

    def _all(self, query: sa.Select[Any]) -> Any:
        return self._connection.execute(query).all()

    def result(self, head: str | None) -> dict[str, Any]:
        """Return what ``audit`` returns."""
        problems = sorted(self._problems(), key=lambda problem: problem[0])
        digests = [link.digest for link in self._links]
        wave, problem = problems[0] if problems else (None, None)
        if head and not any(digest.startswith(head.lower()) for digest in digests):
            problem = problem or f"the chain has no link {head}: links that were there then were altered or removed"
        has_chain = bool(digests) or self._record.salt is not None
        return {
            "status": AuditStatus.ALTERED if problem else AuditStatus.INTACT if has_chain else AuditStatus.NONE,
            "head": digests[-1] if digests else None,
            "links": len(digests),
            "wave": wave,
            "unlinked": self._unlinked,
            "problem": problem,
        }

    def _problems(self) -> Iterator[tuple[int, str]]:
        """Yield what does not fit, each with its wave."""
        missing = self._first_missing()
        if missing is not None:
            later = [link.wave for link in self._links if link.link > missing]
            yield (min(later) if later else 0), f"link {missing} of the chain is missing"
        yield from self._links_that_do_not_fit()
        yield from self._rows_outside()
        yield from self._waves_without_link()
        yield from self._rows_out_of_place()
        yield from self._facts_that_do_not_fit()
        if self._unlinked and not self._may_be_unlinked():
            yield (
                self._unlinked_wave,
                f"{self._unlinked} rows were written after the last link, and no run explains them",
            )

    def _first_missing(self) -> int | None:
        numbers = [link.link for link in self._links]
        if not numbers and self._record.salt is not None and self._record.status != ChangeStatus.PLANNING:
            return 0
        return next((place for place, number in enumerate(numbers) if place != number), None)

    def _links_that_do_not_fit(self) -> Iterator[tuple[int, str]]:
        previous = START
        groups = itertools.groupby(self._connection.execute(entries(self._number)), key=lambda row: row[0])
        number, rows = next(groups, (None, iter(())))
        for link in self._links:
            wave = self._waves.get(link.wave)
            ended = (wave.finished, wave.success_percentage) if wave and link.ends_wave else None
            digest = LinkDigest(previous, link._mapping, wave and wave.started, ended, self._record.salt)
            if link.link == 0:
                digest.add_plan(self._connection.execute(planned_rows(self._number)))
            while number is not None and number < link.link:  # rows of a link that is missing
                number, rows = next(groups, (None, iter(())))
            if number == link.link:
                digest.add(rows)
                number, rows = next(groups, (None, iter(())))
            if digest.end(self._runs) != link.digest:
                yield (
                    link.wave,
                    "the plan does not fit its digest" if link.link == 0 else f"link {link.link} does not fit its rows",
                )
            previous = link.digest
        next_one = self._links[-1].link + 1 if self._links else 0
        while number is not None:
            yield from self._after_the_last(number, next_one, rows)
            number, rows = next(groups, (None, iter(())))

    def _after_the_last(self, number: int, next_one: int, rows: Iterator[Any]) -> Iterator[tuple[int, str]]:
        """Count the rows that the next link will cover, and find those of links that are missing."""
        if number == next_one and self._links:
            for row in rows:
                self._unlinked += 1
                wave = self._links[-1].wave if row.wave is None else row.wave
                self._unlinked_wave = min(self._unlinked_wave, wave) if self._unlinked > 1 else wave
            return
        first = next(rows, None)
        yield first.wave or 0 if first else 0, f"link {number} of the chain is missing"

    def _rows_outside(self) -> Iterator[tuple[int, str]]:
        """Find rows with an outcome that name no link."""
        if not self._links and self._record.salt is None:
            return
        columns, earlier = participants.c, earlier_attempts.c
        outside = [
            sa.select(sa.func.min(sa.func.coalesce(columns.wave, 0))).where(
                columns.change == self._number, columns.link.is_(None), columns.state.not_in(REMAINING_STATES)
            ),
            sa.select(sa.func.min(sa.func.coalesce(earlier.wave, 0))).where(
                earlier.change == self._number, earlier.link.is_(None)
            ),
        ]
        for query in outside:
            wave = self._connection.execute(query).scalar()
            if wave is not None:
                yield wave, "a row has an outcome that was not recorded by a run"

    def _waves_without_link(self) -> Iterator[tuple[int, str]]:
        if not self._links:
            return
        ended = {link.wave for link in self._links if link.ends_wave}
        for number, wave in sorted(self._waves.items()):
            if wave.finished is not None and number not in ended:
                yield number, "the link that ended the wave is missing"

    def _rows_out_of_place(self) -> Iterator[tuple[int, str]]:
        """Find participants that a run would not find in their wave."""
        columns = participants.c
        own = (columns.change == self._number) & (waves.c.change == self._number) & (columns.wave == waves.c.wave)
        outside = (columns.seq < waves.c.first_place) | (columns.seq > waves.c.last_place)
        wave = self._connection.execute(sa.select(sa.func.min(columns.wave)).where(own, outside)).scalar()
        if wave is not None:
            yield wave, "participants are not among the places of their wave"

    def _facts_that_do_not_fit(self) -> Iterator[tuple[int, str]]:
        """Compare the change's row with what the links say of it."""
        stated: dict[str, tuple[Any, int]] = {}
        for link in self._links:
            if isinstance(link.facts, dict):  # another value was written by somebody else, and its link does not fit
                stated |= {name: (value, link.wave) for name, value in link.facts.items()}
        present = as_stored({name: getattr(self._record, name) for name in (*FACTS, *APPROVAL)})
        for name, (value, wave) in stated.items():
            if present.get(name) != value and not (name in APPROVAL and self._may_be_new_approval()):
                yield wave, f"{name} of the change is not what was recorded"

    def _may_be_new_approval(self) -> bool:
        """Return whether the approval may have been given or voided since the last link, without the change's lease."""
        given = self._record.approved_at
        is_over = self._record.status in (*ENDED_STATUSES, ChangeStatus.PURGED)
        return not is_over and (given is None or given >= self._links[-1].written)

    def _may_be_unlinked(self) -> bool:
        """Return whether rows may lack a link because a run is under way, or was killed."""
        unended = sa.select(runs.c.number).where(
            runs.c.change == self._number, runs.c.finished.is_(None), runs.c.number >= self._links[-1].run
        )
        leased = sa.select(changes.c.number).where(changes.c.number == self._number, self._lease_remaining > 0)
        return any(self._connection.execute(query.limit(1)).first() for query in (unended, leased))
