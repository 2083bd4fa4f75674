"""Measure how fast a change is carried out, and what that costs.

One server answers at once, and one is busy.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driver import Client, Connection, bulk
from task_speed import by_uri, seconds_of

HERE = Path(__file__).parent
CONCURRENCY = 3


@contextlib.contextmanager
def bare_server(participants: int, service_time: float = 0.0) -> Iterator[str]:
    """Yield the URL of a bare server in a process of its own."""
    command = [sys.executable, str(HERE / "bare_server.py"), str(participants), str(service_time)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def change(url: str, ledger: Path | str, change_id: str, **options: Any) -> dict[str, Any]:
    """Return the options of a change that retries the whole of campaign 1."""
    return {
        "api_url": url,
        "ledger": str(ledger),
        "change_id": change_id,
        "action": "retry",
        "selection": {"campaign_id": 1, "state": "failed"},
        **options,
    }


def client_alone(url: str, participants: int) -> float:
    """Return the seconds that the client takes for the same requests without a ledger."""
    client = Client(Connection(api_url=url), CONCURRENCY)
    coming = itertools.count(1)

    def send() -> None:
        while (participant_id := next(coming)) <= participants:
            params = {"participant_id": participant_id, "campaign_id": 1, "action": "retry"}
            client.call("action_participant", params)

    threads = [threading.Thread(target=send) for _turn in range(CONCURRENCY)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - begun
    client.close()
    return passed


def ledger_cost(folder: Path, participants: int = 10_000, rounds: int = 11) -> dict[str, Any]:
    """Compare the client alone with a change that has its ledger.

    They take turns, since machines are noisy; the result has the medians of the rounds.
    """
    rates, costs = [], []
    with bare_server(participants) as url:
        for number in range(rounds):
            ledger = folder / f"cost{number}.sqlite"
            bulk(change(url, ledger, "CHG", state="planned"))
            alone = client_alone(url, participants)
            begun = time.perf_counter()
            result = bulk(change(url, ledger, "CHG", state="applied", rollout={"wave_size": participants}))
            recorded = time.perf_counter() - begun
            expect(result["change"]["counts"]["done"], participants)
            rates.append(participants / recorded)
            costs.append((recorded - alone) / participants * 1e6)
    return {"participants_per_second": statistics.median(rates), "ledger_microseconds_each": statistics.median(costs)}


def share_of_server(folder: Path, participants: int = 10_000, service_time: float = 0.02) -> dict[str, Any]:
    """Return the share of a server's capacity that a change uses.

    The server can serve 3 requests at a time.
    """
    with bare_server(participants, service_time) as url:
        ledger = folder / "share.sqlite"
        bulk(change(url, ledger, "CHG", state="planned"))
        begun = time.perf_counter()
        result = bulk(change(url, ledger, "CHG", state="applied"))
        rate = participants / (time.perf_counter() - begun)
    expect(result["change"]["counts"]["done"], participants)
    return {"participants_per_second": rate, "share_of_the_possible": rate * service_time / CONCURRENCY}


def run_driver(options: dict[str, Any]) -> tuple[dict[str, Any], float, float]:
    """Run a change in a process of its own.

    Return its result, its seconds from start to end, and its peak of memory in MB.
    """
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(HERE / "driver.py"), json.dumps(options)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        result = json.loads(process.stdout.read().splitlines()[-1])
    return result, time.perf_counter() - begun, result["peak_mb"]


def planning(folder: Path, participants: int = 1_000_000) -> dict[str, Any]:
    """Measure planning a million: the seconds, and the peak of memory."""
    with bare_server(participants) as url:
        result, seconds, peak = run_driver(change(url, folder / "plan.sqlite", "CHG", state="planned"))
    expect(result["change"]["counts"]["planned"], participants)
    return {"seconds": seconds, "peak_mb": peak}


def resuming(folder: Path, participants: int = 100_000) -> dict[str, Any]:
    """Measure running an applied change of a hundred thousand again.

    The time is from the start of the process to its end.
    """
    with bare_server(participants) as url:
        options = change(url, folder / "resume.sqlite", "CHG", state="applied", rollout={"wave_size": 10_000})
        first, seconds, _peak = run_driver(options)
        expect(first["change"]["counts"]["done"], participants)
        again, resumed, _peak = run_driver(options)
    expect((again["changed"], again["change"]["sent"]), (False, 0))
    return {"applied_per_second": participants / seconds, "seconds": resumed}


def against_uri(folder: Path, participants: int = 10_000, tasks: int = 20) -> dict[str, Any]:
    """Compare a change in a playbook with a loop of `ansible.builtin.uri` tasks.

    Both do the same, each as tasks of a playbook.
    """
    with bare_server(participants) as url:
        loop = [{**by_uri(url), "loop": list(range(tasks))}]
        by_loop = tasks / seconds_of(loop, url, folder)
        task = [{"simops.yateota.yateota_bulk": change(url, folder / "uri.sqlite", "CHG", state="applied")}]
        by_change = participants / seconds_of(task, url, folder)
    return {"uri_per_second": by_loop, "change_per_second": by_change, "times": by_change / by_loop}


def expect(found: Any, wanted: Any) -> None:
    """Raise an error if a measured result is not the expected one."""
    if found != wanted:
        raise RuntimeError(f"{found}, where {wanted} was expected")
