# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the participants of a campaign in each state, by blocks of ids."""

from __future__ import annotations

import sqlite3
from collections import Counter

from .timeline import Message, state_sql

BLOCK = 1024  # ids in a block: the most rows that a filtered page reads without need


class Tally:
    """The counted states of one campaign's participants.

    It takes half a second to count a million rows, and nearly as long to find a page of one state deep in a campaign.
    So they are counted once, and afterwards only the changes since the last reading are applied. The states themselves
    still depend only on the clock.

    Args:
        database: has the table `participants`.
        campaign_id: the campaign.
        first: the id of its first participant; the other ids follow without a gap.
    """

    def __init__(self, database: sqlite3.Connection, campaign_id: int, first: int) -> None:
        self._database = database
        self._campaign_id = campaign_id
        self._first = first
        self._active = 0.0
        self._blocks: dict[str, Counter[int]] = {}
        self.total: Counter[str] = Counter()
        for block, state, number in database.execute(
            f"SELECT (participant_id - :first) / {BLOCK} AS block, {state_sql(':active')} AS state, count(*)"  # noqa: S608 - made of constants
            " FROM participants p WHERE campaign_id = :campaign_id GROUP BY block, state",
            {"first": first, "campaign_id": campaign_id, "active": self._active},
        ):
            self._count(block, state, number)

    def advance(self, active: float) -> None:
        """Apply the changes up to this moment of the campaign's own time."""
        if active <= self._active:
            return
        moments = {"campaign_id": self._campaign_id, "before": self._active, "active": active}
        happened = " UNION ".join(
            "SELECT participant_id FROM participants"  # noqa: S608 - made of constants
            f" WHERE campaign_id = :campaign_id AND {event} > :before AND {event} <= :active"
            for event in Message._fields[:3]
        )
        for participant_id, before, after in self._database.execute(
            f"SELECT participant_id, {state_sql(':before')}, {state_sql(':active')}"  # noqa: S608 - made of constants
            f" FROM participants p WHERE participant_id IN ({happened})",
            moments,
        ):
            self._move(participant_id, before, after)
        self._active = active

    def replace(self, participant_id: int, old: Message, new: Message) -> None:
        """Count a participant by its new message instead of its old one."""
        self._move(participant_id, old.state(self._active), new.state(self._active))

    def skip(self, state: str, offset: int) -> tuple[int, int]:
        """Return the id at which to begin reading a state, and how many to skip there."""
        counts = self._blocks.get(state, Counter())
        for block in sorted(counts):
            if offset < counts[block]:
                return self._first + block * BLOCK, offset
            offset -= counts[block]
        return self._first + (max(counts, default=0) + 1) * BLOCK, offset

    def _move(self, participant_id: int, before: str, after: str) -> None:
        block = (participant_id - self._first) // BLOCK
        self._count(block, before, -1)
        self._count(block, after, 1)

    def _count(self, block: int, state: str, number: int) -> None:
        self._blocks.setdefault(state, Counter())[block] += number
        self.total[state] += number
