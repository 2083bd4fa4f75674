# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on machines whose clocks are ten minutes apart: a lease is ten times shorter, and a window not much longer."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.test_fleet import acted_on
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.test_lease import DRIVER, PATIENCE_SECONDS
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET

from yateota_sandbox import Sandbox

APART = 600.0

Start = Callable[..., "Run"]


class Run:
    """A run of the bulk module in a process of its own, whose clock is some seconds ahead."""

    def __init__(self, options: dict[str, Any], ahead: float) -> None:
        command = [sys.executable, str(DRIVER), json.dumps(options), str(ahead)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def result(self) -> dict[str, Any]:
        said = self.process.communicate(timeout=PATIENCE_SECONDS)[0]
        return dict(json.loads(said.splitlines()[-1]))

    def end(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture
def start(sandbox: Sandbox, ledger: str) -> Iterator[Start]:
    """Start a run for the planned change."""
    runs: list[Run] = []

    def begin(ahead: float, **options: Any) -> Run:
        given = {"api_url": sandbox.url, "api_secret": SECRET, "ledger": ledger, "change_id": "CHG1"}
        runs.append(Run({**given, "state": "applied", **options}, ahead))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


@pytest.mark.parametrize("ahead", [-APART, pytest.param(APART, marks=pytest.mark.slow)])
def test_none_takes_the_lease_of_another_for_ended_and_nobody_is_acted_on_twice(
    bulk: Bulk, sandbox: Sandbox, start: Start, ahead: float
) -> None:
    bulk("planned")
    first = start(ahead, rollout={"maximum_per_second": 5})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(sandbox.writes()) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start(-ahead).result()
    assert "Change CHG1 is being run by " in second["msg"]
    assert second["failure"]["kind"] == "invalid_input"
    assert "Change CHG1 is being run by " in bulk("applied")["msg"]
    first.end()
    assert 4 <= len(sandbox.writes()) < 44
    assert start(-ahead, unknown="resend").result()["change"]["status"] == "applied"
    assert acted_on(sandbox) == dict.fromkeys(acted_on(sandbox), 1)
    assert len(acted_on(sandbox)) == 44


@pytest.mark.parametrize("ahead", [APART, pytest.param(-APART, marks=pytest.mark.slow)])
def test_a_window_is_judged_by_the_clock_of_the_ledger(bulk: Bulk, start: Start, ledger: str, ahead: float) -> None:
    """PostgreSQL's own, or for a SQLite file that of the machine."""
    bulk("planned")
    now = datetime.datetime.now(datetime.UTC)
    window = {
        name: (now + datetime.timedelta(minutes=place)).isoformat() for name, place in (("start", -5), ("end", 5))
    }
    status = "applied" if "://" in ledger else "window_closed"
    assert start(ahead, window=window).result()["change"]["status"] == status
