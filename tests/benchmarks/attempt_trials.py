"""Make further attempts as cron would, with runs that are disturbed at random moments on a server that fails at random.

The SIMs of a trial succeed at their second to fourth attempt, and each gets three. After each trial the sandbox's
journal and the ledger must agree that each SIM had as many attempts as it needed, and never more than three.
"""

from __future__ import annotations

import functools
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disturbances import DISTURBANCES, Database, undisturbed
from driver import AHEAD_MOST, COLLECTION, audit_problems
from kill_trials import KINDS, Server, Trial, command_line, rows_of, summary_of, unexpected

sys.path.insert(0, str(COLLECTION / "roles/sandbox/files"))

from yateota_sandbox.timeline import Chance

SIZE = 40
MAXIMUM = 3
MOST_RUNS = 40
A_NIGHT = 100_000  # simulated seconds, in which every message ends
MOST_FAULTS = 6


def succeeds_at(number: int) -> tuple[int, int]:
    """Return the attempts at which the SIMs of a trial succeed. In every other trial some need more than they get."""
    return 2, MAXIMUM + number % 2


def run_trial(server: Server, kind: str, database: Database, number: int, chance: random.Random, folder: Path) -> Trial:
    """Run a change again and again, disturbed at first, until nothing more is to come.

    Return the trial, checked against the journal.
    """
    trial = Trial(number)
    server.admin("DELETE", "journal")
    server.admin("DELETE", "faults")
    trial.faults = chance.randint(0, MOST_FAULTS)
    for _turn in range(trial.faults):
        fault = {"request": "action_participant", "nth": chance.randint(1, 2 * SIZE), **chance.choice(KINDS)}
        server.admin("POST", "faults", fault)
    options = trial_options(server, database, number, chance, folder)
    wanted = chance.randint(1, 4)
    for turn in range(MOST_RUNS):
        befalls = chance.choice(DISTURBANCES[kind]) if turn < wanted else undisturbed
        trial.disturbances[befalls.__name__] += 1
        results = befalls(options, chance, database)
        trial.problems += [f"a run failed: {said}" for said in map(unexpected, results) if said and turn >= wanted]
        server.admin("POST", "clock", {"advance": A_NIGHT})
        if any(result and result.get("change", {}).get("status") == "applied" for result in results):
            check(trial, server, rows_of(options, folder))
            trial.problems += audit_problems(options)
            break
    else:
        trial.problems.append(f"the change has not ended after {MOST_RUNS} runs: {results}")
    return trial


def trial_options(
    server: Server, database: Database, number: int, chance: random.Random, folder: Path
) -> dict[str, Any]:
    """Return the options of a trial's runs. The interval has passed when the next run begins."""
    return {
        "api_url": server.url,
        "timeout": 1.0,
        "ledger": database.ledger or str(folder / f"{number}.sqlite"),
        "change_id": f"TRIAL{number}",
        "state": "applied",
        "action": "retry",
        "selection": {"campaign_id": number, "state": "failed"},
        "rollout": {"canary": chance.choice((1, 5)), "wave_size": chance.choice((7, 20, 1000))},
        "abort": {"threshold_percentage": 100},
        "attempts": {"maximum": MAXIMUM, "interval": 0.001},
        "unknown": chance.choice(("report", "resend")),
        # Simulated nights pass between two runs, real seconds do not: an older reading is not of this night.
        "recheck_after": 0,
    }


def check(trial: Trial, server: Server, rows: list[dict[str, str]]) -> None:
    """Compare the ledger's rows with the sandbox's journal, and note differences."""
    writes = [entry for entry in server.admin("GET", "journal") if entry["write"]]
    carried_out = Counter(_who(entry) for entry in writes if entry["carried_out"])
    # A request that a fault has answered before the node saw it is not an attempt.
    seen = Counter(_who(entry) for entry in writes if entry["carried_out"] or entry["fault"] is None)
    wanted = range(trial.number * 1000, trial.number * 1000 + SIZE)
    named = Counter(int(row["participant_id"]) for row in rows)
    trial.states = Counter(row["state"] for row in rows)
    trial.states["exhausted"] = sum(bool(row["exhausted_at"]) for row in rows)
    trial.problems += [f"{who}: {times} attempts" for who, times in seen.items() if times > MAXIMUM]
    trial.problems += [f"{who}: acted on without being selected" for who in carried_out.keys() - set(wanted)]
    trial.problems += [f"{who}: in the ledger {named[who]} times" for who in wanted if named[who] != 1]
    for row in rows:
        who = int(row["participant_id"])
        trial.problems += [
            f"{who}: {said}" for said in _problems(row, carried_out[who], needed(who), _state(server, who))
        ]
    in_doubt = sum(trial.disturbances.values()) * (AHEAD_MOST + 2 * 3) + trial.faults
    if trial.states["unknown"] > in_doubt:
        trial.problems.append(f"{trial.states['unknown']} unknown, where {in_doubt} could be at most")


def _problems(row: dict[str, str], carried_out: int, needed: int, state: str) -> Iterator[str]:
    """Yield what is wrong with a row, by how often its SIM was really acted on, and by its real state."""
    attempts, is_exhausted = int(row["attempts"]), bool(row["exhausted_at"])
    if attempts > MAXIMUM:
        yield f"the ledger has {attempts} attempts"
    if row["state"] in ("planned", "sending"):
        yield f"still {row['state']}"
    elif row["state"] == "done" and not is_exhausted and not (state == "finished" and carried_out == needed):
        yield f"done, but it is {state} after {carried_out} attempts, and needed {needed}"
    elif is_exhausted and not (state == "failed" and attempts == MAXIMUM):
        yield f"exhausted, but it is {state} after {attempts} attempts"
    elif row["state"] == "skipped" and state != "finished":
        yield f"skipped, but it is {state}"
    if row["state"] == "done" and carried_out > attempts:
        yield f"the ledger has {attempts} attempts, the journal {carried_out}"


def needed(who: int) -> int:
    """Return at which attempt a SIM's message succeeds."""
    first, last = succeeds_at(who // 1000)
    return first + int((last - first + 1) * Chance(1).draws(who, -2)[0])


def _who(entry: dict[str, Any]) -> int:
    return int(entry["params"]["participant_id"])


def _state(server: Server, who: int) -> str:
    return str(server.admin("GET", f"participants/{who}")["state"])


def serve(folder: Path, trials: int) -> Server:
    """Start the server for so many trials."""
    return Server(folder, trials, SIZE, lambda trial: {"succeeds_at": succeeds_at(trial)})


summary = functools.partial(summary_of, run_trial, serve)


if __name__ == "__main__":
    sys.exit(command_line(__doc__, summary))
