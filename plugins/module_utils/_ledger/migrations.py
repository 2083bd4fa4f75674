# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrade ledgers of older releases in one transaction, or read them as they are.

Additions to ``tables`` are found by a comparison: there is no list of added columns. Alembic would be one more library
in place of this page of code, and needs its own table and script files where the modules run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tables
from .tables import SCHEMA_VERSION, sa

_UNFINISHED = "yateota_unfinished"


def upgrade(connection: sa.Connection, version: int) -> None:
    """Upgrade a ledger to the present schema.

    Args:
        connection: within a transaction that has the ledger's lock.
        version: the ledger's schema version, of an older release.
    """
    tables.create_all(connection)
    for table, columns in _lacking(connection).items():
        for column in columns:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    connection.execute(tables.ledger.update().values(version=SCHEMA_VERSION))


def _one_record_for_each_server(connection: sa.Connection) -> None:
    """Make a change's name unique per server and node, no longer by itself."""
    table = tables.changes
    if connection.dialect.name == "sqlite":
        _recreate(connection, table)
        return
    for old in sa.inspect(connection).get_unique_constraints(table.name):
        connection.exec_driver_sql(f'ALTER TABLE {table.name} DROP CONSTRAINT "{old["name"]}"')
    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD UNIQUE (change_id, api_url, node)")


_STEPS: dict[int, Callable[[sa.Connection], None]] = {1: _one_record_for_each_server}
"""The steps from a version to the next, apart from new tables and columns, which exist by then."""


def _recreate(connection: sa.Connection, table: sa.Table) -> None:
    """Recreate a table of a SQLite file with the present constraints.

    No statement can change them in an existing table.
    """
    new = table.to_metadata(sa.MetaData(), name=_UNFINISHED)
    new.create(connection)
    connection.execute(new.insert().from_select(list(table.columns.keys()), sa.select(table)))
    connection.exec_driver_sql(f"DROP TABLE {table.name}")
    connection.exec_driver_sql(f"ALTER TABLE {_UNFINISHED} RENAME TO {table.name}")


def read_as_present(connection: sa.Connection) -> None:
    """Let queries see the present schema in an older ledger.

    The queries are those of this connection's engine. Missing columns have the values that an upgrade would give them.
    Nothing is written: a ledger may be read with fewer rights than its upgrade needs, and by an older release at the
    same time.
    """
    lacking = _lacking(connection)
    shown = ", ".join(
        f"{table.name} AS NOT MATERIALIZED ({_shown(connection, table, lacking[table])})" for table in lacking
    )

    @sa.event.listens_for(connection.engine, "before_cursor_execute", retval=True)
    def before(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> object:
        verb, _blank, rest = statement.partition(" ")
        if verb == "WITH":
            statement = f"WITH {shown}, {rest}"
        elif statement.startswith("SELECT"):
            statement = f"WITH {shown} {statement}"
        return statement, parameters


def _shown(connection: sa.Connection, table: sa.Table, lacking: list[sa.Column[Any]]) -> str:
    """Return a query of a table as it is, with the columns that it lacks."""
    values = [sa.cast(_default(column), column.type).label(column.name) for column in lacking]
    if len(values) == len(table.columns):
        query = sa.select(*values).where(sa.false())
    else:
        schema = "main." if connection.dialect.name == "sqlite" else ""  # without it, the name would mean this query
        query = sa.select(sa.literal_column("*"), *values).select_from(sa.text(f"{schema}{table.name}"))
    return str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))


def _default(column: sa.Column[Any]) -> Any:
    default = column.server_default
    if not isinstance(default, sa.DefaultClause):
        return sa.null()
    return sa.literal(default.arg) if isinstance(default.arg, str) else default.arg


def _lacking(connection: sa.Connection) -> dict[sa.Table, list[sa.Column[Any]]]:
    """Return the tables and columns of the present schema that a ledger does not have."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    lacking = {}
    for table in tables.all_tables():
        names = {column["name"] for column in inspector.get_columns(table.name)} if table.name in there else set()
        columns = [column for column in table.columns if column.name not in names]
        if columns:
            lacking[table] = columns
    return lacking


def upgraded(shown: str, version: int, backup: str | None) -> str:
    """Return the message about an upgrade.

    Args:
        shown: the ledger's name in messages.
        version: its former schema version.
        backup: the copy that was made before, or None.
    """
    done = f"ledger '{shown}' was upgraded from schema version {version} to {SCHEMA_VERSION}. Older releases refuse it."
    if backup:
        return (
            f"{done} The backup from before is '{backup}': it contains the SIMs' identifiers, so delete it when you no "
            "longer need it."
        )
    return f"{done} To go back, restore the backup that you made with pg_dump before."


def to_upgrade(shown: str, version: int, is_file: bool) -> str:
    """Return the message about an older ledger that was only read.

    The arguments are those of ``upgraded``.
    """
    backup = "A backup is then made beside it." if is_file else "Make a backup with pg_dump before."
    return (
        f"ledger '{shown}' has schema version {version}. The next task that writes upgrades it to {SCHEMA_VERSION}, "
        f"which older releases refuse. {backup}"
    )
