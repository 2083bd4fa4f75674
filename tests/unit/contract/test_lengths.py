# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and functions are short enough to be read at a sitting; the tests' own may be longer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("plugins", "roles", "scripts", "extensions", "tests/gates")
LONGEST_FILE = 350
LONGEST_FUNCTION = 40
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def documentation(tree: ast.Module) -> Iterator[ast.stmt]:
    """The assignments at the top of a module or plugin that ansible-doc reads."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id in DOCUMENTATION:
            yield node


def too_long(text: str) -> list[str]:
    """What is too long in a Python file, with the number of its lines."""
    tree = ast.parse(text)
    lines = len(text.splitlines()) - sum(map(length, documentation(tree)))
    found = [f"the file: {lines}"] if lines > LONGEST_FILE else []
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    return found + [f"{node.name}: {length(node)}" for node in functions if length(node) > LONGEST_FUNCTION]


def test_files_and_functions_are_short() -> None:
    found = {path.relative_to(ROOT).as_posix(): too_long(path.read_text(encoding="utf-8")) for path in FILES}
    assert {name: what for name, what in found.items() if what} == {}


def test_lengths_are_counted_without_documentation() -> None:
    body = "def f():\n" + "    x = 1\n" * 40
    assert too_long('DOCUMENTATION = """\n' + "line\n" * 400 + '"""\n' + body) == ["f: 41"]
    assert too_long("class A:\n    async def f(self):\n" + "        x = 1\n" * 39) == []
    assert too_long("x = 1\n" * 351) == ["the file: 351"]
    assert too_long("x = 1\n" * 350) == []
