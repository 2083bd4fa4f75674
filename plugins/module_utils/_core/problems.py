# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report any number of faults in a list's entries, a sentence for each kind."""

from __future__ import annotations

import re
from typing import Any

from .errors import InvalidInputError

_SHOWN = 3
_MOST_KINDS = 10
_VALUE = re.compile(r"""'[^']*'|"[^"]*"|[0-9]+""")


class Places:
    """The first of some places in a list, and how many there are."""

    def __init__(self) -> None:
        self._first: list[Any] = []
        self.count = 0

    def add(self, place: Any) -> None:
        """Add a place: the number of a line, or of an entry."""
        self.count += 1
        if len(self._first) <= _SHOWN:
            self._first.append(place)

    def words(self, unit: str) -> str:
        """Return all places in words, such as ``lines 3 and 7``.

        One place is ``line 3``, many are ``lines 3, 7, 9 and 296 more``.

        Args:
            unit: the word before them, in the singular; empty if the places are names.
        """
        shown = [str(place) for place in self._first]
        before = unit and f"{unit}{'s' if self.count > 1 else ''} "
        if self.count == 1:
            return f"{before}{shown[0]}"
        last = shown[-1] if self.count == len(shown) else f"{self.count - _SHOWN} more"
        return f"{before}{', '.join(shown[: min(len(shown) - 1, _SHOWN)])} and {last}"


class Problems:
    """The faults of a list.

    Args:
        unit: the name of a place, as for ``Places.words``.

    Attributes:
        count: how many entries have one.
    """

    def __init__(self, unit: str = "") -> None:
        self._unit = unit
        self._kinds: dict[str, tuple[str, Places]] = {}
        self.count = 0

    def add(self, place: Any, error: InvalidInputError) -> None:
        """Add the fault of an entry."""
        self.count += 1
        kind = _VALUE.sub("", str(error))
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            kind = ""
        self._kinds.setdefault(kind, (str(error) if kind else "other faults.", Places()))[1].add(place)

    def sentences(self) -> str:
        """Return a sentence for each kind of fault, with its places.

        If there are many places, it has the text of the first.
        """
        return " ".join(
            f"{places.words(self._unit)}{', the first' if places.count > 1 and kind else ''}: {first}"
            for kind, (first, places) in self._kinds.items()
        )
