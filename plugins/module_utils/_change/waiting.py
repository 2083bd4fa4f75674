# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a window to open, with a clean end and a current calendar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .windows import Window

_LOOK_EVERY = 1.0
"""Seconds between two checks of the calendar, and of whether to wait longer."""


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
