# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handle each request of the API as the OTA node does."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .actions import RefusedError, act_on_campaign, act_on_participants, check_identification
from .late import LateReruns
from .options import Options
from .parameters import Params, given, page, required, text, whole_number
from .records import CampaignRow, Participant
from .store import Store

NAME = "ota"
VERSION = "6.4.0-1"

Answer = dict[str, Any]

FILTER_STATES = ("pending_build", "pending_send", "failed", "finished")
COUNTED_STATES = ("finished", "pending_build", "pending_send", "failed", "canceled")
IDENTIFIERS = ("participant_id", "iccid", "imsi", "msisdn")
CAMPAIGN_KEYS = ("id", "campaign_id", "campaign", "state", "msisdn")


class Node:
    """A node that answers the requests of the API from the store.

    Args:
        store: the data.
        options: how answers are written; may be replaced while the server runs.
    """

    def __init__(self, store: Store, options: Options) -> None:
        self.store = store
        self.options = options
        self._born = time.monotonic()
        self._requests = 0
        self._late = LateReruns(store)

    def answer(self, name: object, params: Params) -> Answer:
        """Carry a request out and return its answer, without `code`.

        Raises:
            RefusedError: with the body code and message of the answer.
        """
        self._requests += 1
        self._late.begin_due()
        request = REQUESTS.get(name) if isinstance(name, str) else None
        if request is None or (name == "get_campaign" and not self.options.get_campaign):
            raise RefusedError(401, f"Unknown request '{name}'")
        if request.write and self.options.refuse_writes:
            raise RefusedError(403, f"Request '{name}' is refused: this server takes no writes")
        return request.handler(self, params)

    def as_written(self, value: int) -> int | str:
        """Return an id or count as this server writes them."""
        return str(value) if self.options.ids == "string" else value

    # Campaigns

    def query_campaigns(self, params: Params) -> Answer:
        """Return one campaign by id, a page of them, or all."""
        full = self.options.campaigns == "full"
        if given(params, "campaign_id"):
            return {"campaign": [self._campaign_item(self._campaign(params), full=full)]}
        limit, offset = page(params)
        return {"campaigns": [self._campaign_item(row, full=full) for row in self.store.campaigns(limit, offset)]}

    def get_campaign(self, params: Params) -> Answer:
        """Return the number of campaigns, a page of them, or those that match one key."""
        keys = [name for name in CAMPAIGN_KEYS if given(params, name)]
        if len(keys) > 1:
            raise RefusedError(401, f"Invalid value for parameter '{keys[1]}': it is given besides '{keys[0]}'")
        if given(params, "campaign_id") or given(params, "id"):
            name = "campaign_id" if given(params, "campaign_id") else "id"
            return {"campaign": [self._campaign_item(self._campaign(params, name), start=True)]}
        if given(params, "msisdn") and self.options.get_campaign_msisdn != "campaigns":
            return {"campaigns": self._states_of(text(params, "msisdn"))}
        rows = self.store.campaigns()
        by_name, by_state, by_msisdn = (given(params, name) for name in ("campaign", "state", "msisdn"))
        if by_name:
            rows = [row for row in rows if row.name == str(params["campaign"])]
        if by_state:
            rows = [row for row in rows if row.state == params["state"]]
        if by_msisdn:
            of_number = {p.campaign_id for p in self.store.participants({"msisdn": text(params, "msisdn")})}
            rows = [row for row in rows if row.campaign_id in of_number]
        if by_name and not rows:
            raise RefusedError(404, f"Campaign '{params['campaign']}' not found")
        if not (by_name or by_state or by_msisdn or given(params, "limit") or given(params, "offset")):
            return {"count": self.as_written(len(rows))}
        limit, offset = page(params)
        end = None if limit < 0 else offset + limit
        items = [self._campaign_item(row, start=True) for row in rows[offset:end]]
        return {"campaign" if by_name else "campaigns": items}

    def _states_of(self, msisdn: str) -> list[Answer]:
        """Return a number's campaigns with participants' states [A], or their own."""
        key = self.options.participant_state
        items = []
        for participant in self.store.participants({"msisdn": msisdn}):
            row = self._campaign({"campaign_id": participant.campaign_id})
            state = row.state if self.options.get_campaign_msisdn == "bare" else participant.state
            item: Answer = {"campaign_id": self.as_written(row.campaign_id), "campaign": row.name}
            items.append(item if key == "none" else item | {key: state})
        return items

    def action_campaign(self, params: Params) -> Answer:
        """Stop, pause or restart a campaign."""
        action = required(params, "action")
        act_on_campaign(self.store, self._campaign(params), str(action))
        return {}

    def _campaign(self, params: Params, name: str = "campaign_id") -> CampaignRow:
        campaign_id = whole_number(params, name)
        row = self.store.campaign(campaign_id)
        if row is None:
            raise RefusedError(404, f"Campaign {campaign_id} not found")
        return row

    def _campaign_item(self, row: CampaignRow, *, full: bool = True, start: bool = False) -> Answer:
        counts = self.store.counts(row)
        item: Answer = {"campaign_id": self.as_written(row.campaign_id)} if full else {}
        item |= {"campaign": row.name, "type": row.type}
        if start:
            item["start_time"] = self._time(-self.store.scenario_campaigns[row.campaign_id].started_before)
        if full:
            item["state"] = row.state
        item["participants"] = self.as_written(self.store.size(row))
        for state in COUNTED_STATES:
            hidden = counts["unallocated"] if state == self.options.unallocated_count else 0
            item[state] = self.as_written(counts[state] + hidden)
        return item

    # Participants

    def query_participants(self, params: Params) -> Answer:
        """Return the number or a page of a campaign's participants, in one state or all."""
        campaign = self._campaign(params)
        state = params.get("state") or None
        if state is not None and state not in FILTER_STATES:
            raise RefusedError(401, f"Invalid value '{state}' for parameter 'state'")
        if not (given(params, "limit") or given(params, "offset")):
            # With a state and no limit the count is that of the state [A].
            count = self.store.counts(campaign)[state] if state else self.store.size(campaign)
            return {"count": self.as_written(count)}
        limit, offset = page(params)
        rows = self.store.page(campaign, limit, offset, state)
        state_key = self.options.participant_state
        items: list[dict[str, Any]]
        if self.options.ids == "string":
            items = [
                {
                    "participant_id": str(participant_id),
                    "campaign_id": str(campaign_id),
                    "imsi": imsi,
                    "iccid": iccid,
                    "msisdn": msisdn,
                    state_key: state,
                }
                for participant_id, campaign_id, imsi, iccid, msisdn, state in rows
            ]
        else:
            keys = ("participant_id", "campaign_id", "imsi", "iccid", "msisdn", state_key)
            items = [dict(zip(keys, row, strict=True)) for row in rows]
        if state_key == "none":
            for item in items:
                del item[state_key]
        return {"participants": items}

    def action_participant(self, params: Params) -> Answer:
        """Cancel, hurry, retry, retry_build or rerun the participants that match."""
        action = required(params, "action")
        identifiers = self._identifiers(params, IDENTIFIERS)
        if given(params, "campaign_id"):
            identifiers["campaign_id"] = whole_number(params, "campaign_id")
        if self.options.strict_identification:
            check_identification(str(action), identifiers)
        if action == "rerun" and self.options.rerun_delay:
            self._late.accept(identifiers, self.options.rerun_delay)
        else:
            act_on_participants(self.store, identifiers, str(action))
        return {}

    def trace(self, params: Params) -> Answer:
        """Return the history of a participant of a campaign, the oldest event first."""
        campaign_id = whole_number(params, "campaign_id")
        identifiers = self._identifiers(params, ("participant_id", "msisdn", "imsi"))
        found = self.store.participants(identifiers | {"campaign_id": campaign_id})
        if not found:
            raise RefusedError(404, f"Participant not found in campaign {campaign_id}")
        return {"trace": [event for participant in found for event in self._events(participant)]}

    def _identifiers(self, params: Params, names: tuple[str, ...]) -> dict[str, str | int]:
        named = [name for name in names if given(params, name)]
        if not named:
            raise RefusedError(402, f"Missing parameter: one of {', '.join(repr(name) for name in names)}")
        return {name: whole_number(params, name) if name == "participant_id" else text(params, name) for name in named}

    def _events(self, participant: Participant) -> list[Answer]:
        initial, counted = self.store.sends(participant.sim_id)
        counters = {(who, attempt): initial + n for n, (_moment, who, attempt) in enumerate(counted, start=1)}
        about = {
            "participant_id": self.as_written(participant.participant_id),
            "imsi": participant.imsi,
            "msisdn": participant.msisdn,
        }
        events: list[tuple[float, Answer]] = []
        for attempt in self.store.attempts(participant):
            if attempt.built is not None:
                events.append((attempt.built, {"event": "build", "state": "pending_send", "cause": attempt.cause}))
            if attempt.sent is not None:
                event: Answer = {"event": "send", "state": "waiting_por"}
                counter = counters.get((participant.participant_id, attempt.attempt))
                if counter is not None:
                    event["ota_counter"] = self.as_written(counter)
                events.append((attempt.sent, event))
            if attempt.ended is not None:
                name = "cancel" if attempt.outcome == "canceled" else "por"
                events.append((attempt.ended, {"event": name, "state": attempt.outcome}))
        return [{"time": self._time(moment), **about, **event} for moment, event in events]

    def _time(self, simulated: float) -> str:
        moment = self.store.scenario.begins + datetime.timedelta(seconds=simulated)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    # The node itself

    def query_stats(self, params: Params) -> Answer:
        """Return statistics of the engine, its uptime, and the OTA component."""
        wall = int(time.monotonic() - self._born)
        campaigns = self.store.campaigns()
        return {
            "stats": {
                "engine": {
                    "version": "6.4.1",
                    "revision": 6650,
                    "nodename": "yateota-sandbox",
                    "plugins": 42,
                    "threads": 24,
                    "congestion": 0,
                    "node_version": VERSION,
                },
                "uptime": {"wall": wall, "user": int(time.process_time()), "kernel": 0},
                "ota": {
                    "campaigns": self.as_written(len(campaigns)),
                    "started": self.as_written(sum(campaign.state == "started" for campaign in campaigns)),
                    "participants": self.as_written(sum(self.store.size(campaign) for campaign in campaigns)),
                    "requests": self._requests,
                },
            }
        }

    def get_node_status(self, params: Params) -> Answer:
        """Return whether the node works."""
        status = {"operational": True, "level": "NOTE", "state": "Full service", "service": NAME}
        return {"status": status, "version": VERSION}

    def get_api_version(self, params: Params) -> Answer:
        """Return the version of the API [A]."""
        return {"api_version": "1.0"}

    def get_node_type(self, params: Params) -> Answer:
        """Return the type of the node [A]."""
        return {"node_type": NAME}

    # For the admin path

    def truth(self, participant_id: int) -> Answer:
        """Return a participant's real data, which no single request of the API returns.

        Raises:
            LookupError: no such participant.
        """
        found = self.store.participants({"participant_id": participant_id})
        if not found:
            raise LookupError(f"participant {participant_id}: there is none")
        participant = found[0]
        initial, counted = self.store.sends(participant.sim_id)
        sends = [attempt for attempt in self.store.attempts(participant) if attempt.sent is not None]
        return {
            "participant_id": participant.participant_id,
            "campaign_id": participant.campaign_id,
            "imsi": participant.imsi,
            "iccid": participant.iccid,
            "msisdn": participant.msisdn,
            "state": participant.state,
            "ota_counter": initial + len(counted),
            "sends": len(sends),
            "reruns": participant.reruns,
        }


class Request(NamedTuple):
    """A request of the API: its handler, and whether it changes anything."""

    handler: Callable[[Node, Params], Answer]
    write: bool = False


REQUESTS: dict[str, Request] = {
    "query_campaigns": Request(Node.query_campaigns),
    "get_campaign": Request(Node.get_campaign),
    "action_campaign": Request(Node.action_campaign, write=True),
    "query_participants": Request(Node.query_participants),
    "action_participant": Request(Node.action_participant, write=True),
    "trace": Request(Node.trace),
    "query_stats": Request(Node.query_stats),
    "get_node_status": Request(Node.get_node_status),
    "get_api_version": Request(Node.get_api_version),
    "get_node_type": Request(Node.get_node_type),
}
