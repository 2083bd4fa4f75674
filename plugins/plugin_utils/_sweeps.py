# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the sweeps of one server among the changes of a ledger that several servers may share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._core.api_urls import is_one_server

Changes = Sequence[Mapping[str, Any]]
"""Changes as ``yateota_bulk_info`` lists them, the oldest first."""


def sweeps(changes: Changes, name: str, campaign_id: Any = None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the sweeps of all servers, each with its number.

    Args:
        changes: the changes.
        name: the prefix of the sweeps' names.
        campaign_id: only those of this campaign.
    """
    campaign = "[0-9]+" if campaign_id is None else re.escape(str(campaign_id))
    for change in changes:
        found = re.fullmatch(f"{re.escape(name)}-{campaign}-([0-9]+)", change["change_id"])
        if found:
            yield int(found[1]), change


def shard_on(change: Mapping[str, Any], server: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the part of a change on a server, which alone says how its sweep stands; None if there is none."""
    here = server["api_url"], server["node"]
    shards = (shard for shard in change["shards"] if is_one_server((shard["api_url"], shard["node"]), here))
    return next(shards, None)
