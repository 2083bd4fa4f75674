# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read campaigns and participants in the ways that different servers support."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._core.body_codes import MISSING_PARAMETER, NOT_FOUND, UNKNOWN_VALUE
from .._core.errors import ApiError, BadAnswerError, InvalidInputError
from .._core.states import COUNTED_STATES, CampaignState, ServerState
from .answer import whole_number
from .client import Client, items
from .models import Campaign, Participant, read, read_all
from .paging import Seen

Warn = Callable[[str], None]

PAGE_SIZE = 1000
"""The default number of items to ask for at once."""

_NO_ANSWER = (UNKNOWN_VALUE, MISSING_PARAMETER, NOT_FOUND)
"""The body codes of a server that does not know ``msisdn`` as a key, or this number [F]."""

_OF_CAMPAIGN = frozenset({"participants", "start_time", "type", *COUNTED_STATES})
"""Fields that only an item of a campaign itself has [V]."""

_OF_PARTICIPANT = frozenset(map(str, ServerState)) - frozenset(map(str, CampaignState))
"""The states that only a participant has: "finished" is that of a campaign too [V]."""


class Reader:
    """A reader of one node's campaigns and participants.

    ``query_campaigns`` is the specified request [S], but neither ``campaign_id`` nor ``state`` is documented in its
    answer [V]. If they are missing, they are taken from ``get_campaign`` [V], which not every server has.

    Args:
        client: sends the requests.
        warn: takes a sentence for the user.
        concurrency: how many pages of participants may be under way at once.
    """

    def __init__(self, client: Client, warn: Warn, concurrency: int = 1) -> None:
        self._client = client
        self._concurrency = concurrency
        self._warn = warn

    def campaign(self, campaign_id: int) -> Campaign:
        """Return one campaign, with all that the server reports on it.

        Raises:
            InvalidInputError: there is no such campaign.
            YateotaError: as ``Client.call``.
        """
        params = {"campaign_id": campaign_id}
        found = _of_campaign(items(self._client.call("query_campaigns", params), "query_campaigns"), campaign_id)
        if found is None:
            raise InvalidInputError(
                f"campaign_id {campaign_id} is not on this server: check the id, the server and the node."
            )
        item = {**found, "campaign_id": campaign_id}
        if read(Campaign, item, "query_campaigns").state is None:
            # query_campaigns takes precedence: it is the specified request.
            item = {**self._details(params), **_filled(item)}
        campaign: Campaign = read(Campaign, item, "query_campaigns")
        return campaign

    def _details(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a campaign from ``get_campaign``.

        It is empty, with a warning, if the server lacks that request.
        """
        try:
            found = items(self._client.call("get_campaign", params), "get_campaign")
            return _of_campaign(found, params["campaign_id"]) or {}
        except ApiError as error:
            if error.code != UNKNOWN_VALUE:
                raise
            self._warn(
                "This server has no get_campaign, and its query_campaigns returns no state: the state is not known."
            )
            return {}

    def campaign_id(self, name: str) -> int:
        """Return the id of the one campaign of this name.

        Raises:
            InvalidInputError: no campaign or several have it, or the server returns no ids.
            YateotaError: as ``Client.call``.
        """
        campaigns = list(self.campaigns())
        if campaigns and all(campaign.campaign_id is None for campaign in campaigns):
            raise InvalidInputError(
                f"name '{name}' cannot be resolved: this server returns no campaign ids. Give campaign_id instead."
            )
        matching = [campaign.campaign_id for campaign in campaigns if campaign.name == name]
        if len(matching) == 1 and matching[0] is not None:
            return matching[0]
        if matching:
            ids = ", ".join(str(found) for found in matching)
            raise InvalidInputError(
                f"name '{name}' belongs to {len(matching)} campaigns ({ids}): give campaign_id instead."
            )
        raise InvalidInputError(f"name '{name}' is not the name of a campaign. There are: {_names(campaigns)}.")

    def campaigns(
        self, limit: int | None = None, offset: int | None = None, page_size: int = PAGE_SIZE
    ) -> Iterator[Campaign]:
        """Yield all campaigns, or only those of ``limit`` and ``offset``.

        Raises:
            YateotaError: as ``Client.call``.
        """
        listed = self._campaign_items("query_campaigns", limit, offset, page_size)
        if any(_lacks_id_or_state(item) for item in listed):
            listed = self._with_details(listed, limit, offset, page_size)
        for item in listed:
            yield read(Campaign, item, "query_campaigns")

    def _campaign_items(
        self, request: str, limit: int | None, offset: int | None, page_size: int
    ) -> list[dict[str, Any]]:
        """Return the items of campaigns from one request.

        All of them are returned if no ``limit`` is given.
        """
        if limit is not None:
            return items(self._client.call(request, {"limit": limit, "offset": offset or 0}), request)
        if request == "query_campaigns":  # without params it returns all campaigns at once [S]
            return items(self._client.call(request, {}), request)
        seen = Seen()
        try:
            return [
                item for page in self._client.read_list(request, {}, "campaign_id", page_size, seen) for item in page
            ]
        finally:
            seen.close()

    def _with_details(
        self, listed: list[dict[str, Any]], limit: int | None, offset: int | None, page_size: int
    ) -> list[dict[str, Any]]:
        """Return the campaigns of ``get_campaign``, completed by name.

        Details come from ``query_campaigns`` where a name is unique.
        """
        try:
            detailed = self._campaign_items("get_campaign", limit, offset, page_size)
        except ApiError as error:
            if error.code != UNKNOWN_VALUE:
                raise
            self._warn(
                "This server has no get_campaign, and its query_campaigns returns no ids or states: they are not known."
            )
            return listed
        by_name: dict[str | None, list[dict[str, Any]]] = {}
        for item in listed:
            by_name.setdefault(_name_of(item), []).append(item)
        unique = {name: found[0] for name, found in by_name.items() if len(found) == 1}
        return [{**item, **_filled(unique.get(_name_of(item), {}))} for item in detailed]

    def participant_count(self, campaign_id: int) -> int | None:
        """Return a campaign's number of participants; None if it is not reported.

        Raises:
            YateotaError: as ``Client.call``.
        """
        count = whole_number(self._client.call("query_participants", {"campaign_id": campaign_id}).get("count"))
        return None if count is None or count < 0 else count

    def states_of_number(self, msisdn: str) -> dict[int, str] | None:
        """Return the states of the participants with one number, by one request [V].

        Otherwise all pages of their campaigns would have to be read.

        The answer's form is not published [A], and its states may be those of the campaigns. A state is used only if no
        campaign can have it, and if the item has no field that only a campaign's own has.

        Args:
            msisdn: the phone number, as the server's lists spell it.

        Returns:
            Campaign id -> state. A campaign is left out if its state may be its own, or if the number has participants
            in different states there. None if this server does not answer the request.

        Raises:
            YateotaError: as ``Client.call``, but for a server that does not know the request or the number.
        """
        try:
            found = items(self._client.call("get_campaign", {"msisdn": msisdn}), "get_campaign")
        except BadAnswerError:
            return None
        except ApiError as error:
            if error.code not in _NO_ANSWER:
                raise
            return None
        states: dict[int, set[str]] = {}
        for item in found:
            participant: Participant = read(Participant, item, "get_campaign")
            if participant.campaign_id is None or participant.state is None or not _OF_CAMPAIGN.isdisjoint(item):
                return None
            if {"state", "status"} <= item.keys():
                return None
            states.setdefault(participant.campaign_id, set()).add(participant.state)
        single = {campaign_id: state for campaign_id, (state, *others) in states.items() if not others}
        return {campaign_id: state for campaign_id, state in single.items() if state in _OF_PARTICIPANT}

    def state_counts(self, campaign_id: int) -> dict[str, int] | None:
        """Count a campaign's participants in each of ``COUNTED_STATES``.

        Return None if there are only flags.

        Raises:
            YateotaError: as ``Client.call``.
        """
        found = items(self._client.call("query_campaigns", {"campaign_id": campaign_id}), "query_campaigns")
        campaign: Campaign = read(Campaign, _of_campaign(found, campaign_id) or {}, "query_campaigns")
        counts: dict[str, Any] = {state: getattr(campaign, state) for state in COUNTED_STATES}
        return None if any(count is None or isinstance(count, bool) for count in counts.values()) else counts

    def participants(
        self, campaign_id: int, state: str | None = None, page_size: int = PAGE_SIZE, most_pages: int | None = None
    ) -> Iterator[list[Participant]]:
        """Yield a campaign's participants, all or in one state, each once.

        They are read page by page. Participants that change state during the reading may be counted in either state;
        none that stays is lost. The user is warned if the server's count differs from what was read, or if the list
        shows no states [A]. A list of one state need not show it.

        Args:
            campaign_id: the campaign.
            state: one of ``FILTER_STATES``, or None for all.
            page_size: participants asked for at once, 2 or more.
            most_pages: how many pages are taken at most, so that none after them is asked for; None for all.

        Raises:
            YateotaError: as ``Client.call`` and ``Client.read_list``.
        """
        total = self.participant_count(campaign_id) if state is None else None
        seen = Seen()
        try:
            params = {"campaign_id": campaign_id, "state": state}
            stateless = 0
            pages = self._client.read_list(
                "query_participants", params, "participant_id", page_size, seen, total, self._concurrency, most_pages
            )
            for page in pages:
                found = _participants(page, campaign_id, state)
                stateless += sum(each.state is None for each in found)
                yield found
            self._warn_of_list(campaign_id, stateless, total, seen.count)
        finally:
            seen.close()

    def _warn_of_list(self, campaign_id: int, stateless: int, counted: int | None, read_in_all: int) -> None:
        """Warn of participants without a state, and if the server counts others."""
        if stateless:
            self._warn(
                f"Campaign {campaign_id}: the server's list shows no state for {stateless} participants. "
                "An action on them is sent whatever their state."
            )
        if counted is not None and read_in_all != counted:
            self._warn(
                f"Campaign {campaign_id}: the server counts {counted} participants, "
                f"its list held {read_in_all} different ones."
            )

    def participants_page(self, campaign_id: int, state: str | None, limit: int, offset: int) -> list[Participant]:
        """Return the participants at an offset of the list, by one request.

        Raises:
            YateotaError: as ``Client.call``.
        """
        params = {"campaign_id": campaign_id, "state": state, "limit": limit, "offset": offset}
        found = items(self._client.call("query_participants", params), "query_participants")
        return _participants(found, campaign_id, state)


def _participants(page: list[dict[str, Any]], campaign_id: int, state: str | None) -> list[Participant]:
    """Return the participants of a page of a campaign's list.

    The list may be that of one state alone [S].
    """
    found: list[Participant] = read_all(Participant, page, "query_participants")
    for participant in found:
        if participant.state is None:
            participant.state = state
        if participant.campaign_id is None:
            participant.campaign_id = campaign_id
    return found


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an item that are not blank."""
    return {key: value for key, value in item.items() if value not in (None, "")}


def _of_campaign(listed: list[dict[str, Any]], campaign_id: int) -> dict[str, Any] | None:
    """Return the campaign that was asked for from a list.

    The list may hold more. One without an id [V] is returned only if it is alone.
    """
    for item in listed:
        found: Campaign = read(Campaign, item, "query_campaigns")
        if found.campaign_id == campaign_id or (found.campaign_id is None and len(listed) == 1):
            return item
    return None


def _name_of(item: dict[str, Any]) -> str | None:
    campaign: Campaign = read(Campaign, item, "query_campaigns")
    return campaign.name


def _lacks_id_or_state(item: dict[str, Any]) -> bool:
    campaign: Campaign = read(Campaign, item, "query_campaigns")
    return campaign.campaign_id is None or campaign.state is None


def _names(campaigns: list[Campaign], most: int = 20) -> str:
    """Return the first campaigns by name and id, for an error."""
    words = [f"'{str(campaign.name)[:100]}' (campaign_id {campaign.campaign_id})" for campaign in campaigns[:most]]
    rest = [f"and {len(campaigns) - most} more"] if len(campaigns) > most else []
    return ", ".join([*words, *rest]) or "none"
