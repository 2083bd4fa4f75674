# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No example, default or setting puts a file where every user can write."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SHOWN = ("README.md", "docs", "extensions", "meta", "playbooks", "plugins", "roles", "scripts")
WORLD_WRITABLE = re.compile(r"(?<![\w.])/(?:var/tmp|tmp|dev/shm|run/lock)\b")


def test_no_file_goes_where_every_user_can_write() -> None:
    files = [path for name in SHOWN for path in (ROOT / name, *(ROOT / name).rglob("*")) if path.is_file()]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if WORLD_WRITABLE.search(line)
    ]
    assert not found
