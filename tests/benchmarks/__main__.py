"""Measure the collection, and print each figure with its limit.

The results are also written to `.build/bench.json`.

`python tests/benchmarks [--only NAME ...] [--trials N] [--answers N] [--sizes N N ...] [--seed S]`; the exit code
shows whether every limit was kept.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import attempt_trials
import bulk_speed
import cohort_speed
import fleet_speed
import forecasts
import growth
import kill_trials
import list_speed
import released
import role_speed
import task_speed
from driver import COLLECTION

sys.path.insert(0, str(COLLECTION / "tests/fuzz"))

from workers import fuzz

Limits = dict[str, tuple[str, float]]
GROWTH: Limits = {f"{step}_exponent": ("<=", 1.05) for step in growth.STEPS}
BENCHMARKS: dict[str, tuple[Callable[..., dict[str, Any]], Limits]] = {
    "ledger": (
        bulk_speed.ledger_cost,
        {"participants_per_second": (">=", 1200), "ledger_microseconds_each": ("<=", 150)},
    ),
    "server": (bulk_speed.share_of_server, {"share_of_the_possible": (">=", 0.97)}),
    "reading": (list_speed.reading, {"ours_to_hand_written": ("<=", 1.2)}),
    "reading-at-once": (list_speed.reading_at_once, {"ours_to_hand_written": ("<=", 1.5)}),
    "reading-cost": (
        list_speed.cost_in_process,
        {"to_csv_microseconds_each": ("<=", 15), "to_ledger_microseconds_each": ("<=", 25)},
    ),
    "planning": (bulk_speed.planning, {"peak_mb": ("<=", 200)}),
    "growth-sqlite": (growth.on_sqlite, GROWTH),
    "growth-postgresql": (growth.on_postgresql, GROWTH),
    "finished-again": (growth.finished_again, {f"{each}_seconds": ("<=", 2) for each in growth.DATABASES}),
    "ten-million": (growth.ten_million, {f"{step}_peak_mb": ("<=", 200) for step in ("planning", "reporting")}),
    "role": (role_speed.wave_overhead, {"seconds_a_wave": ("<=", 0.25), "gated_seconds_a_wave": ("<=", 0.25)}),
    "released": (released.beside_release, {}),
    "resuming": (bulk_speed.resuming, {"seconds": ("<=", 3)}),
    "cohorts-sqlite": (cohort_speed.on_sqlite, {"seconds": ("<=", 30), "peak_mb": ("<=", 150)}),
    "cohorts-postgresql": (cohort_speed.on_postgresql, {"seconds": ("<=", 30), "peak_mb": ("<=", 150)}),
    "forecasts": (forecasts.errors, {"median_percent": ("<=", 10), "worst_percent": ("<=", 30)}),
    "fleet": (
        fleet_speed.many_shards,
        {
            **{f"{servers}_share_of_the_possible": (">=", 0.9) for servers in fleet_speed.SHARDS},
            **{f"{servers}_database_cores": ("<=", 0.5) for servers in fleet_speed.SHARDS},
            "share_of_the_unshared": (">=", 0.9),
        },
    ),
    "fleet-rate": (fleet_speed.shared_rate, {"requests_per_second": (">=", 95)}),
    "uri": (bulk_speed.against_uri, {"times": (">=", 250)}),
    "tasks": (
        task_speed.cost_of_a_task,
        {"times_in_a_loop_of_200": (">=", 25), "times_in_ten_tasks": (">=", 10), "module_to_uri": ("<=", 1.15)},
    ),
}
TRIALS: dict[str, Callable[[int, int], dict[str, int]]] = {
    **{f"trials-{kind}": functools.partial(kill_trials.summary, kind=kind) for kind in kill_trials.DATABASES},
    **{f"attempts-{kind}": functools.partial(attempt_trials.summary, kind=kind) for kind in ("sqlite", "postgresql")},
}
MOST_TRIALS = {"trials-outages": 50}
NO_TRIAL: Limits = {"trials_with_problems": ("<=", 0)}
ONLY_IF_ASKED = ("ten-million",)
FUZZ: Limits = {"seeds_with_problems": ("<=", 0)}


def main() -> int:
    """Run the benchmarks asked for."""
    names = [*BENCHMARKS, *TRIALS, "fuzz"]
    parser = argparse.ArgumentParser(description=__doc__)
    usual = [name for name in names if name not in ONLY_IF_ASKED]
    parser.add_argument("--only", nargs="+", choices=names, default=usual, help="without it, all but ten-million")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--answers", type=int, default=100_000, help="answers that `fuzz` spoils")
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=growth.SIZES, help="numbers of participants for `growth-...`, ascending"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    kept = True
    for name, figures, limits in itertools.chain(measured(given), tried(given), fuzzed(given)):
        found[name] = figures
        kept &= show(name, figures, limits)
    (COLLECTION.parents[2] / "bench.json").write_text(json.dumps(found, indent=2) + "\n")
    return not kept


Measured = Iterator[tuple[str, dict[str, Any], Limits]]


def measured(given: argparse.Namespace) -> Measured:
    """Yield each benchmark asked for, its figures and its limits."""
    for name in (name for name in BENCHMARKS if name in given.only):
        measure, limits = BENCHMARKS[name]
        with tempfile.TemporaryDirectory() as folder:
            sizes = [given.sizes] if name.startswith("growth") else []
            yield name, timed(measure, Path(folder), *sizes), limits


def tried(given: argparse.Namespace) -> Measured:
    """Yield the trials asked for.

    They measure nothing and often wait, so that two kinds run at a time.
    """
    names = [name for name in TRIALS if name in given.only]
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as processes:
        numbers = [min(given.trials, MOST_TRIALS.get(name, given.trials)) for name in names]
        running = [
            processes.submit(timed, TRIALS[name], number, given.seed)
            for name, number in zip(names, numbers, strict=True)
        ]
        for name, trials in zip(names, running, strict=True):
            yield name, trials.result(), NO_TRIAL


def fuzzed(given: argparse.Namespace) -> Measured:
    """Yield the altered answers, if they are asked for.

    A process that waits for a late answer computes nothing meanwhile, so that there is one more than cores.
    """
    if "fuzz" in given.only:
        yield "fuzz", timed(fuzz, given.answers, given.seed, jobs=len(os.sched_getaffinity(0)) + 1), FUZZ


def timed(measure: Callable[..., dict[str, Any]], *given: Any, **named: Any) -> dict[str, Any]:
    """Return the figures of a measurement, and the seconds that it took."""
    begun = time.monotonic()
    return {**measure(*given, **named), "took_seconds": time.monotonic() - begun}


def show(name: str, figures: dict[str, Any], limits: Limits) -> bool:
    """Print a benchmark's lines; return whether its limits were kept."""
    kept = True
    for figure, value in figures.items():
        relation, limit = limits.get(figure, ("", 0.0))
        fits = not relation or (value >= limit if relation == ">=" else value <= limit)
        kept &= fits
        wanted = f"{relation} {limit:g}" if relation else ""
        print(f"{name:18} {figure:40} {value:12.2f}  {wanted:10} {'' if fits else 'MISSED'}", flush=True)
    return kept


if __name__ == "__main__":
    sys.exit(main())
