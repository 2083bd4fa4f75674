# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the identifiers and states of a change's entries in campaigns' lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._core.entries import Listed
from .._core.identifiers import SIM_IDENTIFIERS
from .change import Change
from .outage import repeatable
from .readings import IDENTITY, each_name_once, named_rows
from .tables import canonical_column, participants, sa


class LookUp:
    """A search for the identifiers and states of a change's entries in lists.

    The lists are those of their campaigns. All identifiers of an entry must fit. They are recorded as the list spells
    them, with the list's other identifiers.

    Args:
        change: the change.
        kinds: the identifiers by which its entries are named, as they are given together.
        ranking: if a request acts on a SIM, the rank of each server state and that of all others: of a SIM's
            participants the one of the lowest rank decides. None if it acts on a participant.
    """

    def __init__(
        self, change: Change, kinds: Sequence[Sequence[str]], ranking: tuple[Mapping[str, int], int] | None
    ) -> None:
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
        self._fill_elsewhere = note.values(found=sims, **fill)
        takes: sa.ColumnElement[bool] = sa.true()
        # The same participant may be found again: the server's pages shift, and a commit may be repeated.
        again = sa.and_(columns.found > 0, columns.participant_id == given.participant_id)
        found: sa.ColumnElement[int] = columns.found + sa.case((again, 0), else_=1)
        if ranking is not None:
            ranks, others = ranking
            new, old = (sa.case(ranks, value=state, else_=others) for state in (given.state, columns.state_now))
            takes, found = first | (new < old), sims
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
    def record(self, page: Sequence[Listed]) -> None:
        """Record a page of the server's list.

        For entries without a campaign, only the identifiers are recorded.
        """
        with self._change.write() as connection:
            for block in each_name_once(named_rows(page, self._kinds)):
                connection.execute(self._note, {"rows": block, "moment": self._change.clock.moment()})
            if self._some_are_elsewhere:
                for block in each_name_once(named_rows(page, self._kinds, in_campaign=False)):
                    connection.execute(self._fill_elsewhere, {"rows": block})
