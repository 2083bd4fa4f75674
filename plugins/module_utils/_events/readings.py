# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a server and a ledger for the event source. These functions block, and run in threads."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Collection
from typing import Any

from .._api.client import Client
from .._api.models import NodeStatus, read
from .._api.reader import Reader
from .._core.errors import ApiError
from .._core.watching import is_temporary
from .._ledger.database import open_read_only
from .._ledger.listing import changes_of
from .._ledger.postgresql import name_of_url

_PATIENCE = 5.0
"""Seconds to wait for a ledger that is being written."""

LOG = logging.getLogger("simops.yateota.campaigns")


def read_campaigns(client: Client, only: Collection[int], warn: Callable[[str], None]) -> list[dict[str, Any]]:
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


def read_node(client: Client) -> dict[str, Any]:
    """Return the status that the node reports; empty if the server refuses that request, as one that does not know it.

    Raises:
        YateotaError: it cannot be read at the moment; the node's engine does not answer its front end, for example.
    """
    try:
        status = client.call("get_node_status", {}).get("status")
    except ApiError as error:
        if is_temporary(error.failure()):
            raise
        LOG.debug("The node's status is not known: %s", error)
        return {}
    found: dict[str, Any] = read(NodeStatus, status, "get_node_status").result() if status else {}
    return found


def name_of(ledger: str) -> str:
    """Return the name of the ledger at a path or URL, the same however it is spelled, without a user or a password.

    Raises:
        InvalidInputError: the URL is not valid.
    """
    return name_of_url(ledger) if "://" in ledger else os.path.realpath(ledger)


def read_changes(ledger: str, password: str | None) -> tuple[str, list[dict[str, Any]]]:
    """Return the name of a ledger, and its changes; none if it does not exist yet.

    Raises:
        YateotaError: it cannot be read.
    """
    name, opened = name_of(ledger), open_read_only(ledger, password, _PATIENCE)
    if opened is None:
        return name, []
    with contextlib.closing(opened):
        return name, changes_of(opened)
