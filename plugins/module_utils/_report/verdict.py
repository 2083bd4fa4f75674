# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say first how a change stands, in one sentence and some figures."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.states import (
    BAD_STATES,
    NOT_BEGUN_STATUSES,
    Action,
    AuditStatus,
    ChangeStatus,
    RowState,
    ServerState,
    remaining_of,
)

GOOD, WARN, BAD, CALM = "good", "warn", "bad", "calm"
"""How a verdict looks. Each is a class of the style sheet."""


@dataclass(frozen=True)
class Verdict:
    """How a change stands.

    Attributes:
        tone: one of the tones above.
        title: the sentence.
        lines: what to know or to do, in sentences.
    """

    tone: str
    title: str
    lines: Sequence[str] = ()


def verdict_of(change: Mapping[str, Any]) -> Verdict:
    """Return the verdict on a change, as ``yateota_bulk_info`` returns it."""
    tone, title = _standing(change)
    return Verdict(tone, title, [*_lines(change)])


def _standing(change: Mapping[str, Any]) -> tuple[str, str]:
    remaining = remaining_of(change["counts"])
    if change["audit"]["status"] == AuditStatus.ALTERED:
        return BAD, "The record was altered, so that it proves nothing"
    if _halt(change) == "stopped":
        return BAD, f"Stopped: nothing is ever sent for {_participants(remaining)}"
    if _halt(change) == "held":
        return WARN, f"Held with {_participants(remaining)} remaining"
    if change["status"] == ChangeStatus.ABORTED:
        return BAD, f"Aborted with {_participants(remaining)} remaining: too many attempts went wrong"
    if change["status"] in NOT_BEGUN_STATUSES:
        return CALM, f"Nothing is sent yet: {_participants(remaining)} to send for"
    if change["status"] == ChangeStatus.WAITING:
        return CALM, f"Further attempts are to come for {_participants(change['attempts']['outstanding'])}"
    if remaining:
        return CALM, f"Under way: {_participants(remaining)} remaining"
    return _end(change)


def _halt(change: Mapping[str, Any]) -> str | None:
    """Return the name of the halt that keeps a change from sending; None if none does.

    One that comes with the last requests has no effect: its status is that of a change that has ended.
    """
    if change["status"] == ChangeStatus.PURGED:
        return "stopped" if change["stopped"] and remaining_of(change["counts"]) else None
    halts = {ChangeStatus.STOPPED: "stopped", ChangeStatus.HELD: "held"}
    return halts.get(change["status"])


def _end(change: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a change that has nothing more to send ended."""
    counts = change["counts"]
    if counts[RowState.UNKNOWN]:
        return BAD, f"{_outcomes(counts[RowState.UNKNOWN])} unknown"
    bad = _bad(change)
    if bad:
        return WARN, f"{bad:,} of {change['selected']:,} went wrong"
    if change["status"] == ChangeStatus.VERIFIED:
        return GOOD, "All went well, and all have reached the goal"
    return CALM, "The server accepted all requests; the new states are not verified"


def _lines(change: Mapping[str, Any]) -> Iterator[str]:
    halts = ("held", "stopped") if _halt(change) else ()
    for name, halt in ((name, change[name]) for name in halts if change[name]):
        yield f"{name.capitalize()} by {halt['by']} since {moment(halt['since'])}: {halt['reason']}"
    if change.get("forecast"):
        yield change["forecast"]["sentence"]
    counts = change["counts"]
    bad = [f"{counts[state]:,} {state}" for state in BAD_STATES if counts[state]]
    again = change["states"].get(ServerState.FAILED, 0)
    if again:
        bad.append(f"{again:,} accepted but failed again")
    if spent := _exhausted(change):
        bad.append(f"{spent:,} had their last attempt and need another")
    if bad:
        yield f"{', '.join(bad)}."
    if change["status"] == ChangeStatus.APPLIED and not again:
        yield "The server has accepted what was sent. Read the new states with bulk_change_only=verify."


def tiles_of(change: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the figures beside the verdict, each with its name."""
    counts, selected = change["counts"], change["selected"]
    done = counts[RowState.DONE]
    tiles = [
        {"value": selected, "name": "selected"},
        {"value": done, "name": f"done, {_percent(done, selected)}"},
        {"value": _bad(change), "name": "went wrong"},
        {"value": remaining_of(change["counts"]), "name": "remaining"},
    ]
    if counts[RowState.SKIPPED]:
        tiles.append({"value": counts[RowState.SKIPPED], "name": str(RowState.SKIPPED)})
    if change["started"] and change["finished"]:
        tiles.append({"value": _between(change["started"], change["finished"]), "name": "from first to last"})
    elif change.get("forecast") and change["forecast"]["ends_local"]:
        tiles.append({"value": change["forecast"]["ends_local"][:16].replace("T", " "), "name": "forecast of the end"})
    return tiles


def unknown_of(change: Mapping[str, Any], failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how to look at an unknown participant, and whether the action resets its OTA counter."""
    first = next((each for each in failures if each["state"] == RowState.UNKNOWN), {})
    names = ("campaign_id", "participant_id")
    if not first.get("participant_id"):
        names = ("campaign_id", "msisdn" if first.get("msisdn") else "imsi")
    given = [f"-e {name}={shlex.quote(str(first[name]))}" for name in names if first.get(name)]
    return {"trace": " ".join(given), "resets": change["action"] == Action.RERUN}


def number(value: Any) -> str:
    """Return a number with its thousands apart, and anything else as text."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def moment(iso: str | None) -> str:
    """Return a moment in a readable form, to the second."""
    return iso[:19].replace("T", " ") if iso else ""


def _bad(change: Mapping[str, Any]) -> int:
    """Count those in a bad state, those that were accepted and failed again, and the exhausted."""
    again = change["states"].get(ServerState.FAILED, 0)
    # The exhausted of a retry have failed again, also if their states are not known any more; those of other actions
    # are in another state.
    further = max(0, _exhausted(change) - again) if change["action"] == Action.RETRY else _exhausted(change)
    return int(sum(change["counts"][state] for state in BAD_STATES) + again + further)


def _exhausted(change: Mapping[str, Any]) -> int:
    """Count those that have had the most attempts allowed, and would get another."""
    return int((change["attempts"] or {}).get("exhausted", 0))


def _participants(count: int) -> str:
    return f"{count:,} participant{'' if count == 1 else 's'}"


def _outcomes(count: int) -> str:
    return "1 outcome is" if count == 1 else f"{count:,} outcomes are"


def _percent(part: int, whole: int) -> str:
    """Return a share that is 100 % only if it is all."""
    tenths = 1000 * part // whole if whole else 0
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"


def _between(start: str, end: str) -> str:
    """Return the time between two moments, short enough for a tile."""
    begun, ended = (datetime.datetime.fromisoformat(each) for each in (start, end))
    minutes, seconds = divmod(round((ended - begun).total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02} h" if minutes >= 60 else f"{minutes}:{seconds:02} min"
