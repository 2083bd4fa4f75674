# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw when a message is built, sent and answered, and how it ends."""

from __future__ import annotations

import hashlib
import math
import random
import struct
import time
from typing import NamedTuple

from .scenario import Campaign, State

NEVER = math.inf


def state_sql(moment: str) -> str:
    """Return SQL for a participant's state at a moment.

    The participant is `p`, and the moment is of its campaign's active time.

    There is no timer: a row has the times when its message is built, sent and ended, and queries compare them with the
    campaign's clock. (9e999 is SQL for infinity: no message is ever built for the unallocated.)
    """
    return f"""CASE
 WHEN p.ended_at <= {moment} THEN p.outcome
 WHEN p.sent_at <= {moment} THEN 'waiting_por'
 WHEN p.built_at <= {moment} THEN 'pending_send'
 WHEN p.built_at = 9e999 THEN 'unallocated'
 ELSE 'pending_build' END"""


class Message(NamedTuple):
    """One message: when it is built, sent and ended, and how.

    The times are seconds of its campaign's active time.
    """

    built_at: float
    sent_at: float
    ended_at: float
    outcome: str

    def state(self, active: float) -> str:
        """Return its state at a moment, as `state_sql` computes it in the database."""
        if self.ended_at <= active:
            return self.outcome
        if self.sent_at <= active:
            return "waiting_por"
        if self.built_at <= active:
            return "pending_send"
        return "unallocated" if self.built_at == NEVER else "pending_build"


UNALLOCATED = Message(NEVER, NEVER, NEVER, "failed")


class Clock:
    """Simulated seconds since the start of the scenario, at an adjustable speed."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._passed = 0.0
        self._since = time.monotonic()

    def now(self) -> float:
        """Return the simulated seconds that have passed."""
        return self._passed + (time.monotonic() - self._since) * self._speed

    def restart(self) -> None:
        """Restart at 0.

        The real time for loading a large scenario is not part of the simulation.
        """
        self._passed, self._since = 0.0, time.monotonic()

    def advance(self, seconds: object) -> None:
        """Let simulated seconds pass at once.

        Raise ValueError for a negative or invalid number.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < NEVER:
            raise ValueError(f"advance: {seconds!r} is not valid, expected a number of seconds, 0 or more")
        self._passed += seconds

    def set_speed(self, speed: float) -> None:
        """Continue from now at another speed."""
        self._passed, self._since, self._speed = self.now(), time.monotonic(), speed


_SUBSCRIBER, _SUCCESS = -1, -2
"""Draws of a participant that are not those of one of its attempts, whose numbers begin at 1."""


class Chance:
    """Draws that depend only on the seed, the participant and the attempt, and not on the order of requests."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._key = struct.pack("<q", seed)

    def draws(self, participant_id: int, attempt: int) -> tuple[float, float, float, float]:
        """Return four numbers, each at least 0 and below 1."""
        digest = hashlib.blake2b(struct.pack("<qq", participant_id, attempt), digest_size=16, key=self._key).digest()
        first, second, third, fourth = (number / 2**32 for number in struct.unpack("<4I", digest))
        return first, second, third, fourth

    def shuffle(self, campaign_id: int, states: list[State]) -> None:
        """Distribute the states among a campaign's participants."""
        random.Random(f"{self._seed}/{campaign_id}").shuffle(states)  # noqa: S311 - nothing here is a secret

    def message(self, campaign: Campaign, participant_id: int, attempt: int, active: float, state: State) -> Message:
        """Return a message that is in `state` at the moment `active`.

        Its earlier and later steps have plausible times.
        """
        build, send, por, luck = self.draws(participant_id, attempt)
        pace = campaign.pace
        # The duration of each step. The same draw divides the step under way into past and future.
        to_build = pace.build[0] + (pace.build[1] - pace.build[0]) * build
        to_send = pace.send[0] + (pace.send[1] - pace.send[0]) * send
        to_por = pace.por[0] + (pace.por[1] - pace.por[0]) * por
        outcome = "failed" if self._fails(campaign, participant_id, attempt, luck) else "finished"
        if state == "unallocated":
            return UNALLOCATED
        if state == "pending_build":
            built_at = active + to_build
            return Message(built_at, built_at + to_send, built_at + to_send + to_por, outcome)
        if state == "pending_send":
            sent_at = active + to_send
            return Message(active - to_build * por, sent_at, sent_at + to_por, outcome)
        if state == "waiting_por":
            sent_at = active - to_send * build
            return Message(sent_at - to_send, sent_at, active + to_por, outcome)
        ended_at = active - to_por * (1 - luck) * 10  # some time ago
        sent_at = ended_at - to_por if state != "canceled" else NEVER
        return Message(ended_at - to_por - to_send, sent_at, ended_at, state)

    def _fails(self, campaign: Campaign, participant_id: int, attempt: int, luck: float) -> bool:
        if campaign.succeeds_at is None:
            return luck < campaign.failure_rate
        first, last = campaign.succeeds_at
        actions = attempt - 1  # each begins a new message after the campaign's own
        return actions < first + int((last - first + 1) * self.draws(participant_id, _SUCCESS)[0])

    def appears_at(self, campaign: Campaign, participant_id: int) -> float:
        """Return the simulated second at which a participant's subscriber appears.

        The participant is an unallocated one. 0 means that the subscriber exists.
        """
        subscriber, when, _third, _fourth = self.draws(participant_id, _SUBSCRIBER)
        if subscriber < campaign.subscriber_rate:
            return 0.0
        return campaign.appears[0] + (campaign.appears[1] - campaign.appears[0]) * when
