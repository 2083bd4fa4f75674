# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name every state, status and action once, with the groups that follow from them.

Members are strings and compare equal to them. When a value leaves the collection's code (as a module's result),
``plain`` makes it an ordinary string. Other states that a server reports stay ordinary strings.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """The actions on a participant: those of ``action_participant`` [S]."""

    CANCEL = "cancel"
    HURRY = "hurry"
    RETRY = "retry"
    RETRY_BUILD = "retry_build"
    RERUN = "rerun"


class CampaignAction(StrEnum):
    """The actions on a campaign: those of ``action_campaign`` [S]."""

    STOP = "stop"
    PAUSE = "pause"
    RESTART = "restart"


class CampaignState(StrEnum):
    """The states of a campaign, "like started, stopped, finished" [V]."""

    STARTED = "started"
    """It runs [V]."""
    PAUSED = "paused"
    """It was paused; that a server reports it under this name is assumed [A]."""
    STOPPED = "stopped"
    """It was stopped [V]."""
    FINISHED = "finished"
    """It has ended [V]."""
    RESTARTED = "restarted"
    """Only an option's value, the ``state`` of ``yateota_campaign``: no server reports it [A]."""


DESIRED_CAMPAIGN_STATES = (
    CampaignState.STARTED,
    CampaignState.PAUSED,
    CampaignState.STOPPED,
    CampaignState.RESTARTED,
)
"""The values of ``yateota_campaign``'s ``state``."""


class ServerState(StrEnum):
    """The states of a participant as the server reports them, in the usual order."""

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
    """Its message will not be sent [V]."""


FILTER_STATES = (ServerState.PENDING_BUILD, ServerState.PENDING_SEND, ServerState.FAILED, ServerState.FINISHED)
"""The server states that ``query_participants`` can filter by [S]."""

END_STATES = (ServerState.FINISHED, ServerState.FAILED, ServerState.CANCELED)
"""The server states in which the delivery to a participant has ended [S, V]."""

LEFT_ONLY_BY_AN_ACTION = (ServerState.UNALLOCATED, *END_STATES)
"""The server states that a participant does not leave by itself."""

IN_DELIVERY = (ServerState.PENDING_BUILD, ServerState.PENDING_SEND, ServerState.WAITING_POR)
"""The server states of a participant whose message is under way [S]."""

COUNTED_STATES = (
    ServerState.FINISHED,
    ServerState.PENDING_BUILD,
    ServerState.PENDING_SEND,
    ServerState.FAILED,
    ServerState.CANCELED,
)
"""The server states that a campaign has counts of; some servers return flags [V]."""


class RowState(StrEnum):
    """The states of a participant in a change, exactly one at any time.

    The ledger records it.
    """

    PLANNED = "planned"
    """It is to be acted on."""
    SENDING = "sending"
    """It was marked as being sent, and its request may have been sent."""
    DONE = "done"
    """The server carried the action out."""
    SKIPPED = "skipped"
    """The action would have changed nothing."""
    REFUSED = "refused"
    """The action does not apply to it, or the server refused it (``refusals.REFUSAL_CODES``)."""
    FAILED = "failed"
    """The server answered with another error."""
    UNKNOWN = "unknown"
    """A request was sent, and nothing proves whether the action was carried out."""


BAD_STATES = (RowState.UNKNOWN, RowState.FAILED, RowState.REFUSED)
"""The row states that need a person's attention, the most urgent first."""

EXECUTED_STATES = (RowState.DONE, *BAD_STATES)
"""The row states of an attempt that counts for the abort threshold, if one was made."""

REMAINING_STATES = (RowState.PLANNED, RowState.SENDING)
"""The row states of participants that a request is still to be sent for, or whose outcome is still to be recorded."""


def remaining_of(counts: Mapping[str, int]) -> int:
    """Return how many participants remain, by counts of row states."""
    return sum(counts.get(state, 0) for state in REMAINING_STATES)


UNSETTLED_STATES = (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)
"""The row states of participants whose server state is still to be read."""


class Prospect(enum.Enum):
    """What becomes of a participant that the action was carried out for."""

    REACHED = enum.auto()
    """The action has done its work."""
    OUT_OF_REACH = enum.auto()
    """It is in a state that the action cannot help it out of."""
    WAITING = enum.auto()
    """Its outcome is awaited. It has attempts remaining."""
    LAST = enum.auto()
    """The outcome of its last attempt is awaited."""
    AGAIN = enum.auto()
    """It gets another attempt, as soon as the interval has passed."""
    EXHAUSTED = enum.auto()
    """It would get another attempt, but has had the most allowed."""


class ChangeStatus(StrEnum):
    """The progress of a change. The ledger records it."""

    PLANNING = "planning"
    """Its plan is being made, or was interrupted. It can be held and stopped."""
    PLANNED = "planned"
    """Its plan is complete, and nothing was sent."""
    APPROVED = "approved"
    """Its plan was approved, and nothing was sent."""
    IN_PROGRESS = "in_progress"
    """Waves have begun, and participants remain."""
    HELD = "held"
    """A person holds it: nothing is sent until it is released. The ledger also keeps its former status."""
    RELEASED = "released"
    """Only an option's value, the ``state`` of ``yateota_bulk``: a released change has its former status."""
    STOPPED = "stopped"
    """A person stopped it: nothing is ever sent for the remaining participants."""
    WAITING = "waiting"
    """Nothing is to be sent now. Participants may need another attempt later."""
    WINDOW_CLOSED = "window_closed"
    """Its window ended with participants remaining."""
    WAITING_FOR_STAGE = "waiting_for_stage"
    """The change has not ended on the servers of an earlier stage, so that this one has not begun."""
    ABORTED = "aborted"
    """Too many of its attempts went wrong."""
    APPLIED = "applied"
    """Nothing remains to be sent."""
    VERIFIED = "verified"
    """Nothing remains to be sent, and all participants have reached the action's goal."""
    PURGED = "purged"
    """The ledger no longer identifies its participants."""


ENDED_STATUSES = (ChangeStatus.APPLIED, ChangeStatus.VERIFIED)
"""The statuses of a change that has nothing more to send."""

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


_WHOLE_ORDER = (
    ChangeStatus.STOPPED,
    ChangeStatus.HELD,
    ChangeStatus.ABORTED,
    ChangeStatus.IN_PROGRESS,
    ChangeStatus.WINDOW_CLOSED,
    ChangeStatus.WAITING_FOR_STAGE,
    ChangeStatus.PLANNING,
)
"""The statuses that a change over several servers has as soon as one of its shards has them, the first that fits."""


def whole_status(statuses: Sequence[str]) -> str:
    """Return the status of a change over several servers.

    Args:
        statuses: those of its shards, one or more.
    """
    if len(set(statuses)) == 1:
        return str(statuses[0])
    for status in _WHOLE_ORDER:
        if status in statuses:
            return str(status)
    if any(status in NOT_BEGUN_STATUSES for status in statuses):
        begun = any(status not in NOT_BEGUN_STATUSES for status in statuses)
        return str(ChangeStatus.IN_PROGRESS if begun else ChangeStatus.PLANNED)
    latest_to_end = (ChangeStatus.WAITING, ChangeStatus.APPLIED, ChangeStatus.VERIFIED)
    return str(next((status for status in latest_to_end if status in statuses), ChangeStatus.VERIFIED))


class AuditStatus(StrEnum):
    """What is known of the audit chain of a change."""

    UNCHECKED = "unchecked"
    INTACT = "intact"
    ALTERED = "altered"
    NONE = "none"
    """There is no chain: release 1.0.0 planned the change."""


def altered_place(wave: int | None) -> str:
    """Return where a record was altered, as the beginning of a sentence; empty if that is not known.

    Args:
        wave: the first wave that does not fit its chain; 0 for the plan.
    """
    return {None: "", 0: "the plan: "}.get(wave, f"wave {wave}: ")


class EntryOutcome(StrEnum):
    """The outcome of one entry of a task without a ledger (``yateota_participant``)."""

    ACTED = "acted"
    """The server carried the action out; in check mode it would be sent."""
    UNCHANGED = "unchanged"
    """The action would have changed nothing."""
    REFUSED = "refused"
    """The action does not apply to it, or the server refused it (``refusals.REFUSAL_CODES``)."""
    FAILED = "failed"
    """The server answered with another error, or the request was not sent after all."""
    UNKNOWN = "unknown"
    """A request was sent, and nothing proves whether the action was carried out."""


def plain(value: Any) -> Any:
    """Replace members by ordinary strings in a value, its lists and its dicts.

    Keys are replaced too.
    """
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
