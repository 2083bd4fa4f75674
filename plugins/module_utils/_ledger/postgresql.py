# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect to a ledger on PostgreSQL, perhaps through a pooler; explain failures."""

from __future__ import annotations

from typing import Any

from .._core.errors import InvalidInputError, TransportError, YateotaError
from .._core.url_secrets import names_a_secret
from .outage import LedgerUnreachableError
from .tables import sa, sa_exc

_CONNECT_ARGS: dict[str, Any] = {
    "application_name": "simops.yateota",
    "connect_timeout": 10,
    # A pooler may give each transaction another session, without prepared statements.
    "prepare_threshold": None,
    # A server that disappears silently is detected within half a minute, before a change's lease ends.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}

_LIMITS = "; ".join(
    f"SET LOCAL {name} = '{limit}'"
    for name, limit in {
        "lock_timeout": "10s",
        "statement_timeout": "5min",  # counting or judging millions of participants takes minutes
        # Transactions take milliseconds. A run that dies within one blocks others no longer than this.
        "idle_in_transaction_session_timeout": "20s",
    }.items()
)
"""The limits of each transaction, not of the session, which a pooler gives to others."""

_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
"""What makes the commit of this transaction wait for the disk, and for a synchronous standby if there is one.

A server, database or user may be set to answer earlier. After a power failure, SIMs would be sent for that the ledger
does not know of. A setting that waits for more, such as ``remote_apply``, stays.
"""

_AWAY = (
    "08",  # the connection failed
    "57P",  # the server shuts down, has crashed or starts up; it has ended an idle session
    "25P03",  # it has ended a session that was idle within a transaction
    "25P04",  # it has ended a transaction that took too long
    "40",  # it has rolled a transaction back, as of two that waited for each other
    "53300",  # it has too many sessions
    "55P03",  # a lock was not free in time
    "57014",  # a statement took too long
)
"""The SQLSTATEs after which the same transaction may succeed later."""

_NOT_READY = ("starting up", "shutting down", "recovery", "accepting connections", "too many", "slots", "server login")
"""Messages of a server or pooler that refuses a connection temporarily."""

_WRONG_SERVER = ("28", "3D", "25006")
_FAILURES = {
    "28": ("refuses the user or the password", "check the URL and ledger_password"),
    "3D": ("does not exist", "create the database"),
    "42501": (
        "may not be used by this user",
        "grant the user the rights on its schema; an upgrade needs the owner of its tables",
    ),
    "25006": ("cannot be written", "give the URL of a server that is not a standby"),
    "53100": ("has no free space", "free space on its disk, and run this again"),
}


def engine_of(where: str, password: str | None, **options: bool) -> tuple[sa.Engine, str]:
    """Return SQLAlchemy's engine for a URL, and the URL as shown in messages.

    Args:
        where: the URL.
        password: the user's password, if the URL does not contain it.
        options: SQLAlchemy's execution options.

    Raises:
        InvalidInputError: the URL is not valid, or psycopg is not installed.
    """
    url = _url_of(where)
    if password:
        url = url.set(password=password)
    given = {name: value for name, value in _CONNECT_ARGS.items() if name not in url.query}
    try:
        engine = sa.create_engine(url, connect_args=given, execution_options=options)
    except ImportError:
        raise InvalidInputError(
            f"ledger '{url.render_as_string()}' needs psycopg where the module runs: install psycopg[binary] there."
        ) from None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("yateota_reads")
        connection.exec_driver_sql(_LIMITS if reads else f"{_LIMITS}; {_DURABLE}")

    return engine, url.render_as_string(hide_password=True)


def name_of_url(where: str) -> str:
    """Return the URL of a database without the user and the password.

    Raises:
        InvalidInputError: the URL is not valid.
    """
    url = _url_of(where)
    return sa.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database, query=url.query
    ).render_as_string()


def _url_of(where: str) -> sa.URL:
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
    if any(names_a_secret(name) for name in url.query):
        raise InvalidInputError(
            "ledger contains a password in its query, where it would be shown: give it as ledger_password."
        )
    return url.set(drivername="postgresql+psycopg")


def failure(shown: str, error: Exception, in_use: bool) -> YateotaError:
    """Return the ledger's failure for an error of SQLAlchemy.

    Args:
        shown: how messages name the ledger.
        error: the error.
        in_use: whether this process has used the ledger before, so that its address and user are correct.
    """
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())[:200]
    state = getattr(cause, "sqlstate", None) or ""
    what, fix = next((words for code, words in _FAILURES.items() if state.startswith(code)), ("", ""))
    if in_use and state.startswith(_WRONG_SERVER):
        what = ""  # it was correct before: a standby is about to take over, or is not ready yet
    if not what and (state.startswith(_AWAY) or isinstance(error, sa_exc.OperationalError) or _is_gone(error)):
        kind = TransportError if not in_use and _is_refused(said) else LedgerUnreachableError
        return kind(
            f"ledger '{shown}' cannot be reached ({said}): check the address and that its server runs.", message=said
        )
    return InvalidInputError(
        f"ledger '{shown}' {what or 'failed'} ({said}): {fix or 'check the log of the database'}.", message=said
    )


def _is_gone(error: Exception) -> bool:
    return isinstance(error, sa_exc.DBAPIError) and error.connection_invalidated


def _is_refused(said: str) -> bool:
    """Return whether a server refused a connection for good.

    psycopg gives no SQLSTATE for it, only the server's message.
    """
    return "FATAL" in said and not any(words in said for words in _NOT_READY)
