# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the participants of waves among those of a change, without a look at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .tables import LAST_PLACE, participants, sa, waves

SPAN = (waves.c.first_place, waves.c.last_place)
"""The columns that ``in_waves`` needs besides the wave."""


def in_waves(begun: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a participant of a change is in one of its waves.

    Args:
        begun: the rows of consecutive waves, each with its number and ``SPAN``.
    """
    if not begun:
        return sa.false()
    numbers = [each.wave for each in begun]
    first, last = 0, LAST_PLACE
    if all(each.last_place is not None for each in begun):
        first, last = min(each.first_place for each in begun), max(each.last_place for each in begun)
    return participants.c.wave.between(min(numbers), max(numbers)) & participants.c.seq.between(first, last)
