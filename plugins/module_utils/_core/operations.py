# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define what each request of the API does to the server.

Retries, check mode and the tests derive from this one table.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from .states import Action, CampaignAction


class Effect(enum.Enum):
    """The effect of one request, and of the same request sent twice."""

    READ = "read"
    IDEMPOTENT_WRITE = "idempotent write"
    NON_IDEMPOTENT_WRITE = "non-idempotent write"


_CAMPAIGN_ACTIONS: dict[str, Effect] = {
    CampaignAction.STOP: Effect.IDEMPOTENT_WRITE,
    CampaignAction.PAUSE: Effect.IDEMPOTENT_WRITE,
    CampaignAction.RESTART: Effect.NON_IDEMPOTENT_WRITE,
}
_PARTICIPANT_ACTIONS: dict[str, Effect] = {
    Action.CANCEL: Effect.IDEMPOTENT_WRITE,
    Action.HURRY: Effect.NON_IDEMPOTENT_WRITE,
    Action.RETRY: Effect.NON_IDEMPOTENT_WRITE,
    Action.RETRY_BUILD: Effect.NON_IDEMPOTENT_WRITE,
    Action.RERUN: Effect.NON_IDEMPOTENT_WRITE,
}

OPERATIONS: Mapping[str, Effect | Mapping[str, Effect]] = {
    "query_campaigns": Effect.READ,
    "get_campaign": Effect.READ,
    "query_participants": Effect.READ,
    "trace": Effect.READ,
    "query_stats": Effect.READ,
    "get_node_status": Effect.READ,
    "action_campaign": _CAMPAIGN_ACTIONS,
    "action_participant": _PARTICIPANT_ACTIONS,
}
"""Request name -> its effect, or action -> effect if the request is keyed by its ``action`` [S]."""

PARTICIPANT_ACTIONS = tuple(_PARTICIPANT_ACTIONS)


def effect(request: str, params: Mapping[str, Any]) -> Effect:
    """Return the effect of one request.

    Raises:
        KeyError: the request, or its action, is not in the table. Nothing unknown is ever sent.
    """
    entry = OPERATIONS[request]
    return entry if isinstance(entry, Effect) else entry[params["action"]]


def is_write(request: str, params: Mapping[str, Any]) -> bool:
    """Return whether the request changes anything on the server."""
    return effect(request, params) is not Effect.READ
