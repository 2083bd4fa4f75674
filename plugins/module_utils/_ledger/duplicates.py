# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find participants that are planned more than once, in constant memory.

The same participant may have different names.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from .._core.entries import kinds_of
from .._core.identification import (
    NAMINGS,
    PARTICIPANT,
    SIM,
    Candidate,
    comparable,
    duplicates,
    request_key,
    same_requests,
)
from .._core.identifiers import IDENTIFIERS, SIM_IDENTIFIERS
from .._core.indistinct import MOVABLE, Sort, first_indistinct, first_moved, without_check_digit
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
        action: the change's action, which determines what one request acts on.
        keep_rank: ranks an entry by its server state, the identifier it is named by, whether a list shows its state,
            and whether a request for it was sent. Of several that one request acts on, the smallest is kept.
        plan_is_recorded: an older release has recorded the plan, and may have sent some of it: those that go are
            recorded as skipped, not deleted.
    """

    def __init__(
        self,
        change: Change,
        action: str,
        keep_rank: Callable[[str | None, str, bool, bool], tuple[int, ...]],
        plan_is_recorded: bool = False,
    ) -> None:
        self.ledger = change.ledger
        self._change = change
        self._action, self._naming = action, NAMINGS[action]
        self._keep_rank = keep_rank
        sent, row_is_planned = participants.c.sent_at.is_not(None), participants.c.state == RowState.PLANNED
        self._compared: tuple[sa.ColumnElement[bool], ...] = (change.rows, sa.or_(row_is_planned, sent))
        self._gone: sa.Delete | sa.Update = participants.delete().where(change.rows)
        if plan_is_recorded:
            skip = participants.update().where(change.rows, row_is_planned)
            self._gone = skip.values(state=RowState.SKIPPED, reason="another entry of the change names its SIM")
            # An entry that no request can name is never sent.
            self._compared += (sa.or_(sent, *(participants.c[name].is_not(None) for name in self._naming.by)),)

    def drop(self) -> None:
        """Keep one of several entries that one request acts on.

        It gets all their identifiers. With new ones it may be a duplicate of further entries, so that the passes are
        repeated. At last, one is kept of those whose requests would be the same, each with the identifiers of its own.
        """
        grows = True
        while grows:
            grows = False
            for kind, which in self._passes():
                grows = self._drop_equal(kind, which) or grows
        for kind, which in self._passes_by_request():
            self._drop_same_requests(kind, which)

    def _passes(self) -> list[tuple[str, list[sa.ColumnElement[bool]]]]:
        """List the passes: an identifier, and a condition for the groups of entries to compare by it.

        Entries whose ids are all known are compared only by these. A SIM may have several numbers: an entry known by
        one of them is found only while the other entry still exists.
        """
        if self._naming.unit != PARTICIPANT:
            return [(kind, []) for kind in reversed(IDENTIFIERS)]
        lacks_id = sa.func.count() > sa.func.count(participants.c.participant_id)
        by_sim = reversed(SIM_IDENTIFIERS) if self._is_any(participants.c.participant_id.is_(None)) else ()
        return [*((kind, [lacks_id]) for kind in by_sim), ("participant_id", [])]

    def _passes_by_request(self) -> list[tuple[str, list[sa.ColumnElement[bool]]]]:
        """List the passes over entries that share a number which may have moved, as ``_passes`` does.

        They may be two SIMs. Nothing is read where no request is sent by such a number.
        """
        passes: list[tuple[str, list[sa.ColumnElement[bool]]]] = []
        columns, sent_by = participants.c, self._naming.by
        for kind in (name for name in MOVABLE if name in sent_by):
            stronger = (columns[name].is_(None) for name in sent_by[: sent_by.index(kind)])
            may_send = sa.or_(columns.name.like(f"%/{kind}/%"), sa.and_(*stronger))
            if self._is_any(columns[kind].is_not(None), may_send):
                passes.append((kind, [sa.func.count().filter(may_send) > 0]))
        return passes

    @repeatable
    def _is_any(self, *which: sa.ColumnElement[bool]) -> bool:
        with self.ledger.read() as connection:
            some = sa.select(participants.c.seq).where(*self._compared, *which).limit(1)
            return connection.execute(some).first() is not None

    def _drop_equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> bool:
        """Make one pass; return whether a kept entry got further identifiers."""
        grown, stay, go = self._pairs(kind, which)
        for place in range(0, len(go), _BLOCK):
            those = slice(place, place + _BLOCK)
            self._merge([list(pair) for pair in zip(stay[those], go[those], strict=True)])
        return grown

    def _drop_same_requests(self, kind: str, which: list[sa.ColumnElement[bool]]) -> None:
        gone = self._dropped_by_request(kind, which)
        for place in range(0, len(gone), _BLOCK):
            those = slice(place, place + _BLOCK)
            self._drop([[seq] for seq in gone[those]])

    @repeatable
    def _dropped_by_request(self, kind: str, which: list[sa.ColumnElement[bool]]) -> array.array[int]:
        """Return the entries whose requests are the same as others' that are kept."""
        gone = array.array("q")
        with self.ledger.read() as connection:
            for equal in self._groups(connection, kind, which):
                gone.extend(dropped for dropped, _kept in same_requests(map(self._candidate, equal.values())))
        return gone

    @repeatable
    def _drop(self, rows: list[list[int]]) -> None:
        given = self.ledger.given(dropped="integer").c
        drop = self._gone.where(participants.c.seq.in_(sa.select(given.dropped)))
        with self._change.write() as connection:
            connection.execute(drop, {"rows": rows})

    def first_moved_entries(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Find an entry of a rerun whose request may act on another entry's SIM, and that entry.

        Return None if there are none.
        """
        if self._naming.unit != SIM:
            return None
        pair = next((pair for by in self._passes_by_request() if (pair := self._first_moved(*by))), None)
        return self._identifications(pair) if pair else None

    @repeatable
    def _first_moved(self, kind: str, which: list[sa.ColumnElement[bool]]) -> tuple[int, int] | None:
        with self.ledger.read() as connection:
            for equal in self._groups(connection, kind, which):
                requests = {seq: self._candidate(row).request for seq, row in equal.items()}
                is_to_send = any(
                    row.sent_at is None for row in equal.values()
                )  # an older release may have sent for all
                if is_to_send and (pair := first_moved(kind, requests)):
                    return pair
        return None

    @repeatable
    def _pairs(self, kind: str, which: list[sa.ColumnElement[bool]]) -> tuple[bool, array.array[int], array.array[int]]:
        """Return whether a dropped entry has further identifiers, and the kept and the dropped entries in order.

        A pair takes 16 bytes.
        """
        all_kept, all_dropped, grown = array.array("q"), array.array("q"), False
        with self.ledger.read() as connection:
            for equal in self._groups(connection, kind, which):
                candidates = [self._candidate(row) for row in equal.values()]
                for dropped, kept in duplicates(kind, comparable(self._naming.unit, kind, candidates)):
                    all_kept.append(kept)
                    all_dropped.append(dropped)
                    gone, stays = equal[dropped]._mapping, equal[kept]._mapping
                    grown = grown or any(gone[name] is not None and stays[name] is None for name in _SHARED)
        return grown, all_kept, all_dropped

    def _groups(
        self, connection: sa.Connection, kind: str, which: list[sa.ColumnElement[bool]]
    ) -> Iterator[dict[int, Any]]:
        """Yield the rows that share an identifier of a kind, by their places, for each of its values."""
        parts = self._parts(kind)
        # An option of the statement, not of the connection, whose timeouts are set by statements without rows.
        equals = self._equal(kind, which).execution_options(yield_per=1000)
        with connection.execute(equals) as found:
            for _equal, rows in groupby(found, key=lambda row: tuple(row[: len(parts) + 1])):
                yield {row.seq: row for row in rows}

    def _parts(self, kind: str) -> list[sa.ColumnElement[Any]]:
        """Return what parts entries that share an identifier: their campaigns, where each is acted on in its own."""
        by_campaign = self._naming.unit != SIM and kind != "participant_id"
        return [participants.c.campaign_id] if by_campaign else []

    def _equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """Select the entries that share an identifier of a kind, ordered by it.

        ``which`` are conditions for the group of such entries.
        """
        columns, parts = participants.c, self._parts(kind)
        value = canonical_column(kind, columns[kind])
        those = (*self._compared, columns[kind].is_not(None))
        groups = sa.select(value.label("value")).where(*those).group_by(value).having(sa.func.count() > 1, *which)
        shared = groups.cte("shared")
        iccid = canonical_column("iccid", columns.iccid).label("canonical_iccid")
        about = (columns.seq, columns.name, columns.state_now, columns.sent_at, iccid, columns.imsi, columns.msisdn)
        ids = (columns.participant_id, columns.campaign_id.label("in_campaign"))
        return (
            sa.select(value.label("value"), *parts, *about, *ids)
            .join(shared, shared.c.value == value)
            .where(*those)
            .order_by(value, *parts, columns.seq)
        )

    def _candidate(self, row: Any) -> Candidate:
        is_listed, named_by = not row.name.startswith("/"), kinds_of(row.name)[0]
        keep_rank = self._keep_rank(row.state_now, named_by, is_listed, row.sent_at is not None)
        known = {name: getattr(row, name) for name in ("participant_id", "imsi", "msisdn")}
        known |= {"iccid": row.canonical_iccid or None, "campaign_id": row.in_campaign}
        request = request_key(self._action, known, named_by)
        return Candidate(row.seq, keep_rank, known["iccid"], row.imsi or None, row.participant_id, request)

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
        read = [bool(row.was_read) for row in found]
        places = first_indistinct(map(Sort, names, read, [None] * len(found)), self._naming.unit)
        return self._identifications([found[place].seq for place in places]) if places else None

    @repeatable
    def first_entries_with_and_without_check_digit(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Find two entries of which one has the ICCID of the other with its check digit.

        As ``_core.indistinct.first_with_and_without_check_digit`` does. Return None if there are none.
        """
        columns = participants.c
        iccid = canonical_column("iccid", columns.iccid)
        those = (*self._compared, columns.iccid.is_not(None))
        with self.ledger.read() as connection:
            lengths = set(connection.execute(sa.select(sa.func.length(iccid)).where(*those).distinct()).scalars())
        if not any(length + 1 in lengths for length in lengths):
            return None
        stem = sa.func.substr(iccid, 1, sa.func.length(iccid) - 1).label("stem")
        ids = (columns.participant_id, columns.campaign_id)
        each = sa.select(sa.func.min(columns.seq).label("seq"), stem, iccid.label("iccid"), *ids)
        longer = each.where(*those).group_by(iccid, *ids).cte("longer")
        pairs = sa.select(columns.seq, longer.c.seq, longer.c.iccid).join(longer, longer.c.stem == iccid).where(*those)
        if self._naming.unit != SIM:  # two ids or campaigns are two participants
            pairs = pairs.where(
                *(~sa.func.coalesce(columns[name.name] != longer.c[name.name], sa.false()) for name in ids)
            )
        with self.ledger.read() as connection, connection.execute(pairs.execution_options(yield_per=1000)) as found:
            pair = next((row[:2] for row in found if without_check_digit(row[2])), None)
        return self._identifications(sorted(pair)) if pair else None

    @repeatable
    def _identifications(self, places: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        with self.ledger.read() as connection:
            one, other = (self._identification(connection, seq) for seq in places)
        return one, other

    def _identification(self, connection: sa.Connection, seq: int) -> dict[str, Any]:
        columns = [participants.c[name] for name in (*IDENTIFIERS, "campaign_id")]
        row = connection.execute(sa.select(*columns).where(self._change.rows, participants.c.seq == seq)).one()
        return dict(row._mapping)

    @repeatable
    def conditions_named_again(self) -> list[tuple[sa.ColumnElement[bool], ...]]:
        """Select entries without a campaign whose SIM another entry names in a campaign, or by a participant's id.

        Both entries may be the same participant. As ``_core.indistinct.named_again`` does.
        """
        nowhere, lacks_id = participants.c.campaign_id.is_(None), participants.c.participant_id.is_(None)
        if self._naming.unit == SIM or not self._is_any(nowhere):
            return []
        named_once: list[tuple[sa.ColumnElement[Any], tuple[sa.ColumnElement[bool], ...]]] = [
            (participants.c.campaign_id, (nowhere,))
        ]
        if self._naming.unit == PARTICIPANT:
            named_once.append((participants.c.participant_id, (nowhere, lacks_id)))
        which: list[tuple[sa.ColumnElement[bool], ...]] = []
        for name in SIM_IDENTIFIERS:
            value = canonical_column(name, participants.c[name])
            shared = sa.select(value).where(*self._compared, value.is_not(None)).group_by(value).correlate(None)
            for column, those in named_once:
                by_it = sa.func.count(column)
                which.append((*those, value.in_(shared.having(by_it > 0, sa.func.count() > by_it))))
        return which
