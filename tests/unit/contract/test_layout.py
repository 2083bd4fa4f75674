# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs together in the repository: modules, their documentation and targets, roles, playbooks, requirements."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = "ansible_collections.simops.yateota.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
TARGETS = ROOT / "tests" / "integration" / "targets"


def documentation_of(module: str) -> Iterator[dict[str, Any]]:
    """A module's documentation and those of its fragments."""
    documentation = yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)
    yield documentation
    for name in documentation["extends_documentation_fragment"]:
        fragment, _dot, part = name.removeprefix("simops.yateota.").partition(".")
        holder = importlib.import_module(f"{PLUGINS}.doc_fragments.{fragment}").ModuleDocFragment
        yield yaml.safe_load(getattr(holder, part.upper() or "DOCUMENTATION"))


def requirements(*files: str) -> set[str]:
    """The requirement lines of `files`, without their comments."""
    lines = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in files).splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def bare(requirement: str) -> str:
    """A requirement without its blanks, extras and remarks."""
    return re.sub(r"\[.*?\]|\(.*?\)|\s", "", requirement)


def test_there_are_modules() -> None:
    """The tests below would pass on nothing."""
    assert MODULES
    assert ROLES


def test_action_group_lists_the_modules() -> None:
    """`module_defaults` of the group must reach every module."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["yateota"] == MODULES


def test_every_module_has_an_integration_target() -> None:
    """And every target that is no set-up belongs to a module."""
    targets = {
        path.parents[1].name for path in TARGETS.glob("*/tasks/main.yml") if (path.parents[1] / "aliases").exists()
    }
    assert {name for name in targets if not name.startswith("setup_")} == set(MODULES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_roles_tell_their_options(role: Path) -> None:
    """Ansible checks a role's variables only where it has their specs; a reader needs the README."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    assert specs["argument_specs"]["main"]["short_description"]
    assert (role / "README.md").stat().st_size


def test_integration_requirements_are_the_collections() -> None:
    """ansible-test reads that one file alone; it says again what the modules and the sandbox need, and no more."""
    assert requirements("tests/integration/requirements.txt") == requirements(
        "requirements.txt", "roles/sandbox/requirements.txt"
    )


def test_documented_requirements_are_the_collections() -> None:
    """What the plugins' documentation asks for is what the requirements file installs, but for Ansible's own Jinja2."""
    filters = [path.stem for path in (ROOT / "plugins" / "filter").glob("*.py")]
    parts = [part for module in MODULES for part in documentation_of(module)]
    parts += [yaml.safe_load(importlib.import_module(f"{PLUGINS}.filter.{name}").DOCUMENTATION) for name in filters]
    lines = {line for part in parts for line in part.get("requirements", [])}
    documented = {bare(line) for line in lines if not line.startswith("Jinja2")}
    assert documented == set(map(bare, requirements("requirements.txt")))
