"""Measure release 1.0.0 and this version in one run, in the same environment.

`python released.py COLLECTION URL FOLDER PARTICIPANTS` takes each step once by the code of a collection, and prints
what it cost.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RELEASED = "e988c08b40d37bcb592d9c0d5147e0ab546ec63e"
"""The commit of release 1.0.0, by the digest in changelogs/released.json."""


@contextlib.contextmanager
def released() -> Iterator[Path]:
    """Yield a folder with the collection of that release, from the history of this repository."""
    with tempfile.TemporaryDirectory() as folder:
        collection = Path(folder, "ansible_collections/simops/yateota")
        archive = subprocess.run(["git", "-C", _repository(), "archive", RELEASED], stdout=subprocess.PIPE, check=True)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(collection, filter="data")
        yield collection


def _repository() -> str:
    """Return the repository with the release: the copy that this runs in may be one of its own, without a history."""
    for folder in HERE.parents:
        found = subprocess.run(["git", "-C", str(folder), "cat-file", "-e", RELEASED], stderr=subprocess.DEVNULL)
        if not found.returncode:
            command = ["git", "-C", str(folder), "rev-parse", "--show-toplevel"]
            return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    raise RuntimeError(f"no repository above {HERE} has the commit {RELEASED}: fetch its whole history")


def steps(collection: Path, url: str, folder: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the steps, by the code of a collection."""
    sys.path.insert(0, str(collection / "tests/benchmarks"))
    driver = importlib.import_module("driver")
    info = importlib.import_module("ansible_collections.simops.yateota.plugins.modules.yateota_participant_info")
    validator = driver.ArgumentSpecValidator(driver.argument_spec(info.ARGUMENTS))
    export = {"api_url": url, "campaign_id": 1, "dest": str(folder / "list.csv")}
    change = {
        "api_url": url,
        "ledger": str(folder / "ledger.sqlite"),
        "change_id": "CHG",
        "action": "retry",
        "selection": {"campaign_id": 1, "state": "failed"},
    }
    return {
        "list": lambda: driver.perform(
            info.run, driver.Task(validator.validate(export).validated_parameters, False, print)
        ),
        "plan": lambda: driver.bulk({**change, "state": "planned"}),
        "rollout": lambda: driver.bulk({**change, "state": "applied"}),
    }


def costs(collection: Path, url: str, folder: Path, participants: int) -> dict[str, float]:
    """Return the microseconds of CPU for a participant of each step."""
    found = {}
    for name, step in steps(collection, url, folder).items():
        begun = time.process_time()
        result = step()
        found[name] = (time.process_time() - begun) / participants * 1e6
        if result.get("failed"):
            raise RuntimeError(f"{name}: {result['msg']}")
    return found


def beside_release(folder: Path, participants: int = 10_000, rounds: int = 3) -> dict[str, Any]:
    """Return the microseconds of CPU for a participant, of this version and of the release, and their ratio.

    Each round is a process of its own. They take turns, since machines are noisy; the figures are medians.
    """
    from bulk_speed import bare_server

    taken: dict[str, list[dict[str, float]]] = {"": [], "released_": []}
    with released() as collection, bare_server(participants) as url:
        for number in range(rounds):
            for version, root in (("", HERE.parents[1]), ("released_", collection)):
                own = folder / f"{version}{number}"
                own.mkdir()
                command = [sys.executable, str(HERE / "released.py"), str(root), url, str(own), str(participants)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                taken[version].append(json.loads(done.stdout.splitlines()[-1]))
    found = {
        f"{version}{step}_microseconds_each": statistics.median(costs[step] for costs in rows)
        for step in taken[""][0]
        for version, rows in taken.items()
    }
    return found | {
        f"{step}_to_released": found[f"{step}_microseconds_each"] / found[f"released_{step}_microseconds_each"]
        for step in taken[""][0]
    }


if __name__ == "__main__":
    print(json.dumps(costs(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
