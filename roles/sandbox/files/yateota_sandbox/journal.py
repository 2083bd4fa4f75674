# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record every request that the sandbox receives, and its outcome."""

from __future__ import annotations

import time
from typing import Any

Entry = dict[str, Any]


class Journal:
    """Entries in the order of their arrival, kept in memory.

    An entry is a dict: number (int, from 1), time (Unix seconds), request, node, params (as received; None if the
    request could not be read), write (bool), connection (id of the TCP connection), http_status (None if the
    connection was dropped), code (of the body, None without one), carried_out (bool: handled by the node without an
    error), fault (its kind, or None), authenticated (bool). The secret is in none of them.
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._entries: list[Entry] = []
        self._number = 0

    def open(self, connection: int) -> Entry:
        """Begin the entry of a request that has just arrived.

        The code that answers the request completes the entry.
        """
        self._number += 1
        entry = {
            "number": self._number,
            "time": time.time(),
            "request": None,
            "node": None,
            "params": None,
            "write": False,
            "connection": connection,
            "http_status": None,
            "code": None,
            "carried_out": False,
            "fault": None,
            "authenticated": False,
        }
        if self.enabled:
            self._entries.append(entry)
        return entry

    def entries(self) -> list[Entry]:
        """Return a copy of all entries."""
        return [dict(entry) for entry in list(self._entries)]

    def clear(self) -> None:
        """Delete all entries; the numbers continue."""
        self._entries.clear()
