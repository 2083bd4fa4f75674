# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what to send so that a campaign reaches its desired state.

Check mode, diff and the real run share this code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import InvalidInputError
from .states import CampaignAction, CampaignState

_ACTIONS = {
    CampaignState.STARTED: CampaignAction.RESTART,
    CampaignState.PAUSED: CampaignAction.PAUSE,
    CampaignState.STOPPED: CampaignAction.STOP,
    CampaignState.RESTARTED: CampaignAction.RESTART,
}
_REFUSALS: dict[tuple[str, str], str] = {
    (CampaignState.STOPPED, CampaignState.PAUSED): "only a running campaign can be paused; use state 'started' first",
    (CampaignState.FINISHED, CampaignState.PAUSED): "there is nothing more to pause",
    (CampaignState.FINISHED, CampaignState.STOPPED): "there is nothing more to stop",
    (CampaignState.FINISHED, CampaignState.STARTED): "use state 'restarted' to run it again",
}


@dataclass(frozen=True)
class CampaignPlan:
    """The action that one campaign needs, and its states before and after.

    Attributes:
        action: ``stop``, ``pause``, ``restart``, or None if nothing is to be sent.
        before: the state read, or None if the server returned no state.
        after: the state that the action leads to.
        restarted: whether the action runs the campaign again, in any state.
    """

    action: str | None
    before: str | None
    after: str
    restarted: bool

    @property
    def changed(self) -> bool:
        """Return whether anything is to be sent."""
        return self.action is not None

    def reached(self, state: str | None, has_moved: bool = False) -> bool:
        """Return whether a state is the one that the action leads to.

        A campaign that was started may be finished. One that was finished before proves it only by other counts.

        Args:
            state: the campaign's state now.
            has_moved: whether its counts are others than before the action.
        """
        may_be_finished = self.after == CampaignState.STARTED and (self.before != CampaignState.FINISHED or has_moved)
        return state == self.after or (may_be_finished and state == CampaignState.FINISHED)

    def proves_carried_out(self, now: str | None) -> bool:
        """Return whether a state read after an unknown outcome proves that the action was carried out."""
        return self.before is not None and now != self.before and self.reached(now)

    def diff(self, campaign_id: int) -> dict[str, Any]:
        """Return before and after, as ``--diff`` shows them."""
        after: dict[str, Any] = {"campaign_id": campaign_id, "state": self.after if self.changed else self.before}
        if self.restarted:
            after["restarted"] = True
        return {"before": {"campaign_id": campaign_id, "state": self.before}, "after": after}


def plan_campaign(campaign_id: int, current: str | None, desired: str) -> CampaignPlan:
    """Plan what brings a campaign to its desired state.

    Args:
        campaign_id: for the error.
        current: the campaign's state. None, and any state that is not in the tables, is for the server to judge.
        desired: one of ``DESIRED_CAMPAIGN_STATES``.

    Raises:
        InvalidInputError: the campaign cannot get from the one state to the other.
    """
    if current is not None and (current, desired) in _REFUSALS:
        raise InvalidInputError(
            f"Campaign {campaign_id} is {current} and cannot become {desired}: {_REFUSALS[current, desired]}."
        )
    restarted = desired == CampaignState.RESTARTED
    after = CampaignState.STARTED if restarted else desired
    action = None if current == desired else _ACTIONS[CampaignState(desired)]
    return CampaignPlan(action=action, before=current, after=after, restarted=restarted)
