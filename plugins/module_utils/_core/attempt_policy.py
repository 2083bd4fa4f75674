# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which participants get a further attempt, and which are exhausted.

As in ``policy``, these are pure functions over a table. [S] and [A] give the source of a claim about the API, as in
docs/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .policy import NOT_LISTED, LeftOut, plan_participant
from .states import Action, Prospect, RowState, ServerState


class AttemptLimits(NamedTuple):
    """The option ``attempts``.

    Attributes:
        maximum: how many attempts a participant gets at most, the first included.
        interval: the fewest seconds between two attempts for one participant.
    """

    maximum: int
    interval: float


# The server state after an attempt -> what it means. A state that is missing is one on the way, or not known.
# A failed message cannot be hurried [S], and is built already, so that only a retry helps it [A].
_AFTER: Mapping[str, Mapping[str, Prospect]] = {
    Action.RETRY: {
        ServerState.FAILED: Prospect.AGAIN,
        ServerState.FINISHED: Prospect.REACHED,
        **dict.fromkeys((ServerState.UNALLOCATED, ServerState.CANCELED), Prospect.OUT_OF_REACH),
    },
    Action.RETRY_BUILD: {
        ServerState.UNALLOCATED: Prospect.AGAIN,
        **dict.fromkeys(
            (ServerState.PENDING_SEND, ServerState.WAITING_POR, ServerState.FINISHED, ServerState.FAILED),
            Prospect.REACHED,
        ),
        ServerState.CANCELED: Prospect.OUT_OF_REACH,
    },
    Action.HURRY: {
        **dict.fromkeys((ServerState.PENDING_BUILD, ServerState.PENDING_SEND), Prospect.AGAIN),
        **dict.fromkeys((ServerState.WAITING_POR, ServerState.FINISHED), Prospect.REACHED),
        **dict.fromkeys((ServerState.UNALLOCATED, ServerState.FAILED, ServerState.CANCELED), Prospect.OUT_OF_REACH),
    },
}

ATTEMPT_ACTIONS = tuple(_AFTER)
"""The actions that can have further attempts."""


def prospect(action: str, state: str | None, made: int, maximum: int) -> Prospect:
    """Return what becomes of a participant after an attempt that was carried out.

    Args:
        action: one of ``ATTEMPT_ACTIONS``.
        state: its server state, read after the attempt; None if it was not read since.
        made: how many attempts were made for it.
        maximum: how many it gets at most.
    """
    after = _AFTER[action].get(state, Prospect.WAITING) if state else Prospect.WAITING
    if made < maximum:
        return after
    return {Prospect.AGAIN: Prospect.EXHAUSTED, Prospect.WAITING: Prospect.LAST}.get(after, after)


def comes_back_failed(action: str) -> bool:
    """Return whether a participant that needs a further attempt of an action has come back failed.

    Args:
        action: one of the server's.
    """
    return _AFTER.get(action, {}).get(ServerState.FAILED) is Prospect.AGAIN


def left_out_of_further(
    action: str, state: str | None, is_read: bool, made: int, maximum: int | None
) -> LeftOut | None:
    """Return why a further attempt is left out, or None.

    It was planned because of its state, and is left out if it has another state now.

    Args:
        action: one of ``ATTEMPT_ACTIONS``.
        state: its server state as last read.
        is_read: whether the latest reading found it.
        made: how many attempts were made for it.
        maximum: how many it gets at most; None if this run has no limit of its own.
    """
    if maximum is not None and made >= maximum:
        return LeftOut(RowState.SKIPPED, f"its attempts are spent: {made} were made, attempts.maximum is {maximum} now")
    if not is_read:
        return NOT_LISTED
    if state is None:
        return LeftOut(RowState.REFUSED, "its campaign's list shows no state for it any more")
    if prospect(action, state, 0, 1) is Prospect.AGAIN:
        return None
    plan = plan_participant(action, state)
    return LeftOut(RowState.SKIPPED, f"{plan.reason or f'it is {state} now'}, without another attempt")
