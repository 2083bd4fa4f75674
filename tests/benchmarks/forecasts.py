"""Measure the error of forecasts on ten rehearsed changes.

Each change sends a third of its participants, in two waves or more, is asked when it ends, and is carried out. The
error is the difference between the forecast and the end, in percent of the time that remained.

The limits: half of the forecasts within a tenth, which is less than the reserve that a planner leaves in a window; and
no change off by more than 30 %, which is what a stall of two seconds makes of the shortest, which last seven. Real
changes last minutes or hours, of which such a stall is nothing.
"""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulk_speed import bare_server, change, expect
from driver import bulk

PARTICIPANTS = 1500
ASKED_AFTER = PARTICIPANTS // 3
SERVICE_TIME = 0.02

CHANGES: Mapping[str, Mapping[str, Any]] = {
    "steady": {"rollout": {"wave_size": 100}},
    "small waves": {"rollout": {"wave_size": 20}},
    "large waves": {"rollout": {"wave_size": 200}},
    "one at a time": {"rollout": {"wave_size": 60, "concurrency": 1}},
    "limited rate": {"rollout": {"wave_size": 60, "maximum_per_second": 80}},
    "soak": {"rollout": {"wave_size": 60, "soak": 0.5}},
    "long soak": {"rollout": {"wave_size": 150, "soak": 2}},
    "canary": {"rollout": {"canary": 10, "wave_size": 100, "soak": 0.3}},
    "freeze": {"rollout": {"wave_size": 60, "maximum_per_second": 60}, "freeze": (14, 18)},
    "two freezes": {"rollout": {"wave_size": 60, "maximum_per_second": 60}, "freeze": (13, 15, 18, 21)},
}
"""The changes, and the freezes by their seconds after the start."""


def errors(folder: Path) -> dict[str, Any]:
    """Rehearse the changes; return the error of each, the median and the worst, in percent."""
    found = {name: _error(folder, name, given) for name, given in CHANGES.items()}
    return {**found, "median_percent": statistics.median(found.values()), "worst_percent": max(found.values())}


def _error(folder: Path, name: str, given: Mapping[str, Any]) -> float:
    with bare_server(PARTICIPANTS, SERVICE_TIME) as url:
        # The bare server lists all as failed, also after a soak.
        limits: dict[str, Any] = {"rollout": given["rollout"], "abort": {"minimum_executed": 10 * PARTICIPANTS}}
        if "freeze" in given:
            limits["window"] = {"calendar": str(_freezes(folder, given["freeze"])), "calendar_means": "frozen"}
        options = change(url, folder / f"{name}.sqlite", "CHG", wait_for_window=True, **limits)
        bulk({**options, "state": "planned"})
        first = bulk({**options, "state": "applied", "max_waves": max(2, ASKED_AFTER // given["rollout"]["wave_size"])})
        ends = datetime.datetime.fromisoformat(first["change"]["forecast"]["ends"]).timestamp()
        asked = time.time()
        for _window in range(1 + len(given.get("freeze", ()))):
            if first["remaining"]:
                first = bulk({**options, "state": "applied"})
        remaining = time.time() - asked
    expect(first["change"]["counts"]["done"], PARTICIPANTS)
    return abs(ends - asked - remaining) / remaining * 100


def _freezes(folder: Path, seconds: tuple[int, ...]) -> Path:
    """Write a calendar of freezes."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//simops//rehearsal//EN"]
    for place in range(0, len(seconds), 2):
        start, end = (now + datetime.timedelta(seconds=each) for each in seconds[place : place + 2])
        lines += ["BEGIN:VEVENT", f"UID:freeze-{place}@example.net", f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}"]
        lines += [f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", "END:VEVENT"]
    path = folder / f"freezes-{len(seconds)}.ics"
    path.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]))
    return path
