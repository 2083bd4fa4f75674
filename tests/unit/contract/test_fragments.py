# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of what users run needs a changelog fragment, in a collection of the test's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "gates" / "fragments.py"
FILES = {
    "changelogs/changelog.yaml": "releases:\n  1.9.0: {}\n  1.10.0: {}\n  1.10.0-rc2: {}\n",
    "changelogs/fragments/.keep": "",
    "plugins/modules/a.py": "A = 1\n",
    "roles/r/tasks/main.yml": "---\n",
    "playbooks/p.yml": "---\n",
    "docs/guide.md": "# Guide\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check(root: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A collection as it was released."""
    write(tmp_path, FILES)
    assert check(tmp_path, "--record") == (0, "")
    return tmp_path


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"docs/guide.md": "# Another guide\n", "tests/new.py": ""},
        {"plugins/modules/__pycache__/a.cpython-311.pyc": "compiled"},
        {"plugins/modules/a.py": "A = 2\n", "changelogs/fragments/a.yml": "minor_changes: [A is 2.]\n"},
    ],
    ids=["as released", "docs and tests", "compiled", "with a fragment"],
)
def test_what_users_do_not_run_and_what_a_fragment_tells_may_differ(released: Path, files: dict[str, str]) -> None:
    write(released, files)
    assert check(released) == (0, "")


@pytest.mark.parametrize(
    "name", ["plugins/modules/a.py", "plugins/modules/b.py", "roles/r/tasks/main.yml", "playbooks/p.yml"]
)
def test_a_change_without_a_fragment_fails(released: Path, name: str) -> None:
    write(released, {name: "another\n"})
    code, said = check(released)
    assert code == 1
    assert "plugins/, roles/ or playbooks/ differ from release 1.10.0, and changelogs/fragments/ is empty." in said


def test_a_file_that_is_moved_is_a_change(released: Path) -> None:
    (released / "plugins/modules/a.py").rename(released / "plugins/modules/b.py")
    assert check(released)[0] == 1


def test_a_release_has_to_be_recorded(released: Path) -> None:
    write(released, {"changelogs/changelog.yaml": "releases:\n  1.10.0: {}\n  2.0.0: {}\n"})
    code, said = check(released)
    assert code == 1
    assert "has the digest of release 1.10.0, expected the latest release, 2.0.0." in said
    assert check(released, "--record") == (0, "")
    assert check(released) == (0, "")
