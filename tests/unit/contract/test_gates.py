# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the gates count: a run that tested nothing, or hides a failure, must not pass."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gates"))

import gate

GATES = Path(gate.__file__).parent
SANITY_LOG = 'Running sanity test "import" on Python 3.11\nRunning sanity test "pep8"\nRunning sanity test "yamllint"\n'
TARGETS_LOG = "Running yateota_trace integration test role\n\nRunning yateota_campaign integration test role\n"


@pytest.mark.parametrize(
    ("log", "way", "counts"),
    [
        (SANITY_LOG, "sanity", (3, 0, 0)),
        (SANITY_LOG + "FATAL: The 2 sanity test(s) listed below (out of 3) failed.\n", "sanity", (1, 2, 0)),
        (TARGETS_LOG, "targets", (2, 0, 0)),
        (TARGETS_LOG + "FATAL: The 1 integration test(s) listed below (out of 2) failed.\n", "targets", (1, 1, 0)),
        ("All targets skipped.\n", "sanity", (0, 0, 0)),
    ],
)
def test_ansible_test_is_counted_by_what_it_ran(log: str, way: str, counts: tuple[int, int, int]) -> None:
    """Its exit code does not tell how much it ran."""
    assert gate.count_log(log, gate.STARTED[way]) == counts


def test_junit_files_are_added_up(tmp_path: Path) -> None:
    """Passed, failed (errors are failures) and skipped, over all files."""
    folder = tmp_path / "tests" / "output" / "junit"
    folder.mkdir(parents=True)
    folder.joinpath("one.xml").write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    )
    folder.joinpath("two.xml").write_text(
        '<testsuites><testsuite tests="5" failures="0" errors="0" skipped="0"/></testsuites>'
    )
    assert gate.count_junit(tmp_path) == (8, 3, 3)


def test_the_reason_of_what_is_skipped_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "tests/output/junit"
    folder.mkdir(parents=True)
    case = '<testcase><skipped message="no browser"/></testcase>'
    folder.joinpath("one.xml").write_text(f"<testsuites><testsuite>{case}{case}</testsuite></testsuites>")
    log = 'Running sanity test\nWARNING: Skipping sanity test "pslint": no pwsh\n'
    assert gate.skip_reasons(tmp_path, log) == ["no browser", 'WARNING: Skipping sanity test "pslint": no pwsh']


@pytest.mark.parametrize(
    ("code", "counts", "log", "good"),
    [
        (0, (5, 0, 0), "fine", True),
        (1, (5, 0, 0), "fine", False),
        (0, (5, 1, 0), "fine", False),
        (0, (0, 0, 0), "fine", False),
        (0, (0, 0, 5), "fine", False),
        (0, (5, 0, 0), "All targets skipped.", False),
        (0, (5, 0, 0), "so far\nWARNING: no changelog", False),
    ],
)
def test_only_a_clean_run_is_good(code: int, counts: tuple[int, int, int], log: str, good: bool) -> None:
    """It succeeded, ran something, nothing failed, and the log says nothing against it."""
    assert gate.is_good(code, counts, log, "^WARNING") is good


def test_the_list_of_gates_is_whole() -> None:
    """CONTRIBUTING.md names the gates of `make test` in one table, and those that `make bench` adds in the next."""
    root = GATES.parents[1]
    command = ["make", "--no-print-directory", "gate-names", f"PYTHON={sys.executable}", "NEWEST=newest"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    test = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Test")[2].partition("\n## ")[0]
    first, second = test.split("`make bench` runs what is slow")
    tables = [
        re.findall(r"^\|(.*)\|$", part.partition("| What you change |")[0], re.MULTILINE) for part in (first, second)
    ]
    for table, names in zip(tables, done.stdout.splitlines(), strict=True):
        listed = {name for row in table for name in re.findall(r"`([a-z0-9.-]+)`", row)}
        expected = set(names.split())
        assert expected - listed == set()
        first_cells = {name for row in table for name in re.findall(r"`([a-z0-9.-]+)`", row.split("|")[0])}
        assert first_cells - expected == set()


# What a gate does first: it starts a process in a session of its own, and prints its number.
STARTS = "setsid sleep 300 & echo $! >pid; "
# In a process of its own: a gate ends all that its process has started.
RUN = """
import signal, sys
# A shell lets what it runs in the background ignore it, and so all that this starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import gate
gate.LOOK_SECONDS, gate.STALL_SECONDS, gate.LIMIT_SECONDS = 0.1, float(sys.argv[2]), float(sys.argv[3])
sys.exit(gate.run(["sh", "-c", sys.argv[4]], Path(), {"PATH": "/usr/bin:/bin"}, Path("log")))
"""


def start_gate(folder: Path, script: str, stall: float = 300, limit: float = 300) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(GATES), str(stall), str(limit), script], cwd=folder)


def has_left_a_process(folder: Path) -> bool:
    return Path("/proc", (folder / "pid").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"limit": 0.5}, "it took longer than 0.5 s"), ({"stall": 0.5}, "it computed nothing for 0.5 s")],
)
def test_a_gate_is_ended_with_all_that_it_started(tmp_path: Path, limits: dict[str, float], why: str) -> None:
    with start_gate(tmp_path, STARTS + "sleep 300", **limits) as process:
        assert process.wait(60) == 1
    assert f"The gate was ended: {why}." in (tmp_path / "log").read_text()
    assert not has_left_a_process(tmp_path)


def test_a_gate_that_ends_by_itself_leaves_nothing_running(tmp_path: Path) -> None:
    with start_gate(tmp_path, STARTS + "exit 3") as process:
        assert process.wait(60) == 3
    assert not has_left_a_process(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_gate_that_is_interrupted_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    with start_gate(tmp_path, STARTS + "echo >up; sleep 300") as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "up").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(60) != 0
    assert not has_left_a_process(tmp_path)
