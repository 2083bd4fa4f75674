# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is planned twice under different names, found by passes over the ledger's rows, in flat memory."""

from __future__ import annotations

import array
import functools
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from .._core.entries import Listed, kinds_of
from .._core.identification import NAMINGS, PARTICIPANT, SIM, SIM_IN_CAMPAIGN, Entry, doubles, undetermined
from .._core.identifiers import IDENTIFIERS, SIM_IDENTIFIERS
from .._core.policy import ACT, PARTICIPANT_STATES, UNCHANGED, plan_participant
from .change import IDENTITY, Change, each_name_once, named_rows
from .outage import repeatable
from .tables import PLANNED, SKIPPED, canonical_column, participants, sa

_BLOCK = 500


class Doubles:
    """The entries of a change that is being planned, of which several may be one participant or SIM.

    Args:
        change: the change.
        action: its action, which says what one request acts on.
        is_planned: its plan is recorded, and some of it may be sent: those that go are noted as skipped.
    """

    def __init__(self, change: Change, action: str, is_planned: bool = False) -> None:
        self.ledger = change.ledger
        self._change = change
        self._naming = NAMINGS[action]
        sent = participants.c.sent_at.is_not(None)
        self._planned: tuple[sa.ColumnElement[bool], ...] = (change.rows, sa.or_(participants.c.state == PLANNED, sent))
        self._gone: sa.Delete | sa.Update = participants.delete().where(change.rows)
        if is_planned:
            skip = participants.update().where(change.rows, participants.c.state == PLANNED)
            self._gone = skip.values(state=SKIPPED, reason="another entry of the change names its SIM")
            # One that no request can name is not sent, whoever it is.
            self._planned += (sa.or_(sent, *(participants.c[name].is_not(None) for name in self._naming.by)),)
        # A SIM in two campaigns is built for in each.
        self._parts = [participants.c.campaign_id] if self._naming.unit == SIM_IN_CAMPAIGN else []
        self._plan = functools.cache(functools.partial(plan_participant, action))

    def drop(self) -> None:
        """Keep one entry of each that one request acts on. It gets the identifiers that the others have besides.

        With identifiers it did not have it may be one with others still, so that the passes are repeated then.
        """
        grows = True
        while grows:
            grows = False
            for kind, which in self._passes():
                grows = self._drop_equal(kind, which) or grows

    def _passes(self) -> list[tuple[str, list[sa.ColumnElement[bool]]]]:
        """By which identifiers entries are compared, and which entries: participants of lists by their ids alone.

        A SIM may have several numbers: an entry that is known by one of them finds it only while that is still there.
        """
        if self._naming.unit != PARTICIPANT:
            return [(kind, []) for kind in reversed(IDENTIFIERS)]
        nowhere: sa.ColumnElement[bool] = participants.c.campaign_id.is_(None)
        return [*((kind, [nowhere]) for kind in reversed(SIM_IDENTIFIERS)), ("participant_id", [])]

    def _drop_equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> bool:
        """One pass; whether one that is kept got further identifiers by it."""
        grown, stay, go = self._pairs(kind, which)
        for place in range(0, len(go), _BLOCK):
            those = slice(place, place + _BLOCK)
            self._merge([list(pair) for pair in zip(stay[those], go[those], strict=True)])
        return grown

    @repeatable
    def _pairs(self, kind: str, which: list[sa.ColumnElement[bool]]) -> tuple[bool, array.array[int], array.array[int]]:
        """Who stays and who goes, 16 bytes for each pair; and whether one that goes has what its other lacks."""
        stay, go, grown = array.array("q"), array.array("q"), False
        # Of the statement, not of the connection: its time-outs are set by statements that give no rows.
        equals = self._equal(kind, which).execution_options(yield_per=1000)
        with self.ledger.read() as connection, connection.execute(equals) as found:
            for _equal, rows in groupby(found, key=lambda row: tuple(row[: len(self._parts) + 1])):
                equal = {row.seq: row for row in rows}
                for goes, stays in doubles(kind, map(self._entry, equal.values())):
                    stay.append(stays)
                    go.append(goes)
                    pairs = zip(equal[goes][-3:], equal[stays][-3:], strict=True)
                    grown = grown or any(more is not None and less is None for more, less in pairs)
        return grown, stay, go

    def _equal(self, kind: str, which: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """The entries that share an identifier of a kind with others, those that share it one after the other."""
        columns = participants.c
        value = canonical_column(kind, columns[kind])
        those = (*self._planned, columns[kind].is_not(None), *which)
        shared = sa.select(value.label("value")).where(*those).group_by(value).having(sa.func.count() > 1).cte("shared")
        iccid = canonical_column("iccid", columns.iccid).label("canonical_iccid")
        about = (columns.seq, columns.name, columns.state_now, columns.sent_at, iccid, columns.imsi, columns.msisdn)
        return (
            sa.select(value.label("value"), *self._parts, *about)
            .join(shared, shared.c.value == value)
            .where(*those)
            .order_by(value, *self._parts, columns.seq)
        )

    def _entry(self, row: Any) -> Entry:
        """One of them. Of several that stays which was sent, is under way, or can be read; else the first."""
        verdict = self._plan(row.state_now).verdict
        rank = 0 if verdict == UNCHANGED else 1 if verdict == ACT else 2
        order = (*self._naming.by, *IDENTIFIERS)
        worth = (row.sent_at is None, rank, row.name.startswith("/"), order.index(kinds_of(row.name)[0]))
        return Entry(row.seq, worth, row.canonical_iccid or None, row.imsi or None)

    @repeatable
    def _merge(self, pairs: list[list[int]]) -> None:
        """Give those that stay what those that go have besides, and drop these, or skip them."""
        columns, gone = participants.c, participants.alias()
        given = self.ledger.given(stays="integer", goes="integer").c
        fill = (
            participants.update()
            .where(self._change.rows, columns.seq == given.stays)
            .where(gone.c.change == self._change.number, gone.c.seq == given.goes)
            .values({name: sa.func.coalesce(columns[name], gone.c[name]) for name in SIM_IDENTIFIERS})
        )
        drop = self._gone.where(columns.seq.in_(sa.select(given.goes)))
        with self._change.write() as connection:
            for block in each_name_once(pairs):
                connection.execute(fill, {"rows": block})
            connection.execute(drop, {"rows": pairs})

    @repeatable
    def first_doubt(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Two entries of which nothing read tells whether they may be one SIM, or None where there are none such."""
        columns = participants.c
        kinds = [sa.case((columns[name].is_(None), 0), else_=1).label(f"has_{name}") for name in IDENTIFIERS]
        was_read = sa.case((columns.campaign_id.is_(None), 0), else_=1).label("was_read")
        sorts = sa.select(sa.func.min(columns.seq).label("seq"), *kinds, was_read).where(*self._planned)
        with self.ledger.read() as connection:
            found = connection.execute(sorts.group_by(*kinds, was_read).order_by(sa.literal_column("seq"))).all()
            names = [frozenset(name for name in IDENTIFIERS if getattr(row, f"has_{name}")) for row in found]
            places = undetermined(zip(names, [bool(row.was_read) for row in found], strict=True), self._naming.unit)
            return places and tuple(self._identification(connection, found[place].seq) for place in places)  # type: ignore[return-value]

    def _identification(self, connection: sa.Connection, seq: int) -> dict[str, Any]:
        columns = [participants.c[name] for name in (*IDENTIFIERS, "campaign_id")]
        row = connection.execute(sa.select(*columns).where(self._change.rows, participants.c.seq == seq)).one()
        return dict(row._mapping)

    @repeatable
    def named_again(self) -> list[tuple[sa.ColumnElement[bool], ...]]:
        """Who is named without a campaign, where another entry names the same SIM in one: it may be the same."""
        nowhere = participants.c.campaign_id.is_(None)
        with self.ledger.read() as connection:
            some = connection.execute(sa.select(participants.c.seq).where(*self._planned, nowhere).limit(1)).first()
        if self._naming.unit == SIM or some is None:
            return []
        in_campaigns = sa.func.count(participants.c.campaign_id)
        which: list[tuple[sa.ColumnElement[bool], ...]] = []
        for name in SIM_IDENTIFIERS:
            value = canonical_column(name, participants.c[name])
            shared = sa.select(value).where(*self._planned, value.is_not(None)).group_by(value).correlate(None)
            which.append((nowhere, value.in_(shared.having(in_campaigns > 0, sa.func.count() > in_campaigns))))
        return which


class LookUp:
    """Finds the entries of a change in the lists of their campaigns: who they are, and their states.

    All identifiers that an entry gives have to fit. They are noted as the list spells them, and the others besides.

    Args:
        change: the change.
        kinds: the identifiers by which its entries are named, as they are given together.
        action: its action.
    """

    def __init__(self, change: Change, kinds: Sequence[Sequence[str]], action: str) -> None:
        self.ledger = change.ledger
        self._change = change
        self._kinds = kinds
        columns = participants.c
        given = change.ledger.given(name="string", state="string", **IDENTITY).c
        note = participants.update().where(change.rows, columns.name == given.name)
        first = columns.found == 0
        iccid, its_iccid = (canonical_column("iccid", table.iccid) for table in (columns, given))
        one_lacks_iccid = iccid.is_(None) | its_iccid.is_(None)
        differs = (iccid != its_iccid) | (one_lacks_iccid & (columns.imsi != given.imsi))
        sims = sa.case((first, 1), (differs, columns.found + 1), else_=columns.found)
        fill = {name: sa.func.coalesce(given[name], columns[name]) for name in SIM_IDENTIFIERS}
        self._note_elsewhere = note.values(found=sims, **fill)
        takes: sa.ColumnElement[bool] = sa.true()
        # One that is found again is not another one: the server's pages shift, and a commit may be repeated.
        again = sa.and_(columns.found > 0, columns.participant_id == given.participant_id)
        found: sa.ColumnElement[int] = columns.found + sa.case((again, 0), else_=1)
        if NAMINGS[action].unit != PARTICIPANT:
            # Of a SIM's participants it is judged by the one that is under way.
            under_way = [state for state in PARTICIPANT_STATES if plan_participant(action, state).verdict == UNCHANGED]
            is_not = sa.func.coalesce(columns.state_now.not_in(under_way), sa.true())
            takes, found = first | (given.state.in_(under_way) & is_not), sims
        self._note = note.values(
            found=found,
            state_now=sa.case((takes, given.state), else_=columns.state_now),
            participant_id=sa.case((takes, given.participant_id), else_=columns.participant_id),
            read_at=sa.bindparam("moment"),
            reading=0,
            **fill,
        )
        self._some_are_elsewhere = self._are_some_elsewhere()

    @repeatable
    def _are_some_elsewhere(self) -> bool:
        nowhere = sa.select(participants.c.seq).where(self._change.rows, participants.c.campaign_id.is_(None)).limit(1)
        with self.ledger.read() as connection:
            return connection.execute(nowhere).first() is not None

    @repeatable
    def note(self, page: Sequence[Listed]) -> None:
        """Note those of a page of the server's list that are entries; of entries without a campaign who they are."""
        with self._change.write() as connection:
            for block in each_name_once(named_rows(page, self._kinds)):
                connection.execute(self._note, {"rows": block, "moment": self._change.clock.moment()})
            if self._some_are_elsewhere:
                for block in each_name_once(named_rows(page, self._kinds, in_campaign=False)):
                    connection.execute(self._note_elsewhere, {"rows": block})
