# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the YateOTA JSON API for rehearsals and tests.

Use `Sandbox(Options(...))` in Python, or `python -m` on the command line.
"""

from __future__ import annotations

from .options import Options
from .scenario import Scenario
from .server import Sandbox

__all__ = ["Options", "Sandbox", "Scenario"]
