# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the identifiers of a change's participants, so that its audit chain can still be checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.identifiers import IDENTIFIERS
from .._core.states import ChangeStatus
from .chain_entries import PRIVATE, all_salted, salted
from .change import Change
from .outage import repeatable
from .tables import changes, earlier_attempts, participants, sa

_BLOCK = 1000
# So many rows are emptied by one statement: even a slow database does not come near the time that a statement may take.
_EMPTIED = 100_000


def purge_identifiers(change: Change) -> None:
    """Remove all data that identifies the participants.

    Counts, waves, states, moments and codes stay. So do salted digests of what goes, for the audit chain. The salt goes
    too: without it, no identifier can be found in these digests by trying all that are possible. The digests of the
    plan and of the selection stay, and have no salt.
    """
    salt = change.record().salt
    purge = _Purge(change)
    if salt:
        purge.keep_digests(salt)
    purge.remove()


class _Purge:
    """The purge of one change.

    Args:
        change: the change.

    Attributes:
        ledger: the change's.
    """

    def __init__(self, change: Change) -> None:
        self.ledger = change.ledger
        self._change = change
        self._earlier = earlier_attempts.c.change == change.number
        columns, earlier = participants.c, earlier_attempts.c
        given = change.ledger.given(seq="integer", identity="string", message="string").c
        self._keep = (
            participants.update()
            .where(change.rows, columns.seq == given.seq)
            .values(identity_digest=given.identity, message_digest=given.message)
        )
        given = change.ledger.given(seq="integer", sent_at="float", message="string").c
        self._keep_earlier = (
            earlier_attempts.update()
            .where(self._earlier, earlier.seq == given.seq, earlier.sent_at == given.sent_at)
            .values(message_digest=given.message)
        )

    def keep_digests(self, salt: str) -> None:
        """Record digests of what is to be removed."""
        after = -1
        while block := self._block(after):
            identities = all_salted(salt, [row[2:] for row in map(tuple, block)])
            rows = [[row.seq, each, salted(salt, row.message)] for row, each in zip(block, identities, strict=True)]
            self._write(self._keep, rows)
            after = block[-1][0]
        rows = [[seq, sent_at, salted(salt, message)] for seq, sent_at, message in self._messages()]
        for start in range(0, len(rows), _BLOCK):
            end = start + _BLOCK
            self._write(self._keep_earlier, rows[start:end])

    @repeatable
    def _block(self, after: int) -> Sequence[Any]:
        columns = [participants.c[name] for name in ("seq", "message", *PRIVATE)]
        query = sa.select(*columns).where(self._change.rows, participants.c.seq > after).order_by(participants.c.seq)
        with self.ledger.read() as connection:
            return connection.execute(query.limit(_BLOCK)).all()

    @repeatable
    def _messages(self) -> Sequence[Any]:
        columns = earlier_attempts.c
        query = sa.select(columns.seq, columns.sent_at, columns.message).where(self._earlier)
        with self.ledger.read() as connection:
            return connection.execute(query.where(columns.message.is_not(None))).all()

    @repeatable
    def _write(self, statement: sa.Update, rows: list[list[Any]]) -> None:
        with self._change.write() as connection:
            connection.execute(statement, {"rows": rows})

    @repeatable
    def remove(self) -> None:
        """Remove the data, and the salt."""
        with self._change.write() as connection:
            seq = participants.c.seq
            blank = dict.fromkeys(("message", *IDENTIFIERS))
            emptied = participants.update().values(name=sa.cast(seq, sa.Text), **blank)
            last = connection.execute(sa.select(sa.func.max(seq)).where(self._change.rows)).scalar() or 0
            for start in range(0, last + 1, _EMPTIED):
                rows = seq.between(start, start + _EMPTIED - 1)
                connection.execute(emptied.where(self._change.rows, rows))
            connection.execute(earlier_attempts.update().where(self._earlier).values(message=None))
            own = changes.update().where(changes.c.number == self._change.number)
            connection.execute(own.values(status=ChangeStatus.PURGED, salt=None))
