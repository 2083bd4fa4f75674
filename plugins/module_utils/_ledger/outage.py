# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a ledger whose database is away, and repeat the failed transactions."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from .._core.errors import InvalidInputError, TransportError, YateotaError

_PAUSE_FIRST, _PAUSE_MOST = 0.1, 2.0  # seconds between two tries; the second try is made at once

_Result = TypeVar("_Result")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class LedgerAwayError(YateotaError):
    """The ledger's database did not accept a transaction, but may accept it later.

    Attributes:
        is_over: whether ``ledger_timeout`` has passed, so that nothing is tried again.
    """

    is_over = False


class LedgerUnreachableError(LedgerAwayError, TransportError):
    """The ledger's database server is away, or has ended the session."""

    kind = TransportError.kind


class LedgerBusyError(LedgerAwayError, InvalidInputError):
    """The ledger's database is locked by another program."""

    kind = InvalidInputError.kind


class Outage:
    """The wait while a ledger's database is away.

    Args:
        patience: how many seconds to wait, counted from the first failure; 0 does not wait.
        stopped: set from outside to end the waiting, unless there are outcomes to record.
    """

    def __init__(self, patience: float, stopped: threading.Event | None = None) -> None:
        self._patience = patience
        self._stopped = stopped or threading.Event()
        self._has_outcomes = False
        self._began: float | None = None
        self._back = threading.Event()
        self._back.set()

    @property
    def is_on(self) -> bool:
        """Return whether the database was away when it was last used.

        This does not change when the waiting ends.
        """
        return not self._back.is_set()

    @contextlib.contextmanager
    def holding_outcomes(self, are_there: bool) -> Iterator[None]:
        """Continue to wait after the task is stopped if outcomes would otherwise be lost."""
        self._has_outcomes = are_there
        try:
            yield
        finally:
            self._has_outcomes = False

    def repeat(self, action: Callable[[], _Result]) -> _Result:
        """Run an action, repeat it while the database is away, and return its result.

        The action must be safe to repeat.

        Raises:
            LedgerAwayError: the database did not come back in time.
        """
        pause = 0.0
        while True:
            try:
                result = action()
            except LedgerAwayError as error:
                self._pause(error, pause)
                pause = min(max(_PAUSE_FIRST, pause * 2), _PAUSE_MOST)
            else:
                self._began = None
                self._back.set()
                return result

    def _pause(self, error: LedgerAwayError, seconds: float) -> None:
        self._back.clear()
        if self._began is None:
            self._began = time.monotonic()
        remaining = self._began + self._patience - time.monotonic()
        stopped = self._stopped.is_set() and not self._has_outcomes
        if remaining > 0 and not stopped:
            time.sleep(min(seconds, remaining))
            return
        if not self._patience or error.is_over:
            raise error
        waited = "A signal stopped the task while it was waiting, and nothing was sent meanwhile."
        if not stopped:
            waited = f"It was tried again for {self._patience:g} seconds (ledger_timeout); nothing was sent meanwhile."
        over = type(error)(f"{error} {waited}", message=error.message)
        over.is_over = True
        raise over


def repeatable(method: _Method) -> _Method:
    """Repeat a method while its object's ``ledger`` is away.

    The method must give the same result if the database carried it out and only its answer was lost.
    """

    @functools.wraps(method)
    def repeated(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.ledger.outage.repeat(lambda: method(self, *args, **kwargs))

    return cast("_Method", repeated)
