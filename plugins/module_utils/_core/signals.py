# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handle signals that end a task: it stops sending, and reports the outcomes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

# What a signal sets: the event of each block that is entered. A task that runs in steps has one within another.
_stopping: list[threading.Event] = []


def _stop(*_signal: object) -> None:
    for event in _stopping:
        event.set()


@contextlib.contextmanager
def stops_on_signals(stopped: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set an event instead of killing the process.

    The run can then stop cleanly.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stopping.append(stopped)
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stopping.remove(stopped)
