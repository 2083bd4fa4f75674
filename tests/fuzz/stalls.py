"""Measure for how long the machine kept this process from running.

On a busy machine a client can wait for longer than its timeout though the server answered at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from answers import TIMEOUT

_TICK = 0.02
LONG = TIMEOUT / 4
"""Seconds of a timeout's duration that the process did not run: from this on, a timeout may be the machine's."""


class StallMeter:
    """A thread that should wake at each tick, and adds up how late it wakes.

    It ends with the process.
    """

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()
        self._most = 0.0
        threading.Thread(target=self._run, daemon=True, name="stall-meter").start()

    def begin(self) -> None:
        """Forget what was before."""
        self._most = 0.0

    @property
    def has_stalled(self) -> bool:
        """Return whether the process was kept from running for long since ``begin``, within any one timeout."""
        return self._most > LONG

    def _run(self) -> None:
        lately = 0.0
        while True:
            due = time.monotonic() + _TICK
            time.sleep(_TICK)
            now = time.monotonic()
            self._late.append((now, now - due))
            lately += now - due
            while self._late[0][0] < now - TIMEOUT:
                lately -= self._late.popleft()[1]
            self._most = max(self._most, lately)
