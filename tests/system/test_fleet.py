"""One change over eight servers, run by four workers as AWX's slices are: each participant is acted on once."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import Ansible
from ansible_collections.simops.yateota.tests.system.test_hold import crowd, ledger

__all__ = ["ledger"]

SERVERS, WORKERS, SIMS = 8, 4, 2000
PATIENCE_SECONDS = 1800
RUNNER = str(Path(sys.executable).parent / "ansible-runner")


class Line:
    """The network line to a server, which can be cut and made again; its URL stays."""

    def __init__(self, url: str) -> None:
        self._target = int(url.partition("://127.0.0.1:")[2].partition("/")[0])
        self._ends: list[socket.socket] = []
        self.port = 0
        self.mend()
        self.url = f"http://127.0.0.1:{self.port}/api.php"

    def mend(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(50)
        self.port = listener.getsockname()[1]
        self._ends = [listener]
        threading.Thread(target=self._accept, args=(listener, self._ends), daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket, ends: list[socket.socket]) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=(source, target), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


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


@pytest.fixture
def lines(start_sandbox: Callable[..., Any]) -> Iterator[list[tuple[Any, Line]]]:
    """The servers, each behind its line."""
    boxes = [start_sandbox(scenario=crowd(SIMS)) for _server in range(SERVERS)]
    found = [(box, Line(box.url)) for box in boxes]
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
            "yateota_connection": {"api_url": line.url, "api_secret": "correct-horse"},
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
