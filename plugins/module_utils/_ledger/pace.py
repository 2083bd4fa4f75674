# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fast a change is carried out, from its latest waves."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._core.states import EXECUTED_STATES, RowState
from .change import Change
from .summary import Summary
from .tables import changes, participants, sa, waves
from .wave_rows import SPAN, in_waves

_LATEST = 10
"""The number of waves that are measured, so that the measure follows the server."""

_SHORTEST = 1e-3  # seconds

_LONGEST_BETWEEN = 60.0
"""The most seconds from the end of a wave to the next one while a job continues: a task of Ansible takes a few."""


@dataclass(frozen=True)
class Pace:
    """The pace of a change, and what remains of it.

    Attributes:
        rate: answers per second while it sends; None if it has sent nothing.
        pause: the seconds that a wave takes beside its sending, until the next one begins; None if it is not known.
        in_wave: how many remain in the wave that is under way; None if none is.
        answered: when the last answer came in that wave, in Unix seconds; None if none came or none is under way.
        waiting: how many remain that are in no wave yet.
        later: how many of these are due later only.
        due: when the last of them is due, in Unix seconds; None if none is.
        is_first: whether no wave has begun, so that the next is the canary.
    """

    rate: float | None
    pause: float | None
    in_wave: int | None
    answered: float | None
    waiting: int
    later: int
    due: float | None
    is_first: bool


def pace_of(change: Change, summary: Summary | None = None) -> Pace:
    """Read the pace of a change.

    Args:
        change: the change.
        summary: its sums; None to read them.
    """
    return change.ledger.outage.repeat(lambda: _read(change, summary or change.summary()))


def rate_before(change: Change) -> float | None:
    """Return the rate of the latest other change on the same server and node; None if there is none."""
    return change.ledger.outage.repeat(lambda: _rate_before(change))


def _read(change: Change, summary: Summary) -> Pace:
    with change.ledger.read() as connection:
        begun = _latest_waves(connection, change.number)
        sent = _sendings(connection, change.number, begun)
        current = begun[-1].wave if begun and begun[-1].finished is None else None
        later, due = _later(connection, change) if summary.waiting_due else (0, None)
    ends = [each.last for each in sent if each.wave == current]
    return Pace(
        rate=_rate(sent),
        pause=_pause(begun, sent),
        in_wave=None if current is None else summary.counts[RowState.PLANNED] - summary.waiting,
        answered=max(ends, default=None),
        waiting=summary.waiting,
        later=later,
        due=due,
        is_first=not begun,
    )


def _rate_before(change: Change) -> float | None:
    own = sa.select(changes.c.api_url, changes.c.node).where(changes.c.number == change.number).subquery()
    with change.ledger.read() as connection:
        number = connection.execute(
            sa.select(changes.c.number)
            .where(
                changes.c.number != change.number,
                changes.c.started.is_not(None),
                changes.c.api_url == own.c.api_url,
                changes.c.node == own.c.node,
            )
            .order_by(changes.c.started.desc())
            .limit(1)
        ).scalar()
        if number is None:
            return None
        begun = _latest_waves(connection, number)
        return _rate(_sendings(connection, number, begun))


def _latest_waves(connection: sa.Connection, number: int) -> list[Any]:
    found = connection.execute(
        sa.select(waves.c.wave, waves.c.started, waves.c.finished, *SPAN)
        .where(waves.c.change == number)
        .order_by(waves.c.wave.desc())
        .limit(_LATEST)
    ).all()
    return list(reversed(found))


def _sendings(connection: sa.Connection, number: int, begun: Sequence[Any]) -> Sequence[Any]:
    """Return how many each run has sent in each wave, and from when to when.

    Runs stand apart, because a night may lie between two of them.
    """
    columns = participants.c
    return connection.execute(
        sa.select(
            columns.wave,
            columns.run,
            sa.func.count().label("size"),
            sa.func.min(columns.sent_at).label("first"),
            sa.func.max(sa.func.coalesce(columns.answered_at, columns.sent_at)).label("last"),
        )
        .where(
            columns.change == number,
            in_waves(begun),
            columns.sent_at.is_not(None),
            columns.state.in_(EXECUTED_STATES),
        )
        .group_by(columns.wave, columns.run)
    ).all()


def _later(connection: sa.Connection, change: Change) -> tuple[int, float | None]:
    """Count those in no wave that are due later only, and return when the last of them is due."""
    columns = participants.c
    waits = change.rows, columns.state == RowState.PLANNED, columns.wave.is_(None)
    query = sa.select(sa.func.count(), sa.func.max(columns.due_at)).where(*waits)
    count, due = connection.execute(query.where(columns.due_at > change.ledger.clock())).one()
    return count, due


def _rate(sent: Sequence[Any]) -> float | None:
    if not sent:
        return None
    return float(sum(each.size for each in sent) / max(_SHORTEST, sum(each.last - each.first for each in sent)))


def _pause(begun: Sequence[Any], sent: Sequence[Any]) -> float | None:
    """Return the seconds that a wave takes beside its sending: its own, and those until the next one begins.

    Each is a mean, as stalls add up. The wave that is under way and waves of several runs have no own seconds that are
    known. Longer waits between two waves are left out: a night, or a person. They are no part of a job that continues.
    """
    of_wave: dict[int, list[float]] = {}
    for each in sent:
        of_wave.setdefault(each.wave, []).append(each.last - each.first)
    own = [
        wave.finished - wave.started - of_wave[wave.wave][0]
        for wave in begun
        if wave.finished is not None and len(of_wave.get(wave.wave, ())) == 1
    ]
    between = [after.started - wave.finished for wave, after in itertools.pairwise(begun) if wave.finished is not None]
    between = [each for each in between if 0 <= each <= _LONGEST_BETWEEN]
    if not own:
        return None
    gap = statistics.fmean(between) if between else 0.0
    return float(max(0.0, statistics.fmean(own)) + gap)
