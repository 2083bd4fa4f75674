# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the failures of a change by what their participants have in common.

The database groups the rows, and its groups are read one by one, so that a million rows take no more memory than few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .._core.cohorts import ICCID_DIGITS, IMSI_DIGITS, SMALLEST, GroupCounts, Kind, ReasonCounts
from .._core.identifiers import LONG_NUMBER
from .._core.states import EXECUTED_STATES, RowState
from .._core.tallies import BadRule
from .change import Change
from .tables import count_where, participants, sa

CAME_BACK = "accepted, and failed again"
"""The reason of a participant that was acted on and has failed since."""

_BLOCK = 1000
_NUMBER = re.compile(r"[0-9]+")


def failures_of(change: Change, bad_rule: BadRule) -> tuple[GroupCounts, ReasonCounts]:
    """Count the participants that were sent for, and the failures among them.

    Args:
        change: the change.
        bad_rule: which attempts are failures.

    Returns:
        The counts by prefix, campaign, wave and hour, and the reasons of the failures. They have no whole identifier.
    """
    return change.ledger.outage.repeat(lambda: _read(change, bad_rule))


def _read(change: Change, bad_rule: BadRule) -> tuple[GroupCounts, ReasonCounts]:
    columns, is_bad = participants.c, _is_bad(bad_rule)
    groups, reasons = GroupCounts(), ReasonCounts()
    # A moment is rounded to the second, the same on both databases.
    hour = sa.cast(columns.sent_at, sa.BigInteger) // 3600
    with change.ledger.read() as connection:
        for campaign, wave, number, size, failed in _groups(
            connection, change, is_bad, columns.campaign_id, columns.wave, hour
        ):
            groups.add_total(size, failed)
            for kind, value in ((Kind.CAMPAIGN, campaign), (Kind.WAVE, wave), (Kind.HOUR, number)):
                groups.add(kind, value, size, failed)
        if not groups.failed:
            return groups, reasons
        # Apart, because there are many more pairs of prefixes than prefixes.
        for kind, column, digits in (
            (Kind.ICCID_PREFIX, columns.iccid, max(ICCID_DIGITS)),
            (Kind.IMSI_PREFIX, columns.imsi, max(IMSI_DIGITS)),
        ):
            for prefix, size, failed in _groups(connection, change, is_bad, sa.func.substr(column, 1, digits)):
                groups.add(kind, prefix, size, failed)
        for code, text, count in _reasons(connection, change, is_bad):
            reasons.add(code, _shown(text, count), count)
    return groups, reasons


def _is_bad(rule: BadRule) -> sa.ColumnElement[bool]:
    columns = participants.c
    came_back = (columns.state == RowState.DONE) & columns.state_now.in_(rule.came_back)
    return columns.state.in_(rule.row_states) | (came_back & (columns.read_at > columns.sent_at))


def _executed(change: Change) -> tuple[sa.ColumnElement[bool], ...]:
    return change.rows, participants.c.sent_at.is_not(None), participants.c.state.in_(EXECUTED_STATES)


def _groups(
    connection: sa.Connection, change: Change, is_bad: sa.ColumnElement[bool], *by: sa.ColumnElement[Any]
) -> Iterator[Any]:
    """Yield the groups of those sent for, with their sizes and failures."""
    failed = count_where(is_bad)
    named = [column.label(f"by_{place}") for place, column in enumerate(by)]
    found = sa.select(*named, sa.func.count(), failed).where(*_executed(change)).group_by(*named)
    yield from connection.execute(found.execution_options(yield_per=_BLOCK))


def _reasons(connection: sa.Connection, change: Change, is_bad: sa.ColumnElement[bool]) -> Iterator[Any]:
    """Yield the codes and texts of failures, with their counts."""
    columns = participants.c
    came_back = columns.state == RowState.DONE
    code = sa.case((came_back, None), else_=columns.code).label("code")
    known = sa.func.coalesce(columns.message, columns.reason, "no reason is known")
    text = sa.case((came_back, CAME_BACK), else_=known).label("text")
    found = sa.select(code, text, sa.func.count()).where(*_executed(change), is_bad).group_by(code, text)
    yield from connection.execute(found.execution_options(yield_per=_BLOCK))


def _shown(text: str, count: int) -> str:
    """Leave out the numbers of a text that may identify a participant.

    A number in a text that many have is that of an error, unless it is long.
    """
    return (LONG_NUMBER if count >= SMALLEST else _NUMBER).sub("…", text)
