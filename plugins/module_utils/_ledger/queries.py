# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a change from the ledger for results and reports."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .._core.clock import iso
from .._core.identifiers import LONG_NUMBER, SIM_IDENTIFIERS
from .._core.masking import mask_row, words_of
from .._core.states import BAD_STATES
from .._core.tallies import in_tenths
from .attempt_facts import attempts_made, due_at, earlier_attempts_of, is_exhausted
from .change import Change
from .goal import is_as_before, is_at_goal, is_sent_for
from .halts import hold_of, status_of, stop_of
from .lease_time import lease_remaining
from .outage import repeatable
from .summary import Summary, no_counts
from .tables import canonical_column, changes, participants, runs, sa, waves
from .wave_rows import SPAN, in_waves

SHOWN = 20
"""The number of participants or reasons that a result shows."""

LATEST = 10
"""The number of waves or runs that a result shows: a role's loop over report formats repeats them in one AWX event."""

_BLOCK = 1000

_FACTS = ("change_id", "status", "action", "api_url", "node", "requested_by", "approved_by", "job_id")
_IDENTITY = ("participant_id", "campaign_id", *SIM_IDENTIFIERS)
_OF_CHANGE = ("plan_digest", "api_url", "node")
_MOMENTS = ("read_at", "sent_at", "answered_at", "due_at", "exhausted_at")
REPORT_COLUMNS = (
    *_IDENTITY,
    "wave",
    "state",
    "reason",
    "state_planned",
    "state_before",
    "state_now",
    "read_at",
    "run",
    "sent_at",
    "answered_at",
    "code",
    "message",
    "attempts",
    "due_at",
    "exhausted_at",
    "earlier_sends",
    *_OF_CHANGE,
)
"""The columns of a report."""


class Report:
    """The record of one change, for results and reports.

    Args:
        change: the change.
        masked: show all but the last 4 digits of subscribers' identifiers as ``*``.
        summary: the change's sums; None to read them when they are asked for.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change, masked: bool, summary: Summary | None = None) -> None:
        self._change = change
        self._given = summary
        self._masked = masked
        self.ledger = change.ledger

    def facts(self) -> dict[str, Any]:
        """Read the change's row, under the names of the result."""
        record = self._change.record()
        return {**change_facts(record), "selection": record.selection, "duplicates": record.duplicates}

    @repeatable
    def named_in(self, texts: Iterable[str]) -> set[str]:
        """Return the change's identifiers that texts contain, in any spelling."""
        words = sorted(words_of(texts))
        columns = [participants.c[name] for name in SIM_IDENTIFIERS]
        named = [canonical_column(column.name, column) for column in columns]
        found: set[str] = set()
        with self.ledger.read() as connection:
            rest = iter(words)
            while block := list(itertools.islice(rest, _BLOCK)):
                rows = connection.execute(
                    sa.select(*columns).where(self._change.rows, sa.or_(*(column.in_(block) for column in named)))
                )
                found |= {value for row in rows for value in row if value}
        return found

    @repeatable
    def lease_holder(self) -> str | None:
        """Return the lease holder; None if there is none."""
        with self.ledger.read() as connection:
            return connection.execute(
                sa.select(changes.c.lease_holder).where(
                    changes.c.number == self._change.number, lease_remaining(self.ledger) > 0
                )
            ).scalar()

    @repeatable
    def waves(self, most: int | None = None) -> list[dict[str, Any]]:
        """List the waves or the latest of them in order, with sizes, counts and moments."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(waves.c.wave, waves.c.started, waves.c.finished, waves.c.success_percentage, *SPAN)
                .where(waves.c.change == self._change.number)
                .order_by(waves.c.wave.desc())
                .limit(most)
            ).all()
            counted = connection.execute(
                sa.select(participants.c.wave, participants.c.state, sa.func.count())
                .where(self._change.rows, in_waves(found))
                .group_by(participants.c.wave, participants.c.state)
            ).all()
        counts: dict[int, dict[str, int]] = {}
        for wave, state, number in counted:
            counts.setdefault(wave, no_counts())[state] = number
        return [
            {
                "wave": wave,
                "size": sum(counts.get(wave, {}).values()),
                "counts": counts.get(wave, no_counts()),
                "started": iso(started),
                "finished": iso(finished),
                "success_percentage": None if share is None else in_tenths(share),
            }
            for wave, started, finished, share, *_span in reversed(found)
        ]

    def waves_begun(self) -> int:
        """Count the waves."""
        return self._count(waves.c.change == self._change.number)

    def waves_done(self) -> int:
        """Count the waves that have ended."""
        return self._count(waves.c.change == self._change.number, waves.c.finished.is_not(None))

    @functools.cached_property
    def summary(self) -> Summary:
        """Return the change's summary: the one given, or as it was when it was first asked for."""
        return self._given or self._change.summary()

    def failures(self) -> list[dict[str, Any]]:
        """List the first participants in ``BAD_STATES``."""
        if not any(self.summary.counts[state] for state in BAD_STATES):
            return []
        order = sa.case({state: place for place, state in enumerate(BAD_STATES)}, value=participants.c.state)
        return self._first(participants.c.state.in_(BAD_STATES), order)

    @repeatable
    def reasons(self) -> list[dict[str, Any]]:
        """List reasons for ``BAD_STATES``, the most frequent first.

        Each has ``state``, ``code``, ``reason`` and ``count``. Long numbers are left out of a reason, so that reasons
        that differ only by an identifier are one. The rarest of more than ``SHOWN`` are counted together, with no code.
        """
        columns = participants.c
        reason = sa.func.coalesce(columns.message, columns.reason, "no reason is known").label("reason")
        # A short identifier can be found in a reason only with its participant.
        names = [columns[name] for name in SIM_IDENTIFIERS] if self._masked else []
        kinds = (columns.state, columns.code, reason, *names)
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(*kinds, sa.func.count().label("count"))
                .where(self._change.rows, columns.state.in_(BAD_STATES))
                .group_by(*kinds)
            ).mappings()
            counted: Counter[tuple[str, int | None, str]] = Counter()
            for each in found:
                row = {**each, "reason": LONG_NUMBER.sub("…", each["reason"])}
                shown = mask_row(row)["reason"] if self._masked else row["reason"]
                counted[row["state"], row["code"], shown] += row["count"]
        frequent = counted.most_common(SHOWN)
        rest = counted - Counter(dict(frequent))
        for state in BAD_STATES:
            others = sum(count for (of_state, *_rest), count in rest.items() if of_state == state)
            if others:
                frequent.append(((state, None, "other reasons"), others))
        return [{"state": key[0], "code": key[1], "reason": key[2], "count": count} for key, count in frequent]

    def exhausted(self) -> list[dict[str, Any]]:
        """List the first participants that have had all attempts allowed, and would get another."""
        return [] if not self.summary.attempts.exhausted else self._first(is_exhausted(), participants.c.seq)

    def unfinished(self, goal: str, is_over: bool) -> list[dict[str, Any]]:
        """List the first participants that were sent for and have not reached the goal.

        Args:
            goal: the server state that the action leads to in the end.
            is_over: as for ``rollout_policy.reached``, by which they are counted.
        """
        lacks = ~is_at_goal(self._change, goal)
        if not is_over:
            lacks = lacks | is_as_before(self._change, goal)
        return self._first(is_sent_for() & lacks, participants.c.seq)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every participant, in the order of the selection, as ``REPORT_COLUMNS``."""
        earlier, record = self._earlier_attempts(), self._change.record()
        of_change = {name: getattr(record, name) for name in _OF_CHANGE}
        after = -1
        while True:
            block = self._block(after)
            if not block:
                return
            # Once for a block: to ask each row for a column that it lacks takes as long as all else.
            recorded = [name for name in REPORT_COLUMNS if name in block[0]._fields]
            for found in block:
                row = {name: getattr(found, name) for name in recorded}
                row |= {name: iso(row[name]) for name in _MOMENTS}
                row |= {"earlier_sends": earlier.get(found.seq, []), **of_change}
                yield self._shown(row)
            after = block[-1].seq

    @repeatable
    def _block(self, after: int) -> Sequence[Any]:
        recorded = [column for column in participants.c if column.name != "due_at"]
        with self.ledger.read() as connection:
            return connection.execute(
                sa.select(*recorded, attempts_made().label("attempts"), due_at().label("due_at"))
                .where(self._change.rows, participants.c.seq > after)
                .order_by(participants.c.seq)
                .limit(_BLOCK)
            ).all()

    @repeatable
    def runs(self) -> list[dict[str, Any]]:
        """List the change's runs: who started each, where and when, and its outcome."""
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(runs).where(runs.c.change == self._change.number).order_by(runs.c.number)
            ).mappings()
            return [
                {
                    **{name: run[name] for name in ("requested_by", "approved_by", "job_id", "host", "outcome")},
                    "run": run["number"],
                    "started": iso(run["started"]),
                    "finished": iso(run["finished"]),
                }
                for run in found
            ]

    @repeatable
    def _count(self, *which: Any) -> int:
        with self.ledger.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(*which)).scalar_one())

    @repeatable
    def _first(self, which: Any, order: Any) -> list[dict[str, Any]]:
        with self.ledger.read() as connection:
            found = connection.execute(
                sa.select(participants).where(self._change.rows, which).order_by(order, participants.c.seq).limit(SHOWN)
            ).all()
        return [
            self._shown(
                {
                    **{name: getattr(row, name) for name in (*_IDENTITY, "state", "state_now", "code")},
                    "message": row.message or row.reason,
                }
            )
            for row in found
        ]

    @repeatable
    def _earlier_attempts(self) -> dict[int, list[dict[str, Any]]]:
        attempts: dict[int, list[dict[str, Any]]] = {}
        with self.ledger.read() as connection:
            for seq, attempt in earlier_attempts_of(connection, self._change.number):
                attempts.setdefault(seq, []).append(
                    attempt | {name: iso(attempt[name]) for name in _MOMENTS if name in attempt}
                )
        return attempts

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return mask_row(row) if self._masked else row


def change_facts(record: Any) -> dict[str, Any]:
    """Return the facts of a change that every result has."""
    return {
        **{name: getattr(record, name) for name in _FACTS},
        "status": status_of(record),
        **{name: iso(getattr(record, name)) for name in ("planned", "started", "finished")},
        "stage": record.stage or 1,
        "plan_digest": record.plan_digest,
        "require_approval": bool(record.require_approval),
        "approval": record.approval and {**record.approval, "at": iso(record.approved_at)},
        **halt_facts(record),
    }


def halt_facts(record: Any) -> dict[str, Any]:
    """Return who holds a change and who has stopped it, each None if nobody has."""
    return {
        name: halt and {"by": halt.by, "since": iso(halt.since), "reason": halt.reason}
        for name, halt in (("held", hold_of(record)), ("stopped", stop_of(record)))
    }
