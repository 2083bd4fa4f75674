# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name every state, status and action once, with the groups that follow from them.

Members are strings and compare equal to them. Where a value leaves the collection's code (a module's result), ``plain``
makes it an ordinary string again. What a server reports besides these stays an ordinary string.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What can be done to a participant: the actions of ``action_participant`` [S]."""

    CANCEL = "cancel"
    HURRY = "hurry"
    RETRY = "retry"
    RETRY_BUILD = "retry_build"
    RERUN = "rerun"


class CampaignAction(StrEnum):
    """What can be done to a campaign: the actions of ``action_campaign`` [S]."""

    STOP = "stop"
    PAUSE = "pause"
    RESTART = "restart"


class CampaignState(StrEnum):
    """What a campaign is in, "like started, stopped, finished" [V]."""

    STARTED = "started"
    """It runs [V]."""
    PAUSED = "paused"
    """It was paused; that a server reports it under this name is assumed [A]."""
    STOPPED = "stopped"
    """It was stopped [V]."""
    FINISHED = "finished"
    """It has come to its end [V]."""
    RESTARTED = "restarted"
    """Only asked for, as the ``state`` of ``yateota_campaign``: no server reports it [A]."""


DESIRED_CAMPAIGN_STATES = (
    CampaignState.STARTED,
    CampaignState.PAUSED,
    CampaignState.STOPPED,
    CampaignState.RESTARTED,
)
"""The values of ``yateota_campaign``'s ``state``."""


class ServerState(StrEnum):
    """What a participant is in, as the server reports it, in the order in which it comes to them."""

    UNALLOCATED = "unallocated"
    """Its SIM has no subscriber, so that no message was built [S]."""
    PENDING_BUILD = "pending_build"
    """Its message is to be built [S]."""
    PENDING_SEND = "pending_send"
    """Its message is to be sent [S]."""
    WAITING_POR = "waiting_por"
    """Its message was sent, and the SIM's proof of receipt is awaited [S]."""
    FINISHED = "finished"
    """Its message was delivered [S]."""
    FAILED = "failed"
    """Its message was not delivered [S]."""
    CANCELED = "canceled"
    """Its message is not sent any more [V]."""


FILTER_STATES = (ServerState.PENDING_BUILD, ServerState.PENDING_SEND, ServerState.FAILED, ServerState.FINISHED)
"""The server states that ``query_participants`` can filter by [S]."""

END_STATES = (ServerState.FINISHED, ServerState.FAILED, ServerState.CANCELED)
"""The server states that a participant does not leave by itself [S, V]. No other one is an end."""

IN_DELIVERY = (ServerState.PENDING_BUILD, ServerState.PENDING_SEND, ServerState.WAITING_POR)
"""The server states of a participant whose message is under way [S]."""

COUNTED_STATES = (
    ServerState.FINISHED,
    ServerState.PENDING_BUILD,
    ServerState.PENDING_SEND,
    ServerState.FAILED,
    ServerState.CANCELED,
)
"""The server states by which a campaign carries numbers, on some servers flags [V]."""


class RowState(StrEnum):
    """What a participant of a change is in, exactly one at any time. The ledger records it."""

    PLANNED = "planned"
    """It is to be acted on."""
    SENDING = "sending"
    """It was marked, and its request may have left."""
    DONE = "done"
    """The server carried the action out."""
    SKIPPED = "skipped"
    """The action would have changed nothing, or its server state is not known."""
    REFUSED = "refused"
    """The action does not apply to it, or the server refused it (``refusals.REFUSAL_CODES``)."""
    FAILED = "failed"
    """The server answered with another error."""
    UNKNOWN = "unknown"
    """A request left, and nothing proves whether the action was carried out."""


BAD_STATES = (RowState.UNKNOWN, RowState.FAILED, RowState.REFUSED)
"""The row states that need a person's attention, the most urgent first."""

EXECUTED_STATES = (RowState.DONE, *BAD_STATES)
"""The row states of an attempt that counts for the abort threshold, where one was made."""

UNSETTLED_STATES = (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)
"""The row states of those whose server state is still to be read."""


class ChangeStatus(StrEnum):
    """How far a change has come. The ledger records it."""

    PLANNING = "planning"
    """Its plan is being made, or was interrupted: no result shows it."""
    PLANNED = "planned"
    """Its plan is whole, and nothing was sent."""
    APPROVED = "approved"
    """Its plan was approved, and nothing was sent."""
    IN_PROGRESS = "in_progress"
    """Waves were begun, and participants are left to send for."""
    HELD = "held"
    """Somebody holds it: nothing is sent until it is released. The ledger keeps the status it had beside that."""
    RELEASED = "released"
    """Only asked for, as the ``state`` of ``yateota_bulk``: a released change has the status it had before."""
    STOPPED = "stopped"
    """Somebody stopped it: participants are left that are never sent for."""
    WINDOW_CLOSED = "window_closed"
    """Its window ended with participants left to send for."""
    ABORTED = "aborted"
    """Too many of its attempts went wrong."""
    APPLIED = "applied"
    """Nothing is left to send."""
    VERIFIED = "verified"
    """Nothing is left to send, and everyone came to the end that the action leads to."""
    PURGED = "purged"
    """Nothing in the ledger identifies its participants any more."""


ENDED_STATUSES = (ChangeStatus.APPLIED, ChangeStatus.VERIFIED)
"""The statuses of a change that has nothing left to send."""

NOT_BEGUN_STATUSES = (ChangeStatus.PLANNED, ChangeStatus.APPROVED)
"""The statuses of a change with a plan for which nothing was sent."""

DESIRED_STATUSES = (
    ChangeStatus.PLANNED,
    ChangeStatus.APPROVED,
    ChangeStatus.APPLIED,
    ChangeStatus.HELD,
    ChangeStatus.RELEASED,
    ChangeStatus.STOPPED,
    ChangeStatus.VERIFIED,
    ChangeStatus.PURGED,
)
"""The values of ``yateota_bulk``'s ``state``."""


class EntryOutcome(StrEnum):
    """What came of one entry of a task without a ledger: a result of ``yateota_participant``."""

    ACTED = "acted"
    """The server carried the action out; in check mode it would be sent."""
    UNCHANGED = "unchanged"
    """The action would have changed nothing."""
    REFUSED = "refused"
    """The action does not apply to it, or the server refused it (``refusals.REFUSAL_CODES``)."""
    FAILED = "failed"
    """The server answered with another error, or the request was not sent after all."""
    UNKNOWN = "unknown"
    """A request left, and nothing proves whether the action was carried out."""


def plain(value: Any) -> Any:
    """Make ordinary strings of the members in a value, its lists and its dicts, keys included."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
