# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define campaigns, participants and messages as the store returns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .timeline import Message

PARTICIPANT_SQL = """
SELECT p.participant_id, p.campaign_id, p.sim_id, s.imsi, s.iccid, s.msisdn, s.current,
    p.built_at, p.sent_at, p.ended_at, p.outcome, p.attempt, p.cause, p.reruns, p.counted_from, p.appears_at,
    CASE c.state WHEN 'started' THEN c.active + :now - c.since ELSE c.active END
FROM participants p JOIN sims s USING (sim_id) JOIN campaigns c USING (campaign_id)"""
"""Selects the rows for `participant_of`, at the simulated time `:now`."""


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as it is now.

    `active` is its own time in seconds, which does not run while the campaign is paused or stopped.
    """

    campaign_id: int
    name: str
    type: str
    stored_state: str
    active: float
    finished: bool

    @property
    def state(self) -> str:
        """Return the set state, or finished once every participant has ended."""
        return "finished" if self.finished else self.stored_state


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant as it is now; `active` is its campaign's time."""

    participant_id: int
    campaign_id: int
    sim_id: int
    imsi: str
    iccid: str
    msisdn: str
    current: bool
    message: Message
    attempt: int
    cause: str
    reruns: int
    counted_from: int
    appears_at: float
    active: float

    @property
    def state(self) -> str:
        """Return the present state."""
        return self.message.state(self.active)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message of a participant in simulated time.

    A time is None if the step has not happened.
    """

    attempt: int
    cause: str
    built: float | None
    sent: float | None
    ended: float | None
    outcome: str


def participant_of(row: Sequence[Any]) -> Participant:
    """Make a participant from a row of `PARTICIPANT_SQL`."""
    fields: list[Any] = [*row[:6], bool(row[6]), Message(*row[7:11]), *row[11:]]
    return Participant(*fields)
