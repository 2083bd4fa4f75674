"""Reading the participants of a region or a nation into a file takes hardly more memory than a city's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.failures import playbook
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible

MOST_MIB = 150
MOST_OF_THE_CITY = 1.2
READY_WITHIN_SECONDS = 200

# Stands in for the interpreter of the module: runs the real one, and writes down the most memory that it ever held.
# It is small itself, since a process that is started counts what its parent held.
MEASURING = """#!{python}
import resource, subprocess, sys
code = subprocess.call(["{python}", *sys.argv[1:]])
with open("{peaks}", "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, file=file)
sys.exit(code)
"""


@contextlib.contextmanager
def serving(scenario: str, folder: Path) -> Iterator[str]:
    """The URL of a sandbox in a process of its own: the server's memory is not the module's."""
    ready = folder / f"{Path(scenario).stem}.json"
    environ = os.environ | {"PYTHONPATH": str(COLLECTION / "roles/sandbox/files"), "YATEOTA_SANDBOX_SECRET": SECRET}
    command = [
        sys.executable,
        "-m",
        "yateota_sandbox",
        "--scenario",
        scenario,
        "--speed",
        "0",
        "--ready-file",
        str(ready),
    ]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as server:
        try:
            give_up = time.monotonic() + READY_WITHIN_SECONDS
            while not ready.exists():
                assert server.poll() is None, "the sandbox ended"
                assert time.monotonic() < give_up, "the sandbox is not ready"
                time.sleep(0.2)
            yield json.loads(ready.read_text())["url"]
        finally:
            server.terminate()


def export(scenario: str, campaign_id: int, folder: Path) -> tuple[float, int, float]:
    """Write a campaign's participants to CSV: the module's peak in MiB, the number of them, the seconds it took."""
    peaks, dest, python = folder / "peaks", folder / f"{Path(scenario).stem}.csv", folder / "measuring-python"
    peaks.unlink(missing_ok=True)
    python.write_text(MEASURING.format(python=sys.executable, peaks=peaks))
    python.chmod(0o700)
    tasks = [{"simops.yateota.yateota_participant_info": {"campaign_id": campaign_id, "dest": str(dest)}}]
    with serving(scenario, folder) as url:
        started = time.monotonic()
        server = {"YATEOTA_API_URL": url, "YATEOTA_API_SECRET": SECRET}
        done = Ansible(folder, server)(playbook(folder, tasks), {"ansible_python_interpreter": str(python)})
        seconds = time.monotonic() - started
    assert done.ok, done.output
    (result,) = json.loads((folder / "results.json").read_text())
    with dest.open() as file:
        lines = sum(1 for _line in file)
    assert lines == result["count"] + 1, result
    # The first is the module, which wrote the file; the one after it is the task that keeps the result.
    return float(peaks.read_text().splitlines()[0]), result["count"], seconds


def region(folder: Path) -> Path:
    """A scenario like the nation's, with three participants for each twenty of it."""
    files = COLLECTION / "roles/sandbox/files/yateota_sandbox/scenarios"
    scenario = yaml.safe_load((files / "nation.yml").read_text(encoding="utf-8"))
    large = scenario["campaigns"][0]
    large["initial"] = {state: number * 3 // 20 for state, number in large["initial"].items()}
    scenario["sims"][0]["count"] = sum(large["initial"].values())
    (folder / "region.yml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return folder / "region.yml"


@pytest.mark.slow
def test_a_region_takes_hardly_more_memory_than_a_city(tmp_path: Path) -> None:
    compare(tmp_path, str(region(tmp_path)), 150_000)


@pytest.mark.slow
def test_a_nation_takes_hardly_more_memory_than_a_city(tmp_path: Path) -> None:
    compare(tmp_path, "nation", 1_000_000)


def compare(folder: Path, scenario: str, participants: int) -> None:
    """Write the city's participants and those of a larger scenario's campaign 301, and compare the peaks."""
    city, of_the_city, _result = export("city", 201, folder)
    larger, of_the_larger, seconds = export(scenario, 301, folder)
    assert (of_the_city, of_the_larger) == (15_000, participants)
    print(f"\nPeak memory of the module: {city:.0f} MiB for {of_the_city} participants,", end=" ")
    print(f"{larger:.0f} MiB for {of_the_larger} ({seconds:.0f} s)", end="")
    assert larger <= MOST_MIB
    assert larger <= MOST_OF_THE_CITY * city
