# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what is sent and left out, and what a new server state proves.

All are pure functions over tables. Both engines, with the ledger and
without, use them, and so do check mode, the diff and the real run. [S], [V] and [A] give the source of a claim about
the API, as in docs/api.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .identification import NAMINGS, PARTICIPANT, why_not_named
from .identifiers import IDENTIFIERS
from .refusals import is_refusal
from .states import (
    IN_DELIVERY,
    LEFT_ONLY_BY_AN_ACTION,
    Action,
    EntryOutcome,
    RowState,
    ServerState,
)


class Verdict(enum.Enum):
    """The verdict on an action on a participant."""

    ACT = enum.auto()
    SKIP = enum.auto()
    REFUSE = enum.auto()


# What an action means in each server state. Specified is only that a pending message can be hurried, and that one which
# has failed or waits for its receipt cannot [S]; the rest follows from the actions' meaning [A]. The server judges a
# state that is not in the table.
_NO_MESSAGE = (Verdict.REFUSE, "it has no message yet; use retry_build once its SIM has a subscriber")
_UNDER_WAY = (Verdict.SKIP, "its message is under way already")
_DELIVERED = (Verdict.SKIP, "its message has been delivered already")
_ACT = (Verdict.ACT, "")
_ENDED_BADLY = (ServerState.FAILED, ServerState.CANCELED)

_RULES: Mapping[str, Mapping[str, tuple[Verdict, str]]] = {
    Action.CANCEL: {
        **dict.fromkeys((ServerState.UNALLOCATED, *IN_DELIVERY, ServerState.FAILED), _ACT),
        ServerState.CANCELED: (Verdict.SKIP, "it is canceled already"),
        ServerState.FINISHED: (Verdict.REFUSE, "its message has been delivered, there is nothing to cancel"),
    },
    Action.HURRY: {
        ServerState.UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys((ServerState.PENDING_BUILD, ServerState.PENDING_SEND), _ACT),
        ServerState.WAITING_POR: (Verdict.SKIP, "its message has been sent already"),
        ServerState.FINISHED: _DELIVERED,
        ServerState.FAILED: (Verdict.REFUSE, "a failed message cannot be hurried; use retry"),
        ServerState.CANCELED: (Verdict.REFUSE, "a canceled message cannot be hurried; use retry"),
    },
    Action.RETRY: {
        ServerState.UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys(IN_DELIVERY, _UNDER_WAY),
        ServerState.FINISHED: _DELIVERED,
        **dict.fromkeys(_ENDED_BADLY, _ACT),
    },
    Action.RETRY_BUILD: {
        ServerState.UNALLOCATED: _ACT,
        **dict.fromkeys(
            (*IN_DELIVERY, ServerState.FINISHED, ServerState.FAILED),
            (Verdict.SKIP, "its message has been built already"),
        ),
        ServerState.CANCELED: (Verdict.REFUSE, "it is canceled; use retry or rerun"),
    },
    Action.RERUN: {
        ServerState.UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys(IN_DELIVERY, _UNDER_WAY),
        **dict.fromkeys((ServerState.FINISHED, *_ENDED_BADLY), _ACT),
    },
}

_LEADS_TO: Mapping[str, ServerState] = {
    Action.CANCEL: ServerState.CANCELED,
    Action.HURRY: ServerState.WAITING_POR,
    Action.RETRY: ServerState.PENDING_SEND,
    Action.RETRY_BUILD: ServerState.PENDING_BUILD,
    Action.RERUN: ServerState.PENDING_BUILD,
}

_LEFT_AS = {Verdict.SKIP: RowState.SKIPPED, Verdict.REFUSE: RowState.REFUSED}
PLANNED_OUTCOMES = {
    Verdict.ACT: EntryOutcome.ACTED,
    Verdict.SKIP: EntryOutcome.UNCHANGED,
    Verdict.REFUSE: EntryOutcome.REFUSED,
}
"""Verdict -> the outcome that an entry of a task without a ledger has before anything is sent."""


@dataclass(frozen=True)
class ParticipantPlan:
    """The meaning of one action for one participant.

    Attributes:
        verdict: whether the action is sent.
        before: the server state, or None if it was not read.
        after: the expected next state: the one the action leads to, or ``before`` if nothing is sent.
        reason: why nothing is sent; empty if something is.
    """

    verdict: Verdict
    before: str | None
    after: str | None
    reason: str


class LeftOut(NamedTuple):
    """The new row state of a participant that nothing is sent for, and the reason."""

    state: RowState
    reason: str


def plan_participant(action: str, current: str | None, force: bool = False) -> ParticipantPlan:
    """Judge one action on one participant.

    Args:
        action: an ``Action``.
        current: the server state; None if it was not read.
        force: send in any state.
    """
    verdict, reason = _ACT if force or current is None else _RULES[action].get(current, _ACT)
    return ParticipantPlan(verdict, current, _LEADS_TO[action] if verdict is Verdict.ACT else current, reason)


def plan_sim(action: str, states: Sequence[str | None], force: bool = False) -> tuple[ParticipantPlan, int]:
    """Judge one action on a SIM by the server states of its participants.

    The participant of the highest rank decides.

    Args:
        action: an ``Action``.
        states: at least one.
        force: send in any states.

    Returns:
        The verdict, and the place of the state that decides.
    """
    plans = [plan_participant(action, state, force) for state in states]
    decides = min(range(len(plans)), key=lambda place: _RANK[plans[place].verdict])
    return plans[decides], decides


# A message that is under way is not sent twice; what can be sent for one participant is not refused for another.
_RANK = {Verdict.SKIP: 0, Verdict.ACT: 1, Verdict.REFUSE: 2}


def ranks(action: str) -> dict[str, int]:
    """Return the rank of each server state among the participants of one SIM.

    The lowest number decides. A state that is not in the table has the rank of one that is acted on, as
    ``plan_participant`` judges it.
    """
    return {state: _RANK[plan_participant(action, state).verdict] for state in ServerState}


RANK_OF_OTHERS = _RANK[Verdict.ACT]
"""The rank of a state that ``ranks`` does not have."""


def left_out(action: str, state: str | None) -> LeftOut | None:
    """Return why a plan leaves out a participant in a server state, or None.

    None means that the plan does not leave it out.
    """
    plan = plan_participant(action, state)
    return None if plan.verdict is Verdict.ACT else LeftOut(_LEFT_AS[plan.verdict], plan.reason)


NOT_LISTED = LeftOut(RowState.REFUSED, "its campaign does not list it any more; check the identifiers")
"""A planned participant that a whole list lacks: refused, as a plan does, so that nobody takes it for settled."""


def are_gone(missing: int, held: int, counted: int | None) -> bool:
    """Return whether the planned participants that a campaign's list lacks are not in the campaign any more.

    They may be there nevertheless if the list is short of at least as many. Where more are missing than that, the list
    is not cut short: the server's count includes others that no list shows.

    Args:
        missing: how many of the planned participants it lacks.
        held: how many participants it held.
        counted: how many the server counted before; None if it reports no number.
    """
    return counted is None or missing > counted - held


def left_out_of_wave(
    action: str, identification: Mapping[str, Any], state: str | None, is_read: bool
) -> LeftOut | None:
    """Return why nothing is sent for a planned participant at its turn, or None.

    None means that it is sent for.

    Args:
        action: the change's action.
        identification: its identifiers and campaign.
        state: its server state as last read.
        is_read: whether the latest reading found it, or there is nothing to read it from. It must have been whole: see
            ``are_gone``.
    """
    why = why_not_named(action, identification)
    if why:  # planned by an older release, which sent other forms
        return LeftOut(RowState.REFUSED, why)
    return left_out(action, state) if is_read else NOT_LISTED


class Misidentified(NamedTuple):
    """Why a plan leaves out an entry that the campaign's list does not have.

    Attributes:
        missing: for an entry that is not in the list.
        several: for an entry that several of the list fit.
        unnamed: for an entry with none of the identifiers in ``sent_by``.
        sent_by: the identifiers by which the action is sent.
    """

    missing: str
    several: str
    unnamed: str
    sent_by: tuple[str, ...]


def misidentified(action: str) -> Misidentified:
    """Return the reasons why a plan leaves out entries that a list does not identify."""
    naming = NAMINGS[action]
    by_id = naming.unit == PARTICIPANT
    return Misidentified(
        missing="its campaign has no such participant; check the identifiers",
        several="several participants of its campaign fit it; give participant_id"
        if by_id
        else "several SIMs fit it; give its iccid, or its imsi",
        unnamed=f"{action} is sent by {', else '.join(naming.by)}, and its campaign's list shows none of them",
        sent_by=naming.by,
    )


def keep_rank(action: str, verdict: Verdict, named_by: str, is_listed: bool, was_sent: bool = False) -> tuple[int, ...]:
    """Rank an entry among several that one request acts on: the smallest is kept.

    The order is: an entry that a request was sent for; then by verdict: skip, act, refuse; then one that a list shows;
    then by the identifier, the best first.

    Args:
        action: an ``Action``.
        verdict: the verdict on this entry, without the others.
        named_by: the identifier that it was given by.
        is_listed: whether a campaign's list shows its state.
        was_sent: whether a request for it was sent.
    """
    return not was_sent, _RANK[verdict], not is_listed, (*NAMINGS[action].by, *IDENTIFIERS).index(named_by)


def keep_rank_by_state(
    action: str, state: str | None, named_by: str, is_listed: bool, was_sent: bool
) -> tuple[int, ...]:
    """Rank an entry as ``keep_rank`` does, with the verdict on its server state."""
    return keep_rank(action, plan_participant(action, state).verdict, named_by, is_listed, was_sent)


class RequestOutcome(enum.Enum):
    """The outcome of one request.

    ``NOT_CARRIED_OUT`` leaves the participant planned; the other three become its row state.
    """

    CARRIED_OUT = enum.auto()
    REFUSED = enum.auto()
    NOT_CARRIED_OUT = enum.auto()
    UNKNOWN = enum.auto()


_AFTER_REQUEST = {
    RequestOutcome.CARRIED_OUT: (RowState.DONE, EntryOutcome.ACTED),
    RequestOutcome.NOT_CARRIED_OUT: (RowState.PLANNED, EntryOutcome.FAILED),
    RequestOutcome.UNKNOWN: (RowState.UNKNOWN, EntryOutcome.UNKNOWN),
}


def states_after_request(outcome: RequestOutcome, code: int | None) -> tuple[RowState, EntryOutcome]:
    """Return a participant's row state, and its outcome in a task without a ledger.

    Args:
        outcome: the outcome of the request.
        code: the body code, if the server answered with one.
    """
    if outcome is RequestOutcome.REFUSED:
        return (RowState.REFUSED, EntryOutcome.REFUSED) if is_refusal(code) else (RowState.FAILED, EntryOutcome.FAILED)
    return _AFTER_REQUEST[outcome]


def goal_of(action: str) -> ServerState:
    """Return the server state that a participant reaches in the end if all goes well."""
    return ServerState.CANCELED if action == Action.CANCEL else ServerState.FINISHED


def proves_carried_out(action: str, before: str | None, now: str | None) -> bool:
    """Return whether a new state proves that an action was carried out.

    The outcome of the action was unknown. For cancel: it is ``canceled`` now and was not before. For the others: it was
    in one of ``LEFT_ONLY_BY_AN_ACTION``, and is now in another state, but not ``canceled``, which another action leads
    to. The opposite is never proven: a message that was sent again may have failed again.

    Args:
        action: the action sent.
        before: the server state before it was sent; None if it was not read.
        now: the server state read afterwards; None if it was not found.
    """
    if now is None or before is None:
        return False
    if action == Action.CANCEL:
        return now == ServerState.CANCELED and before != ServerState.CANCELED
    return before in LEFT_ONLY_BY_AN_ACTION and now not in (before, ServerState.CANCELED)
