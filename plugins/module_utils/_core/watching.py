# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a watched campaign by its counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .body_codes import ENGINE_AWAY
from .states import CampaignState, ServerState

RUNNING, FINISHED, BAD, NOT_RUNNING, UNCOUNTED, UNREAD = (
    "running",
    "finished",
    "bad",
    "not_running",
    "uncounted",
    "unread",
)
"""The verdicts. ``UNREAD``: a campaign that was read before could not be read this time."""

STILL_WATCHED = (RUNNING, UNREAD)
"""The verdicts after which the campaign is read again."""


def watched(campaign: Mapping[str, Any], most_failed: float | None, minimum: int) -> dict[str, Any]:
    """Return ``verdict``, ``failed_percentage`` and ``text`` of a campaign.

    Args:
        campaign: as ``yateota_campaign_info`` returns it.
        most_failed: the percentage of ended participants that may have failed; None for any.
        minimum: the number of ended participants from which that is judged while more are to come.
    """
    title = f"Campaign {campaign['campaign_id']} ({campaign['name']})"
    counts = [campaign[ServerState.FINISHED], campaign[ServerState.FAILED]]
    if any(isinstance(count, bool) or not isinstance(count, int) for count in counts):
        text = f"{title} cannot be watched: the server does not report how many have finished and failed."
        return _verdict(UNCOUNTED, None, text)
    ended, failed = sum(counts), campaign[ServerState.FAILED]
    share = 100 * failed / ended if ended else 0.0
    text = (
        f"{title} is {campaign['state'] or 'in a state that the server does not report'}: "
        f"{campaign['finished']} of {campaign['participants']} finished, {failed} failed, "
        f"{share:.1f} percent of those that have ended."
    )
    has_finished = campaign["state"] == CampaignState.FINISHED or (
        campaign["state"] is None and campaign["progress"] == 100
    )
    if most_failed is not None and (has_finished or ended >= minimum) and share > most_failed:
        return _verdict(BAD, share, text)
    if has_finished:
        return _verdict(FINISHED, share, text)
    return _verdict(
        NOT_RUNNING if campaign["state"] in (CampaignState.PAUSED, CampaignState.STOPPED) else RUNNING, share, text
    )


def unread(name: Any, why: str) -> dict[str, Any]:
    """Return the verdict on a campaign that could not be read this time.

    Args:
        name: the campaign's id or name.
        why: the reason, a sentence.
    """
    return _verdict(UNREAD, None, f"Campaign {name} could not be read: {why}")


def is_temporary(failure: Mapping[str, Any]) -> bool:
    """Return whether a failed reading may succeed next time: the server was away."""
    return failure.get("kind") == "transport" or failure.get("code") == ENGINE_AWAY


def _verdict(verdict: str, share: float | None, text: str) -> dict[str, Any]:
    return {"verdict": verdict, "failed_percentage": None if share is None else round(share, 1), "text": text}
