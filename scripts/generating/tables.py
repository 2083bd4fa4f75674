"""Generate tables of options for the roles' READMEs and the guides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import documentation, sandbox
from .roles import Role
from .tree import Tree
from .writing import flow

_VALUE_WORDS = {
    "int": "whole number",
    "float": "number",
    "str": "text",
    "path": "path",
    "tasks_file": "path",
    "id": "id",
    "moment": "time",
    "list": "list",
    "dict": "dictionary",
    "names": "list of ids or names",
    "participants": "list of dictionaries",
    "sim_lines": "text or list",
}
_LIMITS = ("least", "above", "most")


def write_tables(tree: Tree, roles: Mapping[str, Role]) -> None:
    """Write the tables."""
    for name, role in roles.items():
        tree.put_part(f"roles/{name}/README.md", "meta/argument_specs.yml", _of_role(role, role.variables))
    change = roles["bulk_change"]
    tree.put_part("docs/bulk.md", "the documentation of yateota_bulk", _of_role(change, _waves(change)))
    tree.put_part("README.md", documentation.FRAGMENT, _of_connection(documentation.connection_options(tree)))
    tree.put_part("docs/sandbox.md", "yateota_sandbox/options.py", _of_sandbox())


def _waves(role: Role) -> Iterator[str]:
    """Yield the rollout variables.

    They are the number of waves, and the keys of the module's dictionaries.
    """
    yield "max_waves"
    yield from (name for path, name in role.passed.items() if "." in path and not path.startswith("selection."))


def _of_role(role: Role, names: Iterable[str]) -> Iterator[str]:
    yield "| Variable | Value | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for name in names:
        option = role.variables[name]
        default = "(required)" if option.get("required") else _default(option)
        yield f"| `{role.variable(name)}` | {_value(option)} | {default} | {_meaning(option)} |"


def _of_sandbox() -> Iterator[str]:
    yield "| Option | Value | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for name, option in sandbox.options().items():
        value = _value(option)
        if option["type"] == "bool":
            value = "flag that turns it off" if option["default"] else "flag"
        yield f"| `{sandbox.flag(name)}` | {value} | {_default(option)} | {_meaning(option)} |"


def _of_connection(options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| Option | Environment variable | Value | Default | Meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for name, option in options.items():
        default = "(required)" if option.get("required") else _default(option)
        variable = documentation.environment(option)
        value = _value({**option, **documentation.bounds(option)})
        yield f"| `{name}` | `{variable}` | {value} | {default} | {_meaning(option)} |"


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
