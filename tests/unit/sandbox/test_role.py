# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role installs is what the server needs."""

from __future__ import annotations

from pathlib import Path

ROLE = Path(__file__).parents[3] / "roles" / "sandbox"


def test_its_requirements_are_those_of_the_unit_tests_but_for_the_tools_of_testing():
    def names(path):
        lines = path.read_text(encoding="utf-8").splitlines()
        return {line.split(">=")[0] for line in lines if line and not line.startswith("#")}

    needed = names(ROLE / "requirements.txt")
    assert needed <= names(Path(__file__).parents[1] / "requirements.txt")
