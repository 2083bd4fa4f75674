# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through the controller's process: when it is taken. What it comes to is the system tests' to compare."""

from __future__ import annotations

import importlib
import os
import pwd
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.connection.local import Connection
from ansible.release import __version__
from ansible.template import Templar
from ansible_collections.simops.yateota.plugins.modules import yateota_trace
from ansible_collections.simops.yateota.plugins.plugin_utils import _core_parts as core
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


# --- What it uses of ansible-core -------------------------------------------------------------------------------------


class Action(InProcessAction):
    module = yateota_trace


@pytest.fixture
def action() -> Action:
    """The action of a task on the controller, of ansible-core's own parts."""
    loader = DataLoader()
    play_context, task = PlayContext(), Task()
    task.environment = []
    return Action(task, Connection(play_context, os.devnull), play_context, loader, Templar(loader), None)


@pytest.fixture
def reloaded() -> Iterator[Any]:
    """Look for the parts again, and once more at the end."""
    yield lambda: importlib.reload(core)
    importlib.reload(core)


@pytest.mark.parametrize("name", core.IMPORTED)
def test_this_core_has_what_is_imported(name: str) -> None:
    assert getattr(core, name) is not None, (
        f"ansible-core {__version__} has no {'.'.join(core.IMPORTED[name])}: every task runs as a module. "
        "Find its successor, and name it in plugins/plugin_utils/_core_parts.py."
    )


@pytest.mark.parametrize("path", core.OF_AN_ACTION)
def test_this_core_has_what_an_action_looks_at(action: Action, path: str) -> None:
    assert f"ActionBase.{path}" not in core.missing_parts(action), (
        f"ansible-core {__version__} has no ActionBase.{path}: every task runs as a module. "
        "Find its successor, and name it in plugins/plugin_utils/_core_parts.py."
    )


def test_with_all_of_it_the_short_way_is_taken(action: Action) -> None:
    assert action._obstacle({}) is None


@pytest.mark.parametrize("name", core.IMPORTED)
def test_a_core_without_a_part_has_tasks_run_as_modules(
    action: Action, reloaded: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, path = core.IMPORTED[name]
    with monkeypatch.context() as patched:
        if "." in path:
            holder, _dot, last = path.rpartition(".")
            patched.delattr(type(getattr(importlib.import_module(module), holder)), last)
        else:
            patched.delattr(importlib.import_module(module), path)
        reloaded()
        assert action._obstacle({}) == f"this ansible-core has no {module}.{path}"


@pytest.mark.parametrize("name", ["ArgumentSpecValidator", "UnsupportedError", "remove_values"])
def test_a_core_without_the_module_of_a_part(
    action: Action, reloaded: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, path = core.IMPORTED[name]
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, module, None)
        reloaded()
        assert f"{module}.{path}" in (action._obstacle({}) or "")


class Without:
    """An object of ansible-core's without one attribute."""

    def __init__(self, whole: Any, name: str) -> None:
        self._whole, self._name = whole, name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise AttributeError(name)
        return getattr(self._whole, name)


@pytest.mark.parametrize("path", core.OF_AN_ACTION)
def test_a_core_whose_actions_lack_a_part_has_tasks_run_as_modules(action: Action, path: str) -> None:
    holder, _dot, last = path.partition(".")
    setattr(action, holder, Without(getattr(action, holder), last))
    assert action._obstacle({}) == f"this ansible-core has no ActionBase.{path}"
