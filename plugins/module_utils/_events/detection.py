# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what is seen of a server and of a ledger with what was seen before, and find what has changed.

These functions know neither time nor files: they change the memory that they are given, which is a JSON object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.identifiers import LONG_NUMBER
from .._core.states import COUNTED_STATES, ENDED_STATUSES, CampaignState, ChangeStatus, RowState, plain
from .._core.watching import BAD, watched

Memory = dict[str, Any]
Event = tuple[str, dict[str, Any]]
"""The kind of an event, and what it says of its subject."""

NOT_OPERATIONAL, UNREACHABLE = "not_operational", "unreachable"
"""The reasons of ``node_down``."""

_CHANGE_KINDS = {
    ChangeStatus.HELD: "change_held",
    ChangeStatus.ABORTED: "change_aborted",
    ChangeStatus.STOPPED: "change_stopped",
    ChangeStatus.WAITING: "change_waiting",
    ChangeStatus.APPLIED: "change_finished",
    ChangeStatus.VERIFIED: "change_finished",
}
_COUNT_KINDS = {"unknown": "change_unknowns", "exhausted": "change_exhausted"}
"""The kinds for participants that a change has for the first time, by their name in the memory."""
_SAID_OF_A_CHANGE = ("change_id", "action", "api_url", "node", "status", "selected", "counts", "exhausted", "next_due")


@dataclass(frozen=True)
class Limits:
    """The limits beyond which something is an event.

    Attributes:
        max_failed_percentage: the percentage of ended participants that may have failed; None for any.
        minimum: the number of ended participants from which that is judged.
        stalled_after: seconds without progress, after which a running campaign has stalled.
        unreachable_after: failed readings in a row, after which a node counts as not reachable.
    """

    max_failed_percentage: float | None
    minimum: int
    stalled_after: float
    unreachable_after: int


def server_events(
    memory: Memory,
    campaigns: Sequence[Mapping[str, Any]] | None,
    node: Mapping[str, Any] | None,
    limits: Limits,
    now: float,
    only: Collection[int] = (),
) -> Iterator[Event]:
    """Yield the events of a server that was read, and remember what was seen.

    A campaign that the server does not list at the moment is remembered: when it comes back, it is not a new one.

    Args:
        memory: what is remembered of the server.
        campaigns: as ``yateota_campaign_info`` returns them; None if they are not watched.
        node: its status as ``yateota_stats_info`` returns it; empty if it reports none, None if it was not read.
        limits: the limits.
        now: Unix seconds.
        only: the ids of the campaigns that are watched; all if it is empty.
    """
    if node is not None:
        memory["failed_looks"] = 0
        is_down = node.get("operational") is False
        yield from _node_events(memory, NOT_OPERATIONAL if is_down else None, str(node.get("state") or ""))
    if campaigns is None:
        return
    is_first, watched_before = "campaigns" not in memory, memory.get("watched", [])
    memory["watched"] = sorted(only)
    known: Memory = memory.setdefault("campaigns", {})
    for campaign in campaigns:
        campaign_id = campaign["campaign_id"]
        if campaign_id is None:
            continue
        # One that was not watched until now has not changed since.
        is_new = not is_first and (not watched_before or campaign_id in watched_before)
        key = str(campaign_id)
        is_reported = key in known or is_new
        yield from _campaign_events(known.setdefault(key, _new(campaign, now)), campaign, limits, now, is_reported)


def unreachable_events(memory: Memory, why: str, limits: Limits) -> Iterator[Event]:
    """Yield the events of a server that could not be read, and remember this."""
    memory["failed_looks"] = memory.get("failed_looks", 0) + 1
    if memory["failed_looks"] >= limits.unreachable_after:
        yield from _node_events(memory, UNREACHABLE, why)


def change_events(memory: Memory, changes: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield the events of a ledger, and remember what was seen.

    A change that is not listed is remembered, as when the folder of the ledger is away for a moment.

    Args:
        memory: what is remembered of the ledger.
        changes: as ``_ledger.listing.changes_of`` lists them.
    """
    is_first = "changes" not in memory
    remembered: Memory = memory.setdefault("changes", {})
    for change in changes:
        key = f"{change['change_id']} {change['api_url']} {change['node']}"
        known, status = remembered.get(key), plain(change["status"])
        mine = {"status": status, "held": (change["held"] or {}).get("since")}
        mine |= {"unknown": change["counts"][RowState.UNKNOWN], "exhausted": change["exhausted"]}
        remembered[key] = mine
        was = known["status"] if known else None
        # One that was released and held again since the last look has another hold.
        is_held_again = known is not None and status == ChangeStatus.HELD and mine["held"] != known["held"]
        if (was != status or is_held_again) and (known or not is_first):
            ended = was in ENDED_STATUSES and status in ENDED_STATUSES
            kind = "change_status_changed" if ended else _CHANGE_KINDS.get(status, "change_status_changed")
            yield kind, {"change": _said(change), "before": {"status": was}}
        is_reported = known is not None or not is_first or status not in (*ENDED_STATUSES, ChangeStatus.PURGED)
        for count, kind in _COUNT_KINDS.items():
            if mine[count] and not (known and known[count]) and is_reported:
                yield kind, {"change": _said(change)}


def _node_events(memory: Memory, reason: str | None, detail: str) -> Iterator[Event]:
    was = memory.get("down")
    memory["down"] = reason
    detail = _masked(detail)  # the server's own words
    if reason != was:
        state = {"reason": reason, "detail": detail} if reason else {"reason": was, "detail": detail}
        yield "node_down" if reason else "node_up", {"status": state}


def _new(campaign: Mapping[str, Any], now: float) -> Memory:
    return {
        "state": None,
        "ended": False,
        "counts": _counts(campaign),
        "since": now,
        "failing": False,
        "stalled": False,
    }


def _campaign_events(
    mine: Memory, campaign: Mapping[str, Any], limits: Limits, now: float, is_reported: bool
) -> Iterator[Event]:
    """Yield the events of one campaign. A first reading shows only what is so, and not what has changed."""
    state, was = campaign["state"], mine["state"]
    has_ended = state == CampaignState.FINISHED or (state is None and campaign["progress"] == 100)
    runs = not has_ended and state in (None, CampaignState.STARTED)
    verdict = watched(campaign, limits.max_failed_percentage, limits.minimum)
    said = {"campaign": _account(campaign, verdict["failed_percentage"])}
    if has_ended and not mine["ended"]:
        if is_reported:
            yield "campaign_finished", {**said, "before": {"state": was}}
    elif state != was and is_reported:
        yield "campaign_state_changed", {**said, "before": {"state": was}}
    if _counts(campaign) != mine["counts"] or state != was:
        mine.update(counts=_counts(campaign), since=now, stalled=False)
    mine.update(state=state, ended=has_ended)
    is_bad = verdict["verdict"] == BAD
    if runs and is_bad and not mine["failing"]:
        yield "campaign_failing", said
    mine["failing"] = is_bad and (runs or mine["failing"])
    counted = verdict["failed_percentage"] is not None
    if runs and counted and not mine["stalled"] and now - mine["since"] >= limits.stalled_after:
        mine["stalled"] = True
        yield "campaign_stalled", {**said, "seconds": round(now - mine["since"])}


def _counts(campaign: Mapping[str, Any]) -> list[Any]:
    return [campaign["participants"], *(campaign[state] for state in COUNTED_STATES)]


def _account(campaign: Mapping[str, Any], failed_percentage: float | None) -> dict[str, Any]:
    names = ("campaign_id", "state", "participants", *COUNTED_STATES, "progress")
    name = _masked(campaign["name"] or "")
    return {**plain({each: campaign[each] for each in names}), "name": name, "failed_percentage": failed_percentage}


def _said(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says of a change: neither the names of people nor identifiers."""
    said: dict[str, Any] = plain({name: change[name] for name in _SAID_OF_A_CHANGE})
    for name in ("held", "stopped"):
        halt = change[name]
        said[name] = halt and {"since": halt["since"], "reason": _masked(halt["reason"])}
    return said


def _masked(text: str) -> str:
    """Return a free text without the numbers that may identify a subscriber, which no event must."""
    return LONG_NUMBER.sub("*", text)
