# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have each SIM once in a rerun's plan of an older release.

Older releases planned a rerun by participant.
"""

from __future__ import annotations

import functools

from .._core.errors import InvalidInputError
from .._core.identification import NAMINGS, SIM, may_be_one_sim
from .._core.policy import keep_rank_by_state
from .._ledger.change import Change
from .._ledger.duplicates import Duplicates


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
    found = Duplicates(change, NAMINGS[record.action], keep_rank, plan_is_recorded=True)
    found.drop()
    two = found.first_indistinct_entries()
    if two:
        raise InvalidInputError(
            f"Change {record.change_id} was planned by an older release, by participant instead of by SIM: nothing "
            f"more is sent for it. {may_be_one_sim(*two)} Plan those that its report does not show as done under "
            "another change_id."
        )
    change.update(selection={**record.selection, "unit": unit})
