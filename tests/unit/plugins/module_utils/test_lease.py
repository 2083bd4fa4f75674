# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a lease lets requests be sent: as long as its renewal is durable, and never after it ran out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._ledger import lease as lease_module
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease import Lease
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET, StartSandbox

DRIVER = Path(__file__).parents[3] / "benchmarks" / "driver.py"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the machine's clock shows, set by the test; leases do not renew themselves."""
    shown = [1000.0]
    monkeypatch.setattr(lease_module, "elapsed", lambda: shown[0])
    monkeypatch.setattr(Lease, "_beat", lambda self: None)
    return shown


@pytest.fixture
def change(ledger: str, moment: list[float]) -> Iterator[Change]:
    """A change that is held for 60 seconds."""
    opened = open_ledger(ledger, None)
    found = find_or_create_change(opened, "CHG1", api_url="http://localhost", node="ota", action="retry", selection={})
    with Lease(opened, found.number, "CHG1", "ann", 60) as lease:
        yield found.under(lease)
    opened.close()


def is_safe(change: Change) -> bool:
    assert change.lease
    return change.lease.is_safe()


def test_it_counts_as_renewed_when_that_is_durable(change: Change, moment: list[float]) -> None:
    moment[0] += 30
    change.update(status="applied")
    moment[0] += 30
    assert is_safe(change)
    with pytest.raises(RuntimeError, match="the commit fails"), change.write():
        raise RuntimeError("the commit fails")
    moment[0] += 10
    assert not is_safe(change)


def test_it_does_not_count_as_renewed_before(change: Change, moment: list[float]) -> None:
    moment[0] += 39
    with change.write():
        moment[0] += 2
        assert not is_safe(change)
    assert is_safe(change)


@pytest.mark.parametrize(("stopped", "safe"), [(59, True), (60, False), (3600, False)])
def test_one_that_ran_out_lets_nothing_leave_though_nobody_took_it(
    change: Change, moment: list[float], stopped: float, safe: bool
) -> None:
    moment[0] += stopped
    change.update(status="applied")  # what is known is still recorded
    assert change.record().status == "applied"
    assert is_safe(change) is safe


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_run_that_was_stopped_beyond_its_lease_sends_nothing_after_it(
    bulk: Bulk, start_sandbox: StartSandbox, ledger: str
) -> None:
    box = start_sandbox(service_time=0.1)
    bulk("planned", box)
    options = {"change_id": "CHG1", "state": "applied", "ledger": ledger, "lease_seconds": 3, "timeout": 0.5}
    given = json.dumps({"api_url": box.url, "api_secret": SECRET, **options})
    with subprocess.Popen([sys.executable, str(DRIVER), given], stdout=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(box.writes()) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(signal.SIGSTOP)
        time.sleep(3.5)
        sent = len(box.writes())
        run.send_signal(signal.SIGCONT)
        result = json.loads(run.communicate(timeout=PATIENCE_SECONDS)[0].splitlines()[-1])
    assert 4 <= sent == len(box.writes()) < 44
    assert "was delayed until its lease nearly ran out: nothing more was sent" in result["msg"]
    counts = result["change"]["counts"]
    assert counts["done"] + counts["unknown"] == sent
    assert counts["planned"] == 44 - sent
