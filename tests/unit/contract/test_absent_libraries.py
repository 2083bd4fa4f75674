# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file loads on a machine without the libraries, where Ansible documents the modules and checks their options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILES = [*ROOT.glob("plugins/module_utils/_*/*.py"), *ROOT.glob("plugins/modules/*.py")]
LOAD = """
import importlib, importlib.util, sys
ours = ("ansible", "ansible_collections")
find_spec = importlib.util.find_spec
known = {*sys.stdlib_module_names, *ours}
importlib.util.find_spec = lambda name, *rest: find_spec(name, *rest) if name.partition(".")[0] in known else None
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(f"ansible_collections.simops.yateota.{name}")
"""


def test_every_file_loads_without_the_libraries() -> None:
    names = [str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in sorted(FILES)]
    assert len(names) > 50
    command = [sys.executable, "-c", LOAD, str(ROOT.parents[2]), *names]
    loaded = subprocess.run(command, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
