# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's database: opened, checked, and its failures said in one sentence each."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from . import _ledger_tables as tables
from ._errors import InvalidInputError, TransportError, YateotaError
from ._ledger_tables import SCHEMA_VERSION, sa, sa_exc

BUSY_SECONDS = 10
"""How long another program's lock on a SQLite ledger, or a PostgreSQL server that does not answer, is waited for."""

_CREATION_LOCK = 0x79617465
"""The PostgreSQL advisory lock under which the tables are made: two first runs may come at once."""

_SQLITE_FAILURES = {
    "SQLITE_READONLY": ("cannot be written", "give a file, in a folder, that this user may write"),
    "SQLITE_CANTOPEN": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_PERM": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_AUTH": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_FULL": ("has no room left", "make room on its disk, and run this again"),
    "SQLITE_BUSY": ("is locked by another program", "let that program end, and run this again"),
    "SQLITE_LOCKED": ("is locked by another program", "let that program end, and run this again"),
    "SQLITE_CORRUPT": ("is damaged", "restore it from a backup; a new one would not know what was sent"),
    "SQLITE_NOTADB": ("is no SQLite database", "give the path of a ledger, or of a file that is not there yet"),
    "SQLITE_IOERR": ("cannot be read or written", "look after its disk and the room on it, and run this again"),
}
_POSTGRESQL_FAILURES = {
    "28": ("refuses the user or the password", "check the URL and ledger_password"),
    "3D": ("is not there", "create the database"),
    "42501": ("may not be used by this user", "grant the user the rights on its schema"),
    "25006": ("cannot be written", "give the URL of a server that is no standby"),
    "53100": ("has no room left", "make room on its disk, and run this again"),
}


class Ledger:
    """An open ledger.

    Args:
        engine: SQLAlchemy's engine for it.
        shown: how messages name it, without a password.

    Attributes:
        shown: as given.
    """

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self._engine = engine
        self.shown = shown

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is durable when the block has ended well, and has not happened otherwise.

        Raises:
            InvalidInputError: the ledger is read-only, full, locked, damaged or refused; names it and the mend.
            TransportError: its database server cannot be reached.
        """
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and waits for no writer. Raises as ``write``."""
        with self._translated(), self._engine.connect().execution_options(yateota_reads=True) as connection:
            yield connection

    def clock(self) -> sa.ColumnElement[float]:
        """The present moment in Unix seconds, by the one clock that all who use this ledger share."""
        if self._engine.dialect.name == "sqlite":
            return (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def given(self, **kinds: str) -> sa.CTE:
        """A table of rows that a statement is given as its parameter ``rows``: a list of lists.

        It makes a block of rows one step of the database's. Were each row a step, the thread that takes them would have
        to win Python's lock back from the threads that send, once for each.

        Args:
            kinds: the columns and their types: ``integer``, ``float`` or ``string``.
        """
        function = sa.func.json_each if self._engine.dialect.name == "sqlite" else sa.func.json_array_elements
        rows = function(sa.bindparam("rows", type_=sa.JSON)).table_valued(sa.column("value", sa.JSON), name="listed")
        columns = [
            getattr(rows.c.value[place], f"as_{kind}")().label(name) for place, (name, kind) in enumerate(kinds.items())
        ]
        # Materialized, since SQLite would search it for each row of the table instead of the other way round.
        return sa.select(*columns).cte("given").prefix_with("MATERIALIZED")

    def gathered(self, query: sa.Select[Any]) -> sa.Select[tuple[Any]]:
        """A query that gives all rows of another as one value: a list of lists, or None where there are no rows.

        It makes a block of rows one step of the database's, for the reason that ``given`` tells.
        """
        on_sqlite = self._engine.dialect.name == "sqlite"
        gather = sa.func.json_group_array if on_sqlite else sa.func.json_agg
        array = sa.func.json_array if on_sqlite else sa.func.json_build_array
        return sa.select(gather(array(*query.subquery().c), type_=sa.JSON))

    def insert_new(self, table: sa.Table) -> Any:
        """An INSERT that passes over rows which are there already."""
        dialect = tables.sqlite if self._engine.dialect.name == "sqlite" else tables.postgresql
        return dialect.insert(table).on_conflict_do_nothing()

    def shrink(self) -> None:
        """Wipe what was deleted from the database's file. Raises as ``write``; it can be tried again then."""
        if self._engine.dialect.name != "sqlite":
            return  # PostgreSQL's autovacuum does it
        with self._translated(), self._engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa_exc.SQLAlchemyError, sqlite3.Error) as error:
            raise _failure(self.shown, error) from None

    def prepare(self) -> None:
        """Make the tables where there are none.

        Raises:
            InvalidInputError: the database is another program's, or of another version of the collection.
        """
        with self.write() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
            if not self._holds_ledger(connection):
                tables.create_all(connection)
                connection.execute(tables.ledger.insert().values(version=SCHEMA_VERSION))

    def is_ready(self) -> bool:
        """Whether it holds a ledger's tables. Raises as ``prepare``."""
        with self.read() as connection:
            return self._holds_ledger(connection)

    def _holds_ledger(self, connection: sa.Connection) -> bool:
        found = set(sa.inspect(connection).get_table_names())
        if tables.ledger.name not in found:
            # A PostgreSQL database may hold other programs' tables; a file is a ledger or is none.
            if found & tables.names() or (found and self._engine.dialect.name == "sqlite"):
                raise InvalidInputError(
                    f"ledger '{self.shown}' is the database of another program: give a ledger, or one to be made."
                )
            return False
        version = connection.execute(sa.select(tables.ledger.c.version)).scalar()
        if version != SCHEMA_VERSION:
            raise InvalidInputError(
                f"ledger '{self.shown}' has schema version {version}, this release of the collection knows "
                f"{SCHEMA_VERSION}: use the release that made it."
            )
        return True


def open_ledger(where: str, password: str | None) -> Ledger:
    """The ledger at a path or URL, made where it is not there.

    Raises:
        InvalidInputError: it cannot be used; names the ledger, the reason and the mend.
        TransportError: its database server cannot be reached.
    """
    ledger = _postgresql(where, password) if _is_url(where) else _sqlite(where)
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        ledger.prepare()
        stack.pop_all()
    return ledger


def look_into(where: str, password: str | None) -> Ledger | None:
    """The ledger at a path or URL to be read alone, not a byte of it changed; None where there is none yet.

    Raises:
        As ``open_ledger``.
    """
    if _is_url(where):
        ledger = _postgresql(where, password, postgresql_readonly=True)
    elif not os.path.exists(where) or not os.path.getsize(where):
        return None
    else:
        # A file at rest has no log beside it. Opened as immutable, none is made.
        at_rest = not os.path.exists(f"{where}-wal")
        address = f"file:{quote(os.path.abspath(where))}?mode=ro{'&immutable=1' if at_rest else ''}"
        ledger = _sqlite_engine(where, lambda: _connect(address, uri=True))
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        if not ledger.is_ready():
            return None
        stack.pop_all()
    return ledger


def scratch_ledger(where: str) -> Ledger:
    """A ledger of this process alone, in a temporary file of SQLite's that is gone with it.

    Args:
        where: the path or URL of the ledger in whose place it stands, for messages.
    """
    shown = sa.make_url(where).render_as_string() if _is_url(where) else where
    ledger = _sqlite_engine(shown, lambda: _connect(""), poolclass=sa.StaticPool)
    ledger.prepare()
    return ledger


def _is_url(where: str) -> bool:
    return "://" in where


def _sqlite(path: str) -> Ledger:
    try:
        # Made here, so that its mode is right from the first byte on.
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    except OSError as error:
        raise InvalidInputError(
            f"ledger '{path}' cannot be opened ({error.strerror}): give a file in a folder that this user may write."
        ) from None

    def connect() -> sqlite3.Connection:
        connection = _connect(path)
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    return _sqlite_engine(path, connect)


def _connect(path: str, uri: bool = False) -> sqlite3.Connection:
    # Transactions are begun by hand: a writer has to take its lock before it reads what it judges by.
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri)


def _sqlite_engine(shown: str, connect: Any, **options: Any) -> Ledger:
    engine = sa.create_engine("sqlite://", creator=connect, **{"poolclass": sa.QueuePool, **options})

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("yateota_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return Ledger(engine, shown)


def _postgresql(where: str, password: str | None, **options: bool) -> Ledger:
    try:
        url = sa.make_url(where)
    except sa_exc.ArgumentError:
        url = None
    if url is None or url.drivername not in ("postgresql", "postgresql+psycopg"):
        scheme = where.partition("://")[0]
        raise InvalidInputError(
            f"ledger '{scheme}://...' is not valid: give the path of a SQLite file, or "
            "postgresql+psycopg://user@host/database."
        )
    if {"password", "sslpassword"} & set(url.query):
        raise InvalidInputError(
            "ledger carries a password in its query, where it is shown: give it as ledger_password."
        )
    url = url.set(drivername="postgresql+psycopg")
    if password:
        url = url.set(password=password)
    try:
        engine = sa.create_engine(
            url,
            connect_args={"connect_timeout": BUSY_SECONDS, "application_name": "simops.yateota"},
            execution_options=options,
        )
    except ImportError:
        raise InvalidInputError(
            f"ledger '{url.render_as_string()}' needs psycopg where the module runs: install psycopg[binary] there."
        ) from None
    return Ledger(engine, url.render_as_string(hide_password=True))


def _failure(shown: str, error: Exception) -> YateotaError:
    """The failure of the ledger that an error of SQLAlchemy's stands for."""
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())[:200]
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        known = next((words for code, words in _SQLITE_FAILURES.items() if name.startswith(code)), None)
    else:
        state = getattr(cause, "sqlstate", None) or ""
        known = next((words for code, words in _POSTGRESQL_FAILURES.items() if state.startswith(code)), None)
        if not known and isinstance(error, sa_exc.OperationalError):
            return TransportError(
                f"ledger '{shown}' cannot be reached ({said}): check the address and that its server runs.",
                message=said,
            )
    what, mend = known or ("failed", "look into the database's own log")
    return InvalidInputError(f"ledger '{shown}' {what} ({said}): {mend}.", message=said)
