# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write nodes, campaigns and changes as metrics of Prometheus, for the textfile collector of its node exporter.

No label identifies a subscriber or a person: there are no identifiers of SIMs, and no names of requesters or approvers.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInputError
from .._core.identifiers import LONG_NUMBER
from .._core.libraries import guarded, missing
from .._core.states import COUNTED_STATES, ENDED_STATUSES, ChangeStatus, plain
from .rows import Export

Sample = tuple[str, tuple[str, ...], "float | None"]
"""A metric's name, the values of its labels in order, and its value. None is left out."""

SERVER_LABELS = ("api_url", "node")
CHANGE_LABELS = ("change_id", "action", *SERVER_LABELS)
CAMPAIGN_LABELS = ("campaign_id", "campaign", *SERVER_LABELS)
NODE_LABELS = ("server", "node")

METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "yateota_node_reachable": ("Whether the node could be reached.", NODE_LABELS),
    "yateota_node_healthy": ("Whether the node is within all its limits.", NODE_LABELS),
    "yateota_node_operational": ("Whether the node reports that it is operational.", NODE_LABELS),
    "yateota_node_statistic": ("A statistic of the node that has a limit.", (*NODE_LABELS, "statistic")),
    "yateota_campaigns": ("Number of campaigns by state.", (*SERVER_LABELS, "state")),
    "yateota_campaign_state": ("1 for the state that the campaign has.", (*CAMPAIGN_LABELS, "state")),
    "yateota_campaign_participants": (
        'Number of the campaign\'s participants by server state; state "all" is all of them.',
        (*CAMPAIGN_LABELS, "state"),
    ),
    "yateota_campaign_progress_ratio": ("Share of the participants that have ended, 0 to 1.", CAMPAIGN_LABELS),
    "yateota_changes": (
        "Number of changes in the ledger by status. One that covers several servers counts for each of them.",
        ("status",),
    ),
    "yateota_change_status": ("1 for the status that the change has.", (*CHANGE_LABELS, "status")),
    "yateota_change_participants": ("Number of the change's participants by row state.", (*CHANGE_LABELS, "state")),
    "yateota_change_exhausted": (
        "Number of those done that have had the most attempts allowed, and would get another.",
        CHANGE_LABELS,
    ),
    "yateota_change_next_attempt_timestamp_seconds": (
        "When the first of the change's next attempts is due, in Unix time.",
        CHANGE_LABELS,
    ),
    "yateota_change_rate": ("Answers per second over the last minute; 0 if no run has the change.", CHANGE_LABELS),
    "yateota_change_lease_age_seconds": ("Time since the run began that has the change's lease.", CHANGE_LABELS),
    "yateota_change_lease_remaining_seconds": (
        "Time until the lease ends if its run does not renew it. Negative if it has ended and was not given back.",
        CHANGE_LABELS,
    ),
    "yateota_change_forecast_seconds": ("Time until the change ends, as forecast.", CHANGE_LABELS),
    "yateota_change_forecast_fits": ("Whether the change fits into its window, as forecast.", CHANGE_LABELS),
}
"""The metrics, all of them gauges: help text and labels."""

_NODE = tuple(name for name in METRICS if name.startswith("yateota_node_"))
_CAMPAIGN = tuple(name for name in METRICS if name.startswith("yateota_campaign"))
_CHANGE = tuple(name for name in METRICS if name.startswith("yateota_change"))

_CLOSED = (*ENDED_STATUSES, ChangeStatus.PURGED, ChangeStatus.STOPPED)
"""The statuses of a change of which only the status is counted."""


def check_metrics(dest: str, check_mode: bool) -> None:
    """Refuse a textfile that could not be written, before there is anything to write.

    Raises:
        InvalidInputError: the library is missing, or the file cannot be written; names the fix.
    """
    if missing(["prometheus_client"]):
        raise InvalidInputError(
            "metrics_dest needs the Python library prometheus_client on the machine that runs the module: install it."
        )
    _export(dest, check_mode).discard()


def write_metrics(dest: str, text: str, check_mode: bool) -> bool:
    """Write a textfile; return whether its content is new.

    It is replaced as a whole also if its content is the same, because its time shows that it is still written.

    Raises:
        InvalidInputError: it cannot be written.
    """
    with _export(dest, check_mode) as export:
        export.file.write(text)
    return export.changed


def node_metrics(verdicts: Iterable[Mapping[str, Any]], server: str) -> str:
    """Return verdicts on a server's nodes as text.

    Raises:
        KeyError, TypeError: an entry is not a verdict of ``node_verdict``.
    """
    return _text(_NODE, _node_samples(verdicts, server))


def campaign_metrics(campaigns: Sequence[Mapping[str, Any]], api_url: str, node: str) -> str:
    """Return a node's campaigns, as ``yateota_campaign_info`` returns them, as text."""
    return _text(_CAMPAIGN, _campaign_samples(campaigns, (api_url, node)))


def change_metrics(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return a ledger's changes, as ``_ledger.listing.changes_of`` lists them, as text.

    They may have a ``forecast`` too. Those with nothing more to send are only counted, so that the number of series
    does not grow with the ledger.
    """
    return _text(_CHANGE, _change_samples(changes))


def _text(names: Iterable[str], samples: Iterable[Sample]) -> str:
    client = guarded("prometheus_client")  # loaded here, because most tasks that import this file write no metrics
    registry = client.CollectorRegistry()
    gauges = {name: client.Gauge(name, *METRICS[name], registry=registry) for name in names}
    for name, labels, value in samples:
        if value is not None:
            gauges[name].labels(*labels).set(value)
    return str(client.generate_latest(registry).decode())


def _export(dest: str, check_mode: bool) -> Export:
    return Export(dest, check_mode, "metrics_dest", private=False)


def _node_samples(verdicts: Iterable[Mapping[str, Any]], server: str) -> Iterator[Sample]:
    for verdict in verdicts:
        where = (server, verdict["node"] or "")
        for name in ("reachable", "healthy", "operational"):
            yield f"yateota_node_{name}", where, verdict[name]
        for path, value in verdict["statistics"].items():
            yield "yateota_node_statistic", (*where, path), _number(value)


def _campaign_samples(campaigns: Sequence[Mapping[str, Any]], where: tuple[str, str]) -> Iterator[Sample]:
    by_state: dict[str, int] = {}
    for campaign in campaigns:
        state = campaign["state"] or "not_reported"
        by_state[state] = by_state.get(state, 0) + 1
        name = LONG_NUMBER.sub("*", campaign["name"] or "")  # nobody stops a name from holding a phone number
        labels = (str(campaign["campaign_id"]), name, *where)
        yield "yateota_campaign_state", (*labels, state), 1
        for key, label in (("participants", "all"), *((each, each) for each in plain(list(COUNTED_STATES)))):
            yield "yateota_campaign_participants", (*labels, label), _count(campaign[key])
        progress = campaign["progress"]
        yield "yateota_campaign_progress_ratio", labels, None if progress is None else round(progress / 100, 4)
    for state, count in by_state.items():
        yield "yateota_campaigns", (*where, state), count


def _change_samples(changes: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    by_status = {status.value: 0 for status in ChangeStatus if status != ChangeStatus.RELEASED}
    for change in changes:
        by_status[change["status"]] += 1
        if change["status"] in _CLOSED:
            continue
        labels = tuple(str(change[name] or "") for name in CHANGE_LABELS)
        yield "yateota_change_status", (*labels, change["status"]), 1
        for state, count in change["counts"].items():
            yield "yateota_change_participants", (*labels, plain(state)), count
        yield "yateota_change_exhausted", labels, change["exhausted"]
        yield "yateota_change_next_attempt_timestamp_seconds", labels, _unix_time(change["next_due"])
        yield "yateota_change_rate", labels, change["rate"] or 0
        lease = change["lease"] or {}
        yield "yateota_change_lease_age_seconds", labels, lease.get("age")
        yield "yateota_change_lease_remaining_seconds", labels, lease.get("remaining")
        forecast = change.get("forecast") or {}
        yield "yateota_change_forecast_seconds", labels, forecast.get("seconds")
        yield "yateota_change_forecast_fits", labels, forecast.get("fits")
    for status, count in by_status.items():
        yield "yateota_changes", (status,), count


def _count(value: Any) -> int | None:
    """Return a number; None for the flag that some servers send instead."""
    return None if isinstance(value, bool) else value


def _unix_time(iso: str | None) -> float | None:
    return datetime.datetime.fromisoformat(iso).timestamp() if iso else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
