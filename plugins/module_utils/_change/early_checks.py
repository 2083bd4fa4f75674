# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out before anything is sent what would stop a task later.

Check mode does so too. Nothing is written.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from .._core.errors import InvalidInputError
from .._ledger.change import Change
from .._ledger.readings import Readings
from .._ledger.sqlite import check_whole_path
from .bulk_task import BulkTask


def check_ledger(where: str) -> None:
    """Refuse the path of a ledger that could not be created or written.

    A URL passes.

    Raises:
        InvalidInputError: names the ledger, the reason and the fix.
    """
    if "://" in where:
        return
    check_whole_path(where)
    folder = os.path.dirname(where)
    if not os.path.isdir(folder):
        why = f"the folder {folder} is not there"
    elif not os.access(folder, os.W_OK | os.X_OK):
        why = f"the folder {folder} cannot be written"
    elif os.path.exists(where) and not os.access(where, os.R_OK | os.W_OK):
        why = "Permission denied"
    else:
        return
    raise InvalidInputError(
        f"ledger '{where}' cannot be opened ({why}): give a file in a folder that this user may write."
    )


def check_seconds(options: Mapping[str, Any], *names: str) -> None:
    """Refuse an infinite number of seconds.

    Raises:
        InvalidInputError: names the option.
    """
    for name in names:
        if options[name] == math.inf:
            raise InvalidInputError(f"{name} inf is not valid: give a number of seconds.")


def check_provable(task: BulkTask, change: Change) -> None:
    """Refuse to ask for a success percentage of participants whose states cannot be read.

    Raises:
        InvalidInputError: some have no campaign.
    """
    if task.rollout.success_percentage is None:
        return
    unreadable = Readings(change).without_campaign()
    if unreadable:
        raise InvalidInputError(
            f"rollout.success_percentage cannot be used for change {task.change_id}: {unreadable} of its participants "
            "have no campaign whose list shows their states. Nothing was sent. Leave it out, or plan another change "
            "with campaign_id."
        )
