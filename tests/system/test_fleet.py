"""One change over eight servers: run by four workers as AWX's slices are, and stopped on all of them at once."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible
from ansible_collections.simops.yateota.tests.system.line import Line
from ansible_collections.simops.yateota.tests.system.test_hold import crowd, ledger, moment

__all__ = ["ledger"]

SERVERS, WORKERS = 8, 4
SIMS = int(os.environ.get("YATEOTA_FLEET_SIMS", "2000"))
"""SIMs of each server in the longest test."""

PATIENCE_SECONDS = 1800
RUNNER = str(Path(sys.executable).parent / "ansible-runner")


class Worker:
    """The job of a slice, by ansible-runner: in one process, or sent to another machine and back."""

    def __init__(
        self, ansible: Ansible, folder: Path, hosts: dict[str, Any], given: dict[str, Any], sent: bool
    ) -> None:
        for name, content in {
            "project/run.yml": "- import_playbook: simops.yateota.bulk_retry\n",
            "inventory/hosts.json": json.dumps({"yateota": {"hosts": hosts}}),
            "env/extravars": json.dumps({"yateota_hosts": "yateota", **given}),
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        here = [RUNNER, "run", str(folder), "-p", "run.yml", "--quiet"]
        steps = [
            [RUNNER, "transmit", str(folder), "-p", "run.yml"],
            [RUNNER, "worker", "--private-data-dir", str(folder / "there")],
            [RUNNER, "process", str(folder)],
        ]
        command = " | ".join(map(shlex.join, steps)) if sent else shlex.join(here)
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                env=ansible.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for path in Path("/proc").glob("[0-9]*"):  # Ansible's processes have a session of their own
            with contextlib.suppress(OSError):
                if f"{self._log.parent}/" in (path / "cmdline").read_text():
                    os.kill(int(path.name), signal.SIGKILL)

    def code(self) -> int:
        return self._process.wait(timeout=PATIENCE_SECONDS)


def line_to(url: str) -> Line:
    host, port = urlsplit(url).netloc.split(":")
    return Line(lambda: socket.create_connection((host, int(port))))


@pytest.fixture
def lines(start_sandbox: Callable[..., Any]) -> Iterator[list[tuple[Any, Line]]]:
    """The servers, each behind its line."""
    boxes = [start_sandbox(scenario=crowd(SIMS)) for _server in range(SERVERS)]
    found = [(box, line_to(box.url)) for box in boxes]
    yield found
    for _box, line in found:
        line.cut()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_each_participant_of_a_fleet_is_acted_on_once(
    lines: list[tuple[Any, Line]], ledger: str, tmp_path: Path
) -> None:
    ansible = Ansible(tmp_path, {"YATEOTA_LEDGER": ledger})
    hosts = {
        f"server{place}": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "yateota_connection": {"api_url": f"http://127.0.0.1:{line.port}/api.php", "api_secret": SECRET},
        }
        for place, (_box, line) in enumerate(lines)
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"yateota": {"hosts": hosts}}))
    change = {
        "change_id": "CHG1",
        "campaign_id": 1,
        "bulk_change_wave_size": SIMS // 4,
        "bulk_change_abort_scope": "fleet",
        "bulk_change_verify": False,
    }
    fleet = {**change, "yateota_hosts": "yateota"}
    planned = ansible("bulk_retry", {**fleet, "bulk_change_only": "plan"}, "-i", str(inventory))
    assert planned.ok, planned.output
    approval = {"yateota_hosts": "server0", "change_id": "CHG1", "bulk_change_approved_by": "j.doe"}
    approved = ansible("bulk_approve", {**approval, "bulk_change_confirm_count": SERVERS * SIMS}, "-i", str(inventory))
    assert approved.ok, approved.output

    def work(number: int, turn: str, **more: Any) -> Worker:
        mine = dict(list(hosts.items())[number::WORKERS])
        return Worker(ansible, tmp_path / f"{turn}{number}", mine, {**change, **more}, sent=number % 2 == 1)

    workers = [work(number, "first") for number in range(WORKERS)]
    wait_until(lambda: len(lines[0][0].writes()) > SIMS // 4 and len(lines[1][0].writes()) > SIMS // 4)
    workers[0].kill()
    lines[1][1].cut()
    codes = [worker.code() for worker in workers[1:]]
    assert codes[0] != 0
    assert codes[1:] == [0, 0]
    counts = [len(box.writes()) for box, _line in lines]
    assert all(count < SIMS for count in (counts[0], counts[1]))

    lines[1][1].mend()
    again = [work(number, "second", bulk_change_unknown="resend") for number in range(WORKERS)]
    assert [worker.code() for worker in again] == [0] * WORKERS
    for box, _line in lines:
        acted_on = Counter(int(entry["params"]["participant_id"]) for entry in box.writes() if entry["carried_out"])
        assert acted_on == dict.fromkeys(range(1, SIMS + 1), 1)
    status = ansible("bulk_status", {"change_id": "CHG1"})
    assert f"Change CHG1 is applied: retry on {SERVERS} servers" in status.words, status.output


# --- What stops all servers -------------------------------------------------------------------------------------------

STOPS_WITHIN = 2.0  # seconds
LIMITS = {"abort": {"scope": "fleet", "threshold_percentage": 5}, "rollout": {"maximum_per_second": 20}}


def run_module(box: Any, ledger: str, state: str, **options: Any) -> subprocess.Popen[str]:
    """Run the bulk module in a process of its own, as a runner does."""
    given = {"api_url": box.url, "api_secret": SECRET, "ledger": ledger, "change_id": "CHG1", "state": state, **LIMITS}
    planned = {"action": "retry", "selection": {"campaign_id": 1, "state": "failed"}} if state == "planned" else {}
    command = [
        sys.executable,
        str(COLLECTION / "tests/benchmarks/driver.py"),
        json.dumps({**given, **planned, **options}),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(run: subprocess.Popen[str]) -> dict[str, Any]:
    said, _errors = run.communicate(timeout=PATIENCE_SECONDS)
    return dict(json.loads(said.splitlines()[-1]))


@pytest.fixture
def sending(start_sandbox: Callable[..., Any], ledger: str) -> tuple[list[Any], list[subprocess.Popen[str]]]:
    """Eight servers, and a run for each of them, which sends."""
    boxes = [start_sandbox(scenario=crowd(500)) for _server in range(SERVERS)]
    for plan in [run_module(box, ledger, "planned") for box in boxes]:
        assert result_of(plan)["changed"]
    runs = [run_module(box, ledger, "applied") for box in boxes]
    wait_until(lambda: all(len(box.writes()) >= 10 for box in boxes))
    return boxes, runs


def seconds_after(box: Any, begun: float) -> float:
    """Return how long after a moment a server got its last request."""
    return float(max(entry["time"] for entry in box.writes())) - begun


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_the_budget_of_a_fleet_trips_at_one_server_and_the_seven_others_end(
    sending: tuple[list[Any], list[subprocess.Popen[str]]],
) -> None:
    boxes, runs = sending
    boxes[3].fault(request="action_participant", kind="code", code=404, message="Participant not found", times=1000)
    results = [result_of(run) for run in runs]
    assert {result["change"]["status"] for result in results} == {"aborted"}
    assert "on all servers went wrong" in results[3]["msg"]
    tripped = max(entry["time"] for entry in boxes[3].writes())
    late = [seconds_after(box, tripped) for box in boxes]
    print(f"after the budget had tripped, the last requests came after {[round(each, 2) for each in late]} s")
    assert max(late) < STOPS_WITHIN
    assert all(10 <= len(box.writes()) < 500 for box in boxes)


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_a_hold_from_a_ninth_process_ends_all_eight(
    sending: tuple[list[Any], list[subprocess.Popen[str]]], ledger: str
) -> None:
    boxes, runs = sending
    ninth = run_module(boxes[0], ledger, "held", requested_by="ann", reason="The SMSC queues.")
    held = moment(result_of(ninth)["change"]["held"]["since"])
    results = [result_of(run) for run in runs]
    assert {result["failure"]["kind"] for result in results} == {"held"}
    late = [seconds_after(box, held) for box in boxes]
    print(f"after the hold, the last requests came after {[round(each, 2) for each in late]} s")
    assert max(late) < STOPS_WITHIN
    assert all(10 <= len(box.writes()) < 500 for box in boxes)
