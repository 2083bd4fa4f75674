"""Draw the tasks of one seed: every module, and every state of the bulk module."""

from __future__ import annotations

import csv
import json
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from answers import SECRET, TIMEOUT

COLLECTION = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(COLLECTION.parents[2]))

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402
from ansible.module_utils.common.parameters import remove_values  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._ansible.module import Task, argument_spec, perform  # noqa: E402
from ansible_collections.simops.yateota.plugins.module_utils._api import client, delivery, retry_after  # noqa: E402
from ansible_collections.simops.yateota.plugins.modules import (  # noqa: E402
    yateota_bulk,
    yateota_bulk_info,
    yateota_campaign,
    yateota_campaign_info,
    yateota_participant,
    yateota_participant_info,
    yateota_stats_info,
    yateota_trace,
)

IDENTIFIERS = ("participant_id", "iccid", "imsi", "msisdn")
DIRECT, BULK, STEERED, RANGE = 1, 2, 3, 4
"""The campaigns: acted on without a ledger, acted on by changes, started and stopped, built by range."""

SCENARIO = {
    "seed": 1,
    "sims": [
        {"count": 92, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"},
    ],
    "campaigns": [
        {
            "campaign_id": number,
            "name": name,
            "type": "RFM",
            "state": "paused" if number == STEERED else "started",
            "first_participant": number * 100,
            "first_sim": first,
            "initial": initial,
        }
        for number, name, first, initial in (
            (DIRECT, "Direct", 0, {"failed": 16, "finished": 6, "pending_send": 4, "waiting_por": 4, "canceled": 2}),
            (BULK, "Bulk", 32, {"failed": 20, "finished": 6, "pending_send": 3, "waiting_por": 3}),
            (STEERED, "Steered", 64, {"failed": 2, "finished": 2}),
            (RANGE, "Range", 68, {"unallocated": 22, "pending_build": 2}),
        )
    ],
}


@dataclass
class Outcome:
    """The outcome of a task.

    Attributes:
        result: as Ansible would get it, without values that are secrets; empty if the module crashed.
        warnings: the sentences for the user.
        breakdown: the traceback of an exception that is not the collection's own.
    """

    module: str
    options: dict[str, Any]
    result: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    breakdown: str | None = None

    @property
    def failed(self) -> bool:
        """Return whether the task failed."""
        return bool(self.result.get("failed"))


_PAUSES: tuple[tuple[ModuleType, str], ...] = (
    (delivery, "_PAUSE_FIRST"),
    (delivery, "_PAUSE_MOST"),
    (retry_after, "_MOST"),
)


def hurry_waits() -> None:
    """Make the pauses between tries short.

    Nothing here depends on how long they are.

    Raises:
        AttributeError: the pauses have another name now.
    """
    client.Client.__init__.__defaults__ = (1, lambda _seconds: None)
    for module, name in _PAUSES:
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name} any more: say here what its pauses are called")
        setattr(module, name, 0.01)


def run(module: ModuleType, url: str, options: dict[str, Any], check_mode: bool = False) -> Outcome:
    """Run a module's code as the in-process action does."""
    given = {"api_url": url, "api_secret": SECRET, "retries": 1, "timeout": TIMEOUT, "use_proxy": False, **options}
    outcome = Outcome(module.__name__.rpartition("yateota_")[2], options)
    validation = ArgumentSpecValidator(argument_spec(module.ARGUMENTS), **module.RULES).validate(given)
    if validation.error_messages:
        raise ValueError(f"{outcome.module} {options}: {validation.errors.msg}")
    died: list[str] = []
    threading.excepthook = lambda hook: died.append("".join(traceback.format_exception(hook.exc_value)))
    try:
        result = perform(module.run, Task(validation.validated_parameters, check_mode, outcome.warnings.append))
        outcome.result = remove_values(json.loads(json.dumps(result)), [SECRET])
        outcome.warnings = remove_values(outcome.warnings, [SECRET])
    except Exception:  # noqa: BLE001 (that there is none is what is tried)
        outcome.breakdown = traceback.format_exc()
    finally:
        threading.excepthook = threading.__excepthook__
    if died:
        outcome.breakdown = f"a thread died: {died[0]}"
    return outcome


# --- Options ---------------------------------------------------------------------------------------------------------

Job = tuple[ModuleType, dict[str, Any]]


def reading_jobs(chance: Random, folder: Path) -> Iterator[Job]:
    """List a job of every module that only reads from the server."""
    pages = {"page_size": chance.choice((2, 5, 1000))}
    yield (
        yateota_campaign_info,
        chance.choice(({}, pages, {"campaign_id": DIRECT}, {"name": "Bulk"}, {"limit": 2, "offset": 1})),
    )
    form = chance.choice(("csv", "jsonl"))
    dest = {"dest": str(folder / f"participants.{form}"), "format": form}
    ways: tuple[dict[str, Any], ...] = (
        {},
        pages,
        {**pages, **dest},
        dest,
        {"count_only": True},
        {"limit": 4, "offset": 3},
    )
    state = chance.choice(({}, {"state": "failed"}))
    yield yateota_participant_info, {"campaign_id": DIRECT, **chance.choice(ways), **state}
    where = chance.choice(({}, {"dest": str(folder / "trace.json")}))
    yield (
        yateota_trace,
        {"campaign_id": DIRECT, **chance.choice(({"participant_id": 101}, {"msisdn": "882990000002"})), **where},
    )
    yield yateota_stats_info, {}


def campaign_job(chance: Random) -> Job:
    """Return a job of the module that acts on a campaign."""
    named = chance.choice(({"campaign_id": STEERED}, {"name": "Steered"}))
    return yateota_campaign, {**named, "state": chance.choice(("started", "paused", "stopped", "restarted"))}


def participant_job(chance: Random, known: list[dict[str, Any]]) -> Job:
    """Return a job of the module that acts on a list."""
    chosen = chance.sample(known, chance.choice((1, 10, len(known))))
    by = (
        [chance.choice(IDENTIFIERS)] * len(chosen)
        if chance.random() < 0.7
        else chance.choices(IDENTIFIERS, k=len(chosen))
    )
    named = [{name: each[name]} for name, each in zip(by, chosen, strict=True)]
    where = {"campaign_id": DIRECT} if chance.random() < 0.6 else {}
    options: dict[str, Any] = {"participants": named, **where} if len(named) > 1 else {**named[0], **where}
    lookups = ("auto", "always", "never") if where else ("auto", "never")
    action = chance.choice(("retry", "rerun", "cancel", "hurry", "retry_build"))
    return yateota_participant, {
        **options,
        "action": action,
        "state_lookup": chance.choice(lookups),
        "force": chance.random() < 0.5,
        "concurrency": chance.randint(1, 4),
    }


def change_options(chance: Random, folder: Path, ledger: str, known: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the options that all tasks of a change have in common."""
    action = chance.choice(("rerun", "rerun", "retry", "cancel", "hurry", "retry_build"))
    campaign = RANGE if action == "retry_build" else BULK
    of_campaign = [each for each in known if each["campaign_id"] == campaign]
    name = chance.choice(IDENTIFIERS[:3])
    listed = [{name: each[name]} for each in chance.sample(of_campaign, chance.randint(10, len(of_campaign)))]
    way = chance.randrange(3)
    selection: dict[str, Any] = {"campaign_id": campaign}
    if way == 1:
        selection["participants"] = listed
    elif way == 2:
        source = folder / "source.csv"
        with source.open("w", newline="") as file:
            writer = csv.DictWriter(file, [name])
            writer.writeheader()
            writer.writerows(listed)
        selection["source"] = str(source)
    return {
        "ledger": ledger,
        "change_id": f"FUZZ{chance.randrange(10**6)}",
        "action": action,
        "selection": selection,
        "rollout": {
            "canary": chance.choice((1, 3, None)),
            "wave_size": chance.choice((10, 1000)),
            "concurrency": chance.randint(1, 4),
        },
        "mask_identifiers": chance.random() < 0.2,
    }


def run_options(chance: Random, folder: Path) -> dict[str, Any]:
    """Return the options of one task that applies a change."""
    form = chance.choice(("csv", "jsonl"))
    return {
        "state": "applied",
        "unknown": chance.choice(("report", "report", "resend")),
        "resume_aborted": True,
        "abort": {"threshold_percentage": chance.choice((30, 100)), "minimum_executed": chance.choice((3, 1000))},
        "recheck_after": chance.choice((0, 300)),
        **chance.choice(({}, {"report_dest": str(folder / f"report.{form}"), "format": form})),
        **chance.choice(({}, {}, {"max_waves": 1})),
    }


__all__ = ["BULK", "COLLECTION", "DIRECT", "SCENARIO", "Outcome", "run", "yateota_bulk", "yateota_bulk_info"]
