# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read how many participants of a change were settled when."""

from __future__ import annotations

import math

from .._core.states import EXECUTED_STATES
from .change import Change
from .tables import participants, sa

_PIECES = 120
"""The number of pieces that the time from the first request to the last answer is cut into."""

Moments = list[tuple[float, dict[str, int]]]


def progress_of(change: Change) -> Moments:
    """Count the attempts by row state and the time of their answer, or of their request where none came.

    Returns:
        For up to ``_PIECES`` moments, in Unix seconds and in order, how many got each row state since the one before.
        The first moment is that of the first request, with nothing. It is empty if nothing was sent.
    """
    return change.ledger.outage.repeat(lambda: _read(change))


def _read(change: Change) -> Moments:
    columns = participants.c
    settled = sa.func.coalesce(columns.answered_at, columns.sent_at)
    sent = change.rows, columns.sent_at.is_not(None), columns.state.in_(EXECUTED_STATES)
    with change.ledger.read() as connection:
        first, last = connection.execute(
            sa.select(sa.func.min(columns.sent_at), sa.func.max(settled)).where(*sent)
        ).one()
        if first is None or last <= first:
            return []
        width = math.ceil((last - first) * 1000 / _PIECES)
        piece: sa.ColumnElement[int] = sa.cast((settled - first) * 1000, sa.BigInteger) // width
        found = connection.execute(
            sa.select(piece.label("piece"), columns.state, sa.func.count())
            .where(*sent)
            .group_by("piece", columns.state)
        ).all()
    counts: dict[int, dict[str, int]] = {}
    for number, state, count in found:
        counts.setdefault(number, {})[state] = count
    moments: Moments = [(first, {})]
    for number in range(max(counts) + 1):
        moments.append((min(last, first + (number + 1) * width / 1000), counts.get(number, {})))
    return moments
