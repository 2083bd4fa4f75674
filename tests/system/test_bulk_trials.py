"""Changes disturbed at random moments on a server that fails at random: none acted on twice, none lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION

TRIALS = 20
DATABASES = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    ("trials", "sought"),
    [("kill_trials", " unknown"), ("attempt_trials", " exhausted")],
    ids=["acted on once", "as many attempts as needed"],
)
def test_disturbed_changes_are_resumed_with_no_participant_acted_on_twice_or_lost(trials: str, sought: str) -> None:
    command = [sys.executable, f"tests/benchmarks/{trials}.py", "--trials", str(TRIALS), "--database"]
    # Side by side: most of the time they wait for what they disturb.
    under_way = [
        subprocess.Popen([*command, each], cwd=COLLECTION, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for each in DATABASES
    ]
    for process in under_way:
        said, _nothing = process.communicate(timeout=900)
        assert process.returncode == 0, said
        assert f"{TRIALS} trials, " in said
        for what in (" kill, ", " hold up", " hold and release", " skew clocks", " done", sought):
            assert what in said
