# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module runs in the controller's process too, with nothing that its own way alone could give."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("yateota_*.py"))
# What Ansible's public validator says nothing about, so that the short way could not say it either.
TOLD_BY_MODULES_ALONE = {"aliases", "deprecated_aliases", "removed_in_version", "removed_at_date"}


def test_every_module_has_its_action_and_no_other_is_there() -> None:
    assert MODULES
    assert sorted(path.stem for path in (PLUGINS / "action").glob("*.py") if path.stem != "__init__") == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_the_action_runs_the_module_of_its_name(name: str) -> None:
    tree = ast.parse((PLUGINS / "action" / f"{name}.py").read_text(encoding="utf-8"))
    assigned = [
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
    ]
    assert assigned == [name]


@pytest.mark.parametrize("name", MODULES)
def test_options_need_nothing_that_only_a_module_can_say(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.simops.yateota.plugins.modules.{name}")
    assert not [option for option, spec in options_of(module.ARGUMENTS) if TOLD_BY_MODULES_ALONE & set(spec)]


def options_of(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The options, and those within them."""
    for option, spec in arguments.items():
        yield option, spec
        yield from options_of(spec.get("options") or {})
