# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: downwards only, and the sandbox and the plugins not at all, so that they can disagree."""

from __future__ import annotations

import ast
import fnmatch
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE_UTILS = ROOT / "plugins" / "module_utils"
ROOMS = sorted(path.stem for path in MODULE_UTILS.glob("_*.py") if path.stem != "__init__")
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
SANDBOX = ROOT / "roles" / "sandbox" / "files"

# From the ground up, as patterns of names, the topmost that fits counting: a room may import from its own floor and
# those below.
FLOORS = (
    ("_clock", "_errors", "_libraries", "_operations", "_problems", "_signals", "_url_secrets"),
    ("_answer", "_wire"),
    (
        "_change_id",
        "_export",
        "_files",
        "_identif*",
        "_masking",
        "_models",
        "_paging",
        "_plan",
        "_refusals",
        "_report_*",
        "_retry_after",
        "_source*",
        "_transport",
    ),
    ("_arguments", "_client"),
    ("_delivery", "_reader"),
    ("_acting*", "_foresight", "_ledger*", "_rollout*", "_selection"),
    ("_module",),
    ("_rollout_task",),
)
# Decide without a server, so nothing but the standard library and each other.
PURE = {"_errors", "_identification", "_identifiers", "_operations", "_plan"}
# The parts of a request's way to the server, which a module reaches through _module.
BEHIND_MODULE = {"_answer", "_arguments", "_client", "_libraries", "_transport", "_wire"}


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """What `path` imports when it runs: a module's dotted name, a relative one beginning with its dots, and a name."""
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            nodes += node.orelse
        else:
            nodes += ast.iter_child_nodes(node)


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


def floor_of(room: str) -> int:
    """The floor of a room; a new one must be given its place in FLOORS."""
    floors = [number for number, names in enumerate(FLOORS) if any(fnmatch.fnmatchcase(room, name) for name in names)]
    assert floors, f"{room} has no place in FLOORS"
    return floors[-1]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downwards(room: str) -> None:
    """No room imports from a floor above."""
    floor = floor_of(room)
    assert not [name for name in rooms_of(MODULE_UTILS / f"{room}.py") if floor_of(name) > floor]


def test_no_room_imports_itself_by_a_detour() -> None:
    """On one floor too the imports have a direction."""
    graph = {room: rooms_of(MODULE_UTILS / f"{room}.py") for room in ROOMS}
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(ROOMS)


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_need_only_each_other(room: str) -> None:
    """They can be tried without a server, a library or Ansible."""
    path = MODULE_UTILS / f"{room}.py"
    assert foreign_of(path) == set()
    assert rooms_of(path) <= PURE


def test_only_module_knows_ansible_module() -> None:
    """What else needs Ansible needs no more than its way to take an option from the environment."""
    paths = [*MODULE_UTILS.glob("*.py"), *MODULES]
    from_ansible = {path.stem: {name for module, name in imports_of(path) if "ansible." in module} for path in paths}
    assert "AnsibleModule" in from_ansible.pop("_module")
    assert set().union(*from_ansible.values()) == {"env_fallback"}


def test_libraries_are_imported_behind_the_guard() -> None:
    """A missing library must be reported in a sentence, so none is imported plainly; type checkers may see it."""
    foreign = {path.stem: foreign_of(path) - {"ansible"} for path in [*MODULE_UTILS.glob("*.py"), *MODULES]}
    assert not {stem: names for stem, names in foreign.items() if names}


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
