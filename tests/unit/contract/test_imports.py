# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What import-linter (pyproject.toml) does not see: libraries behind their guard, and the sandbox's independence."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE_UTILS = sorted((ROOT / "plugins" / "module_utils").rglob("*.py"))
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
SANDBOX = ROOT / "roles" / "sandbox" / "files"

# What a request passes on its way to the server: a module asks its task for a client instead.
BEHIND_TASK = {
    "_ansible.arguments",
    "_ansible.connection_arguments",
    *(f"_api.{name}" for name in ("answer", "client", "transport", "wire")),
    "_core.libraries",
}


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


def foreign_of(path: Path) -> set[str]:
    """The packages outside the standard library and the collection that `path` imports."""
    tops = {module.split(".")[0] for module, _name in imports_of(path) if not module.startswith(".")}
    return tops - sys.stdlib_module_names


def test_libraries_are_imported_behind_the_guard() -> None:
    """A missing library must be reported in a sentence, so none is imported plainly; type checkers may see it."""
    foreign = {str(path): foreign_of(path) - {"ansible"} for path in [*MODULE_UTILS, *MODULES]}
    assert not {path: names for path, names in foreign.items() if names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_ask_their_task_for_the_server(path: Path) -> None:
    """No module imports another one, or what a client is made of."""
    imported = set(imports_of(path))
    utils = {module.removeprefix("..module_utils.") for module, _name in imported if module.startswith("..")}
    utils |= {f"{module}.{name}" for module in utils for outer, name in imported if outer.endswith(module)}
    assert "_ansible.module" in utils
    assert not utils & BEHIND_TASK
    assert {name for module, name in imported if module.startswith("ansible.")} <= {"env_fallback"}


def test_sandbox_and_plugins_are_strangers() -> None:
    """Two readings of the same API, neither leaning on the other."""
    sandbox = sorted(SANDBOX.rglob("*.py"))
    plugins = sorted((ROOT / "plugins").rglob("*.py"))
    assert sandbox
    assert plugins
    assert not [path for path in sandbox if foreign_of(path) & {"ansible", "ansible_collections", "plugins"}]
    assert not [path for path in plugins if "yateota_sandbox" in foreign_of(path)]


def test_the_check_of_variables_loads_no_libraries_of_the_client() -> None:
    """Every playbook begins with it, several times, and each time in a process of its own."""
    check = "ansible_collections.simops.yateota.plugins.lookup.variables"
    code = f"import sys; sys.path.insert(0, {str(ROOT.parents[2])!r}); import {check}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert check in loaded
    assert not {"h11", "pydantic", "requests", "sqlalchemy"} & set(loaded)
