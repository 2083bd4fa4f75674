"""Measure how the cost of each step of a change grows with the number of its participants.

`python growth.py PARTICIPANTS FOLDER` takes all steps of a change once, in this process, and prints what each cost.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from driver import bulk, bulk_info

HERE = Path(__file__).parent
SIZES = (10_000, 100_000)
WAVES = 10
STEPS = ("planning", "rolling_out", "running_again", "verifying", "reporting", "bulk_status", "purging")


def steps(url: str, folder: Path, participants: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the steps of a change of that size, in their order, each ready to be taken."""
    from bulk_speed import change

    ledger = folder / "growth.sqlite"
    options = change(url, ledger, "CHG", rollout={"wave_size": max(1, participants // WAVES)})
    which = {"ledger": str(ledger), "change_id": "CHG"}
    return {
        "planning": lambda: bulk({**options, "state": "planned"}),
        "rolling_out": lambda: bulk({**options, "state": "applied"}),
        "running_again": lambda: bulk({**options, "state": "applied"}),
        "verifying": lambda: bulk({**options, "state": "verified"}),
        "reporting": lambda: bulk_info({**which, "report_dest": str(folder / "report.csv"), "format": "csv"}),
        "bulk_status": lambda: bulk_info(which),
        "purging": lambda: bulk({**which, "api_url": url, "state": "purged"}),
    }


def costs(participants: int, folder: Path) -> dict[str, float]:
    """Return the seconds of CPU of each step, and the peak of memory in MB at its end."""
    from bulk_speed import bare_server

    found = {}
    with bare_server(participants) as url:
        for name, step in steps(url, folder, participants).items():
            begun = time.process_time()
            result = step()
            found[name] = time.process_time() - begun
            if result.get("failed"):
                raise RuntimeError(f"{name}: {result['msg']}")
            found[f"{name}_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def growth(folder: Path, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Return the exponent of each step's CPU time between the two largest sizes, and print its seconds at each size.

    An exponent of 1 means that twice as many participants take twice as long.
    """
    by_size = {}
    for size in sizes:
        own = folder / str(size)
        own.mkdir()
        command = [sys.executable, str(HERE / "growth.py"), str(size), str(own)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        by_size[size] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'seconds of CPU':18}" + "".join(f"{size:>14,}" for size in sizes) + "   MB of memory")
    for name in STEPS:
        seconds = "".join(f"{by_size[size][name]:14.2f}" for size in sizes)
        peaks = " ".join(f"{by_size[size][f'{name}_peak_mb']:6.0f}" for size in sizes)
        print(f"{name:18}{seconds}   {peaks}", flush=True)
    smaller, larger = sizes[-2:]
    return {
        f"{name}_exponent": math.log(by_size[larger][name] / by_size[smaller][name]) / math.log(larger / smaller)
        for name in STEPS
    }


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]), Path(sys.argv[2]))))
