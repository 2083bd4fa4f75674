# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a plan whose entries may be one SIM, and have each SIM once in a rerun's plan of an older release.

Older releases planned a rerun by participant.
"""

from __future__ import annotations

import functools

from .._core.errors import InvalidInputError
from .._core.identification import NAMINGS, SIM
from .._core.indistinct import check_digit_sentence, may_be_one_sim, moved_sentence
from .._core.policy import keep_rank_by_state
from .._ledger.change import Change
from .._ledger.duplicates import Duplicates


def why_indistinct(found: Duplicates) -> str:
    """Say which two entries may be one participant or SIM, and what to do; empty if there are none."""
    if two := found.first_indistinct_entries():
        return may_be_one_sim(*two)
    if two := found.first_entries_with_and_without_check_digit():
        return check_digit_sentence(*two)
    if two := found.first_moved_entries():
        return moved_sentence(*two)
    return ""


def separate_sims(change: Change) -> None:
    """Have each SIM once in a rerun's plan that was recorded by participant.

    An older release recorded it.

    Raises:
        InvalidInputError: nothing recorded shows whether two of its entries are one SIM.
    """
    record = change.record()
    unit = NAMINGS[record.action].unit
    if unit != SIM or record.selection.get("unit") == unit:
        return
    keep_rank = functools.partial(keep_rank_by_state, record.action)
    found = Duplicates(change, record.action, keep_rank, plan_is_recorded=True)
    found.drop()
    if why := why_indistinct(found):
        raise InvalidInputError(
            f"Change {record.change_id} was planned by an older release, by participant instead of by SIM: nothing "
            f"more is sent for it. {why} Plan those that its report does not show as done under "
            "another change_id."
        )
    change.update(selection={**record.selection, "unit": unit})
