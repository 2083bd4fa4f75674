# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a server and a ledger for the event source. These functions block, and run in threads."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Any

from .._api.client import Client
from .._api.models import NodeStatus, read
from .._api.reader import Reader
from .._core.errors import ApiError
from .._ledger.database import look_into
from .._ledger.listing import changes_of

_PATIENCE = 5.0
"""Seconds to wait for a ledger that is being written."""

LOG = logging.getLogger("simops.yateota.campaigns")


def look_at_campaigns(client: Client, only: Collection[int], warn: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the campaigns of a server, as ``yateota_campaign_info`` returns them.

    Args:
        client: the client of the server.
        only: the ids of the campaigns; all if it is empty.
        warn: takes a sentence on what the server does not report.

    Raises:
        YateotaError: they cannot be read.
    """
    campaigns = Reader(client, warn).campaigns()
    return [each.result() for each in campaigns if not only or each.campaign_id in only]


def look_at_node(client: Client) -> dict[str, Any]:
    """Return the status that the node reports; empty if the server has no such request.

    Raises:
        YateotaError: it cannot be read.
    """
    try:
        status = client.call("get_node_status", {}).get("status")
    except ApiError as error:
        LOG.debug("The node's status is not known: %s", error)
        return {}
    found: dict[str, Any] = read(NodeStatus, status, "get_node_status").result() if status else {}
    return found


def look_at_changes(ledger: str, password: str | None) -> list[dict[str, Any]]:
    """Return the changes of a ledger; none if it does not exist yet.

    Raises:
        YateotaError: it cannot be read.
    """
    opened = look_into(ledger, password, _PATIENCE)
    if opened is None:
        return []
    with contextlib.closing(opened):
        return changes_of(opened)
