# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin reruns some time after they were accepted."""

from __future__ import annotations

import contextlib

from .actions import RefusedError, act_on_participants, check_rerun
from .store import Store


class LateReruns:
    """The reruns that were accepted and have not begun.

    Args:
        store: the data.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[float, dict[str, str | int]]] = []

    def accept(self, identifiers: dict[str, str | int], delay: float) -> None:
        """Check a rerun as one that begins at once, and have it begin later.

        Args:
            identifiers: of the SIM.
            delay: simulated seconds.

        Raises:
            RefusedError: as `act_on_participants`.
        """
        check_rerun(self._store, identifiers)
        self._waiting.append((self._store.now() + delay, identifiers))

    def begin_due(self) -> None:
        """Begin those whose time has come."""
        now = self._store.now()
        due = [identifiers for moment, identifiers in self._waiting if moment <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        for identifiers in due:
            with contextlib.suppress(RefusedError):  # nobody waits for an answer any more
                act_on_participants(self._store, identifiers, "rerun")
