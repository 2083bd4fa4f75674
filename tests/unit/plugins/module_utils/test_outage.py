# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger whose database goes away in the middle of a change: nothing twice, and no outcome lost."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.states_reader import StateReader
from ansible_collections.simops.yateota.plugins.module_utils._ledger import lease as lease_module
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.outage import LedgerUnreachableError, Outage
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import Report
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk, Postgresql
from ansible_collections.simops.yateota.tests.unit.plugins.servers import free_port

from yateota_sandbox import Sandbox


@pytest.fixture
def ledger(new_database: str) -> str:
    """On PostgreSQL alone, where a test does not ask for more."""
    return new_database


def sent_for(sandbox: Sandbox) -> list[int]:
    """The participants that requests were carried out for."""
    return [entry["params"]["participant_id"] for entry in sandbox.writes()]


@contextlib.contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread of its own beside the block; what fails there fails here."""
    failures: list[BaseException] = []

    def act() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()
    assert not failures


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs_of(where: str, change_id: str = "CHG1") -> list[dict[str, Any]]:
    with contextlib.closing(open_ledger(where, None)) as opened:
        change = find_change(opened, change_id)
        assert change
        return Report(change, masked=False).runs()


def test_sessions_that_end_all_the_time(bulk: Bulk, sandbox: Sandbox, ledger: str, database_server: Postgresql) -> None:
    bulk("planned")
    is_over = threading.Event()
    ended: list[int] = []

    def disturb() -> None:
        while not is_over.wait(0.1):
            ended.append(database_server.end_sessions())

    with meanwhile(disturb):
        try:
            result = bulk("applied", rollout={"wave_size": 10, "maximum_per_second": 40, "soak": 0.2})
        finally:
            is_over.set()
    assert sum(ended) > 1
    assert "failed" not in result, result["msg"]
    assert result["change"]["counts"]["done"] == 44
    assert [wave["size"] for wave in result["change"]["waves"]] == [10, 10, 10, 10, 4]
    assert len(sent_for(sandbox)) == len(set(sent_for(sandbox))) == 44
    assert len(runs_of(ledger)) == 2


def test_a_database_that_is_restarted_at_once(bulk: Bulk, sandbox: Sandbox, database_server: Postgresql) -> None:
    bulk("planned")

    def restart() -> None:
        wait_until(lambda: len(sandbox.writes()) > 5)
        database_server.control("restart", "--mode=immediate")

    with meanwhile(restart):
        result = bulk("applied", rollout={"maximum_per_second": 20})
    assert "failed" not in result, result["msg"]
    assert result["change"]["counts"]["done"] == 44
    assert len(sent_for(sandbox)) == len(set(sent_for(sandbox))) == 44


def test_a_database_that_stays_away_ends_the_run_and_it_goes_on_later(
    bulk: Bulk, sandbox: Sandbox, database_server: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk("planned")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    def stop() -> None:
        wait_until(lambda: len(sandbox.writes()) > 5)
        database_server.control("stop", "--mode=immediate")

    with meanwhile(stop), monkeypatch.context() as process:
        process.setattr(lease_module.os, "getpid", lambda: ended.pid)  # which is seen to have ended, in the next run
        result = bulk("applied", rollout={"maximum_per_second": 20, "concurrency": 1}, ledger_timeout=1)
    at_stop = sent_for(sandbox)
    try:
        assert (result["failed"], result["failure"]["kind"]) == (True, "transport")
        assert "cannot be reached" in result["msg"]
        assert "tried again for 1 seconds (ledger_timeout); nothing was sent meanwhile" in result["msg"]
        assert "are not recorded: the next run settles them by their states" in result["msg"]
        assert len(at_stop) < 44
    finally:
        database_server.resume()
    # Up to two requests may have been sent before it was seen: 2 unknown of 20 are as many as abort by default.
    resumed = bulk("applied", abort={"threshold_percentage": 50})
    counts = resumed["change"]["counts"]
    assert counts["done"] + counts["unknown"] == 44
    # Those that the server has accepted and that could not be recorded are settled by their state, or unknown.
    assert set(at_stop) <= set(sent_for(sandbox))
    assert len(sent_for(sandbox)) == len(set(sent_for(sandbox)))


# --- Signals meanwhile ------------------------------------------------------------------------------------------------


def test_a_stopped_task_waits_for_its_ledger_only_to_record_outcomes() -> None:
    stopped = threading.Event()
    stopped.set()
    outage, tries = Outage(600, stopped), []

    def away_at_first() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise LedgerUnreachableError("away")
        return len(tries)

    with pytest.raises(LedgerUnreachableError, match="signal stopped the task while it was waiting"):
        outage.repeat(away_at_first)
    with outage.holding_outcomes(True):
        assert outage.repeat(away_at_first) == 3


def test_a_signal_ends_the_wait_for_a_ledger(bulk: Bulk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    pause = Outage._pause

    def pause_and_end(outage: Outage, *arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pause(outage, *arguments)

    monkeypatch.setattr(Outage, "_pause", pause_and_end)
    away = f"postgresql+psycopg://u@127.0.0.1:{free_port()}/d"
    result = bulk("applied", ledger=away, ledger_timeout=600)
    assert (result["failed"], result["failure"]["kind"]) == (True, "transport")
    assert "signal stopped the task while it was waiting" in result["msg"]
    assert sandbox.journal() == []


def test_a_signal_ends_a_verification_that_has_not_come_to_its_end(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    read = StateReader.read

    def read_and_end(states: StateReader, **options: Any) -> None:
        read(states, **options)
        os.kill(os.getpid(), signal.SIGTERM)

    bulk("applied")
    monkeypatch.setattr(StateReader, "read", read_and_end)
    result = bulk("verified", verify_timeout=600)
    assert (result["failed"], result["remaining"]) == (True, 44)
    assert result["msg"] == "Change CHG1 was stopped by a signal: run it again to verify it."


def test_what_the_libraries_note_of_an_outage_is_not_written_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest
    for name in ("sqlalchemy.pool.impl.QueuePool", "psycopg"):
        logging.getLogger(name).error("It is away.", exc_info=OSError())
    assert capfd.readouterr().err == ""
