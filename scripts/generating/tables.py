"""Generate tables for README.md, the roles' READMEs and the guides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import documentation, sandbox
from .roles import Role
from .surveys import PLAYBOOKS
from .tree import Tree
from .writing import flow

_VALUE_WORDS = {
    "int": "whole number",
    "float": "number",
    "str": "text",
    "path": "path",
    "tasks_file": "path",
    "whole_path": "path",
    "id": "id",
    "moment": "time",
    "list": "list",
    "dict": "dictionary",
    "names": "list of ids or names",
    "participants": "list of dictionaries",
    "sim_lines": "text or list",
}
_EXAMPLE = re.compile(r"(-e .+)$")
_LIMITS = ("least", "above", "most")


Row = tuple[str, ...]


def write_tables(tree: Tree, roles: Mapping[str, Role]) -> None:
    """Write the tables."""
    options = ("Variable", "Value", "Default", "Meaning")
    for name, role in roles.items():
        rows = _of_role(role, role.variables)
        tree.put_part(f"roles/{name}/README.md", "meta/argument_specs.yml", _table(options, rows))
    change = roles["bulk_change"]
    tree.put_part(
        "docs/bulk.md", "the documentation of yateota_bulk", _table(options, _of_role(change, _waves(change)))
    )
    tree.put_part("docs/sandbox.md", "yateota_sandbox/options.py", _table(("Option", *options[1:]), _of_sandbox()))
    for source, headings, rows in (
        (documentation.FRAGMENT, ("Option", "Environment variable", *options[1:]), _of_connection(tree)),
        (f"the playbooks and {PLAYBOOKS}", ("Playbook", "What it does", "Variables"), _of_playbooks(tree, roles)),
        (PLAYBOOKS, ("Variable", "What to give"), _of_playbook_variables(tree)),
        ("the modules' documentation", ("Module", "What it does"), _of_modules(tree)),
        ("roles/*/meta/options.yml", ("Role", "What it does"), _of_roles(roles)),
    ):
        tree.put_part("README.md", source, _table(headings, rows))


def _table(headings: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield from (f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


def _waves(role: Role) -> Iterator[str]:
    """Yield the rollout variables: the number of waves, and options in dictionaries."""
    yield "max_waves"
    yield from (name for path, name in role.passed.items() if "." in path and not path.startswith("selection."))


def _of_role(role: Role, names: Iterable[str]) -> Iterator[Row]:
    for name in names:
        yield f"`{role.variable(name)}`", *_value_cells(role.variables[name])


def _of_sandbox() -> Iterator[Row]:
    for name, option in sandbox.options().items():
        value, *others = _value_cells(option)
        if option["type"] == "bool":
            value = "flag that turns it off" if option["default"] else "flag"
        yield f"`{sandbox.flag(name)}`", value, *others


def _of_connection(tree: Tree) -> Iterator[Row]:
    for name, option in documentation.connection_options(tree).items():
        cells = _value_cells({**option, **documentation.bounds(option)})
        yield f"`{name}`", f"`{documentation.environment(option)}`", *cells


def _of_playbooks(tree: Tree, roles: Mapping[str, Role]) -> Iterator[Row]:
    for name, playbook in tree.data(PLAYBOOKS)["playbooks"].items():
        does = tree.data(f"playbooks/{name}.yml")[0]["name"]
        yield f"`simops.yateota.{name}`", does, _taken(playbook, roles)


def _taken(playbook: Mapping[str, Any], roles: Mapping[str, Role]) -> str:
    """Return the variables that a playbook needs and takes, and its roles'."""
    groups = [*playbook.get("needs", [])]
    settled = {name for group in groups for name in group} | {*playbook.get("sets", {})}
    prefixes = []
    for role in map(roles.__getitem__, playbook.get("roles", [])):
        required = [role.variable(name) for name, option in role.variables.items() if option.get("required")]
        groups += [[name] for name in required if name not in settled]
        prefixes += [f"`{name}_`" for name in (role.name, *role.source.get("includes", []))]
    parts = [_one_of(group) for group in groups]
    if "takes" in playbook:
        parts.append("optional " + ", ".join(f"`{name}`" for name in playbook["takes"]))
    if prefixes:
        parts.append(f"any {' or '.join(prefixes)} variable")
    return "; ".join(parts) or "none"


def _one_of(names: list[str]) -> str:
    """Return "`a`, `b` or `c`"."""
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _of_playbook_variables(tree: Tree) -> Iterator[Row]:
    for name, variable in tree.data(PLAYBOOKS)["variables"].items():
        yield f"`{name}`", _EXAMPLE.sub(r"`\1`", variable["give"])


def _of_modules(tree: Tree) -> Iterator[Row]:
    for name in documentation.module_names(tree):
        yield f"`{name}`", documentation.documentation_of(tree, name)["short_description"]


def _of_roles(roles: Mapping[str, Role]) -> Iterator[Row]:
    for name, role in roles.items():
        url = f"https://github.com/simops/yateota/blob/main/roles/{name}/README.md"
        yield f"[`{name}`]({url})", role.source["short_description"]


def _value_cells(option: Mapping[str, Any]) -> Row:
    """Return the value, the default and the meaning of an option."""
    default = "(required)" if option.get("required") else _default(option)
    return _value(option), default, _meaning(option)


def _value(option: Mapping[str, Any]) -> str:
    """Return the allowed values in words."""
    if option["type"] == "bool":
        return "`true`, `false`"
    if "choices" in option:
        return ("any of " if option["type"] == "list" else "") + ", ".join(f"`{each}`" for each in option["choices"])
    limits = {key: option[key] for key in _LIMITS if key in option}
    kind = _VALUE_WORDS[option["type"]]
    return f"{kind}, {documentation.must_be(limits)[len('Must be ') : -1]}" if limits else kind


def _default(option: Mapping[str, Any]) -> str:
    """Return the default as it is written.

    A template is explained in the meaning.
    """
    default = option.get("default")
    if default is None or "{{" in str(default):
        return ""
    if isinstance(default, list):
        return ", ".join(f"`{each}`" for each in default)
    return f"`{flow(default)}`"


def _meaning(option: Mapping[str, Any]) -> str:
    """Return the first paragraph of a description.

    The bounds are left out: they have their own column.
    """
    text = documentation.MUST_BE.sub("", documentation.paragraphs(option)[0])
    return documentation.without_macros(text, quote="`").replace("|", "\\|").strip()
