# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what an event source remembers, and the events that it still has to hand over, in one file.

The file is replaced as a whole, and is durable before an event is handed over. An event leaves it after that. So an
event that was seen is not lost when the source is killed, and one that is handed over again has the id that it had.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import uuid
from typing import Any

from .._core.errors import InvalidInputError
from .._core.files import check_private, create_private, target_of

_VERSION = 1


class StateFile:
    """The file of one event source, locked as long as it is open.

    Args:
        path: the file. It is created if it is missing; its folder must exist.

    Attributes:
        memory: what is remembered of each server and ledger, by its key.
        outbox: the events that are not handed over yet, the oldest first.

    Raises:
        InvalidInputError: it cannot be used; names the reason and the fix.
    """

    def __init__(self, path: str) -> None:
        self._name = f"state_file '{path}'"
        self._path = target_of(path, self._name)
        if not os.path.isdir(os.path.dirname(self._path)):
            raise InvalidInputError(
                f"{self._name} cannot be written (its folder does not exist): create the folder, or give another file."
            )
        check_private(self._path, self._name)
        self._lock = self._locked()
        self.memory: dict[str, dict[str, Any]] = {}
        self.outbox: list[dict[str, Any]] = []
        self._number = 0
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self._load()
            self.save()
            stack.pop_all()

    def add(self, event: dict[str, Any]) -> None:
        """Put an event into the outbox, with a number and an id of its own.

        A copy of the file, or one that is restored, counts the same numbers again: the id is drawn.
        """
        self._number += 1
        self.outbox.append({**event, "number": self._number, "id": str(uuid.uuid4())})

    def save(self) -> None:
        """Write the file, durably and as a whole.

        Raises:
            InvalidInputError: it cannot be written.
        """
        content = {
            "version": _VERSION,
            "number": self._number,
            "memory": self.memory,
            "outbox": self.outbox,
        }
        folder = os.path.dirname(self._path)
        temporary = ""
        try:
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".yateota-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            temporary = ""
            _sync_folder(folder)
        except OSError as error:
            raise InvalidInputError(
                f"{self._name} cannot be written ({error.strerror}): give a file in a writable folder with "
                "enough space."
            ) from None
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def _locked(self) -> int:
        """Lock the file, by a file beside it that is never replaced; return its descriptor."""
        path = f"{self._path}.lock"
        try:
            create_private(path)
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidInputError(
                f"{self._name} cannot be locked ({error.strerror}): give a file in a writable folder."
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise InvalidInputError(
                f"{self._name} is in use by another event source: give each source a file of its own."
            ) from None
        return handle

    def _load(self) -> None:
        try:
            with open(self._path, encoding="utf-8") as file:
                content = json.load(file)
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}")
            self._number = int(content["number"])
            self.memory = {key: dict(mine) for key, mine in content["memory"].items()}
            self.outbox = [{**event, "id": str(uuid.UUID(event["id"]))} for event in content["outbox"]]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                f"{self._name} cannot be read ({_reason(error)}): restore it. Or remove it to begin again: what has "
                "changed since it was written is then not an event."
            ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    return str(error) if isinstance(error, ValueError) else "it is not the file of an event source"


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
