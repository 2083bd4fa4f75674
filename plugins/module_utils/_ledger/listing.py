# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the changes of a ledger, each with its progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.clock import iso
from .._core.states import RowState
from .attempt_facts import AttemptFacts, attempt_facts
from .database import Ledger
from .fleet import latest, shard_rows, whole_facts
from .lease_time import lease_remaining
from .queries import change_facts
from .summary import no_counts
from .tables import changes, participants, runs, sa

_RATE_OVER = 60.0
"""Seconds over which the rate of a running change is measured."""


def recorded_ids(ledger: Ledger) -> list[str]:
    """List the names of all changes of a ledger."""

    def read() -> list[str]:
        with ledger.read() as connection:
            return list(connection.execute(sa.select(changes.c.change_id).distinct()).scalars())

    return ledger.outage.repeat(read)


def changes_of(ledger: Ledger) -> list[dict[str, Any]]:
    """List the changes of a ledger, the oldest first, with an entry for each server.

    Returns:
        For each the facts of ``change_facts``, and ``selected``, ``counts`` (by row state), ``held_by`` (the lease
        holder, or None), ``lease`` (``age``: the seconds since its run began, ``remaining``: the seconds until it ends
        if it is not renewed, negative if its run has died without giving it back; None without a lease), ``rate``
        (answers per second; None if it does not run), ``seconds_remaining`` (until requests for all planned
        participants are sent at that rate, without waits between waves; or None), ``exhausted`` and ``next_due`` (as
        ``AttemptFacts``).
    """

    def read() -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        with ledger.read() as connection:
            return _records(connection, ledger), _counted(connection), _answered(connection, ledger)

    records, counted, answered = ledger.outage.repeat(read)
    counts: dict[int, dict[str, int]] = {}
    for number, state, count in counted:
        counts.setdefault(number, no_counts())[state] = count
    rates = {number: count / max(seconds, 1.0) for number, count, seconds in answered}
    facts = attempt_facts(ledger)
    return [
        {
            **_entry(record, counts.get(record.number, no_counts()), rates.get(record.number)),
            **_attempts(facts.get(record.number, AttemptFacts())),
        }
        for record in records
    ]


def _records(connection: sa.Connection, ledger: Ledger) -> Sequence[Any]:
    now, remaining = ledger.clock(), lease_remaining(ledger)
    began = (
        sa.select(sa.func.max(runs.c.started))
        .where(runs.c.change == changes.c.number, runs.c.finished.is_(None))
        .scalar_subquery()
    )
    return connection.execute(
        sa.select(
            changes,
            (remaining > 0).label("is_leased"),
            remaining.label("lease_remaining"),
            (now - began).label("lease_age"),
        ).order_by(changes.c.number)
    ).all()


def _counted(connection: sa.Connection) -> Sequence[Any]:
    columns = participants.c
    return connection.execute(
        sa.select(columns.change, columns.state, sa.func.count()).group_by(columns.change, columns.state)
    ).all()


def _answered(connection: sa.Connection, ledger: Ledger) -> Sequence[Any]:
    """Count the recent answers for each change, and the seconds over which they came."""
    columns, now = participants.c, ledger.clock()
    return connection.execute(
        sa.select(columns.change, sa.func.count(), now - sa.func.min(columns.sent_at))
        .where(columns.answered_at > now - _RATE_OVER)
        .group_by(columns.change)
    ).all()


def _entry(record: Any, counts: dict[str, int], rate: float | None) -> dict[str, Any]:
    running = rate if record.is_leased else None
    planned = counts[RowState.PLANNED]
    return {
        **change_facts(record),
        "selected": sum(counts.values()),
        "counts": counts,
        "held_by": record.lease_holder if record.is_leased else None,
        "lease": _lease(record),
        "rate": None if running is None else round(running, 1),
        "seconds_remaining": round(planned / running) if running and planned else None,
    }


def _attempts(facts: AttemptFacts) -> dict[str, Any]:
    return {"exhausted": facts.exhausted, "next_due": iso(facts.next_due)}


def _lease(record: Any) -> dict[str, float | None] | None:
    """Return the age of a lease, and its remaining seconds; None if no run has or had it at its end."""
    if record.lease_token is None:
        return None
    age = record.lease_age
    return {"age": None if age is None else round(max(0.0, age), 1), "remaining": round(record.lease_remaining, 1)}


def join_shards(listed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the entries of ``changes_of`` to one for each change.

    A value that differs from server to server is None, such as the server itself. ``servers`` is the number of its
    servers, and ``shards`` has the row of each.
    """
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in listed:
        entries.setdefault(entry["change_id"], []).append(entry)
    return [
        {
            **(_joined(shards) if len(shards) > 1 else shards[0]),
            "servers": len(shards),
            "shards": shard_rows(sorted(shards, key=_server)),
        }
        for shards in entries.values()
    ]


def _server(shard: Mapping[str, Any]) -> tuple[str, str]:
    return shard["api_url"], shard["node"]


def _joined(shards: Sequence[dict[str, Any]]) -> dict[str, Any]:
    leases = [shard["lease"] for shard in shards if shard["lease"]]
    shards = sorted(shards, key=_server)
    rates = [shard["rate"] for shard in shards if shard["rate"] is not None]
    remaining = [shard["seconds_remaining"] for shard in shards if shard["seconds_remaining"] is not None]
    return {
        **whole_facts(shards),
        "lease": min(leases, key=lambda lease: float(lease["remaining"]), default=None),
        "rate": round(sum(rates), 1) if rates else None,
        "seconds_remaining": max(remaining, default=None),
        "exhausted": sum(shard["exhausted"] for shard in shards),
        "next_due": min((shard["next_due"] for shard in shards if shard["next_due"]), default=None),
        "forecast": latest(shard.get("forecast") for shard in shards),
    }
