"""Kill and resume changes, whose runs are disturbed at random moments.

The server fails at random.

Runs are killed, held up beyond their lease, ended by a hold, without their database, out of room, or on machines
whose clocks are wrong (see `disturbances`). After each trial the sandbox's journal and the ledger must agree that no
participant was acted on twice, that each of the selection is in exactly one state, and that an outcome is unknown only
if nothing could show it. The ledger's audit chain must fit.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from disturbances import DISTURBANCES, Database, database, undisturbed
from driver import AHEAD_MOST, COLLECTION, audit_problems, bulk

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
NOTICED_WITHIN = 1.0
"""The seconds within which a run notices that its ledger is away, and sends nothing more."""

ENDS = ("done", "unknown", "refused", "failed")
MOST_RUNS = 40
DATABASES = tuple(DISTURBANCES)


@dataclass
class Trial:
    """The disturbances of one trial, and its participants by their final state."""

    number: int
    disturbances: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Server:
    """A sandbox in its own process, with a campaign of failed participants for each trial.

    Args:
        folder: where its files are.
        trials: how many trials there are.
        size: how many participants each has.
        campaign: returns further fields of a trial's campaign, by its number.
    """

    def __init__(
        self,
        folder: Path,
        trials: int,
        size: int = SIZE,
        campaign: Callable[[int], dict[str, Any]] = lambda _number: {},
    ) -> None:
        scenario = {
            "seed": 1,
            "sims": [
                {
                    "count": size * trials,
                    "imsi": "001010000000001",
                    "iccid": "893101000000000001",
                    "msisdn": "882990000001",
                }
            ],
            "campaigns": [
                {
                    "campaign_id": number,
                    "name": f"Trial {number}",
                    "type": "RFM",
                    "state": "started",
                    "first_participant": number * 1000,
                    "first_sim": (number - 1) * size,
                    "initial": {"failed": size},
                    **campaign(number),
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


def run_trial(server: Server, kind: str, database: Database, number: int, chance: random.Random, folder: Path) -> Trial:
    """Run a change that is disturbed and resumed until it has ended.

    Return the trial, checked against the journal.
    """
    trial = Trial(number)
    database.away.clear()
    server.admin("DELETE", "journal")
    server.admin("DELETE", "faults")
    trial.faults = chance.randint(0, 8)
    for _turn in range(trial.faults):
        fault = {"request": "action_participant", "nth": chance.randint(1, SIZE), **chance.choice(KINDS)}
        server.admin("POST", "faults", fault)
    options = trial_options(server, database, number, chance, folder)
    wanted = chance.randint(1, 3)
    for turn in range(MOST_RUNS):
        befalls = chance.choice(DISTURBANCES[kind]) if turn < wanted else undisturbed
        trial.disturbances[befalls.__name__] += 1
        results = befalls(options, chance, database)
        trial.problems += [f"a run failed: {said}" for said in map(unexpected, results) if said and turn >= wanted]
        if any(result and result.get("change", {}).get("status") == "applied" for result in results):
            check(trial, server, rows_of(options, folder))
            trial.problems += audit_problems(options) + sent_while_away(server, database)
            break
    else:
        trial.problems.append(f"the change has not ended after {MOST_RUNS} runs: {results}")
    return trial


def sent_while_away(server: Server, database: Database) -> list[str]:
    """Return when requests were sent while the database was away, later than in its first second."""
    moments = [entry["time"] for entry in server.admin("GET", "journal") if entry["write"]]
    return [
        f"a request came {moment - begun:.1f} s after the database had stopped, {ended - moment:.1f} s before its start"
        for begun, ended in database.away
        for moment in moments
        if begun + NOTICED_WITHIN < moment < ended
    ]


def trial_options(
    server: Server, database: Database, number: int, chance: random.Random, folder: Path
) -> dict[str, Any]:
    """Return the options of a trial's runs.

    A ledger that is a file is that trial's own: its size counts.
    """
    return {
        "api_url": server.url,
        "timeout": 1.0,
        "ledger": database.ledger or str(folder / f"{number}.sqlite"),
        "change_id": f"TRIAL{number}",
        "state": "applied",
        "action": "rerun" if chance.random() < 0.7 else "retry",
        "selection": {"campaign_id": number, "state": "failed"},
        "rollout": {"canary": chance.choice((1, 5, 20)), "wave_size": chance.choice((40, 100, 1000))},
        "abort": {"threshold_percentage": 100},
        # Here a state that was read proves what was carried out: sending again does not act again.
        "unknown": chance.choice(("report", "resend")),
        "recheck_after": chance.choice((0, 300)),
    }


def unexpected(result: dict[str, Any] | None) -> str | None:
    """Return the message of an undisturbed run that failed before it found the change."""
    return result["msg"] if result and "change" not in result else None


def rows_of(options: dict[str, Any], folder: Path) -> list[dict[str, str]]:
    """Return the change's rows, from a report written at the end."""
    report = folder / f"{options['change_id']}.csv"
    given = {name: options[name] for name in ("api_url", "ledger", "change_id", "state")}
    bulk({**given, "report_dest": str(report)})
    with report.open() as file:
        return list(csv.DictReader(file))


def check(trial: Trial, server: Server, rows: list[dict[str, str]]) -> None:
    """Compare the ledger's rows with the sandbox's journal, and note differences."""
    entries = server.admin("GET", "journal")
    ids = {row["iccid"]: int(row["participant_id"]) for row in rows}  # a rerun names the SIM
    acted = Counter(
        ids.get(entry["params"].get("iccid"), int(entry["params"].get("participant_id", 0)))
        for entry in entries
        if entry["write"] and entry["carried_out"]
    )
    wanted = set(range(trial.number * 1000, trial.number * 1000 + SIZE))
    named = Counter(int(row["participant_id"]) for row in rows)
    trial.states = Counter(row["state"] for row in rows)
    trial.problems += [f"{who}: acted on {times} times" for who, times in acted.items() if times > 1]
    trial.problems += [f"{who}: acted on without being selected" for who in acted.keys() - wanted]
    trial.problems += [f"{who}: in the ledger {named[who]} times" for who in wanted | named.keys() if named[who] != 1]
    trial.problems += [f"{row['participant_id']}: still {row['state']}" for row in rows if row["state"] not in ENDS]
    # The clock does not run: a participant's state shows that it was acted on, so its outcome could have been read.
    for row in rows:
        times = acted[int(row["participant_id"])]
        if (row["state"] == "done") != (times == 1):
            trial.problems.append(f"{row['participant_id']}: {row['state']}, but acted on {times} times")
    in_doubt = sum(trial.disturbances.values()) * (AHEAD_MOST + 2 * 3) + trial.faults
    if trial.states["unknown"] > in_doubt:
        trial.problems.append(f"{trial.states['unknown']} unknown, where {in_doubt} could be at most")


RunTrial = Callable[["Server", str, Database, int, random.Random, Path], Trial]


def summary_of(
    run: RunTrial, serve: Callable[[Path, int], Server], number: int, seed: int, kind: str
) -> dict[str, int]:
    """Run trials one after the other on a database of a kind, and add them up.

    Each problem is printed as it is found.

    Args:
        run: runs one trial.
        serve: starts the server for so many trials, with its files in a folder.
        number: how many trials.
        seed: decides all chance.
        kind: one of ``DATABASES``.
    """
    total: Counter[str] = Counter()
    bad = 0
    with database(kind) as where, tempfile.TemporaryDirectory() as name:
        server = serve(Path(name), number)
        try:
            for place in range(1, number + 1):
                chance = random.Random(f"{seed}/{place}")  # noqa: S311 (no secret depends on it)
                trial = run(server, kind, where, place, chance, Path(name))
                total += Counter({"trials": 1, "faults": trial.faults}) + trial.disturbances + trial.states
                bad += bool(trial.problems)
                for problem in trial.problems:
                    print(f"trial {trial.number} of seed {seed} on {kind}: {problem}")
        finally:
            server.stop()
    return {**total, "trials_with_problems": bad}


summary = functools.partial(summary_of, run_trial, Server)


def command_line(description: str, of_trials: Callable[[int, int, str], dict[str, int]]) -> int:
    """Run trials as the command line asks, and return the exit code."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
    given = parser.parse_args()
    found = of_trials(given.trials, given.seed, given.database)
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items()))
    return bool(found["trials_with_problems"])


if __name__ == "__main__":
    sys.exit(command_line(__doc__, summary))
