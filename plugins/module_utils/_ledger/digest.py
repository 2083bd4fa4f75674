# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest a recorded plan, so that an approval can be bound to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .._core.identifiers import SIM_IDENTIFIERS
from .change import Change
from .json_lines import line, lines
from .tables import participants, sa

# The name is how the selection names it; the others are what requests name it by. Nothing of it changes once the plan
# is recorded, until it is purged.
_IDENTIFICATION = ("seq", "name", "campaign_id", "participant_id", *SIM_IDENTIFIERS)
_LEFT_OUT = tuple(sa.case((participants.c.link == 0, participants.c[name])) for name in ("state", "reason"))
"""Why the plan leaves a participant out, so that one that was left out cannot be planned after the approval."""
_BLOCK = 2000


def plan_digest(change: Change, limits: Mapping[str, Any] | None) -> str:
    """Compute the SHA-256 of a change's plan, by one pass over its rows.

    It reads the rows as the ledger holds them now. It covers the action, the server, the node, the limits, each
    participant selected, in order, and which of them the plan leaves out, why. It is the same on every database.

    Args:
        change: the change, its participants recorded.
        limits: the limits it is planned with; None if an older release planned it.

    Returns:
        64 hexadecimal digits.
    """
    record = change.record()
    plan = {"action": record.action, "server": record.api_url, "node": record.node, "limits": limits}
    rows = (
        sa.select(*(participants.c[name] for name in _IDENTIFICATION), *_LEFT_OUT)
        .where(change.rows)
        .order_by(participants.c.seq)
        .execution_options(yield_per=_BLOCK)
    )

    def compute() -> str:
        digest = hashlib.sha256(line(plan))
        with change.ledger.read() as connection, connection.execute(rows) as found:
            for block in found.partitions():
                digest.update(b"".join(lines(list(map(tuple, block)))))
        return digest.hexdigest()

    return change.ledger.outage.repeat(compute)
