# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the gates count: a run that tested nothing, or hides a failure, must not pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gates"))

import gate

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
