# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the counts, the progress and the end of bulk changes into words."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from ..module_utils._core.states import ChangeStatus, RowState

_AMISS = (RowState.FAILED, RowState.UNKNOWN, RowState.REFUSED, RowState.SKIPPED, RowState.SENDING)
"""The states that a line of progress names if there are any."""

_NOT_NOW = (ChangeStatus.WINDOW_CLOSED, ChangeStatus.WAITING_FOR_STAGE)
"""The statuses with which a run ends without a failure though participants remain."""

WAITS_FOR_STAGE = "It waits for the servers of an earlier stage"

_ROLE_PREFIX = re.compile(r"(?<![a-z_./])(?:(window)\.(?=[a-z])|(resume_aborted|lease_seconds)(?![a-z_]))")
"""The module's options in its messages that are variables of the role ``bulk_change``."""


def counted(counts: Mapping[str, int], without: Container[str] = ()) -> list[str]:
    """Return the counts that are not 0, in words, such as ``3 failed``."""
    return [f"{count} {state}" for state, count in counts.items() if count and state not in without]


def sim_line(each: Mapping[str, Any], said: str, message: str | None) -> str:
    """Return a line on one SIM: the identifier that is known, what is said of it, and the server's message."""
    name = each["participant_id"] or each["iccid"] or each["imsi"] or each["msisdn"]
    return f"{name}: {said}{f', {message}' if message else ''}"


def has_stopped(result: Mapping[str, Any]) -> bool:
    """Return whether nothing more may be sent after a result of ``state=applied``."""
    change = result.get("change")
    return "failure" in result or not change or change["status"] in _NOT_NOW or waits_for_window(change)


def waits_for_window(change: Mapping[str, Any]) -> bool:
    """Return whether a change makes no further attempts only because its window is closed."""
    attempts = change.get("attempts")
    is_due = change["status"] == ChangeStatus.WAITING and attempts and attempts["is_due"]
    return bool(is_due and change.get("window_opens"))


def next_attempts(change: Mapping[str, Any]) -> str:
    """Return a sentence on the attempts to come; the text is empty if there are none."""
    attempts = change.get("attempts")
    if not attempts or not attempts["outstanding"]:
        return ""
    number = attempts["outstanding"]
    units = "participant" if number == 1 else "participants"
    return f"{number} {units} may need another attempt, the first from {attempts['next_due']} on."


def why_stopped(result: Mapping[str, Any]) -> str:
    """Return a sentence on what stopped a run, with the role's variables for options."""
    change = result.get("change")
    if result.get("msg"):
        return _ROLE_PREFIX.sub(_as_variable, str(result["msg"]))
    if not change:
        return "The module crashed."
    if change["status"] == ChangeStatus.WAITING_FOR_STAGE:
        return f"{WAITS_FOR_STAGE}."
    return waiting(change) or "The window closed."


def _as_variable(found: re.Match[str]) -> str:
    return "bulk_change_window_" if found[1] else f"bulk_change_{found[2]}"


def waiting(change: Mapping[str, Any]) -> str:
    """Return a sentence on the window that a change waits for; empty if there is none."""
    moment = opening(change)
    return f"Change {change['change_id']} waits for its window, which opens at {moment}." if moment else ""


def opening(change: Mapping[str, Any]) -> str:
    """Return when a closed window opens, by its own clock and by UTC; empty if never."""
    utc, local = change.get("window_opens") or "", change.get("window_opens_local") or ""
    return f"{local} ({utc})" if utc and local and not local.endswith("+00:00") else utc


def tally(change: Mapping[str, Any], remaining: int) -> str:
    """Return how many participants of a change are done, went wrong or remain."""
    bad = {state: change["counts"][state] for state in _AMISS}
    return ", ".join(
        [f"{change['counts'][RowState.DONE]} of {change['selected']} done", *counted(bad), f"{remaining} remaining"]
    )


def latest_wave(change: Mapping[str, Any]) -> int:
    """Return the number of a change's latest wave; 0 before the first."""
    return max((each["wave"] for each in change["waves"]), default=0)


def progress_line(result: Mapping[str, Any]) -> str:
    """Return a change's progress in one line.

    It has the wave, the counts, the rate, and the remaining time or, if a window closes before, the end.

    Args:
        result: a result of ``yateota_bulk`` that has a change.
    """
    change, remaining = result["change"], result["remaining"]
    pace = [f"{change['rate']}/s"] if change["sent"] else []
    ahead = remaining_time(change)
    if pace and ahead:
        pace.append(ahead)
    line = f"Wave {latest_wave(change)} of {change['waves_total']}: {tally(change, remaining)}"
    return f"{line}; {', '.join(pace)}" if pace else line


def remaining_time(change: Mapping[str, Any]) -> str:
    """Return the remaining time or, if a window closes before the end, its moment.

    The text is empty if there is no forecast.
    """
    foreseen = change.get("forecast")
    if not foreseen:
        return ""
    if foreseen["ends"] is None:
        return f"{foreseen['remaining_then']} will remain"
    if foreseen["fits"]:
        minutes, seconds = divmod(foreseen["seconds"], 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02} to go"
    return f"ends {foreseen['ends_local'][:16].replace('T', ' ')}"
