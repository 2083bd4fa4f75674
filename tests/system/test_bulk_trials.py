"""Changes killed at random moments on a server that fails at random: none acted on twice, none lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION

TRIALS = 20


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_changes_are_resumed_with_nobody_acted_on_twice_and_nobody_lost(database: str) -> None:
    command = [sys.executable, "tests/benchmarks/kill_trials.py", "--trials", str(TRIALS), "--database", database]
    done = subprocess.run(command, cwd=COLLECTION, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TRIALS} trials, " in done.stdout
    assert " kills, " in done.stdout
    assert " unknown" in done.stdout
