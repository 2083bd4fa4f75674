# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a window to open, or for some time, with a clean end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from .._core.clock import elapsed
from .._ledger.change import Change
from .._ledger.outage import LedgerAwayError
from .windows import Window

_LOOK_EVERY = 1.0
"""Seconds between two checks of the calendar, and of whether to wait longer."""

_HALT_EVERY = 0.2
"""Seconds between two checks for a signal, a hold or a stop."""


def wait_for(
    window: Window, now: Callable[[], float], may_wait: Callable[[], bool], pause: Callable[[float], Any]
) -> None:
    """Wait until a window is open; return at once if it never opens again.

    Args:
        window: the window.
        now: the present moment, in Unix seconds.
        may_wait: whether to wait any longer.
        pause: waits for a number of seconds, or less.

    Raises:
        InvalidInputError: its calendar has changed, and cannot be read any more.
    """
    while may_wait():
        moment = now()
        window.refresh(moment)
        opening = window.next_opening(moment)
        if opening is None or opening <= moment:
            return
        pause(min(opening - moment, _LOOK_EVERY))


def wait_unless_halted(change: Change, stopped: threading.Event, seconds: float) -> bool:
    """Wait; return False as soon as a signal, a hold or a stop ends the run.

    Args:
        change: the change, under the lease of this run.
        stopped: set by a signal.
        seconds: how long to wait.
    """
    until = elapsed() + seconds
    while (remaining := until - elapsed()) > 0:
        if stopped.wait(min(remaining, _HALT_EVERY)):
            return False
        with contextlib.suppress(LedgerAwayError):  # it may be back when the wait is over
            change.read_halt_once()
        if change.halt:
            return False
    return not stopped.is_set()
