# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define the ledger's tables, the same on SQLite and PostgreSQL.

Times are Unix seconds, in UTC.

``migrations`` also adds a table or column that is added here to older ledgers. A new column is nullable or has a
``server_default``. A change of another kind needs a step there, and the first change after a release raises
``SCHEMA_VERSION``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.libraries import guarded

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import exc as sa_exc
    from sqlalchemy.dialects import postgresql, sqlite
else:
    sa = guarded("sqlalchemy")
    sa_exc = guarded("sqlalchemy.exc")
    postgresql = guarded("sqlalchemy.dialects.postgresql")
    sqlite = guarded("sqlalchemy.dialects.sqlite")

__all__ = ["postgresql", "sa", "sa_exc", "sqlite"]

SCHEMA_VERSION = 2

LAST_PLACE = (1 << 31) - 1
"""The last place that a participant can have in a change."""

_metadata = sa.MetaData()
_moment = sa.Double

ledger = sa.Table("yateota_ledger", _metadata, sa.Column("version", sa.Integer, primary_key=True))

changes = sa.Table(
    "yateota_changes",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    # One name may cover many servers, each a shard with its own record.
    sa.Column("change_id", sa.Text, nullable=False),
    sa.Column("api_url", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("selection", sa.JSON, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("duplicates", sa.Integer, nullable=False, default=0),
    sa.Column("requested_by", sa.Text),
    sa.Column("approved_by", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Column("created", _moment, nullable=False),
    sa.Column("planned", _moment),
    sa.Column("started", _moment),
    sa.Column("finished", _moment),
    # reading: the number of the latest reading of states. read_at: when it began, null until it is complete; for the
    # plan's own reading, when it ended, so that the first wave need not read again.
    sa.Column("reading", sa.Integer, nullable=False, default=0),
    sa.Column("read_at", _moment),
    # The latest moment that a run with the lease may have recorded; None if only release 1.0.0 has run.
    sa.Column("recorded_at", _moment),
    # No participant before this place is planned and in no wave.
    sa.Column("none_waiting_before", sa.Integer, nullable=False, server_default="0"),
    # The moment from which attempts count for the abort. It moves when an aborted change is resumed.
    sa.Column("judged_from", _moment, nullable=False, default=0),
    sa.Column("lease_token", sa.Text),
    sa.Column("lease_holder", sa.Text),
    sa.Column("lease_place", sa.Text),
    sa.Column("lease_pid", sa.Integer),
    sa.Column("lease_expires", _moment, nullable=False, default=0),
    # In a SQLite file, also the end by the clock since the machine's start, which nobody can set: lease_boot says which
    # start, lease_ends has its seconds.
    sa.Column("lease_boot", sa.Text),
    sa.Column("lease_ends", sa.Double),
    # What is approved: the SHA-256 of the plan, and the rollout, abort, window and attempts as planned.
    sa.Column("plan_digest", sa.Text),
    sa.Column("limits", sa.JSON(none_as_null=True)),
    # planned_by: all who planned it. require_approval: whether it needs an approval. approved_at, approval: when, by
    # which person, and for which plan.
    sa.Column("planned_by", sa.JSON(none_as_null=True)),
    sa.Column("require_approval", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("approved_at", _moment),
    sa.Column("approval", sa.JSON(none_as_null=True)),
    # The latest hold, which lasts until it is released, and the stop, which lasts: the same in all shards.
    sa.Column("held_at", _moment),
    sa.Column("held_by", sa.Text),
    sa.Column("held_reason", sa.Text),
    sa.Column("released_at", _moment),
    sa.Column("released_by", sa.Text),
    sa.Column("stopped_at", _moment),
    sa.Column("stopped_by", sa.Text),
    sa.Column("stop_reason", sa.Text),
    # The secret of its audit chain, until it is purged; none if an older release planned it, without a chain.
    sa.Column("salt", sa.Text),
    # When its file was rewritten after the purge.
    sa.Column("compacted_at", _moment),
    # The shards of a stage begin when those of the stages before are applied.
    sa.Column("stage", sa.Integer),
    # The shard's attempts since ``judged_from``, the bad ones among them, and whether it sends. Its run writes them
    # with its lease, for the runs of the other shards to read.
    sa.Column("executed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("bad", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_sending", sa.Boolean, nullable=False, server_default=sa.false()),
    # When and why too many attempts of all shards together went wrong: the same in all shards.
    sa.Column("aborted_at", _moment),
    sa.Column("abort_reason", sa.Text),
    sa.UniqueConstraint("change_id", "api_url", "node"),
)

runs = sa.Table(
    "yateota_runs",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("change", sa.ForeignKey(changes.c.number), nullable=False, index=True),
    sa.Column("requested_by", sa.Text),
    sa.Column("approved_by", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", _moment, nullable=False),
    sa.Column("finished", _moment),
    sa.Column("outcome", sa.Text),
)

waves = sa.Table(
    "yateota_waves",
    _metadata,
    sa.Column("change", sa.ForeignKey(changes.c.number), primary_key=True),
    sa.Column("wave", sa.Integer, primary_key=True),
    sa.Column("started", _moment, nullable=False),
    sa.Column("finished", _moment),
    # Its participants are between these places, among others, so that they are found without a look at all. Null if
    # release 1.0.0 began it.
    sa.Column("first_place", sa.Integer),
    sa.Column("last_place", sa.Integer),
    # The share of it that had come to its goal when it ended, if it was judged by that.
    sa.Column("success_percentage", sa.Double),
)

# The audit chain: each link is a SHA-256 over the one before and the rows recorded since. None is written again.
links = sa.Table(
    "yateota_links",
    _metadata,
    sa.Column("change", sa.ForeignKey(changes.c.number), primary_key=True),
    sa.Column("link", sa.Integer, primary_key=True, autoincrement=False),
    # The wave under way, or the last one; 0 before the first. Whether it has ended with this link.
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("ends_wave", sa.Boolean, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("written", _moment, nullable=False),
    # What the change's row says from here on: its plan, its approval.
    sa.Column("facts", sa.JSON(none_as_null=True)),
    sa.Column("digest", sa.Text, nullable=False),
)


def _link_columns() -> list[sa.Column[Any]]:
    """Return what an attempt's row has for the audit chain."""
    return [
        # The link that has the attempt; 0 if the plan leaves it out, none before its outcome is recorded.
        sa.Column("link", sa.Integer),
        # The link that has the settlement of an unknown outcome, and why the outcome was unknown.
        sa.Column("settled", sa.Integer),
        sa.Column("unknown_reason", sa.Text),
        # What stays of the message after the purge: a salted SHA-256.
        sa.Column("message_digest", sa.Text),
    ]


participants = sa.Table(
    "yateota_participants",
    _metadata,
    sa.Column("change", sa.ForeignKey(changes.c.number), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    # The selection's name for it in one form, to find it in the server's lists and to find duplicates.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("participant_id", sa.BigInteger),
    sa.Column("campaign_id", sa.BigInteger),
    sa.Column("iccid", sa.Text),
    sa.Column("imsi", sa.Text),
    sa.Column("msisdn", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("wave", sa.Integer),
    # The server's states: when it was planned, before it was sent, and as last read, in which reading.
    sa.Column("state_planned", sa.Text),
    sa.Column("state_before", sa.Text),
    sa.Column("state_now", sa.Text),
    sa.Column("read_at", _moment),
    sa.Column("reading", sa.Integer),
    # When a reading last showed another state than before its latest attempt: proof that the server has begun with it.
    sa.Column("moved_at", _moment),
    sa.Column("found", sa.Integer, nullable=False, default=0),
    # Its latest attempt. Earlier ones are in yateota_earlier_sends.
    sa.Column("run", sa.Integer),
    sa.Column("sent_at", _moment),
    sa.Column("answered_at", _moment),
    sa.Column("code", sa.Integer),
    sa.Column("message", sa.Text),
    # attempt: how many of its earlier attempts count for attempts.maximum. due_at: when its next attempt is due, or the
    # outcome of the last one. exhausted_at: when it was found to need another attempt after its last one.
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", _moment),
    sa.Column("exhausted_at", _moment),
    *_link_columns(),
    # What stays of the name and the identifiers after the purge: a salted SHA-256.
    sa.Column("identity_digest", sa.Text),
    sa.UniqueConstraint("change", "name"),
    sqlite_with_rowid=False,
    # PostgreSQL keeps half of each page free: an attempt is written twice, each time on the page of the row that it
    # replaces, so that no index is written and a vacuum has little to do.
    postgresql_with={"fillfactor": 50},
)

earlier_attempts = sa.Table(
    "yateota_earlier_sends",
    _metadata,
    sa.Column("change", sa.ForeignKey(changes.c.number), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("sent_at", _moment, primary_key=True),
    sa.Column("run", sa.Integer),
    sa.Column("answered_at", _moment),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("code", sa.Integer),
    sa.Column("message", sa.Text),
    # As in yateota_participants.
    sa.Column("wave", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("state_before", sa.Text),
    *_link_columns(),
)


def canonical_column(kind: str, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Return ``_core.identifiers.canonical`` in SQL."""
    if kind == "msisdn":
        digits = sa.func.ltrim(column, "+")
        return sa.case((digits.like("00_%"), sa.func.substr(digits, 3)), else_=digits)
    return sa.func.rtrim(sa.func.upper(column), "F") if kind == "iccid" else column


def count_where(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Select how many rows meet a condition."""
    return sa.func.count().filter(condition)


def create_all(connection: sa.Connection) -> None:
    """Create the missing tables."""
    _metadata.create_all(connection)


def all_tables() -> list[sa.Table]:
    """Return the tables, each after those that it references."""
    return _metadata.sorted_tables
