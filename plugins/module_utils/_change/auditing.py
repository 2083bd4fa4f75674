# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the option ``audit_head``, and turn an audit that found something into a failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._core.errors import AlteredError, InvalidInputError
from .._core.states import AuditStatus, altered_place
from .._ledger.audit import SHORTEST_HEAD, audit, has_link, head_of, join_audits
from .._ledger.change import Change
from .._ledger.fleet import shards_in


def check_head(options: Mapping[str, Any]) -> None:
    """Refuse an ``audit_head`` that cannot be the head of a chain.

    Raises:
        InvalidInputError: shows the value.
    """
    head = options["audit_head"]
    if head and not re.fullmatch(rf"[0-9a-fA-F]{{{SHORTEST_HEAD},64}}", head):
        raise InvalidInputError(
            f"audit_head must be the head of an audit chain, or {SHORTEST_HEAD} or more characters of its beginning "
            f"(0-9, a-f), got {head!r}: copy it from the ticket or the report."
        )


def check_still_planned(change: Change) -> None:
    """Refuse to send if participants are planned although they have an outcome in the audit chain.

    They were left out by the plan, or sent for: only another program plans them again. This one look at the rows does
    not replace an audit.

    Raises:
        AlteredError: says how many there are.
    """
    count = change.summary().planned_again
    if count:
        raise AlteredError(
            f"{count} participants of change {change.record().change_id} are planned again in the ledger, although "
            "they were left out by the plan or sent for: another program has altered it. Nothing was sent. Find out "
            "who did it with audit=true of yateota_bulk_info, and restore the ledger from a backup."
        )


def audit_result(change: Change, options: Mapping[str, Any], is_whole: bool) -> dict[str, Any]:
    """Return how the audit chain of a change stands, checked if the options say so.

    Args:
        change: the change.
        options: the options of ``yateota_bulk_info``.
        is_whole: whether all shards of the change are meant. Each has a chain of its own.
    """
    head, checks = options["audit_head"], options["audit"] or options["audit_head"]
    if not is_whole:
        return audit(change, head) if checks else head_of(change)
    shards = {shard.number: shard for shard in shards_in(change)}
    found = {number: audit(shard) if checks else head_of(shard) for number, shard in shards.items()}
    has_head = not head or any(has_link(shard, head) for shard in shards.values())
    return join_audits(
        [(shard.record(), found[number]) for number, shard in shards.items()],
        None if has_head else f"the chain of no server has a link {head}",
    )


def altered_error(change: Mapping[str, Any]) -> AlteredError | None:
    """Return the failure of a change whose record was altered; None if it was not, or was not checked.

    Args:
        change: the change, as the result has it.
    """
    found = change["audit"]
    if found["status"] != AuditStatus.ALTERED:
        return None
    return AlteredError(
        f"The record of change {change['change_id']} was altered in the ledger: {altered_place(found['wave'])}"
        f"{found['problem']}. It does not count as evidence from there on. Keep the ledger as it is, and compare it "
        "with a backup, with earlier reports and with the server."
    )
