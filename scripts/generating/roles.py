"""Read a role's variables.

The role's meta/options.yml has them, and the module or the server that the role runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import documentation, sandbox
from .tree import GenerateError, Tree
from .writing import quoted, yaml_lines

# Each type that Ansible does not know -> the type that it checks instead.
_SPEC_TYPES = {
    "id": "raw",
    "participants": "raw",
    "sim_lines": "raw",
    "moment": "str",
    "names": "list",
    "tasks_file": "path",
    "whole_path": "path",
}
# The types of which an empty value passes Ansible's own check: their variables need not be raw.
_EMPTY_PASSES = {"str", "path", "moment", "tasks_file", "whole_path"}
_WORDS = {"int": "Whole number.", "float": "Number.", "bool": "Boolean.", "id": "Id."}
_LIMITS = ("least", "above", "most")
_OPTION_MACRO = re.compile(r"\b(O|RV)\(([^()=#]+)((?:=[^()]*)?)\)")


@dataclass(frozen=True)
class Role:
    """The variables of a role.

    Attributes:
        name: the role.
        source: the content of its ``meta/options.yml``.
        variables: its variables without the role's name in front, each with its actual ``type``, its ``description``,
            ``required``, ``choices``, ``default``, and the bounds ``least``, ``above`` and ``most``.
        passed: the variables whose values it passes on with every task, by the path of the module's option.
        from_module: the variables that are options of the module.
    """

    name: str
    source: dict[str, Any]
    variables: dict[str, dict[str, Any]]
    passed: dict[str, str] = field(default_factory=dict)
    from_module: frozenset[str] = frozenset()

    def variable(self, name: str) -> str:
        """Return a variable's full name."""
        return f"{self.name}_{name}"


def read(tree: Tree, name: str) -> Role:
    """Read a role from its ``meta/options.yml`` and the sources named there.

    Raises:
        GenerateError: a variable has no type or no description.
    """
    source = tree.data(f"roles/{name}/meta/options.yml")
    own = source.get("options") or {}
    defaults = tree.data(f"roles/{name}/defaults/main.yml") or {}
    derived: dict[str, dict[str, Any]] = {}
    passed: dict[str, str] = {}
    if "module" in source:
        derived, passed = _of_module(tree, name, source["module"])
    if "server" in source:
        derived = {each: option for each, option in sandbox.options().items() if each not in source["server"]["values"]}
    variables = {each: _overridden(option, own.get(each, {})) for each, option in derived.items()}
    variables |= {each: dict(option) for each, option in own.items() if each not in derived}
    for each, option in variables.items():
        if "description" not in option or "type" not in option:
            raise GenerateError(f"roles/{name}/meta/options.yml: {each} has no type or no description: give both.")
        if f"{name}_{each}" in defaults:
            option["default"] = defaults[f"{name}_{each}"]
    return Role(name, source, variables, passed, frozenset(derived) if "module" in source else frozenset())


def _overridden(option: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's option with the role's changes.

    With a type of the role's own, the option's elements, choices and bounds are dropped.
    """
    of_type = ("elements", "choices", *_LIMITS) if "type" in own else ()
    return {**{key: each for key, each in option.items() if key not in of_type}, **own}


def _of_module(tree: Tree, role: str, module: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return a module's options as variables, and those that every task passes on."""
    options = dict(documentation.suboptions(documentation.options_of(tree, module["name"])))
    names = {
        path: module.get("names", {}).get(path, _flat(path, module.get("flat", [])))
        for path, option in options.items()
        if "suboptions" not in option or option["type"] != "dict"
    }
    names = {path: each for path, each in names.items() if path not in module.get("leaves_out", [])}
    variables = {
        name: {
            **{key: options[path][key] for key in ("type", "elements", "choices", "default") if key in options[path]},
            **documentation.bounds(options[path]),
            "no_log": documentation.is_secret(name),
            "description": [
                _in_role(text, role, names, module["name"]) for text in documentation.paragraphs(options[path])
            ],
        }
        for path, name in names.items()
    }
    return variables, {path: name for path, name in names.items() if path not in module.get("passed_by_tasks", [])}


def _flat(path: str, flat: list[str]) -> str:
    """Return the name of an option's variable.

    The name of the option's dictionary comes first, unless it is one of ``flat``.
    """
    dictionary, _dot, name = path.rpartition(".")
    return name if not dictionary or dictionary in flat else f"{dictionary}_{name}".replace(".", "_")


def _in_role(text: str, role: str, names: Mapping[str, str], module: str) -> str:
    """Return a paragraph about a module's option, rewritten for a role's variable."""

    def renamed(found: re.Match[str]) -> str:
        kind, path, value = found.groups()
        if kind == "O" and path in names:
            return f"O(main:{role}_{names[path]}{value})"
        return f"{kind}(simops.yateota.{module}#module:{path}{value})"

    return _OPTION_MACRO.sub(renamed, text)


def write_role_files(tree: Tree, role: Role) -> None:
    """Write the generated files of a role.

    The generated part of its ``vars/main.yml`` is written too.
    """
    meta, source = f"roles/{role.name}/meta", _source(role)
    tree.put_file(f"{meta}/argument_specs.yml", source, _argument_specs(role))
    tree.put_file(f"{meta}/variables.yml", source, _variables(role))
    tree.put_file(f"roles/{role.name}/tasks/variables.yml", "meta/options.yml", _variable_tasks(role))
    if "server" in role.source:
        lines = list(sandbox.variable_lines(role.source["server"]["values"]))
        tree.put_part(f"roles/{role.name}/vars/main.yml", source, lines)
    if role.passed:
        tree.put_part(f"roles/{role.name}/vars/main.yml", source, _option_lines(role))


def _variable_tasks(role: Role) -> Iterator[str]:
    """Yield the tasks with which the role begins, the same in each: they check and set its variables.

    A play's ``ignore_errors`` and ``--start-at-task`` do not get past them.
    """
    found = f"lookup('simops.yateota.variables', role='{role.name}')"
    prefix = f"__{role.name}"
    yield from (
        "# Refuses a variable that is misspelled or of the wrong type, and sets the defaults of empty ones.",
        "- name: Check the variables",
        "  ansible.builtin.assert:",
        f"    that: {prefix}_found.problems | length == 0",
        f"    fail_msg: \"{{{{ {prefix}_found.problems | join(' ') }}}}\"",
        "    quiet: true",
        "  ignore_errors: false",
        "  vars:",
        f'    {prefix}_found: "{{{{ {found} }}}}"',
        "",
        "- name: Set the variables",
        "  ansible.builtin.set_fact:",
        f'    {prefix}_given: "{{{{ {found[:-1]}, strict=true).given }}}}"',
        "  no_log: true",
        "  ignore_errors: false",
    )


def _source(role: Role) -> str:
    if "server" in role.source:
        return "meta/options.yml, and from yateota_sandbox/options.py"
    documented = f", and from the documentation of {role.source['module']['name']}" if "module" in role.source else ""
    return f"meta/options.yml{documented}"


def _argument_specs(role: Role) -> Iterator[str]:
    yield from ("argument_specs:", "  main:")
    head = {key: role.source[key] for key in ("short_description", "version_added")}
    for key, value in {**head, "author": ["simops.yateota contributors"]}.items():
        yield from yaml_lines(key, value, 4)
    yield from _described(role.source["description"], 4)
    yield "    options:"
    for name, option in role.variables.items():
        yield f"      {role.variable(name)}:"
        yield from _spec_lines(option, 8)


def _spec_lines(option: Mapping[str, Any], indent: int, within: bool = False) -> Iterator[str]:
    """Yield an option's lines of an argument spec.

    Args:
        option: the option.
        indent: the blanks before each line.
        within: whether it is a key of a dictionary: then the role, not Ansible, checks its value.
    """
    kind = option["type"]
    # With a default, ansible-core 2.16 checks the type of a null too.
    is_raw = (kind not in _EMPTY_PASSES or "default" in option) and not option.get("required") and not within
    keys = {
        "type": "raw" if is_raw else _SPEC_TYPES.get(kind, kind),
        "elements": None if is_raw else "str" if kind == "names" else option.get("elements"),
        "required": option.get("required"),
        "no_log": option.get("no_log"),
        "default": option.get("default"),
        "choices": option.get("choices") if option.get("required") or within else None,
    }
    for key, value in keys.items():
        if value not in (None, False) or (key == "default" and "default" in option):
            yield from yaml_lines(key, value, indent)
    description = documentation.paragraphs(option)
    words = (
        [] if option.get("required") and not within else [*_limits(option, description), *_type_words(option, is_raw)]
    )
    yield from _described([*description[:-1], " ".join([description[-1], *words])], indent)
    if "options" in option:
        yield f"{' ' * indent}options:"
        for name, inner in option["options"].items():
            yield f"{' ' * (indent + 2)}{name}:"
            yield from _spec_lines(inner, indent + 4, within=True)


def _limits(option: Mapping[str, Any], description: list[str]) -> list[str]:
    """Return the bounds in words, unless the description has them."""
    limits = {key: option[key] for key in _LIMITS if key in option}
    return [] if not limits or "Must be " in " ".join(description) else [documentation.must_be(limits)]


def _type_words(option: Mapping[str, Any], is_raw: bool) -> list[str]:
    """Return the type and the choices in words, which Ansible does not check."""
    words = [_WORDS[option["type"]]] if is_raw and option["type"] in _WORDS else []
    if "choices" in option and "options" not in option and not option.get("required"):
        kind = "Any" if option["type"] == "list" else "One"
        words.append(f"{kind} of {', '.join(f'V({choice})' for choice in option['choices'])}.")
    return words


def _described(description: list[str] | str, indent: int) -> Iterator[str]:
    paragraphs = [description] if isinstance(description, str) else description
    yield from yaml_lines("description", paragraphs[0] if len(paragraphs) == 1 else list(paragraphs), indent)


def _variables(role: Role) -> Iterator[str]:
    yield "# What argument_specs.yml cannot say. There an optional variable has the type raw, so that one that is"
    yield "# empty passes Ansible's own check and counts as not given; the type that its value must have is here."
    for key in ("includes", "sets", "facts"):
        if key in role.source:
            yield from yaml_lines(key, role.source[key])
    yield "options:"
    for name, option in role.variables.items():
        checked = _checked_type(option)
        if checked.keys() - {"type"} or checked["type"] not in ("str", "path"):
            yield from yaml_lines(role.variable(name), checked, 2)


def _checked_type(option: Mapping[str, Any]) -> dict[str, Any]:
    """Return the actual type and limits of a value."""
    keys = ("type", "elements", "choices", *_LIMITS)
    checked = {key: option[key] for key in keys if key in option}
    if "options" in option:
        inner = {name: (_checked_type(each), each) for name, each in option["options"].items()}
        checked["options"] = {
            name: {**found, **{key: each[key] for key in ("required", "default") if key in each}}
            for name, (found, each) in inner.items()
        }
    return checked


def _option_lines(role: Role) -> Iterator[str]:
    """Yield the variables that pass a role's options to its module.

    There is one for all options, and one for each dictionary.
    """
    prefix = f"__{role.name}"
    groups: dict[str, dict[str, str]] = {"": {}}
    for path, name in role.passed.items():
        dictionary, _dot, option = path.rpartition(".")
        if "." in dictionary:
            raise GenerateError(f"{path}: a dictionary within a dictionary cannot be a role's variable: leave it out.")
        if dictionary and dictionary not in groups:
            groups[dictionary] = {}
            kept = f"{prefix}_{dictionary} | dict2items | rejectattr('value', 'equalto', '') | items2dict"
            groups[""][dictionary] = kept
        text = " | string" if role.variables[name]["type"] in ("str", "moment") else ""
        groups[dictionary][option] = f"{prefix}_given.{name} | default(''){text}"
    for dictionary, options in groups.items():
        yield f"{prefix}_{dictionary or 'module_options'}:"
        for option, expression in options.items():
            yield f"  {option}: {quoted(expression)}"
