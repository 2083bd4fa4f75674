"""Measure how fast a long list is read, and what that costs, beside a reader of thirty lines.

`python list_speed.py URL DEST CONCURRENCY` exports campaign 1, and prints the seconds that it took, and those that it
computed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from driver import bulk, participant_info

HERE = Path(__file__).parent
PARTICIPANTS = 100_000


def export(url: str, dest: str, concurrency: int) -> None:
    """Export campaign 1 to CSV by the module's code."""
    options = {"api_url": url, "campaign_id": 1, "dest": dest, "concurrency": concurrency}
    result = participant_info(options)
    if result["count"] != PARTICIPANTS or result["warnings"]:
        raise RuntimeError(f"{result['count']} participants, warnings: {result['warnings']}")


def reading(folder: Path, service_time: float = 0.02, rounds: int = 5) -> dict[str, Any]:
    """Compare our export of 100,000 participants with the hand-written one, and with one page at a time.

    Each runs in a process of its own. The time is that of the export, without the start of Python. They take turns,
    since machines are noisy; the result has the medians of the rounds, and the microseconds of CPU for a participant.
    """
    from bulk_speed import bare_server  # loads this file's own imports again where it is run by itself

    ways = {
        "ours": [str(HERE / "list_speed.py")],
        "hand_written": [str(HERE / "hand_written.py")],
        "one_page_at_a_time": [str(HERE / "list_speed.py")],
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    computed: dict[str, list[float]] = {way: [] for way in ways}
    with bare_server(PARTICIPANTS, service_time) as url:
        for number in range(rounds + 1):
            for way, command in ways.items():
                concurrency = {"ours": ["3"], "one_page_at_a_time": ["1"]}.get(way, [])
                run = [sys.executable, *command, url, str(folder / f"{way}.csv"), *concurrency]
                took, cpu = map(float, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
                if number:  # the server has prepared its pages by then
                    seconds[way].append(took)
                    computed[way].append(cpu / PARTICIPANTS * 1e6)
    check_same(folder / "ours.csv", folder / "hand_written.csv")
    found = {f"{way}_seconds": statistics.median(each) for way, each in seconds.items()}
    cpu_each = {f"{way}_cpu_microseconds_each": statistics.median(each) for way, each in computed.items()}
    return {**found, **cpu_each, "ours_to_hand_written": found["ours_seconds"] / found["hand_written_seconds"]}


def reading_at_once(folder: Path) -> dict[str, Any]:
    """Do the same on a server that answers at once."""
    return reading(folder, 0.0)


def check_same(ours: Path, hand_written: Path) -> None:
    """Raise an error if the two files differ, but for the column that only ours has."""
    with ours.open() as our_lines, hand_written.open() as their_lines:
        for our_line, their_line in zip(our_lines, their_lines, strict=True):
            if our_line.rstrip().rpartition(",")[0] != their_line.rstrip():
                raise RuntimeError(f"{our_line!r} is not {their_line!r}")


def cost_in_process(folder: Path, participants: int = 50_000, rounds: int = 7) -> dict[str, Any]:
    """Measure the microseconds of CPU for a participant, from the bytes to the CSV and to the ledger."""
    from bulk_speed import bare_server, change

    to_csv, to_ledger = [], []
    with bare_server(participants) as url:
        for number in range(rounds):
            begun = time.process_time()
            participant_info({"api_url": url, "campaign_id": 1, "dest": str(folder / f"{number}.csv")})
            to_csv.append((time.process_time() - begun) / participants * 1e6)
            begun = time.process_time()
            bulk(change(url, folder / f"{number}.sqlite", "CHG", state="planned"))
            to_ledger.append((time.process_time() - begun) / participants * 1e6)
    return {
        "to_csv_microseconds_each": statistics.median(to_csv),
        "to_ledger_microseconds_each": statistics.median(to_ledger),
    }


if __name__ == "__main__":
    begun, computed = time.perf_counter(), time.process_time()
    export(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(time.perf_counter() - begun, time.process_time() - computed)
