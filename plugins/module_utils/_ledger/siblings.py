# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the runs of a change's other shards share, within a transaction that is made anyway.

Each shard's figures are in its own row of ``yateota_changes``: no run waits for another, and no participants are read.
"""

from __future__ import annotations

import math

from .._core.clock import elapsed
from .tables import changes, sa

LOOK_EVERY = 0.2
"""Seconds between two readings: the transactions of a run that sends are more frequent."""


class Siblings:
    """The other shards of a change, as a run has last read them.

    Args:
        number: the number of this run's shard.
        remaining: the seconds that remain of a lease, as ``lease_remaining`` returns them.

    Attributes:
        executed, bad: their attempts and the bad ones among them, together.
        sending: how many of them are sending.
    """

    def __init__(self, number: int, remaining: sa.ColumnElement[float]) -> None:
        own = changes.alias("own")
        change_id = sa.select(own.c.change_id).where(own.c.number == number).scalar_subquery()
        sends = changes.c.is_sending & (remaining > 0)
        summed = (changes.c.executed, changes.c.bad, sa.case((sends, 1), else_=0))
        self._query = sa.select(*(sa.func.coalesce(sa.func.sum(each), 0) for each in summed)).where(
            changes.c.change_id == change_id, changes.c.number != number
        )
        self._looked = -math.inf
        self.executed = self.bad = self.sending = 0

    def look(self, connection: sa.Connection) -> None:
        """Read them, unless they were read a moment ago."""
        moment = elapsed()
        if moment - self._looked < LOOK_EVERY:
            return
        executed, bad, sending = connection.execute(self._query).one()
        self._looked = moment
        self.executed, self.bad, self.sending = int(executed), int(bad), int(sending)
