# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a ledger in a SQLite file, and explain its failures."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

from .._core.errors import InvalidInputError, YateotaError
from .._core.files import PRIVATE, check_private, create_private, make_private, target_of
from .outage import LedgerBusyError
from .tables import sa

BUSY_SECONDS = 10
"""The seconds to wait for another program's lock."""

_MOUNTS = "/proc/self/mountinfo"
_NETWORK_FILE_SYSTEMS = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
    *(f"fuse.{name}" for name in ("ceph", "davfs", "gcsfuse", "glusterfs", "juicefs", "rclone", "s3fs", "sshfs")),
)

_FAILURES = {
    "SQLITE_READONLY": ("cannot be written", "give a file, in a folder, that this user may write"),
    "SQLITE_CANTOPEN": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_PERM": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_AUTH": ("cannot be opened", "give a file, in a folder, that this user may read and write"),
    "SQLITE_FULL": ("has no free space", "free space on its disk, and run this again"),
    "SQLITE_BUSY": ("is locked by another program", "let that program end, and run this again"),
    "SQLITE_LOCKED": ("is locked by another program", "let that program end, and run this again"),
    "SQLITE_CORRUPT": ("is damaged", "restore it from a backup; a new one would not know what was sent"),
    "SQLITE_NOTADB": ("is not a SQLite database", "give the path of a ledger, or of a file that does not exist yet"),
    "SQLITE_IOERR": ("cannot be read or written", "check its disk and the space on it, and run this again"),
}
_BESIDE = ("-wal", "-shm", "-journal")
"""The files that SQLite keeps beside a database, with the same data."""

_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")


def writing_engine(path: str) -> sa.Engine:
    """Return SQLAlchemy's engine to write a file, which is created if it is missing.

    Raises:
        InvalidInputError: the file cannot be opened safely; names the reason and the fix.
    """
    path = _checked(path)
    named = f"ledger '{path}'"
    _make_writable(path, named)
    opened = _identity(path)
    engine = engine_of(lambda: _connect_to_write(path), sa.QueuePool)

    @sa.event.listens_for(engine, "begin")
    def begin(_connection: sa.Connection) -> None:
        # SQLite keeps writing to a removed file. That record would be lost, and the next run would send again.
        if _identity(path) != opened:
            raise InvalidInputError(
                f"{named} was removed or replaced while it was in use: restore the original file, or read the "
                "states of the participants before you send anything again. Nothing more was sent."
            )

    return engine


def _make_writable(path: str, named: str) -> None:
    """Create the file if it is missing, and let nobody else read or write it."""
    try:
        # Created here, so that its mode is correct from the first byte on.
        create_private(path)
    except OSError as error:
        raise InvalidInputError(
            f"{named} cannot be opened ({error.strerror}): give a file in a folder that this user may write."
        ) from None
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise InvalidInputError(f"{named} cannot be written: give a file, in a folder, that this user may write.")
    for beside in ("", *_BESIDE):
        make_private(f"{path}{beside}", named)


def _connect_to_write(path: str) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def reading_engine(path: str) -> sa.Engine:
    """Return SQLAlchemy's engine to read a file without any change to it.

    Each transaction has a connection of its own.

    Raises:
        InvalidInputError: the file cannot be opened safely; names the reason and the fix.
    """
    path = _checked(path)
    address = f"file:{quote(path)}?mode=ro"

    def connect() -> sqlite3.Connection:
        # A file that is not in use has no log beside it. Opened as immutable, none is created.
        return _connect(address if os.path.exists(f"{path}-wal") else f"{address}&immutable=1", uri=True)

    return engine_of(connect, sa.NullPool)


def scratch_engine() -> sa.Engine:
    """Return SQLAlchemy's engine for a temporary SQLite file.

    The file is deleted with this process.
    """
    return engine_of(lambda: _connect(""), sa.StaticPool)


def engine_of(connect: Callable[[], sqlite3.Connection], pool: type[sa.Pool]) -> sa.Engine:
    """Return SQLAlchemy's engine for connections of a kind."""
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=pool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("yateota_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _connect(path: str, uri: bool = False) -> sqlite3.Connection:
    # Transactions are begun explicitly: a writer must take its lock before it reads the data it decides on.
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri)


def check_whole_path(path: str) -> None:
    """Refuse a relative path: from another folder it is another ledger, which does not know what was sent.

    A task in the controller's process and one that runs as a module have different folders, too.

    Raises:
        InvalidInputError: names the path and the fix.
    """
    if not os.path.isabs(path):
        raise InvalidInputError(
            f"ledger '{path}' must be the whole path of a file, such as /var/lib/yateota/ledger.sqlite, or the URL of "
            "a PostgreSQL database: from another folder, a relative path is another ledger."
        )


def _checked(path: str) -> str:
    """Return the file that a path names, or refuse one that is not safe as a ledger."""
    check_whole_path(path)
    path = target_of(path, f"ledger '{path}'")
    kind = _network_file_system(os.path.dirname(path))
    if kind:
        raise InvalidInputError(
            f"ledger '{path}' is on a network file system ({kind}), where SQLite cannot prevent two hosts from "
            "damaging it: give a path on a local disk, or a PostgreSQL database if several hosts share the ledger."
        )
    for beside in ("", *_BESIDE):
        check_private(f"{path}{beside}", f"ledger '{path}{beside}'")
    return path


def _network_file_system(folder: str) -> str | None:
    """Return the type of a folder's network file system; None if it is on none."""
    try:
        device = os.stat(folder).st_dev
        with open(_MOUNTS, encoding="utf-8", errors="replace") as file:
            for line in file:
                mount, _dash, source = line.partition(" - ")
                if mount.split()[2] == f"{os.major(device)}:{os.minor(device)}":
                    kind = source.split()[0]
                    return kind if kind in _NETWORK_FILE_SYSTEMS else None
    except (OSError, IndexError):
        pass
    return None


def _identity(path: str) -> tuple[int, int] | None:
    """Identify the file at a path, to detect a replacement."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def fingerprint(path: str) -> tuple[int, ...]:
    """Return a value that changes when a SQLite file is written."""
    try:
        found = os.stat(path)
        main: tuple[int, ...] = (found.st_ino, found.st_size, found.st_mtime_ns)
    except OSError:
        main = ()
    try:
        return (os.stat(f"{path}-wal").st_ino,)  # a log is being written: SQLite's own locks protect readers
    except OSError:
        return (0, *main)


def empty_log(connection: Any) -> bool:
    """Empty the log of deleted data.

    Return whether it is empty: a reader can prevent that.

    Args:
        connection: SQLite's own, outside a transaction.
    """
    busy, _logged, _folded = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def back_up(connection: sa.Connection, version: int) -> str:
    """Copy the file beside itself, within a transaction that keeps other writers out.

    Args:
        connection: within a transaction that has the file's lock, and has not written yet.
        version: the version of its schema, for the copy's name.

    Returns:
        The copy's path. Only its owner may read it, because it contains the same data.

    Raises:
        InvalidInputError: the copy cannot be made.
    """
    path = connection.exec_driver_sql("PRAGMA database_list").one()[2]
    unfinished = f"{path}.backup"
    copy = f"{path}.version-{version}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)  # from a run that was killed
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE))
        try:
            address = f"file:{quote(path)}?mode=ro"
            with closing(_connect(address, uri=True)) as source, closing(_connect(unfinished)) as target:
                source.backup(target)
            os.replace(unfinished, copy)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        raise InvalidInputError(
            f"ledger '{path}' is of an older release and cannot be backed up ({error.strerror}): give a file in a "
            "folder that this user may write. Nothing was changed."
        ) from None
    return copy


def backups(path: str) -> list[str]:
    """Return the copies that ``back_up`` has made of a file."""
    return sorted(glob.glob(f"{glob.escape(os.path.realpath(path))}.version-*Z"))


def failure(shown: str, error: Exception) -> YateotaError:
    """Return the ledger's failure for an error of SQLAlchemy or SQLite.

    Args:
        shown: how messages name the ledger.
        error: the error.
    """
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())[:200]
    name = getattr(cause, "sqlite_errorname", "")
    known = next((words for code, words in _FAILURES.items() if name.startswith(code)), None)
    what, fix = known or ("failed", "check its disk")
    kind = LedgerBusyError if name.startswith(_BUSY) else InvalidInputError
    return kind(f"ledger '{shown}' {what} ({said}): {fix}.", message=said)
