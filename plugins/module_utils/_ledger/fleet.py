# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a change that has shards on several servers as one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInputError
from .._core.states import ENDED_STATUSES, ChangeStatus, RowState, whole_status
from .change import Change, find_change, lock_shards
from .database import Ledger
from .halts import HALT_COLUMNS, halt_of
from .lease_time import lease_remaining
from .queries import change_facts
from .summary import no_counts
from .tables import changes, participants, sa

_COMMON = ("action", "requested_by", "approved_by", "job_id", "api_url", "node")
_SHARD = ("api_url", "node", "stage", "status", "planned", "started", "finished", "plan_digest")


def shards_of(ledger: Ledger, change_id: str) -> Sequence[Any]:
    """Read the rows of all shards of a change, by server and node."""
    change = find_change(ledger, change_id)
    return change.shards() if change else []


def shards_in(change: Change) -> list[Change]:
    """Return all shards of a change, by server and node."""
    return [Change(change.ledger, row.number) for row in change.shards()]


def change_of_all_shards(change: Change) -> Change:
    """Return a change whose participants are those of all its shards, to count them."""
    whole = Change(change.ledger, change.number)
    whole.rows = participants.c.change.in_(sa.select(changes.c.number).where(change.whole))
    return whole


def fleet_digest(shards: Iterable[Mapping[str, Any]]) -> str:
    """Compute the SHA-256 over the servers, stages and plan digests of all shards.

    Args:
        shards: their rows or facts, by server and node.
    """
    plans = [[shard["api_url"], shard["node"], shard["stage"] or 1, shard["plan_digest"]] for shard in shards]
    return hashlib.sha256(json.dumps(plans, separators=(",", ":")).encode()).hexdigest()


def record_approvals(
    change: Change, approvals: Mapping[int, Mapping[str, Any]], checked: Sequence[Any], is_whole: bool
) -> None:
    """Record the approvals of several shards at once.

    Args:
        change: any shard of the change.
        approvals: the new columns of each, by its number. Its status is set here: its run may have begun meanwhile.
        checked: the rows of all shards that the approval is for, as the approver's task checked them.
        is_whole: whether it is for all shards together.

    Raises:
        InvalidInputError: one was planned, or planned again, meanwhile; nothing is recorded.
    """
    known = {row.number: row for row in checked}
    status = sa.case((changes.c.status == ChangeStatus.PLANNED, ChangeStatus.APPROVED), else_=changes.c.status)

    def is_as_checked(row: Any) -> bool:
        before, new = known.get(row.number), approvals.get(row.number)
        if before is None or row.planned_by != before.planned_by:
            return False
        # The new digest as well, since the answer to an earlier commit may have been lost.
        return row.plan_digest == before.plan_digest or (new is not None and row.plan_digest == new["plan_digest"])

    def record() -> None:
        with change.ledger.write() as connection:
            which = change.whole if is_whole else changes.c.number == change.number
            if not all(map(is_as_checked, lock_shards(connection, which))):
                raise InvalidInputError("A plan was made while it was being approved: look at it, then approve again.")
            for number, values in approvals.items():
                connection.execute(changes.update().where(changes.c.number == number).values(**values, status=status))

    change.ledger.outage.repeat(record)


def void_approvals(change: Change) -> None:
    """Remove the approval of all shards together from the other shards, since this one is planned again.

    Those at their end keep it, and so do those that were approved alone.
    """
    columns = changes.c
    ended = columns.status.in_((*ENDED_STATUSES, ChangeStatus.PURGED))
    together = columns.approval["fleet_digest"].as_string().is_not(None)
    back = sa.case((columns.status == ChangeStatus.APPROVED, ChangeStatus.PLANNED), else_=columns.status)
    none = {"approval": None, "approved_at": None, "approved_by": None, "status": back}

    def void() -> None:
        with change.write_whole() as connection:
            connection.execute(
                changes.update().where(change.whole, columns.number != change.number, together, ~ended).values(none)
            )

    change.ledger.outage.repeat(void)


def shard_facts(change: Change) -> list[dict[str, Any]]:
    """Return the facts of all shards, each with its counts and its lease holder."""
    of_change = sa.select(changes.c.number).where(change.whole)
    is_leased = (lease_remaining(change.ledger) > 0).label("is_leased")
    counted = sa.select(participants.c.change, participants.c.state, sa.func.count()).where(
        participants.c.change.in_(of_change)
    )

    def read() -> tuple[Sequence[Any], Sequence[Any]]:
        with change.ledger.read() as connection:
            records = sa.select(changes, is_leased).where(change.whole).order_by(changes.c.api_url, changes.c.node)
            states = counted.group_by(participants.c.change, participants.c.state)
            return connection.execute(records).all(), connection.execute(states).all()

    records, states = change.ledger.outage.repeat(read)
    counts: dict[int, dict[str, int]] = {record.number: no_counts() for record in records}
    for number, state, count in states:
        counts[number][state] = count
    return [
        {
            **change_facts(record),
            "selected": sum(counts[record.number].values()),
            "counts": counts[record.number],
            "held_by": record.lease_holder if record.is_leased else None,
        }
        for record in records
    ]


def shard_rows(facts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the row of each shard, as results show it."""
    return [{name: each[name] for name in (*_SHARD, "selected", "counts", "held_by")} for each in facts]


def whole_facts(shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the facts of all shards of a change to those of the whole.

    A value that differs from shard to shard is None, such as the server.

    Args:
        shards: as ``shard_facts`` returns them, one or more.
    """
    first = shards[0]
    if len(shards) == 1:
        return dict(first)
    counts: Counter[str] = Counter()
    for shard in shards:
        counts.update(shard["counts"])
    return {
        **first,
        **{name: first[name] if len({shard[name] for shard in shards}) == 1 else None for name in _COMMON},
        "status": whole_status([shard["status"] for shard in shards]),
        "planned": _last(shards, "planned"),
        "started": min((shard["started"] for shard in shards if shard["started"]), default=None),
        "finished": _last(shards, "finished"),
        "plan_digest": None if any(shard["plan_digest"] is None for shard in shards) else fleet_digest(shards),
        "require_approval": any(shard["require_approval"] for shard in shards),
        "approval": _approval(shards),
        **{name: next((each[name] for each in shards if each[name]), None) for name in ("held", "stopped")},
        "selected": sum(shard["selected"] for shard in shards),
        "counts": {state: counts[state] for state in map(str, RowState)},
        "held_by": ", ".join(shard["held_by"] for shard in shards if shard["held_by"]) or None,
    }


def _last(shards: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """Return the last of a moment of all shards; None while one has none."""
    moments = [shard[name] for shard in shards]
    return None if None in moments else max(moments)


def _approval(shards: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the approval of the whole; None where a shard that is not at its end has none."""
    ended = (*ENDED_STATUSES, ChangeStatus.PURGED)
    lacks = any(shard["approval"] is None and shard["status"] not in ended for shard in shards)
    given = [shard["approval"] for shard in shards if shard["approval"]]
    return None if lacks or not given else max(given, key=lambda approval: str(approval["at"]))


def latest(forecasts: Iterable[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    """Return the forecast of the server that ends last; None if there is none."""
    known = [each for each in forecasts if each]
    return dict(max(known, key=lambda each: str(each["ends"] or "z"))) if known else None


def abort_all(change: Change, reason: str) -> bool:
    """Record for all shards that too many attempts went wrong; return False if they are aborted already."""
    moment = change.clock.moment()
    values = {"aborted_at": moment, "abort_reason": reason}

    def abort() -> bool:
        with change.write_whole() as connection:
            connection.execute(changes.update().where(change.whole, changes.c.aborted_at.is_(None)).values(values))
            # By the moment, since the answer to an earlier commit may have been lost.
            own = sa.select(changes.c.aborted_at).where(changes.c.number == change.number)
            return bool(connection.execute(own).scalar() == moment)

    return change.ledger.outage.repeat(abort)


def resume_all(change: Change, aborted_until: float) -> None:
    """Let all shards continue after an abort; their counts for the next one begin at 0.

    Args:
        change: any of them, under the lease of this run.
        aborted_until: a later abort stays.
    """
    is_aborted = changes.c.status == ChangeStatus.ABORTED
    again = {
        "aborted_at": None,
        "abort_reason": None,
        "status": sa.case((is_aborted, ChangeStatus.IN_PROGRESS), else_=changes.c.status),
        **dict.fromkeys(("executed", "bad"), 0),
        "judged_from": change.clock.moment(),
    }

    def resume() -> Any:
        with change.write_whole() as connection:
            connection.execute(
                changes.update().where(change.whole, changes.c.aborted_at <= aborted_until).values(again)
            )
            return connection.execute(sa.select(*HALT_COLUMNS).where(changes.c.number == change.number)).one()

    record = change.ledger.outage.repeat(resume)
    if change.lease:
        change.lease.halt = halt_of(record)
