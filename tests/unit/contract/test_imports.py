# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: downwards only, and the sandbox and the plugins not at all, so that they can disagree."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE_UTILS = ROOT / "plugins" / "module_utils"
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
SANDBOX = ROOT / "roles" / "sandbox" / "files"

# From the ground up: a room may import from the layers below its own.
LAYERS = (
    {"_errors", "_operations", "_libraries"},
    {"_identifiers", "_plan", "_models", "_paging", "_transport", "_export"},
    {"_client", "_arguments"},
    {"_reader"},
    {"_acting"},
    {"_module"},
)
# Decide without a server, so nothing but the standard library and each other.
PURE = {"_errors", "_identifiers", "_operations", "_plan"}
# The parts of a request's way to the server, which a module reaches through _module.
BEHIND_MODULE = {"_arguments", "_client", "_libraries", "_transport"}


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """What `path` imports: each as the module's dotted name, relative ones beginning with their dots, and a name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    """The rooms of module_utils that `path` imports, or imports from."""
    package = "." if path.parent == MODULE_UTILS else "..module_utils"
    prefix = package.rstrip(".") + "."
    rooms = set()
    for module, name in imports_of(path):
        if module == package:
            rooms.add(name)
        elif module.startswith("."):
            assert module.startswith(prefix), f"{path.name} imports {module}, which is not in module_utils"
            rooms.add(module.removeprefix(prefix))
    return rooms


def foreign_of(path: Path) -> set[str]:
    """The packages outside the standard library and the collection that `path` imports."""
    tops = {module.split(".")[0] for module, _name in imports_of(path) if not module.startswith(".")}
    return tops - sys.stdlib_module_names


def test_every_room_has_its_place() -> None:
    """A new file must be given its layer."""
    found = {path.stem for path in MODULE_UTILS.glob("_*.py")} - {"__init__"}
    assert found == set().union(*LAYERS)


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_imports_run_downwards(layer: int) -> None:
    """No room imports from its own layer or one above."""
    below: set[str] = set().union(*LAYERS[:layer])
    upwards = {room: rooms_of(MODULE_UTILS / f"{room}.py") - below for room in LAYERS[layer]}
    assert not {room: names for room, names in upwards.items() if names}


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_need_only_each_other(room: str) -> None:
    """They can be tried without a server, a library or Ansible."""
    path = MODULE_UTILS / f"{room}.py"
    assert foreign_of(path) == set()
    assert rooms_of(path) <= PURE


def test_only_module_knows_ansible_module() -> None:
    """Ansible's option fallback is known where the options are; AnsibleModule in one file alone."""
    paths = [*MODULE_UTILS.glob("*.py"), *MODULES]
    from_ansible = {
        path.stem: {name for module, name in imports_of(path) if module.startswith("ansible.")} for path in paths
    }
    assert {stem for stem, names in from_ansible.items() if names} == {"_arguments", "_module"}
    assert "AnsibleModule" not in from_ansible["_arguments"]


def test_libraries_are_imported_behind_the_guard() -> None:
    """A missing library must be reported in a sentence, so no other file imports one."""
    foreign = {path.stem: foreign_of(path) - {"ansible"} for path in [*MODULE_UTILS.glob("*.py"), *MODULES]}
    assert {stem for stem, names in foreign.items() if names} <= {"_libraries"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_reach_the_server_through_module(path: Path) -> None:
    """No module imports another one, or the parts behind _module."""
    rooms = rooms_of(path)
    assert "_module" in rooms
    assert not rooms & BEHIND_MODULE


def test_sandbox_and_plugins_are_strangers() -> None:
    """Two readings of the same API, neither leaning on the other."""
    sandbox = sorted(SANDBOX.rglob("*.py"))
    plugins = sorted((ROOT / "plugins").rglob("*.py"))
    assert sandbox
    assert plugins
    assert not [path for path in sandbox if foreign_of(path) & {"ansible", "ansible_collections", "plugins"}]
    assert not [path for path in plugins if "yateota_sandbox" in foreign_of(path)]
