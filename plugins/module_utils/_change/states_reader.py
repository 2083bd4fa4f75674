# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the server states of a change's participants in the fewest pages."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from .._api.reader import PAGE_SIZE, Reader
from .._core.entries import Numbered
from .._core.errors import BadAnswerError, TransportError
from .._core.identification import NAMINGS, PARTICIPANT
from .._core.policy import RANK_OF_OTHERS, are_gone, goal_of, ranks
from .._core.states import FILTER_STATES, REMAINING_STATES, UNSETTLED_STATES, RowState
from .._ledger.change import Change
from .._ledger.look_up import LookUp
from .._ledger.readings import Readings

_CLOCK_SLACK = 1.0  # seconds by which a clock may differ from the one that a moment was recorded by
_MOST_NUMBERS = 20  # more participants of unknown outcome are read by lists


def _allow(_change: Change) -> None:
    """Let a reading continue."""


class StateReader:
    """A reader of server states into the ledger.

    The API has no look-up of one participant, and filters only by four states [S].

    Args:
        change: the change whose participants are read.
        reader: reads the server's lists.
        stopped: set by the caller to stop.
        check: called for each request; raises to end the reading.

    Attributes:
        pages: how many requests have read participants so far: pages, and look-ups by number.
    """

    def __init__(
        self,
        change: Change,
        reader: Reader,
        stopped: threading.Event,
        check: Callable[[Change], None] = _allow,
    ) -> None:
        self._change = change
        self._readings = Readings(change)
        self._reader = reader
        self._stopped = stopped
        self._check = check
        self._finds_all = False
        self._short: dict[int, str] = {}
        self._short_since: float | None = None
        self.pages = 0

    def note_request(self) -> None:
        """Count a request for participants; raise if the reading must end.

        A signal or ``check`` ends it.

        Raises:
            TransportError: it is stopped.
        """
        self.pages += 1
        if self._stopped.is_set():
            raise TransportError(
                "The task was stopped by a signal while it read from the server: run it again to continue."
            )
        self._check(self._change)

    def _kinds(self) -> list[list[str]]:
        """List the identifiers that name the change's participants, as given together."""
        return [each.split("/") for each in self._change.record().selection["identified_by"]]

    def look_up(self) -> None:
        """Find the identity and the state of the planned participants.

        Their campaigns are read.

        Raises:
            YateotaError: as ``Reader.participants``, and as the ledger.
        """
        action = self._change.record().action
        ranking = None if NAMINGS[action].unit == PARTICIPANT else (ranks(action), RANK_OF_OTHERS)
        found = LookUp(self._change, self._kinds(), ranking)
        for campaign_id in self._readings.campaigns_of(UNSETTLED_STATES):
            for page in self._reader.participants(campaign_id):
                self.note_request()
                found.record(page)

    def read(self, include_done: bool = False, in_any_state: bool = False) -> int:
        """Read the states of all participants that are not settled.

        With ``include_done``, those that were acted on are read too. Of these, some in states without a list of their
        own are not found, unless they are to be found ``in_any_state``.

        Returns:
            The reading's number.

        Raises:
            YateotaError: as ``Reader.participants``, and as the ledger.
        """
        self._finds_all = in_any_state
        wanted = (*UNSETTLED_STATES, RowState.DONE) if include_done else UNSETTLED_STATES
        moment = self._change.clock.moment()
        reading = self._readings.begin()
        self._short, self._short_since = {}, None
        for campaign_id in self._readings.campaigns_of(wanted):
            self._read_campaign(campaign_id, wanted, reading)
        if self._short:  # a later run must not take those that are missing for gone: it reads again
            self._short_since = moment
        else:
            self._change.update(read_at=moment)
        return reading

    @property
    def short_campaigns(self) -> list[int]:
        """Return the campaigns whose lists, as last read, lack planned participants that may nevertheless be there."""
        return list(self._short)

    def check_whole(self) -> None:
        """Check that no list, as last read, lacks planned participants that may nevertheless be there.

        Raises:
            BadAnswerError: one does.
        """
        if self._short:
            first, *others = self._short.values()
            more = f" The same is true of {len(others)} more of its campaigns." if others else ""
            raise BadAnswerError(f"{first}{more}", request="query_participants")

    def read_unknown(self) -> None:
        """Read the states of unknown outcomes, if nothing remains to be sent.

        If all numbers are known and the server answers, one request for each number [V] takes the place of the lists.
        ``check`` does not end it: a hold or a stop concerns only what is still to be sent.

        Raises:
            YateotaError: as ``Reader.participants``, ``Reader.states_of_number``, and as the ledger.
        """
        check, self._check = self._check, _allow
        try:
            self._read_unknown()
        finally:
            self._check = check

    def _read_unknown(self) -> None:
        unknown = self._readings.numbered(RowState.UNKNOWN, _MOST_NUMBERS + 1)
        found = self._by_number(unknown) if len(unknown) <= _MOST_NUMBERS else None
        if found is None:
            self.read()
            return
        # The change's read_at stays empty: a wave needs a reading of all, and this is not one.
        self._readings.record(found, self._kinds(), self._readings.begin())

    def _by_number(self, unknown: Sequence[Numbered]) -> list[Numbered] | None:
        """Return the participants with their states by number.

        None means that a state cannot be read by number.
        """
        found = []
        for each in unknown:
            if each.campaign_id is None or each.msisdn is None:
                return None
            self.note_request()
            states = self._reader.states_of_number(each.msisdn) or {}
            if each.campaign_id not in states:
                return None
            found.append(replace(each, state=states[each.campaign_id]))
        return found

    def is_older_than(self, seconds: float) -> bool:
        """Return whether the last whole reading began longer ago than some seconds."""
        clock = self._change.clock
        read_at = self._short_since if self._short else self._change.record().read_at
        if read_at is None or clock.now() < read_at - _CLOCK_SLACK:  # the clock was set back: its age is not known
            return True
        return bool(clock.moment() - read_at > seconds)

    def _read_campaign(self, campaign_id: int, wanted: Sequence[str], reading: int) -> None:
        total = self._reader.participant_count(campaign_id)
        for state in self._cheapest_lists(campaign_id, wanted, total):
            if state is None:
                self._read_whole_list(campaign_id, reading, total)
                return
            self._read_list(campaign_id, state, reading)
            if not self._readings.unread(campaign_id, wanted, reading):
                return
        # The rest is in states without a list of their own. To find them, read the whole campaign.
        if self._readings.unread(campaign_id, self._unlisted(wanted), reading):
            self._read_whole_list(campaign_id, reading, total)

    def _read_whole_list(self, campaign_id: int, reading: int, counted: int | None) -> None:
        """Read the list of a campaign; note if it lacks planned participants that may nevertheless be there.

        Args:
            campaign_id: the campaign.
            reading: the reading's number.
            counted: how many participants the server counted before: those that a campaign receives meanwhile are no
                shortfall of its list.
        """
        held = self._read_list(campaign_id, None, reading)
        missing = self._readings.unread(campaign_id, REMAINING_STATES, reading)
        if missing and not are_gone(missing, held, counted):
            self._short[campaign_id] = (
                f"Campaign {campaign_id}: the server counts {counted} participants, its list held {held} different "
                f"ones, and lacks {missing} of the planned. These stay planned, and nothing was sent for them: run the "
                "task again when the server's list has them, or stop the change if they are gone for good."
            )

    def _unlisted(self, wanted: Sequence[str]) -> Sequence[str]:
        """Return the wanted row states whose participants may be in no filtered list.

        Only the whole campaign's list has them for certain.
        """
        goal_is_listed = not self._finds_all and goal_of(self._change.record().action) in FILTER_STATES
        return [state for state in wanted if state != RowState.DONE or not goal_is_listed]

    def _read_list(self, campaign_id: int, state: str | None, reading: int) -> int:
        """Read a list of a campaign's participants; return how many it held."""
        kinds, held = self._kinds(), 0
        for page in self._reader.participants(campaign_id, state):
            self.note_request()
            self._readings.record(page, kinds, reading)
            held += len(page)
        return held

    def _cheapest_lists(self, campaign_id: int, wanted: Sequence[str], total: int | None) -> list[str | None]:
        """Return the lists to read of a campaign of so many, the likeliest to hold the wanted states first.

        ``[None]`` is the whole campaign.
        """
        counts = None if total is None or total <= PAGE_SIZE else self._reader.state_counts(campaign_id)
        if total is None or counts is None:
            return [None]
        if not set(self._readings.last_states(campaign_id, self._unlisted(wanted))) <= set(FILTER_STATES):
            return [None]
        pages_filtered = sum(math.ceil(counts[state] / PAGE_SIZE) for state in FILTER_STATES)
        if math.ceil(total / PAGE_SIZE) <= pages_filtered:
            return [None]
        last = self._readings.last_states(campaign_id, wanted)
        return sorted(FILTER_STATES, key=lambda state: last.index(state) if state in last else len(last))
