# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out or refuse actions on campaigns and participants."""

from __future__ import annotations

from collections.abc import Callable

from .records import CampaignRow, Participant
from .scenario import State
from .store import Store
from .timeline import NEVER


class RefusedError(Exception):
    """A request answered with an error code.

    The codes are 401 for a value, 402 for a missing parameter, 403, and 404 for not found.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotApplicableError(Exception):
    """The reason why an action does not apply to one participant."""


# The states in which a campaign accepts an action, and its state afterwards.
CAMPAIGN_ACTIONS = {
    "stop": ({"started", "paused"}, "stopped"),
    "pause": ({"started"}, "paused"),
    "restart": ({"started", "paused", "stopped", "finished"}, "started"),
}


def act_on_campaign(store: Store, campaign: CampaignRow, action: str) -> None:
    """Stop, pause or restart a campaign.

    Raises:
        RefusedError: an unknown action, or one that the campaign's state does not allow [A].
    """
    if action not in CAMPAIGN_ACTIONS:
        raise RefusedError(401, f"Invalid value '{action}' for parameter 'action'")
    states, after = CAMPAIGN_ACTIONS[action]
    if campaign.state not in states:
        raise RefusedError(401, f"Can't {action} campaign {campaign.campaign_id}: it is {campaign.state}")
    store.set_state(campaign, after)


def _retry(store: Store, participant: Participant) -> None:
    if participant.state not in ("failed", "canceled"):
        raise NotApplicableError("only a failed or canceled message is sent again")
    _begin(store, participant, "retry", "pending_send")


def _cancel(store: Store, participant: Participant) -> None:
    if participant.state == "finished":
        raise NotApplicableError("there is nothing more to cancel")
    message, active = participant.message, participant.active
    store.rewrite(
        participant,
        message._replace(
            built_at=message.built_at if message.built_at <= active else NEVER,
            sent_at=message.sent_at if message.sent_at <= active else NEVER,
            ended_at=min(active, message.ended_at),
            outcome="canceled",
        ),
    )


def _hurry(store: Store, participant: Participant) -> None:
    if participant.state not in ("pending_build", "pending_send"):
        raise NotApplicableError("only a pending message can be hurried")
    message, active = participant.message, participant.active
    store.rewrite(
        participant,
        message._replace(
            built_at=min(active, message.built_at),
            sent_at=active,
            ended_at=active + (message.ended_at - message.sent_at),
        ),
    )


def _retry_build(store: Store, participant: Participant) -> None:
    if participant.state != "unallocated":
        raise NotApplicableError("messages are built again only for an unallocated one")
    if participant.appears_at <= store.now():
        _begin(store, participant, "retry_build", "pending_build")


def _check_rerun(_store: Store, participant: Participant) -> None:
    if participant.state == "unallocated":
        raise NotApplicableError("the SIM has no subscriber, retry_build comes first")


def _rerun(store: Store, participant: Participant) -> None:
    _check_rerun(store, participant)
    _begin(store, participant, "rerun", "pending_build")
    store.reset_counter(participant.sim_id)


PARTICIPANT_ACTIONS: dict[str, Callable[[Store, Participant], None]] = {
    "cancel": _cancel,
    "hurry": _hurry,
    "retry": _retry,
    "retry_build": _retry_build,
    "rerun": _rerun,
}


# The documented forms: the parameters that name the target of an action, one of each tuple, and further parameters.
_MESSAGE_FORMS = {("participant_id",): (), ("iccid", "imsi"): ("campaign_id",)}
IDENTIFICATION_FORMS: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "cancel": _MESSAGE_FORMS,
    "hurry": _MESSAGE_FORMS,
    "retry": _MESSAGE_FORMS,
    "retry_build": {("iccid", "imsi"): ("campaign_id",)},
    "rerun": {("iccid", "imsi", "msisdn"): ()},
}


def check_identification(action: str, given: dict[str, str | int]) -> None:
    """Refuse a request that names its participant or SIM in an undocumented form.

    Raises:
        RefusedError: 402 if a required parameter is missing, 401 if there are too many.
    """
    forms = IDENTIFICATION_FORMS.get(action, {tuple(given): ()})
    for names, besides in forms.items():
        name = next((name for name in names if name in given), None)
        if name is None:
            continue
        more = [other for other in given if other != name and other not in besides]
        if more:
            raise RefusedError(401, f"Invalid parameter '{more[0]}' for {action} by '{name}'")
        return
    wanted = ", ".join(f"'{name}'" for names in forms for name in names)
    raise RefusedError(402, f"Missing parameter: {action} needs one of {wanted}")


def _begin(store: Store, participant: Participant, cause: str, state: State) -> None:
    campaign = store.scenario_campaigns[participant.campaign_id]
    attempt, active = participant.attempt + 1, participant.active
    message = store.chance.message(campaign, participant.participant_id, attempt, active, state)
    if state == "pending_send":
        message = message._replace(built_at=active)
    store.begin(participant, message, cause)


def act_on_participants(store: Store, identifiers: dict[str, str | int], action: str) -> int:
    """Carry an action out on every participant that it applies to.

    Only participants that match all identifiers are meant.

    Returns:
        The number of these participants, at least one.

    Raises:
        RefusedError: an unknown action, no match, or no match that the action applies to [A].
    """
    act = PARTICIPANT_ACTIONS.get(action)
    if act is None:
        raise RefusedError(401, f"Invalid value '{action}' for parameter 'action'")
    return _for_each(store, identifiers, action, act)


def check_rerun(store: Store, identifiers: dict[str, str | int]) -> None:
    """Refuse a rerun that `act_on_participants` would refuse now, and carry nothing out.

    Raises:
        RefusedError: as `act_on_participants`.
    """
    _for_each(store, identifiers, "rerun", _check_rerun)


def _for_each(
    store: Store, identifiers: dict[str, str | int], action: str, act: Callable[[Store, Participant], None]
) -> int:
    matching = store.participants(identifiers)
    if action == "rerun" and "msisdn" in identifiers:
        # The campaigns of the number's former SIM are not run again [S].
        matching = [participant for participant in matching if participant.current]
    if not matching:
        raise RefusedError(404, "Participant not found")
    done, reason = 0, ""
    for participant in matching:
        try:
            act(store, participant)
            done += 1
        except NotApplicableError as why:
            reason = f"Can't {action} participant {participant.participant_id}: it is {participant.state}, {why}"
    if not done:
        raise RefusedError(401, reason)
    return done
