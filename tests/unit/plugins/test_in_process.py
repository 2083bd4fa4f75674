# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through the controller's process: when it is taken. What it comes to is the system tests' to compare."""

from __future__ import annotations

import os
import pwd
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.plugin_utils._in_process import InProcessAction


@pytest.fixture
def becomes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whether a task that becomes a user becomes another than the one with a number; only root has a name."""

    def no_name(number: int) -> Any:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    def ask(user: str, number: int) -> bool:
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: number)
        monkeypatch.setattr(pwd, "getpwuid", no_name)
        action = object.__new__(InProcessAction)
        action._connection = SimpleNamespace(become=SimpleNamespace(get_option=lambda *_args, **_keys: user))
        action._play_context = None
        return action._becomes_another()

    return ask


@pytest.mark.parametrize(
    ("user", "number", "another"),
    [("root", 0, False), ("root", 123456, True), ("no such user", 0, True), ("no such user", 123456, True)],
)
def test_a_user_without_a_name_becomes_another(becomes: Any, user: str, number: int, another: bool) -> None:
    """As in a container with a random number for a user, and none of the variables that tell a name."""
    assert becomes(user, number) is another
