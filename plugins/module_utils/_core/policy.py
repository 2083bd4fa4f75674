# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to send so that the desired comes about, worked out from what is. Check mode, diff and the real run share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import InvalidInputError

# The states of a campaign: "like started, stopped, finished" [V]; paused is assumed [A].
STARTED, PAUSED, STOPPED, FINISHED = "started", "paused", "stopped", "finished"
RESTARTED = "restarted"
CAMPAIGN_STATES = (STARTED, PAUSED, STOPPED, RESTARTED)
"""The values of ``yateota_campaign``'s ``state``."""

_CAMPAIGN_ACTION = {STARTED: "restart", PAUSED: "pause", STOPPED: "stop", RESTARTED: "restart"}
_CAMPAIGN_MISFITS = {
    (STOPPED, PAUSED): "only a running campaign can be paused; use state 'started' first",
    (FINISHED, PAUSED): "there is nothing left to pause",
    (FINISHED, STOPPED): "there is nothing left to stop",
    (FINISHED, STARTED): "use state 'restarted' to run it again",
}


@dataclass(frozen=True)
class CampaignPlan:
    """What one campaign needs.

    Attributes:
        action: ``stop``, ``pause``, ``restart``, or None where nothing is to be sent.
        before: the state read, or None where no answer told it.
        after: the state that the action leads to.
        restarted: the action runs the campaign anew, whatever its state.
    """

    action: str | None
    before: str | None
    after: str
    restarted: bool

    @property
    def changed(self) -> bool:
        """Whether anything is to be sent."""
        return self.action is not None

    def reached(self, state: str | None) -> bool:
        """Whether the action has led where it should: a campaign that was started may be finished by then."""
        return state == self.after or (self.after == STARTED and state == FINISHED)

    def diff(self, campaign_id: int) -> dict[str, Any]:
        """Before and after, as ``--diff`` shows them."""
        after: dict[str, Any] = {"campaign_id": campaign_id, "state": self.after if self.changed else self.before}
        if self.restarted:
            after["restarted"] = True
        return {"before": {"campaign_id": campaign_id, "state": self.before}, "after": after}


def plan_campaign(campaign_id: int, current: str | None, desired: str) -> CampaignPlan:
    """The plan that brings a campaign to its desired state.

    Args:
        campaign_id: for the error.
        current: the campaign's state; None, and any state not named here, leaves the judgment to the server.
        desired: one of ``CAMPAIGN_STATES``.

    Raises:
        InvalidInputError: the transition makes no sense.
    """
    if current is not None and (current, desired) in _CAMPAIGN_MISFITS:
        raise InvalidInputError(
            f"Campaign {campaign_id} is {current} and cannot become {desired}: {_CAMPAIGN_MISFITS[current, desired]}."
        )
    restarted = desired == RESTARTED
    after = STARTED if restarted else desired
    action = None if current == desired else _CAMPAIGN_ACTION[desired]
    return CampaignPlan(action=action, before=current, after=after, restarted=restarted)


# What an action on a participant does in each state that is named so far [S, V]. Only hurry's row is promised [S]; the
# others follow from what the actions mean [A]. A state that is not named here is left to the server's judgment.
ACT, UNCHANGED, REFUSED = "act", "unchanged", "refused"
_UNALLOCATED, _PENDING_BUILD, _PENDING_SEND = "unallocated", "pending_build", "pending_send"
_WAITING_POR, _FINISHED, _FAILED, _CANCELED = "waiting_por", "finished", "failed", "canceled"

PARTICIPANT_STATES = (_UNALLOCATED, _PENDING_BUILD, _PENDING_SEND, _WAITING_POR, _FINISHED, _FAILED, _CANCELED)
"""The states that a participant is known to come to, in their order."""

_IN_DELIVERY = (_PENDING_BUILD, _PENDING_SEND, _WAITING_POR)
_NO_MESSAGE = (REFUSED, "it has no message yet; use retry_build once its SIM has a subscriber")
_UNDER_WAY = (UNCHANGED, "its message is under way already")
_ACT = (ACT, "")

_PARTICIPANT_RULES: dict[str, dict[str, tuple[str, str]]] = {
    "cancel": {
        **dict.fromkeys((_UNALLOCATED, *_IN_DELIVERY, _FAILED), _ACT),
        _CANCELED: (UNCHANGED, "it is canceled already"),
        _FINISHED: (REFUSED, "its message has been delivered, there is nothing to cancel"),
    },
    "hurry": {
        _UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys((_PENDING_BUILD, _PENDING_SEND), _ACT),
        _WAITING_POR: (UNCHANGED, "its message has been sent already"),
        _FINISHED: (UNCHANGED, "its message has been delivered already"),
        _FAILED: (REFUSED, "a failed message cannot be hurried; use retry"),
        _CANCELED: (REFUSED, "a canceled message cannot be hurried; use retry"),
    },
    "retry": {
        _UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys(_IN_DELIVERY, _UNDER_WAY),
        _FINISHED: (UNCHANGED, "its message has been delivered already"),
        **dict.fromkeys((_FAILED, _CANCELED), _ACT),
    },
    "retry_build": {
        _UNALLOCATED: _ACT,
        **dict.fromkeys((*_IN_DELIVERY, _FINISHED, _FAILED), (UNCHANGED, "its message has been built already")),
        _CANCELED: (REFUSED, "it is canceled; use retry or rerun"),
    },
    "rerun": {
        _UNALLOCATED: _NO_MESSAGE,
        **dict.fromkeys(_IN_DELIVERY, _UNDER_WAY),
        **dict.fromkeys((_FINISHED, _FAILED, _CANCELED), _ACT),
    },
}

_LEADS_TO = {
    "cancel": _CANCELED,
    "hurry": _WAITING_POR,
    "retry": _PENDING_SEND,
    "retry_build": _PENDING_BUILD,
    "rerun": _PENDING_BUILD,
}


@dataclass(frozen=True)
class ParticipantPlan:
    """What one action means for one participant.

    Attributes:
        verdict: ``ACT``, ``UNCHANGED`` or ``REFUSED``.
        before: the state read, or None where it was not read.
        after: the state that follows: the one the action leads to, or ``before`` where nothing is sent.
        reason: why nothing is sent; empty where something is.
    """

    verdict: str
    before: str | None
    after: str | None
    reason: str


def plan_participant(action: str, current: str | None, force: bool = False) -> ParticipantPlan:
    """The plan for one action on one participant.

    Args:
        action: one of ``_core.operations.PARTICIPANT_ACTIONS``.
        current: the participant's state; None where it was not read.
        force: send whatever the state.
    """
    verdict, reason = _ACT if force or current is None else _PARTICIPANT_RULES[action].get(current, _ACT)
    return ParticipantPlan(verdict, current, _LEADS_TO[action] if verdict == ACT else current, reason)


def goal_of(action: str) -> str:
    """The state that a participant comes to in the end where all goes well: ``finished``, or ``canceled``."""
    return _CANCELED if action == "cancel" else _FINISHED


def proves_carried_out(action: str, before: str | None, now: str | None) -> bool:
    """Whether a participant's new state proves that an action of unknown outcome was carried out.

    It does where the participant has left a state that it does not leave by itself. The reverse is never proven: a
    message that was sent again may have failed again.

    Args:
        action: the action sent.
        before: the state before it was sent; None where it was not read.
        now: the state read afterwards; None where it was not found.
    """
    if now is None or before is None:
        return False
    if action == "cancel":
        return now == _CANCELED and before != _CANCELED
    return before in (_UNALLOCATED, _FINISHED, _FAILED, _CANCELED) and now != before and now != _CANCELED
