"""Measure how the cost of each step of a change grows with the number of its participants.

`python growth.py PARTICIPANTS FOLDER DATABASE` takes all steps of a change once, in this process, and prints what each
cost.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from driver import bulk, bulk_info

HERE = Path(__file__).parent
DATABASES = ("sqlite", "postgresql")
SIZES = (10_000, 100_000)
WAVE = 1000
# Small sizes are measured before, beside and after a large one: from minute to minute, the machine's speed differs by
# more than the exponents' margin.
ROUNDS = 3
LARGE = 1_000_000
STEPS = ("planning", "rolling_out", "running_again", "verifying", "reporting", "bulk_status", "purging")

WRITING = {"planning", "rolling_out", "verifying", "purging"}

# The work is to be compared, and not the database's memory: what it has by default holds 100,000 participants and not a
# million. And it vacuums when it is asked to: by itself it would do so once a minute, never during a small change, and
# in whichever step of a large one.
SETTINGS = ("shared_buffers = 1GB", "autovacuum = off")


@dataclass(frozen=True)
class Ledger:
    """A ledger for a measurement.

    Attributes:
        where: its file or URL.
        computed: returns the seconds that this process and the database's have computed.
        vacuum: removes the dead versions of the participants' rows.
    """

    where: str
    computed: Callable[[], float]
    vacuum: Callable[[], None]


@contextlib.contextmanager
def ledger(folder: Path, database: str) -> Iterator[Ledger]:
    """Yield a ledger."""
    if database == "sqlite":
        yield Ledger(str(folder / "growth.sqlite"), time.process_time, lambda: None)
        return
    from fleet_speed import computed
    from fleet_speed import database as postgresql

    with postgresql(*SETTINGS) as (url, first):
        engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

        def vacuum() -> None:
            with engine.connect() as connection:
                connection.exec_driver_sql("VACUUM (ANALYZE) yateota_participants")

        yield Ledger(url, lambda: time.process_time() + computed(first), vacuum)


def steps(url: str, where: str, folder: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the steps of a change, in their order, each ready to be taken."""
    from bulk_speed import change

    options = change(url, where, "CHG", rollout={"wave_size": WAVE})
    which = {"ledger": where, "change_id": "CHG"}
    return {
        "planning": lambda: bulk({**options, "state": "planned"}),
        "rolling_out": lambda: bulk({**options, "state": "applied"}),
        "running_again": lambda: bulk({**options, "state": "applied"}),
        "verifying": lambda: bulk({**options, "state": "verified"}),
        "reporting": lambda: bulk_info({**which, "report_dest": str(folder / "report.csv"), "format": "csv"}),
        "bulk_status": lambda: bulk_info({"ledger": where}),
        "purging": lambda: bulk({**which, "api_url": url, "state": "purged"}),
    }


def costs(participants: int, folder: Path, database: str, names: Sequence[str] = STEPS) -> dict[str, float]:
    """Return the seconds of CPU of each step, and the peak of this process's memory until its end, in MB.

    The seconds of a step that writes include the vacuum of the rows that it has replaced.
    """
    from bulk_speed import bare_server

    found = {}
    with bare_server(participants) as url, ledger(folder, database) as used:
        by_name = steps(url, used.where, folder)
        for name in names:
            begun = used.computed()
            result = by_name[name]()
            if name in WRITING:
                used.vacuum()
            found[name] = used.computed() - begun
            if result.get("failed"):
                raise RuntimeError(f"{name}: {result['msg']}")
            found[f"{name}_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def growth(database: str, folder: Path, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Return the exponent of each step's CPU time between the two largest sizes, and print its seconds at each size.

    An exponent of 1 means that twice as many participants take twice as long. So does the number of waves. Sizes below
    a million are measured several times, and their medians are taken.
    """
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for each in range(ROUNDS):
        for size in sizes:
            if size < LARGE or each == ROUNDS // 2:
                rounds[size].append(_measured(database, folder / f"{size}-{each}", size))
    by_size = {size: {name: _median(found, name) for name in found[0]} for size, found in rounds.items()}
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


def _measured(database: str, folder: Path, size: int) -> dict[str, float]:
    """Return ``costs``, measured in a process of their own."""
    folder.mkdir()
    command = [sys.executable, str(HERE / "growth.py"), str(size), str(folder), database]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _median(rounds: Sequence[dict[str, float]], name: str) -> float:
    return statistics.median(costs[name] for costs in rounds)


on_sqlite = functools.partial(growth, "sqlite")
on_postgresql = functools.partial(growth, "postgresql")

_DONE = (
    "UPDATE yateota_participants SET state = 'done', wave = seq / :size + 1, run = 1, code = 0, "
    "state_before = 'failed', sent_at = read_at + 1, answered_at = read_at + 2",
    "INSERT INTO yateota_waves (change, wave, started, finished, first_place, last_place) SELECT change, wave, "
    "min(sent_at), max(answered_at), min(seq), max(seq) FROM yateota_participants GROUP BY change, wave",
    "UPDATE yateota_changes SET status = 'applied', started = planned, finished = planned + 3",
)


def finished_again(folder: Path, participants: int = 1_000_000) -> dict[str, Any]:
    """Measure the run of a change of a million that has ended: the seconds of CPU, the database's included.

    The change is planned, and recorded as carried out.
    """
    from bulk_speed import bare_server, change, expect

    found = {}
    for database in DATABASES:
        with bare_server(participants) as url, ledger(folder, database) as used:
            where = used.where
            bulk(change(url, where, "CHG", state="planned"))
            engine = sa.create_engine(where if "://" in where else f"sqlite:///{where}", poolclass=sa.NullPool)
            with engine.begin() as connection:
                for statement in _DONE:
                    connection.execute(sa.text(statement), {"size": WAVE})
            used.vacuum()
            begun = used.computed()
            again = bulk(change(url, where, "CHG", state="applied", rollout={"wave_size": WAVE}))
            found[f"{database}_seconds"] = used.computed() - begun
            expect((again["changed"], again["change"]["counts"]["done"]), (False, participants))
    return found


def ten_million(folder: Path, participants: int = 10_000_000) -> dict[str, float]:
    """Plan and report a change of ten million once."""
    return costs(participants, folder, "sqlite", ("planning", "reporting"))


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])))
