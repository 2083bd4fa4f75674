"""Changes disturbed at random moments on a server that fails at random: none acted on twice, none lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION

DATABASES = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    ("trials", "number", "seed", "sought"),
    [("kill_trials", 10, 2, " unknown"), ("attempt_trials", 6, 1, " exhausted")],
    ids=["acted on once", "as many attempts as needed"],
)
def test_disturbed_changes_are_resumed_with_no_participant_acted_on_twice_or_lost(
    trials: str, number: int, seed: int, sought: str
) -> None:
    command = [sys.executable, f"tests/benchmarks/{trials}.py", "--trials", str(number), "--seed", str(seed)]
    # Side by side: most of the time they wait for what they disturb.
    under_way = [
        subprocess.Popen(
            [*command, "--database", each],
            cwd=COLLECTION,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for each in DATABASES
    ]
    said = [process.communicate(timeout=900)[0] for process in under_way]
    assert [process.returncode for process in under_way] == [0, 0], said
    for each in said:
        assert f"{number} trials, " in each
    # By chance, of which a slow machine has its own: on one of the two databases.
    for what in (" kill, ", " hold up", " hold and release", " skew clocks", " done", sought):
        assert any(what in each for each in said)
