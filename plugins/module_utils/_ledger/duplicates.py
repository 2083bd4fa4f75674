# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find participants that are planned more than once, in constant memory.

The same participant may have different names.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from itertools import groupby
from typing import Any

from .._core.entries import kinds_of
from .._core.identification import PARTICIPANT, SIM, SIM_IN_CAMPAIGN, Candidate, Naming, duplicates, first_indistinct
from .._core.identifiers import IDENTIFIERS, SIM_IDENTIFIERS
from .._core.states import RowState
from .change import Change
from .outage import repeatable
from .readings import each_name_once
from .tables import canonical_column, participants, sa

_BLOCK = 500
_SHARED = ("canonical_iccid", "imsi", "msisdn")  # the columns that an entry gives to the one that stays


class Duplicates:
    """A search for entries of a change that one request would act on twice.

    It works while the change is planned, or in a plan of an older release.

    Args:
        change: the change.
        naming: how its action names the SIM or participant that one request acts on.
        keep_rank: ranks an entry by its server state, the identifier it is named by, whether a list shows its state,
            and whether a request for it was sent. Of several that one request acts on, the smallest is kept.
        plan_is_recorded: an older release has recorded the plan, and may have sent some of it: those that go are
            recorded as skipped, not deleted.
    """

    def __init__(
        self,
        change: Change,
        naming: Naming,
        keep_rank: Callable[[str | None, str, bool, bool], tuple[int, ...]],
        plan_is_recorded: bool = False,
    ) -> None:
        self.ledger = change.ledger
        self._change = change
        self._naming = naming
        self._keep_rank = keep_rank
        sent, row_is_planned = participants.c.sent_at.is_not(None), participants.c.state == RowState.PLANNED
        self._compared: tuple[sa.ColumnElement[bool], ...] = (change.rows, sa.or_(row_is_planned, sent))
        self._gone: sa.Delete | sa.Update = participants.delete().where(change.rows)
        if plan_is_recorded:
            skip = participants.update().where(change.rows, row_is_planned)
            self._gone = skip.values(state=RowState.SKIPPED, reason="another entry of the change names its SIM")
            # An entry that no request can name is never sent.
            self._compared += (sa.or_(sent, *(participants.c[name].is_not(None) for name in self._naming.by)),)
        # For a SIM in two campaigns, a message is built in each.
        self._parts = [participants.c.campaign_id] if self._naming.unit == SIM_IN_CAMPAIGN else []

    def drop(self) -> None:
        """Keep one of several entries that one request acts on.

        It gets all their identifiers. With new ones it may be a duplicate of further entries, so that the passes are
        repeated.
        """
        grows = True
        while grows:
            grows = False
            for kind, which in self._passes():
                grows = self._drop_equal(kind, which) or grows

    def _passes(self) -> list[tuple[str, list[sa.ColumnElement[bool]]]]:
        """List the passes: an identifier, and the entries to compare by it.

        Entries in lists are compared only by their ids. A SIM may have several numbers: an entry known by one of them
        is found only while the other entry still exists.
        """
        if self._naming.unit != PARTICIPANT:
            return [(kind, []) for kind in reversed(IDENTIFIERS)]
        nowhere: sa.ColumnElement[bool] = participants.c.campaign_id.is_(None)
        return [*((kind, [nowhere]) for kind in reversed(SIM_IDENTIFIERS)), ("participant_id", [])]

    def _drop_equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> bool:
        """Make one pass; return whether a kept entry got further identifiers."""
        grown, stay, go = self._pairs(kind, which)
        for place in range(0, len(go), _BLOCK):
            those = slice(place, place + _BLOCK)
            self._merge([list(pair) for pair in zip(stay[those], go[those], strict=True)])
        return grown

    @repeatable
    def _pairs(self, kind: str, which: list[sa.ColumnElement[bool]]) -> tuple[bool, array.array[int], array.array[int]]:
        """Return whether a dropped entry has further identifiers, and the kept and the dropped entries in order.

        A pair takes 16 bytes.
        """
        all_kept, all_dropped, grown = array.array("q"), array.array("q"), False
        # An option of the statement, not of the connection, whose timeouts are set by statements without rows.
        equals = self._equal(kind, which).execution_options(yield_per=1000)
        with self.ledger.read() as connection, connection.execute(equals) as found:
            for _equal, rows in groupby(found, key=lambda row: tuple(row[: len(self._parts) + 1])):
                equal = {row.seq: row for row in rows}
                for dropped, kept in duplicates(kind, map(self._candidate, equal.values())):
                    all_kept.append(kept)
                    all_dropped.append(dropped)
                    gone, stays = equal[dropped]._mapping, equal[kept]._mapping
                    grown = grown or any(gone[name] is not None and stays[name] is None for name in _SHARED)
        return grown, all_kept, all_dropped

    def _equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """Select the entries that share an identifier of a kind, ordered by it."""
        columns = participants.c
        value = canonical_column(kind, columns[kind])
        those = (*self._compared, columns[kind].is_not(None), *which)
        shared = sa.select(value.label("value")).where(*those).group_by(value).having(sa.func.count() > 1).cte("shared")
        iccid = canonical_column("iccid", columns.iccid).label("canonical_iccid")
        about = (columns.seq, columns.name, columns.state_now, columns.sent_at, iccid, columns.imsi, columns.msisdn)
        return (
            sa.select(value.label("value"), *self._parts, *about)
            .join(shared, shared.c.value == value)
            .where(*those)
            .order_by(value, *self._parts, columns.seq)
        )

    def _candidate(self, row: Any) -> Candidate:
        is_listed = not row.name.startswith("/")
        keep_rank = self._keep_rank(row.state_now, kinds_of(row.name)[0], is_listed, row.sent_at is not None)
        return Candidate(row.seq, keep_rank, row.canonical_iccid or None, row.imsi or None)

    @repeatable
    def _merge(self, pairs: list[list[int]]) -> None:
        """Add the identifiers of dropped entries to the kept ones; delete or skip the dropped ones."""
        columns, gone = participants.c, participants.alias()
        given = self.ledger.given(kept="integer", dropped="integer").c
        fill = (
            participants.update()
            .where(self._change.rows, columns.seq == given.kept)
            .where(gone.c.change == self._change.number, gone.c.seq == given.dropped)
            .values({name: sa.func.coalesce(columns[name], gone.c[name]) for name in SIM_IDENTIFIERS})
        )
        drop = self._gone.where(columns.seq.in_(sa.select(given.dropped)))
        with self._change.write() as connection:
            for block in each_name_once(pairs):
                connection.execute(fill, {"rows": block})
            connection.execute(drop, {"rows": pairs})

    @repeatable
    def first_indistinct_entries(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Find two entries that may be one SIM, as far as the data shows.

        Return None if there are none.
        """
        columns = participants.c
        kinds = [sa.case((columns[name].is_(None), 0), else_=1).label(f"has_{name}") for name in IDENTIFIERS]
        was_read = sa.case((columns.campaign_id.is_(None), 0), else_=1).label("was_read")
        sorts = sa.select(sa.func.min(columns.seq).label("seq"), *kinds, was_read).where(*self._compared)
        with self.ledger.read() as connection:
            found = connection.execute(sorts.group_by(*kinds, was_read).order_by(sa.literal_column("seq"))).all()
            names = [frozenset(name for name in IDENTIFIERS if getattr(row, f"has_{name}")) for row in found]
            places = first_indistinct(zip(names, [bool(row.was_read) for row in found], strict=True), self._naming.unit)
            if places is None:
                return None
            one, other = (self._identification(connection, found[place].seq) for place in places)
            return one, other

    def _identification(self, connection: sa.Connection, seq: int) -> dict[str, Any]:
        columns = [participants.c[name] for name in (*IDENTIFIERS, "campaign_id")]
        row = connection.execute(sa.select(*columns).where(self._change.rows, participants.c.seq == seq)).one()
        return dict(row._mapping)

    @repeatable
    def conditions_named_again(self) -> list[tuple[sa.ColumnElement[bool], ...]]:
        """Select entries without a campaign whose SIM is also named in a campaign.

        Both entries may be the same participant.
        """
        nowhere = participants.c.campaign_id.is_(None)
        with self.ledger.read() as connection:
            some = connection.execute(sa.select(participants.c.seq).where(*self._compared, nowhere).limit(1)).first()
        if self._naming.unit == SIM or some is None:
            return []
        in_campaigns = sa.func.count(participants.c.campaign_id)
        which: list[tuple[sa.ColumnElement[bool], ...]] = []
        for name in SIM_IDENTIFIERS:
            value = canonical_column(name, participants.c[name])
            shared = sa.select(value).where(*self._compared, value.is_not(None)).group_by(value).correlate(None)
            which.append((nowhere, value.in_(shared.having(in_campaigns > 0, sa.func.count() > in_campaigns))))
        return which
