# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store SIMs, campaigns and participants in SQLite.

Only the server's thread uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .records import PARTICIPANT_SQL, Attempt, CampaignRow, Participant, participant_of
from .scenario import Campaign, Scenario, sim_rows
from .schema import create, create_indexes
from .tally import Tally
from .timeline import Chance, Clock, Message, state_sql

ENDS = ("finished", "failed", "canceled")  # the states that a message ends in


class Store:
    """SIMs, campaigns and participants.

    Args:
        path: SQLite file, overwritten, or ":memory:".
        scenario: what there is at the start.
        chance: draws what the scenario leaves open.
        clock: gives the simulated time.

    Raises:
        ValueError: `path` is a file that no sandbox wrote, or cannot be written.
    """

    def __init__(self, path: str, scenario: Scenario, chance: Chance, clock: Clock) -> None:
        self._clock = clock
        self.chance = chance
        self.scenario = scenario
        self.scenario_campaigns = {campaign.campaign_id: campaign for campaign in scenario.campaigns}
        self._db = create(path)
        self._load()
        self._tallies = {
            campaign.campaign_id: Tally(self._db, campaign.campaign_id, campaign.first_participant)
            for campaign in scenario.campaigns
        }

    def now(self) -> float:
        """Return the simulated time, in seconds since the start."""
        return self._clock.now()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _load(self) -> None:
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO sims VALUES (?, ?, ?, ?, 1, ?)", sim_rows(self.scenario))
        for campaign in self.scenario.campaigns:
            self._db.execute(
                "INSERT INTO campaigns VALUES (?, ?, ?, ?, 0, 0)",
                (campaign.campaign_id, campaign.name, campaign.type, campaign.state),
            )
            self._db.execute("INSERT INTO periods VALUES (?, 0, 0)", (campaign.campaign_id,))
            self._db.executemany(
                "INSERT INTO participants VALUES (?, ?, ?, ?, ?, ?, ?, 1, 'campaign', 0, 1, ?)",
                self._initial_rows(campaign),
            )
        self._db.execute("COMMIT")
        create_indexes(self._db)
        for move in self.scenario.moved:
            self._db.execute("UPDATE sims SET current = 0 WHERE msisdn = ?", (move.msisdn,))
            self._db.execute("UPDATE sims SET msisdn = ?, current = 1 WHERE imsi = ?", (move.msisdn, move.imsi))
        self._db.execute("PRAGMA journal_mode=MEMORY")

    def _initial_rows(self, campaign: Campaign) -> Iterator[tuple[object, ...]]:
        remaining = dict(campaign.initial)
        for state in campaign.participants.values():
            remaining[state] -= 1
        states = [state for state, number in remaining.items() for _turn in range(number)]
        self.chance.shuffle(campaign.campaign_id, states)
        message, appears_at = self.chance.message, self.chance.appears_at
        sim_id = campaign.first_sim
        for participant_id in campaign.participant_ids:
            fixed = campaign.participants.get(participant_id)
            state = fixed or states.pop()
            appears = appears_at(campaign, participant_id) if state == "unallocated" else 0.0
            drawn = message(campaign, participant_id, 1, 0.0, state)
            yield (participant_id, campaign.campaign_id, sim_id, *drawn, appears)
            sim_id += 1

    # Campaigns

    def campaigns(self, limit: int = -1, offset: int = 0) -> list[CampaignRow]:
        """Return campaigns by id; a limit of -1 means no limit."""
        return self._campaigns("ORDER BY campaign_id LIMIT ? OFFSET ?", (limit, offset))

    def campaign(self, campaign_id: int) -> CampaignRow | None:
        """Return one campaign, or None."""
        rows = self._campaigns("WHERE campaign_id = ?", (campaign_id,))
        return rows[0] if rows else None

    def _campaigns(self, clause: str, parameters: tuple[int, ...]) -> list[CampaignRow]:
        now = self._clock.now()
        found = []
        select = f"SELECT campaign_id, name, type, state, active, since FROM campaigns {clause}"  # noqa: S608 - constants
        for campaign_id, name, kind, state, active, since in self._db.execute(select, parameters):
            if state == "started":
                active += now - since
            tally = self._tallies[campaign_id]  # this reading brings it up to now, for ``counts`` and ``page``
            tally.advance(active)
            finished = sum(tally.total[state] for state in ENDS) == self.scenario_campaigns[campaign_id].size
            found.append(CampaignRow(campaign_id, name, kind, state, active, finished))
        return found

    def set_state(self, campaign: CampaignRow, state: str) -> None:
        """Record a campaign's state.

        From now on its own time runs (started) or does not run (paused, stopped).
        """
        now = self._clock.now()
        self._db.execute(
            "UPDATE campaigns SET state = ?, active = ?, since = ? WHERE campaign_id = ?",
            (state, campaign.active, now, campaign.campaign_id),
        )
        if state == "started":
            self._db.execute("INSERT INTO periods VALUES (?, ?, ?)", (campaign.campaign_id, campaign.active, now))

    def counts(self, campaign: CampaignRow) -> Mapping[str, int]:
        """Return the number of participants in each state when the campaign was read."""
        return self._tallies[campaign.campaign_id].total

    def size(self, campaign: CampaignRow) -> int:
        """Return the number of its participants."""
        return self.scenario_campaigns[campaign.campaign_id].size

    def page(
        self, campaign: CampaignRow, limit: int, offset: int, state: str | None
    ) -> list[tuple[int, int, str, str, str, str]]:
        """Return rows by id; a limit of -1 means no limit.

        A row has participant_id, campaign_id, imsi, iccid, msisdn and state.
        """
        ids = self.scenario_campaigns[campaign.campaign_id].participant_ids
        if state is None:
            # Ids have no gaps, so that an offset is an id: the last page is as fast as the first.
            first, offset, condition = ids.start + offset, 0, ""
        else:
            first, offset = self._tallies[campaign.campaign_id].skip(state, offset)
            condition = f" AND {state_sql(':active')} = :state"
        return self._db.execute(
            "SELECT p.participant_id, p.campaign_id, s.imsi, s.iccid, s.msisdn, q.state FROM"  # noqa: S608 - made of constants
            f" (SELECT p.participant_id, {state_sql(':active')} AS state FROM participants p WHERE p.participant_id"
            f" BETWEEN :first AND :last{condition} ORDER BY p.participant_id LIMIT :limit OFFSET :offset) q"
            " JOIN participants p USING (participant_id) JOIN sims s USING (sim_id) ORDER BY p.participant_id",
            {
                "first": first,
                "last": ids.stop - 1,
                "active": campaign.active,
                "state": state,
                "limit": limit,
                "offset": offset,
            },
        ).fetchall()

    # Participants

    def participants(self, identifiers: dict[str, str | int]) -> list[Participant]:
        """Return participants that match all given identifiers."""
        clauses = [
            f"{'p' if name in ('participant_id', 'campaign_id') else 's'}.{name} = :{name}" for name in identifiers
        ]
        rows = self._db.execute(
            f"{PARTICIPANT_SQL} WHERE {' AND '.join(clauses)} ORDER BY p.participant_id",
            identifiers | {"now": self._clock.now()},
        )
        return [participant_of(row) for row in rows]

    def rewrite(self, participant: Participant, message: Message) -> None:
        """Change the course of a participant's message under way."""
        self._db.execute(
            "UPDATE participants SET built_at = ?, sent_at = ?, ended_at = ?, outcome = ? WHERE participant_id = ?",
            (*message, participant.participant_id),
        )
        self._tallies[participant.campaign_id].replace(participant.participant_id, participant.message, message)

    def begin(self, participant: Participant, message: Message, cause: str) -> None:
        """Replace a participant's message by a new one.

        The old one stays in its history.
        """
        past = self._in_simulated_time(participant)
        if past.built is not None or past.ended is not None:
            self._db.execute(
                "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    participant.participant_id,
                    past.attempt,
                    past.cause,
                    past.built,
                    past.sent,
                    past.ended,
                    past.outcome,
                ),
            )
        self._db.execute(
            "UPDATE participants SET built_at = ?, sent_at = ?, ended_at = ?, outcome = ?, attempt = attempt + 1,"
            " cause = ?, reruns = reruns + ? WHERE participant_id = ?",
            (*message, cause, cause == "rerun", participant.participant_id),
        )
        self._tallies[participant.campaign_id].replace(participant.participant_id, participant.message, message)

    def reset_counter(self, sim_id: int) -> None:
        """Reset a SIM's OTA counter to its initial value.

        Earlier messages do not count from then on.
        """
        for participant in self._of_sim(sim_id):
            sent = participant.message.sent_at <= participant.active
            self._db.execute(
                "UPDATE participants SET counted_from = attempt + ? WHERE participant_id = ?",
                (sent, participant.participant_id),
            )

    def attempts(self, participant: Participant) -> list[Attempt]:
        """Return every message of a participant, the oldest first."""
        past = [
            Attempt(*row)
            for row in self._db.execute(
                "SELECT attempt, cause, built, sent, ended, outcome FROM attempts WHERE participant_id = ?"
                " ORDER BY attempt",
                (participant.participant_id,),
            )
        ]
        return [*past, self._in_simulated_time(participant)]

    def sends(self, sim_id: int) -> tuple[int, list[tuple[float, int, int]]]:
        """Return a SIM's initial OTA counter, and the counted messages.

        A message is (time, participant_id, attempt).
        """
        (initial,) = self._db.execute("SELECT ota_counter FROM sims WHERE sim_id = ?", (sim_id,)).fetchone()
        counted = [
            (attempt.sent, participant.participant_id, attempt.attempt)
            for participant in self._of_sim(sim_id)
            for attempt in self.attempts(participant)
            if attempt.sent is not None and attempt.attempt >= participant.counted_from
        ]
        return initial, sorted(counted)

    def _of_sim(self, sim_id: int) -> Iterable[Participant]:
        rows = self._db.execute(f"{PARTICIPANT_SQL} WHERE p.sim_id = :sim", {"sim": sim_id, "now": self._clock.now()})
        return [participant_of(row) for row in rows]

    def _in_simulated_time(self, participant: Participant) -> Attempt:
        built, sent, ended = (
            self._simulated(participant.campaign_id, moment) if moment <= participant.active else None
            for moment in participant.message[:3]
        )
        return Attempt(participant.attempt, participant.cause, built, sent, ended, participant.message.outcome)

    def _simulated(self, campaign_id: int, active: float) -> float:
        """Return the simulated time at which a campaign's own time was `active`."""
        row = self._db.execute(
            "SELECT active, time FROM periods WHERE campaign_id = ? AND active < ?"
            " ORDER BY active DESC, time DESC LIMIT 1",
            (campaign_id, active),
        ).fetchone()
        return float(active - row[0] + row[1]) if row else active
