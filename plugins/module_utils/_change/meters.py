# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure a run while it sends: its rate, the load of its process, and what its ledger takes."""

from __future__ import annotations

import time

_LATEST_WEIGHT = 0.25
"""The weight of the latest value in a running average: it follows a server that slows down within a few rounds."""

_MEASURED_OVER = 0.2
"""Seconds over which the load of this process is measured: longer than a pause of the machine."""

_WAIT_LEAST, _WAIT_MOST = 0.05, 0.35
"""The seconds between two transactions. The most is far below the second within which a hold is seen."""

_LONGEST = 1.0
"""The seconds from which a transaction counts as one that waited for a database that was away."""

_LEDGER_SHARE = 0.03
"""The share of a run's time that its ledger should take at most.

A database that is far away or works for many runs takes long for each transaction. Runs with fewer and larger ones do
not wait for it, and leave it the time for the others.
"""


class SendingRate:
    """The rate at which attempts end: a running average, updated once a round."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._since = time.monotonic()

    def note(self, ended: int) -> None:
        """Add a round, and how many attempts ended in it."""
        now = time.monotonic()
        self.per_second += (ended / max(now - self._since, 1e-6) - self.per_second) * _LATEST_WEIGHT
        self._since = now


class LoadMeter:
    """The load of this process on the machine's cores."""

    def __init__(self) -> None:
        self._since, self._computed = time.monotonic(), time.process_time()

    def busy_cores(self) -> float | None:
        """Return the number of cores used since the last figure; None if too recent."""
        now = time.monotonic()
        if now - self._since < _MEASURED_OVER:
            return None
        computed = time.process_time()
        busy = (computed - self._computed) / (now - self._since)
        self._since, self._computed = now, computed
        return busy


class LedgerTime:
    """The time of a transaction of the ledger, which a ``with`` block surrounds: a running average."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        taken = min(_LONGEST, time.monotonic() - self._began)
        self._seconds += (taken - self._seconds) * _LATEST_WEIGHT

    def wait_seconds(self) -> float:
        """Return how many seconds to wait between two transactions, so that they take a small share of the time."""
        return min(_WAIT_MOST, max(_WAIT_LEAST, self._seconds / _LEDGER_SHARE))

    def ahead_seconds(self) -> float:
        """Return by how many seconds marks run ahead of requests: they last for the wait and the transaction."""
        return self.wait_seconds() + self._seconds
