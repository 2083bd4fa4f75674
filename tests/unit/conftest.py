# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox for unit tests: a real server on a free port of the loopback, one for each test."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "roles" / "sandbox" / "files"))

from yateota_sandbox import Options, Sandbox

StartSandbox = Callable[..., Sandbox]


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Start sandboxes with options of one's own; the clock does not run unless `speed` says otherwise."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Sandbox:
            defaults = {"secret": "correct-horse", "admin_token": "battery-staple", "speed": 0}
            return stack.enter_context(Sandbox(Options(**(defaults | options))))

        yield start


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    """The small scenario over HTTP, secret `correct-horse`, its clock standing still."""
    return start_sandbox()


@pytest.fixture
def tls_sandbox(start_sandbox: StartSandbox, tmp_path: Path) -> Sandbox:
    """The same over HTTPS; `ca_path` is its test CA's certificate."""
    return start_sandbox(tls=True, ca_dest=tmp_path / "ca.pem")
