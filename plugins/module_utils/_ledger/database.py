# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open and check the ledger's database, and describe each failure in a sentence."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .._core.errors import InvalidInputError, YateotaError
from . import migrations, postgresql, sqlite, tables
from .outage import LedgerBusyError, Outage, repeatable
from .tables import SCHEMA_VERSION, sa, sa_exc

# Without a handler, Python would write what they note of a database that is away to standard error, with tracebacks.
for _library in ("sqlalchemy", "psycopg"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

_NAMING_LOCK = 0x79617466
"""The PostgreSQL advisory lock for naming a change: two names that differ by case may arrive at once."""

_CREATION_LOCK = 0x79617465
"""The PostgreSQL advisory lock for creating the tables: two first runs may start at once."""


class Ledger:
    """An open ledger.

    Args:
        engine: SQLAlchemy's engine for it.
        shown: its name in messages, without a password.
        patience: the seconds to wait for its database while it is away.
        reads_file: the SQLite file if it is read without a lock; it is not written then.
        stopped: set from outside to end that waiting.

    Attributes:
        shown: as given.
        outage: waits for the database.
        notice: a message for the user about its schema, or None.
    """

    def __init__(
        self,
        engine: sa.Engine,
        shown: str,
        patience: float = 0.0,
        reads_file: str | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._engine = engine
        self._reads_file = reads_file
        self._in_use = False
        self.shown = shown
        self.outage = Outage(patience, stopped)
        self.notice: str | None = None

    @property
    def ledger(self) -> Ledger:
        """Return the ledger itself, for ``repeatable``."""
        return self

    @property
    def is_file(self) -> bool:
        """Return whether it is a SQLite file."""
        return self._engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield a transaction.

        It is durable if the block ends without an error, and has no effect otherwise.

        If the answer to its commit is lost, it fails but has taken effect: the writes must be ``repeatable``.

        Raises:
            InvalidInputError: the ledger is read-only, full, locked, damaged or refused; names it and the fix.
            LedgerAwayError: its database is away or locked at the moment.
        """
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a transaction that only reads, and waits for no writer.

        Raises as ``write``.
        """
        before = sqlite.fingerprint(self._reads_file) if self._reads_file else None
        try:
            with self._translated(), self._engine.connect().execution_options(yateota_reads=True) as connection:
                yield connection
        except YateotaError:
            self._check_unchanged(before)
            raise
        self._check_unchanged(before)

    def _check_unchanged(self, before: tuple[int, ...] | None) -> None:
        """Reject data of an unlocked file that a write may have changed meanwhile."""
        if self._reads_file and sqlite.fingerprint(self._reads_file) != before:
            raise LedgerBusyError(f"ledger '{self.shown}' was written while it was read: run this again.")

    def clock(self) -> sa.ColumnElement[float]:
        """Return the Unix seconds of the clock that all users of this ledger share."""
        if self.is_file:
            return (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def given(self, **kinds: str) -> sa.CTE:
        """Return a table of the rows in a statement's parameter ``rows``, a list of lists.

        A block of rows is then one step of the database. If each row were a step, the thread that reads them would have
        to get Python's lock back from the sending threads once for each row.

        Args:
            kinds: the columns and their types: ``integer``, ``float`` or ``string``.
        """
        function = sa.func.json_each if self.is_file else sa.func.json_array_elements
        rows = function(sa.bindparam("rows", type_=sa.JSON)).table_valued(sa.column("value", sa.JSON), name="listed")
        columns = [
            getattr(rows.c.value[place], f"as_{kind}")().label(name) for place, (name, kind) in enumerate(kinds.items())
        ]
        # Materialized, because SQLite would otherwise search it once for each row of the table.
        return sa.select(*columns).cte("given").prefix_with("MATERIALIZED")

    def gathered(self, query: sa.Select[Any]) -> sa.Select[tuple[Any]]:
        """Return a query that gives all rows of another as one value.

        The value is a list of lists, or None if there are no rows.

        A block of rows is then one step of the database, for the reason given in ``given``.
        """
        on_sqlite = self.is_file
        gather = sa.func.json_group_array if on_sqlite else sa.func.json_agg
        array = sa.func.json_array if on_sqlite else sa.func.json_build_array
        return sa.select(gather(array(*query.subquery().c), type_=sa.JSON))

    def rows_changed(self, connection: sa.Connection, statement: sa.Update, values: dict[str, Any]) -> int:
        """Execute a statement, and return how many rows it has changed."""
        changed = int(connection.execute(statement, values).rowcount)
        # Python's SQLite module counts no rows (-1) of a statement that begins with WITH.
        return changed if changed >= 0 else int(connection.execute(sa.text("SELECT changes()")).scalar_one())

    def checkpoint_each_commit(self, connection: sa.Connection) -> None:
        """Write each commit to the SQLite file at once, not only to its log.

        A copy of that file alone then shows what was sent. As a part of the commit, this takes no Python lock from the
        sending threads.
        """
        if self.is_file and not connection.info.get("folds"):
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 1")
            connection.info["folds"] = True

    def compact(self) -> None:
        """Rewrite a SQLite file without deleted data; PostgreSQL does so itself.

        Raises as ``write``.
        """
        if self.is_file:
            with self._raw() as connection:
                connection.execute("VACUUM")

    def backups(self) -> list[str]:
        """Return the copies of a SQLite ledger's file that upgrades made beside it."""
        return sqlite.backups(self.shown) if self.is_file else []

    @repeatable
    def empty_log(self) -> None:
        """Empty the log beside a SQLite ledger's file, which contains deleted data.

        Raises:
            LedgerBusyError: another program keeps reading the ledger, so that the log cannot be emptied.
        """
        if not self.is_file:
            return
        with self._raw() as connection:
            if not sqlite.empty_log(connection):
                raise LedgerBusyError(
                    f"ledger '{self.shown}' is being read by another program, so that removed data stays in the file "
                    f"'{self.shown}-wal': let that program end, and run this again."
                )

    @contextlib.contextmanager
    def _raw(self) -> Iterator[Any]:
        """Yield SQLite's own connection, outside a transaction."""
        with self._translated(), self._engine.connect() as connection:
            yield connection.connection.driver_connection

    def lock_names(self, connection: sa.Connection) -> None:
        """Prevent other transactions from naming a change until this one has ended."""
        if self._engine.dialect.name == "postgresql":  # SQLite has only one writer
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NAMING_LOCK)))

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa_exc.SQLAlchemyError, sqlite3.Error) as error:
            if self.is_file:
                raise sqlite.failure(self.shown, error) from None
            raise postgresql.failure(self.shown, error, self._in_use) from None

    @repeatable
    def prepare(self) -> None:
        """Create missing tables, and upgrade those of an older release.

        They have the present schema afterwards.

        Raises:
            InvalidInputError: the database belongs to another program, or to a newer version of the collection.
        """
        with self.write() as connection:
            if not self.is_file:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
            version = self._version(connection)
            if version is None:
                tables.create_all(connection)
                connection.execute(tables.ledger.insert().values(version=SCHEMA_VERSION))
            elif version < SCHEMA_VERSION:
                backup = sqlite.back_up(connection, version) if self.is_file else None
                migrations.upgrade(connection, version)
                self.notice = migrations.upgraded(self.shown, version, backup)
        self._in_use = True

    @repeatable
    def prepare_to_read(self) -> bool:
        """Return whether the database holds a ledger, also one of an older release.

        Raises as ``prepare``.
        """
        with self.read() as connection:
            version = self._version(connection)
            if version is not None and version < SCHEMA_VERSION and self.notice is None:
                migrations.read_as_present(connection)
                self.notice = migrations.to_upgrade(self.shown, version, self.is_file)
        self._in_use = True
        return version is not None

    def _version(self, connection: sa.Connection) -> int | None:
        """Return the schema's version, or None if there is no ledger."""
        found = set(sa.inspect(connection).get_table_names())
        if tables.ledger.name not in found:
            # A PostgreSQL database may hold other programs' tables; a file is either a ledger or not.
            if found & {table.name for table in tables.all_tables()} or (found and self.is_file):
                raise InvalidInputError(
                    f"ledger '{self.shown}' is the database of another program: give a ledger, or one to be made."
                )
            return None
        version: int | None = connection.execute(sa.select(tables.ledger.c.version)).scalar()
        if version is None or not 1 <= version <= SCHEMA_VERSION:
            raise InvalidInputError(
                f"ledger '{self.shown}' has schema version {version}, but this release of the collection supports "
                f"{SCHEMA_VERSION}: use the release that made it."
            )
        return version


def open_ledger(
    where: str,
    password: str | None,
    patience: float = 0.0,
    stopped: threading.Event | None = None,
    warn: Callable[[str], None] | None = None,
) -> Ledger:
    """Open the ledger at a path or URL; create it if it is missing.

    A ledger of an older release is upgraded.

    Args:
        where: the path of a SQLite file, or the URL of a PostgreSQL database.
        password: the database's password.
        patience: the seconds to wait for a database that is away, each time.
        stopped: set from outside to end that waiting.
        warn: receives a message if the ledger was upgraded.

    Raises:
        InvalidInputError: it cannot be used; names the ledger, the reason and the fix.
        TransportError: its database server cannot be reached.
    """
    if _is_url(where):
        ledger = Ledger(*postgresql.engine_of(where, password), patience, stopped=stopped)
    else:
        ledger = Ledger(sqlite.writing_engine(where), where, patience, stopped=stopped)
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        ledger.prepare()
        stack.pop_all()
    if ledger.notice and warn:
        warn(ledger.notice)
    return ledger


def open_read_only(
    where: str, password: str | None, patience: float = 0.0, warn: Callable[[str], None] | None = None
) -> Ledger | None:
    """Open the ledger at a path or URL only to read it, without any change to it.

    Args:
        where, password, patience: as for ``open_ledger``.
        warn: receives a message if an older release made it, so that the next run that writes upgrades it.

    Returns:
        The ledger; None if it does not exist yet.

    Raises:
        As ``open_ledger``.
    """
    if _is_url(where):
        ledger = Ledger(*postgresql.engine_of(where, password, postgresql_readonly=True), patience)
    else:
        sqlite.check_whole_path(where)
        if not os.path.exists(where) or not os.path.getsize(where):
            return None
        ledger = Ledger(sqlite.reading_engine(where), where, patience, reads_file=where)
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        if not ledger.prepare_to_read():
            return None
        stack.pop_all()
    if ledger.notice and warn:
        warn(ledger.notice)
    return ledger


def scratch_ledger(where: str) -> Ledger:
    """Return a ledger in a temporary SQLite file that is deleted with this process.

    Args:
        where: the path or URL of the ledger that it replaces, for messages.
    """
    shown = sa.make_url(where).render_as_string() if _is_url(where) else where
    ledger = Ledger(sqlite.scratch_engine(), shown)
    ledger.prepare()
    return ledger


def _is_url(where: str) -> bool:
    return "://" in where
