# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define what the ledger counts for ``rollout_policy``, by the rule that it gets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from .states import RowState, ServerState


class BadRule(NamedTuple):
    """The rule by which attempts count as bad for the abort threshold.

    Attributes:
        row_states: attempts that ended in one of these row states count.
        came_back: attempts that were carried out count if their participant had one of these server states afterwards.
        unanswered: attempts that were carried out count if their participant still had one of these server states after
            ``unanswered_after`` seconds.
        unanswered_after: that time, in seconds.
        earlier_came_back: whether an attempt that was carried out and followed by another one came back failed.
        has_reason: whether an attempt in one of ``row_states`` counts by the body code of its answer and its message;
            None if all do.
    """

    row_states: tuple[RowState, ...]
    came_back: tuple[ServerState, ...]
    unanswered: tuple[ServerState, ...] = ()
    unanswered_after: float = 0.0
    earlier_came_back: bool = True
    has_reason: Callable[[int | None, str | None], bool] | None = None

    def counts(self, state: str, code: int | None, message: str | None) -> bool:
        """Return whether an attempt counts by how it ended.

        Args:
            state: its row state.
            code: the body code of the answer, or None.
            message: the server's message, or else the recorded reason.
        """
        return state in self.row_states and (self.has_reason is None or self.has_reason(code, message))


@dataclass(frozen=True)
class Tally:
    """The number of executed attempts, and of bad ones among them.

    Attributes:
        executed: all that count.
        bad: the bad ones.
        came_back, unanswered: those of the bad ones that were carried out: their participants failed afterwards, or
            their SIMs have not answered.
    """

    executed: int = 0
    bad: int = 0
    came_back: int = 0
    unanswered: int = 0

    def plus(self, is_bad: bool) -> Tally:
        """Return the tally with one more executed attempt."""
        return replace(self, executed=self.executed + 1, bad=self.bad + is_bad)


class WaveCount(NamedTuple):
    """What the latest reading shows of a wave, or of a change.

    Attributes:
        sent: how many of the participants a request was sent for.
        at_goal: how many of them are in the server state that the action leads to in the end.
        as_before: how many of these were in it before the request too, and were not seen in another state since.
    """

    sent: int
    at_goal: int
    as_before: int = 0

    @property
    def percentage(self) -> float | None:
        """Return the share of those at the goal, 0 to 100; None if nothing was sent."""
        return 100 * self.at_goal / self.sent if self.sent else None


def in_tenths(percentage: float) -> float:
    """Return a share of a wave as people read it, in tenths, and never rounded up to what was wanted."""
    return math.floor(percentage * 10) / 10
